"""`mooring app autoscale`: see an app's autoscaling, set its policy, turn it off."""

import json
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from cli import report
from cli.api import Api, path
from cli.failures import Failure
from cli.terminal import AsJson, Terminal, run


def autoscale(
    project: Annotated[str, typer.Argument(help="The project's name.", show_default=False)],
    name: Annotated[str, typer.Argument(help="The app's name.", show_default=False)],
    least: Annotated[int | None, typer.Option("--min", help="At least so many instances.", show_default=False)] = None,
    most: Annotated[int | None, typer.Option("--max", help="At most so many.", show_default=False)] = None,
    cpu: Annotated[int | None, typer.Option(help="Percent of the cpu requested to aim at.", show_default=False)] = None,
    stabilization: Annotated[
        int | None, typer.Option(help="Seconds that less has to be enough before instances go.", show_default=False)
    ] = None,
    policy: Annotated[
        Path | None, typer.Option(help="A file with the whole policy as JSON (metrics, schedules); - reads it.", show_default=False)
    ] = None,
    off: Annotated[bool, typer.Option("--off", help="Turn it off; the instances stay as many as they are.")] = False,
    as_json: AsJson = False,
) -> None:
    """Show an app's autoscaling: policy, what was found last, decisions. With --min and --max, --policy or --off change it."""
    given = {"minReplicas": least, "maxReplicas": most, "targetCPUUtilization": cpu, "stabilizationSeconds": stabilization}
    body = {field: value for field, value in given.items() if value is not None}

    async def work(api: Api, here: Terminal) -> int:
        place = ("/v2/applications", project, name)
        if off:
            await api.delete(path(*place, "autoscaling"))
        elif body or policy:
            await api.post(path(*place, "scale"), {**_read(policy), **body}, type="auto")
        found = await api.get(path(*place, "autoscaling"))
        here.show(found, report.autoscaling(name, found))
        return 0

    run(as_json, work)


def _read(file: Path | None) -> dict[str, Any]:
    """The policy in the file; raises Failure where there is none."""
    if file is None:
        return {}
    try:
        found = json.loads(sys.stdin.read() if str(file) == "-" else file.read_text())
    except (OSError, ValueError) as error:
        raise Failure(f"{file} has no policy to read: {error}. Give a file with a JSON object.") from error
    if not isinstance(found, dict):
        raise Failure(f"{file} has no JSON object.")
    return found
