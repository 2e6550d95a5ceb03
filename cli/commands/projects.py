"""`mooring project`: list the projects one is in."""

from typing import Annotated

import typer

from cli import report
from cli.api import Api
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
