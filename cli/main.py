"""Entry point `mooring`."""

from importlib.metadata import version
from typing import Annotated

import typer

from cli.commands import apps, builds, configs, hosts, images, instances, login, operations, people, projects, stacks, templates, up
from cli.default_project import let_projects_be_left_out
from cli.terminal import Guarded

app = typer.Typer(
    cls=Guarded, no_args_is_help=True, pretty_exceptions_enable=False, help="Mooring, the container platform, from a terminal."
)


def _version(asked: bool) -> None:
    if asked:
        typer.echo(f"mooring {version('mooring')}")
        raise typer.Exit


@app.callback()
def main(
    told: Annotated[bool, typer.Option("--version", help="Print the version.", callback=_version, is_eager=True)] = False,
) -> None:
    """Take the options that stand before the command."""


app.command("login")(login.login)
app.command("whoami")(login.whoami)
app.command("use")(login.use)
app.add_typer(operations.app, name="op")
app.add_typer(apps.app, name="app")
app.add_typer(instances.app, name="instance")
app.add_typer(instances.container_app, name="container")
app.add_typer(hosts.app, name="host")
app.add_typer(projects.app, name="project")
app.add_typer(people.members, name="member")
app.add_typer(people.users, name="user")
app.add_typer(people.tokens, name="token")
app.add_typer(configs.configs, name="config")
app.add_typer(configs.secrets, name="secret")
app.command("shell")(instances.shell)
app.command("logs")(instances.logs)
app.command("names")(instances.names)
app.command("up")(up.up)
app.add_typer(builds.app, name="build")
app.add_typer(images.app, name="image")
app.add_typer(templates.app, name="template")
app.add_typer(stacks.app, name="stack")
let_projects_be_left_out(app)
