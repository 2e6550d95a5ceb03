"""`mooring app autoscale`: see an app's autoscaling, set its policy, turn it off."""

from pathlib import Path
from typing import Annotated

import typer

from cli import bodies, report
from cli.api import Api, path
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
        Path | None,
        typer.Option(help="A file with the whole policy as YAML or JSON (metrics, schedules); - reads it.", show_default=False),
    ] = None,
    off: Annotated[bool, typer.Option("--off", help="Turn it off; the instances stay as many as they are.")] = False,
    as_json: AsJson = False,
) -> None:
    """Show an app's autoscaling: policy, what was found last, decisions. With --min and --max, --policy or --off change it."""
    body = bodies.given(minReplicas=least, maxReplicas=most, targetCPUUtilization=cpu, stabilizationSeconds=stabilization)

    async def work(api: Api, here: Terminal) -> int:
        place = ("/v2/applications", project, name)
        if off:
            await api.delete(path(*place, "autoscaling"))
        elif body or policy:
            await api.post(path(*place, "scale"), {**bodies.body_of(policy), **body}, type="auto")
        found = await api.get(path(*place, "autoscaling"))
        here.show(found, report.autoscaling(name, found))
        return 0

    run(as_json, work)
