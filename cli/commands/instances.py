"""`mooring instance`, `container`, `shell`, `logs` and `names`: what runs of an app, what it writes, and where it is reached."""

import sys
from typing import Annotated

import typer

from cli import attached, instance_report, report, session
from cli.api import Api, Record, path
from cli.commands import changes
from cli.failures import Failure
from cli.terminal import AsJson, Terminal, run
from cli.words import clean

Project = Annotated[str, typer.Argument(help="The project's name.", show_default=False)]
Instance = Annotated[str, typer.Argument(help="The instance's name, as `mooring app show` lists it.", show_default=False)]
App = Annotated[str, typer.Argument(help="The app's name.", show_default=False)]
Limit = Annotated[int, typer.Option(min=1, max=200, help="At most so many.")]
app = typer.Typer(no_args_is_help=True, help="Instances: look at them; stop, start and update one of a TApp.")
container_app = typer.Typer(no_args_is_help=True, help="Containers of an instance.")
for name, change in (("kill", changes.kill_instance), ("start", changes.start_instance), ("update", changes.update_instance)):
    app.command(name)(change)
Container = Annotated[str | None, typer.Option("--container", "-c", help="Which container; by default the app's own.")]


@app.command("ls")
def list_instances(project: Project, name: App, limit: Limit = 100, as_json: AsJson = False) -> None:
    """List an app's instances: what each runs, where, and why not."""

    async def work(api: Api, here: Terminal) -> int:
        found = await api.get(path("/v2/instances", project, name, "lists"), size=limit)
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
    command: Annotated[str | None, typer.Option(help="Run this instead of the image's bash or sh.")] = None,
) -> None:
    """Open a shell in an instance's container; the exit status is the shell's own. Piped input is typed into it."""

    async def work(api: Api, here: Terminal) -> int:
        chosen = container or await _container(api, project, instance)
        place = path("/v2/instances", project, instance, chosen, "shell")
        end = await attached.attach(session.load(), place, command, _write)
        if end["reason"] != "Exited":
            here.err.print(f"\n{clean(end['message'])}", style="yellow", markup=False)
        return 1 if end["code"] is None else int(end["code"])

    run(False, work)


def logs(
    project: Project,
    instance: Instance,
    container: Container = None,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on as it writes, until the container ends.")] = False,
    tail: Annotated[int, typer.Option(min=1, max=5000, help="Begin with its last so many lines.")] = 100,
    since: Annotated[str | None, typer.Option(help="Only from this time on, such as 2030-01-31T12:00:00Z.")] = None,
    timestamps: Annotated[bool, typer.Option("--timestamps", "-t", help="Put its time before each line.")] = False,
    previous: Annotated[bool, typer.Option("--previous", "-p", help="Of the life that ended last.")] = False,
) -> None:
    """Show what an instance's container writes."""

    async def work(api: Api, here: Terminal) -> int:
        chosen = container or await _container(api, project, instance)
        wanted = {"follow": follow, "timestamps": timestamps, "previous": previous}
        flags = {name: "true" for name, on in wanted.items() if on}
        place = path("/v2/containers", project, instance, chosen, "logs")
        async for text in api.text(place, tail=tail, since=since, **flags):
            sys.stdout.write(clean(text) if here.out.is_terminal else text)
            sys.stdout.flush()
        return 0

    run(False, work)


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


async def _container(api: Api, project: str, instance: str) -> str:
    """The container that is named as the app, or the only one."""
    found: Record = await api.get(path("/v2/instances", project, instance))
    containers = [str(c["name"]) for c in found["containers"]]
    if found["appName"] in containers:
        return str(found["appName"])
    if len(containers) == 1:
        return containers[0]
    raise Failure(f"{instance} has several containers: name one of {', '.join(containers)} with --container.")


def _write(data: bytes) -> None:
    sys.stdout.buffer.write(data)
    sys.stdout.buffer.flush()
