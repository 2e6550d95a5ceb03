"""`mooring project`: list, read, create and delete projects."""

from typing import Annotated

import typer

from cli import people_report, report
from cli.api import Api, path
from cli.commands.operations import followed, watch
from cli.terminal import AsJson, Terminal, Watch, Yes, confirm, run

Project = Annotated[str, typer.Argument(help="The project's name.", show_default=False)]
app = typer.Typer(no_args_is_help=True, help="Projects: a tenant and its namespace.")


@app.command("ls")
def list_projects(
    limit: Annotated[int, typer.Option(min=1, max=200, help="At most so many.")] = 100, as_json: AsJson = False
) -> None:
    """List the projects you are in."""

    async def work(api: Api, here: Terminal) -> int:
        found = await api.get("/v2/projects", size=limit)
        here.show(found, report.projects(found["projects"], found["total"]))
        return 0

    run(as_json, work)


@app.command("show")
def show_project(project: Project, as_json: AsJson = False) -> None:
    """Show a project with its members."""

    async def work(api: Api, here: Terminal) -> int:
        found = await api.get(path("/v2/projects", project))
        here.show(found, people_report.project(found))
        return 0

    run(as_json, work)


@app.command("create")
def create_project(
    project: Project,
    description: Annotated[str, typer.Option(help="What it is for.")] = "",
    follow: Watch = False,
    as_json: AsJson = False,
) -> None:
    """Create a project: a tenant, and a namespace of the same name. For platform admins."""

    async def work(api: Api, here: Terminal) -> int:
        answer = await api.post("/v2/projects", {"name": project, "description": description})
        return await followed(api, here, answer, follow, f"The project {project} is being created.")

    run(as_json, work)


@app.command("delete")
def delete_project(
    project: Project,
    cascade: Annotated[bool, typer.Option("--cascade", help="With the apps that live in it.")] = False,
    yes: Yes = False,
    as_json: AsJson = False,
) -> None:
    """Delete a project with all in it, and follow that until it is gone."""
    confirm(f"Delete the project {project} with its namespace and all in it?", yes)

    async def work(api: Api, here: Terminal) -> int:
        accepted = await api.delete(path("/v2/projects", project), cascade="true" if cascade else None)
        return await watch(api, here, accepted["OperationID"])

    run(as_json, work)


@app.command("release")
def release_object(
    project: Project,
    thing: Annotated[str, typer.Option("--object", help="The object as the failed deletion names it: configmaps/settings.")],
    finalizers: Annotated[list[str], typer.Option("--finalizer", help="A finalizer to take off; may be given several times.")],
    yes: Yes = False,
    as_json: AsJson = False,
) -> None:
    """Take finalizers off an object that was deleted and stays, because nothing does any more. For platform admins."""
    confirm(f"Take {', '.join(finalizers)} off {thing} in {project}? What its owner would have tidied up stays undone.", yes)

    async def work(api: Api, here: Terminal) -> int:
        accepted = await api.post(path("/v2/projects", project, "release"), {"object": thing, "finalizers": finalizers})
        return await watch(api, here, accepted["OperationID"])

    run(as_json, work)
