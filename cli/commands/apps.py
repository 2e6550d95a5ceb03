"""`mooring app`: list, read, copy and delete apps."""

from typing import Annotated

import typer

from cli import bodies, reached, report
from cli.api import Api, path
from cli.commands import changes
from cli.commands.autoscaling import autoscale
from cli.commands.creation import create
from cli.commands.operations import followed, watch
from cli.terminal import AsJson, Terminal, Watch, Yes, confirm, run

app = typer.Typer(no_args_is_help=True, help="Apps: what runs in a project.")
app.command("create")(create)
app.command("autoscale")(autoscale)
for change in (changes.rollout, changes.rollback, changes.scale, changes.restart, changes.kill, changes.start):
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
    """Show an app: what it runs, where it is reached, its instances and why they do not run, its latest operations."""

    async def work(api: Api, here: Terminal) -> int:
        app = await api.get(path("/v2/applications", project, name))
        instances = await api.get(path("/v2/instances", project, name, "lists"), app_id=app["AppID"], size=_INSTANCES)
        latest = (await api.operations(_LATEST, project=project, target=name))["operations"]
        found = await reached.addresses_of(api, project, name)
        data = {**app, "addresses": found["content"], "instances": instances["instances"], "operations": latest}
        addresses = reached.told(project, name, found)
        here.show(data, report.app(app, addresses, instances["instances"], latest))
        return 0

    run(as_json, work)


@app.command("revisions")
def list_revisions(
    project: Project,
    name: Annotated[str, typer.Argument(help="The app's name.", show_default=False)],
    limit: Annotated[int, typer.Option(min=1, max=200, help="At most so many, newest first.")] = 10,
    as_json: AsJson = False,
) -> None:
    """List an app's revisions: who made each, when, why, and what differs from the one before."""

    async def work(api: Api, here: Terminal) -> int:
        found = await api.get(path("/v2/applications", project, name, "revisions"), size=limit)
        here.show(found, report.revisions(project, name, found))
        return 0

    run(as_json, work)


@app.command("copy")
def copy_app(
    project: Project,
    name: Annotated[str, typer.Argument(help="The app's name.", show_default=False)],
    new: Annotated[str, typer.Argument(help="The copy's name.", show_default=False)],
    to: Annotated[str | None, typer.Option(help="The copy's project; by default the same.")] = None,
    instances: Annotated[int | None, typer.Option(min=0, help="The copy's number of instances; by default as many.")] = None,
    plain: Annotated[bool, typer.Option("--no-autoscaling", help="Leave the autoscaling policy behind.")] = False,
    follow: Watch = False,
    as_json: AsJson = False,
) -> None:
    """Deploy the same app again, under another name or in another project."""

    async def work(api: Api, here: Terminal) -> int:
        body = bodies.given(name=new, project=to, instanceNum=instances) | ({"scale": None} if plain else {})
        made = await api.post(path("/v2/applications", project, name, "copy"), body)
        return await followed(api, here, made, follow, f"{to or project}/{new} is being deployed.")

    run(as_json, work)


@app.command("rm", hidden=True)
@app.command("delete")
def delete_apps(
    project: Project,
    names: Annotated[list[str], typer.Argument(metavar="APP...", help="The apps' names.", show_default=False)],
    yes: Yes = False,
    follow: Watch = False,
    as_json: AsJson = False,
) -> None:
    """Delete apps, each by an operation of its own; the exit status is 1 unless all are deleted."""
    confirm(f"Delete {', '.join(names)} of the project {project}?", yes)

    async def work(api: Api, here: Terminal) -> int:
        answer = await api.post(path("/v2/applications", project, "delete"), {"apps": names})
        here.show(answer, report.removals(answer))
        ends = [0 if "OperationID" in line else 1 for line in answer["apps"]]
        if follow and not as_json:
            ends += [await watch(api, here, line["OperationID"]) for line in answer["apps"] if "OperationID" in line]
        return max(ends)

    run(as_json, work)
