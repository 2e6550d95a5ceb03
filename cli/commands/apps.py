"""`mooring app`: list and read apps."""

from typing import Annotated

import typer

from cli import report
from cli.api import Api, path
from cli.commands import changes
from cli.commands.autoscaling import autoscale
from cli.terminal import AsJson, Terminal, run

app = typer.Typer(no_args_is_help=True, help="Apps: what runs in a project.")
app.command("autoscale")(autoscale)
for change in (changes.scale, changes.restart, changes.kill, changes.start):
    app.command()(change)
Project = Annotated[str, typer.Argument(help="The project's name.", show_default=False)]
_LATEST = 5
_INSTANCES = 50


@app.command("ls")
def list_apps(
    project: Project,
    limit: Annotated[int, typer.Option(min=1, max=200, help="At most so many.")] = 100,
    as_json: AsJson = False,
) -> None:
    """List a project's apps."""

    async def work(api: Api, here: Terminal) -> int:
        found = await api.get(path("/v2/applications", project), size=limit)
        here.show(found, report.apps(project, found["applications"], found["total"]))
        return 0

    run(as_json, work)


@app.command("show")
def show_app(
    project: Project, name: Annotated[str, typer.Argument(help="The app's name.", show_default=False)], as_json: AsJson = False
) -> None:
    """Show an app: what it runs, its instances and why they do not run, and its latest operations."""

    async def work(api: Api, here: Terminal) -> int:
        app = await api.get(path("/v2/applications", project, name))
        instances = await api.get(path("/v2/instances", project, name, "lists"), app_id=app["AppID"], size=_INSTANCES)
        _, latest = await api.operations(_LATEST, project=project, target=name)
        data = {**app, "instances": instances["instances"], "operations": latest}
        here.show(data, report.app(app, instances["instances"], latest))
        return 0

    run(as_json, work)
