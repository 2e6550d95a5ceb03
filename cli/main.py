"""Entry point `mooring`."""

import typer

from cli.commands import apps, configs, instances, login, operations, people, projects, stacks, templates
from cli.terminal import Guarded

app = typer.Typer(
    cls=Guarded, no_args_is_help=True, pretty_exceptions_enable=False, help="Mooring, the container platform, from a terminal."
)
app.command("login")(login.login)
app.add_typer(operations.app, name="op")
app.add_typer(apps.app, name="app")
app.add_typer(instances.app, name="instance")
app.add_typer(instances.container_app, name="container")
app.add_typer(projects.app, name="project")
app.add_typer(people.members, name="member")
app.add_typer(people.users, name="user")
app.add_typer(people.tokens, name="token")
app.add_typer(configs.configs, name="config")
app.add_typer(configs.secrets, name="secret")
app.command("shell")(instances.shell)
app.command("logs")(instances.logs)
app.command("names")(instances.names)
app.add_typer(templates.app, name="template")
app.add_typer(stacks.app, name="stack")
