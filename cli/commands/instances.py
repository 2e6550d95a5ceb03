"""`mooring instance`, `container`, `shell`, `logs` and `names`: what runs of an app, what it writes, and where it is reached."""

import json
import sys
import zlib
from collections.abc import Callable
from functools import partial
from typing import Annotated

import typer
from rich.text import Text

from cli import app_logs, attached, instance_report, report, session
from cli.api import Api, Record, path
from cli.commands import changes
from cli.commands_told import told
from cli.failures import Refused
from cli.terminal import AsJson, Terminal, run
from cli.words import clean, moment_since, now

Project = Annotated[str, typer.Argument(help="The project's name.", show_default=False)]
Instance = Annotated[str, typer.Argument(help="The instance's name, as `mooring app show` lists it.", show_default=False)]
App = Annotated[str, typer.Argument(help="The app's name.", show_default=False)]
Limit = Annotated[int, typer.Option(min=1, max=200, help="At most so many.")]
app = typer.Typer(no_args_is_help=True, help="Instances: look at them; stop, start and update one of a TApp.")
container_app = typer.Typer(no_args_is_help=True, help="Containers of an instance.")
for name, change in (("kill", changes.kill_instance), ("start", changes.start_instance), ("update", changes.update_instance)):
    app.command(name)(change)
_COLOURS = ("cyan", "green", "yellow", "magenta", "blue", "bright_cyan", "bright_green", "bright_magenta")
_NO_SUCH_COMMAND = 127  # as a shell says it
Container = Annotated[str | None, typer.Option("--container", "-c", help="Which container; by default the app's own.")]


@app.command("ls")
def list_instances(
    project: Project,
    name: Annotated[str | None, typer.Argument(help="The app's name; without one all apps'.", show_default=False)] = None,
    limit: Limit = 100,
    as_json: AsJson = False,
) -> None:
    """List the instances of an app, or of all apps of a project: what each runs, where, and why not."""

    async def work(api: Api, here: Terminal) -> int:
        found = await api.get(path("/v2/instances", project, *([name] if name else []), "lists"), size=limit)
        if name and not found["instances"] and not as_json:
            here.show(found, instance_report.no_instances(project, await api.get(path("/v2/applications", project, name))))
        else:
            here.show(found, instance_report.instances(project, name, found["instances"], found["total"]))
        return 0

    run(as_json, work)


@app.command("show")
def show_instance(project: Project, instance: Instance, as_json: AsJson = False) -> None:
    """Show an instance: why it does not run, its containers and its events."""

    async def work(api: Api, here: Terminal) -> int:
        found = await api.get(path("/v2/instances", project, instance))
        here.show(found, instance_report.instance(project, found))
        return 0

    run(as_json, work)


@container_app.command("ls")
def list_containers(project: Project, instance: Instance, limit: Limit = 100, as_json: AsJson = False) -> None:
    """List an instance's containers."""

    async def work(api: Api, here: Terminal) -> int:
        found = await api.get(path("/v2/containers", project, instance, "lists"), size=limit)
        here.show(found, instance_report.containers(found["containers"], found["total"]))
        return 0

    run(as_json, work)


@container_app.command("show")
def show_container(
    project: Project,
    instance: Instance,
    container: Annotated[str, typer.Argument(help="The container's name.", show_default=False)],
    as_json: AsJson = False,
) -> None:
    """Show one container."""

    async def work(api: Api, here: Terminal) -> int:
        found = await api.get(path("/v2/containers", project, instance, container))
        here.show(found, instance_report.container(project, instance, found))
        return 0

    run(as_json, work)


def shell(
    project: Project,
    instance: Instance,
    container: Container = None,
    command: Annotated[
        str | None, typer.Option(help="Run this program instead of the image's bash or sh; of several: sh -c '…'.")
    ] = None,
) -> None:
    """Open a shell in an instance's container; the exit status is the shell's own. Piped input is its input, and no terminal."""

    async def work(api: Api, here: Terminal) -> int:
        chosen = container or app_logs.container_of(await api.get(path("/v2/instances", project, instance)))
        place = path("/v2/instances", project, instance, chosen, "shell")
        end = await attached.attach(session.load(), place, command, _write)
        if end["reason"] != "Exited":
            here.err.print(f"\n{told(end['message'])}", style="yellow", markup=False, soft_wrap=True)
        if end["code"] is None:
            return _NO_SUCH_COMMAND if end["reason"] == "NotStarted" else 1
        return int(end["code"])

    run(False, work)


