"""`mooring project`: list the projects one is in, and delete one."""

from typing import Annotated

import typer

from cli import report
from cli.api import Api, path
from cli.commands.operations import watch
from cli.terminal import AsJson, Terminal, run

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


@app.command("delete")
def delete_project(
    project: Annotated[str, typer.Argument(help="The project's name.", show_default=False)],
    cascade: Annotated[bool, typer.Option("--cascade", help="With the apps that live in it.")] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    as_json: AsJson = False,
) -> None:
    """Delete a project with all in it, and follow that until it is gone."""
    if not yes:
        typer.confirm(f"Delete the project {project} with its namespace and all in it?", abort=True, err=True)

    async def work(api: Api, here: Terminal) -> int:
        accepted = await api.delete(path("/v2/projects", project), cascade="true" if cascade else None)
        return await watch(api, here, accepted["OperationID"])

    run(as_json, work)
