"""`mooring host`: what the hosts have, and who uses it."""

from typing import Annotated

import typer

from cli import host_report
from cli.api import Api, path
from cli.terminal import AsJson, Terminal, run

app = typer.Typer(no_args_is_help=True, help="Hosts: what they have, and who has asked for how much of it.")


@app.command("ls")
def list_hosts(
    cluster: Annotated[str, typer.Option(help="The cluster they are of.")] = "default",
    limit: Annotated[int, typer.Option(min=1, max=200, help="At most so many.")] = 100,
    as_json: AsJson = False,
) -> None:
    """List the hosts: what instances may have of each, what they have asked for by project, and what is free."""

    async def work(api: Api, here: Terminal) -> int:
        found = await api.get(path("/v2/clusters", cluster, "hosts"), size=limit)
        here.show(found, host_report.hosts(found))
        return 0

    run(as_json, work)