def logs(
    project: Project,
    instance: Annotated[str, typer.Argument(metavar="APP|INSTANCE", help="An app's name, or an instance's.", show_default=False)],
    container: Container = None,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on as it writes, until the container ends.")] = False,
    tail: Annotated[
        int | None, typer.Option(min=1, max=5000, help="Begin with the last so many lines: by default 100, of an app 20 of each.")
    ] = None,
    since: Annotated[
        str | None, typer.Option(help="Only what is younger, such as 5m, or from a time on, such as 2030-01-31T12:00:00Z.")
    ] = None,
    timestamps: Annotated[bool, typer.Option("--timestamps", "-t", help="Put its time before each line.")] = False,
    previous: Annotated[bool, typer.Option("--previous", "-p", help="Of the life that ended last.")] = False,
    as_json: AsJson = False,
) -> None:
    """Show what an instance writes, or all instances of an app: then each line has its instance's name before it."""

    async def work(api: Api, here: Terminal) -> int:
        found = await _instance_or_none(api, project, instance)
        query = {
            "tail": tail or (100 if found else 20),
            "since": moment_since(since, now() - api.skew) if since else None,
            **{name: "true" for name, on in {"timestamps": timestamps, "previous": previous}.items() if on},
        }
        wanted, heard = app_logs.Wanted(project, container, follow, query), _Heard()
        if found and not as_json:
            await app_logs.of_instance(api, wanted, found, heard.of(partial(_written, here)))
        else:
            say = heard.of(partial(_said, here))
            await (app_logs.of_one(api, wanted, instance, say) if found else app_logs.of_app(api, wanted, instance, say))
        if not heard.any:
            known = [found] if found else (await api.get(path("/v2/instances", project, instance, "lists"), size=200))["instances"]
            again = not previous and any(one["restarts"] for one in known)
            before = f" What the life before it wrote: mooring logs {project} {instance} --previous" if again else ""
            told_when = "since then" if since else "in this life" if again else "yet"
            here.err.print(f"Nothing was written {told_when}.{before}", markup=False, soft_wrap=True)
        return 0

    run(as_json, work)


class _Heard:
    """Whether anything was written at all."""

    any = False

    def of(self, write: Callable[..., object]) -> Callable[..., object]:
        """The same writer, heard."""

        def heard(*words: str) -> object:
            self.any = self.any or bool(words[-1])
            return write(*words)

        return heard


async def _instance_or_none(api: Api, project: str, name: str) -> Record | None:
    """The instance of that name, None where it is an app's; raises Refused where it is neither's."""
    try:
        return await api.get(path("/v2/instances", project, name))
    except Refused as refused:
        if refused.status != 404:
            raise
        await api.get(path("/v2/applications", project, name))
        return None


def _written(here: Terminal, text: str) -> None:
    sys.stdout.write(clean(text) if here.out.is_terminal else text)
    sys.stdout.flush()


def _said(here: Terminal, instance: str, line: str) -> None:
    if here.as_json:
        sys.stdout.write(json.dumps({"instance": instance, "line": line}, ensure_ascii=False) + "\n")
        sys.stdout.flush()
    elif here.out.is_terminal:
        colour = _COLOURS[zlib.crc32(instance.encode()) % len(_COLOURS)]
        here.out.print(Text.assemble((instance, colour), f" | {clean(line)}"), soft_wrap=True)
    else:
        _written(here, f"{instance} | {line}\n")


def names(
    project: Project,
    name: App,
    port: Annotated[int | None, typer.Option(help="Only of this container port.")] = None,
    protocol: Annotated[str | None, typer.Option(help="Only tcp or udp.")] = None,
    instance: Annotated[str | None, typer.Option(help="Only of this instance.")] = None,
    as_json: AsJson = False,
) -> None:
    """Show where an app's instances are reached, inside the cluster and outside it."""

    async def work(api: Api, here: Terminal) -> int:
        found = await api.get(path("/v2/nameservice", project, name), port=port, protocol=protocol, instanceName=instance)
        here.show(found, report.addresses(found))
        return 0

    run(as_json, work)


def _write(data: bytes) -> None:
    sys.stdout.buffer.write(data)
    sys.stdout.buffer.flush()
