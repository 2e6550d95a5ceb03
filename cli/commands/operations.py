"""`mooring op`: list, read and follow operations; cancel, retry, pause, resume, promote them and roll them back."""

import asyncio
from datetime import datetime
from typing import Annotated

import typer
from rich.console import Group
from rich.text import Text

from cli import pauses, reached, report, session
from cli.api import Api, Record, path
from cli.failures import Failure, Interrupted, Refused
from cli.progress import Progress
from cli.terminal import AsJson, Terminal, Watch, run
from cli.ways_out import ways_as_data
from cli.words import clean, moment_since, now

app = typer.Typer(no_args_is_help=True, help="Operations: everything that takes longer than one request.")
_LAST_LOOK = 2.0  # seconds for a last look at what is watched no more
_ADDRESSED = 20  # so many apps of a stack are told with their addresses
OperationId = Annotated[str, typer.Argument(metavar="ID", help="The operation's id, op-…", show_default=False)]


@app.command("ls")
def list_operations(
    project: Annotated[
        str | None, typer.Argument(help="Only of this project; by default the one in use.", show_default=False)
    ] = None,
    named: Annotated[str | None, typer.Option("--project", "-p", help="The same.", hidden=True)] = None,
    everywhere: Annotated[bool, typer.Option("--all", "-a", help="Of all projects, although one is in use.")] = False,
    target: Annotated[str | None, typer.Option(help="Only on the thing of this name.")] = None,
    kind: Annotated[str | None, typer.Option(help="Only of this kind, such as app.create.")] = None,
    status: Annotated[str | None, typer.Option(help="Only in this status, such as FAILED.")] = None,
    actor: Annotated[str | None, typer.Option(help="Only those this person or program started.")] = None,
    parent: Annotated[str | None, typer.Option(help="Only those that this operation started.")] = None,
    since: Annotated[
        str | None, typer.Option(help="Only younger ones, such as 2h, or from a time on, such as 2030-01-31T12:00:00Z.")
    ] = None,
    until: Annotated[str | None, typer.Option(help="Only created before this time, or longer ago, such as 1d.")] = None,
    limit: Annotated[int, typer.Option(min=1, help="At most so many, newest first.")] = 20,
    as_json: AsJson = False,
) -> None:
    """List operations, newest first, of one project or of all you are in."""
    chosen = project or named or (None if everywhere else session.project_in_use())
    filters = {
        "project": chosen,
        "target": target,
        "kind": kind,
        "status": status.upper() if status else None,
        "actor": actor,
        "parent": parent,
        "since": moment_since(since, now()) if since else None,
        "until": moment_since(until, now()) if until else None,
    }

    async def work(api: Api, here: Terminal) -> int:
        found = await api.operations(limit, **filters)
        if chosen and not found["operations"]:
            await api.get(path("/v2/projects", chosen))  # one that is not there is no empty one
        here.show(found, report.operations(found))
        return 0

    run(as_json, work)


@app.command("show")
def show_operation(operation_id: OperationId, as_json: AsJson = False) -> None:
    """Show an operation: its steps, how it ended, why, and what to do next."""

    async def work(api: Api, here: Terminal) -> int:
        record = await _with_ports(api, await api.operation(operation_id))
        here.show({**record, "next": ways_as_data(record)}, report.operation(record))
        return 0

    run(as_json, work)


@app.command("watch")
def watch_operation(operation_id: OperationId, as_json: AsJson = False) -> None:
    """Follow an operation until it has ended; the exit status is 1 unless it SUCCEEDED.

    Ctrl-C ends the watching, not the operation. With --json the record is printed when it has ended.
    """
    run(as_json, lambda api, here: watch(api, here, operation_id))


@app.command("cancel")
def cancel_operation(operation_id: OperationId, follow: Watch = False, as_json: AsJson = False) -> None:
    """Cancel an operation: the running step stops, and what was done is taken back."""
    run(as_json, lambda api, here: _control(api, here, operation_id, "cancel", follow))


@app.command("retry")
def retry_operation(
    operation_id: OperationId,
    deadline: Annotated[int | None, typer.Option(min=5, help="Seconds it may take; else as before.", show_default=False)] = None,
    follow: Watch = False,
    as_json: AsJson = False,
) -> None:
    """Run a FAILED or CANCELLED operation again; it goes on from the step that failed."""
    body = {"deadlineSeconds": deadline} if deadline else None
    run(as_json, lambda api, here: _control(api, here, operation_id, "retry", follow, body))


@app.command("pause")
def pause_operation(operation_id: OperationId, as_json: AsJson = False) -> None:
    """Pause an operation that goes in batches: what runs now ends, then it holds until it is resumed."""
    run(as_json, lambda api, here: _control(api, here, operation_id, "pause", follow=False))


@app.command("resume")
def resume_operation(operation_id: OperationId, follow: Watch = False, as_json: AsJson = False) -> None:
    """Go on after a pause."""
    run(as_json, lambda api, here: _control(api, here, operation_id, "resume", follow))


@app.command("promote")
def promote_operation(operation_id: OperationId, follow: Watch = False, as_json: AsJson = False) -> None:
    """Go on to the end without the planned pauses and the gates that are left."""
    run(as_json, lambda api, here: _control(api, here, operation_id, "promote", follow))


@app.command("rollback")
def rollback_operation(operation_id: OperationId, follow: Watch = False, as_json: AsJson = False) -> None:
    """Go back to exactly what was before a running operation; it ends CANCELLED."""
    run(as_json, lambda api, here: _control(api, here, operation_id, "rollback", follow))


async def watch(api: Api, here: Terminal, operation_id: str, wanted: str = "SUCCEEDED", *, since: datetime | None = None) -> int:
    """Follow an operation on the terminal; 0 when it ended as wanted, else 1. At a pause the person is asked, a program told."""
    # A program gets the record on standard output; a person at its terminal still sees how far it is.
    out = here.err if here.as_json else here.out

    async def at_pause(record: Record) -> bool:
        if not here.as_json and pauses.can_ask(out):
            return await pauses.ask(api, out, record)
        pauses.tell(out, record)
        return False

    try:
        with Progress(api, out, at_pause) as progress:
            record = await progress.follow(operation_id, since)
    except asyncio.CancelledError:
        raise await _interrupted(api, operation_id) from None
    await ended(api, here, record)
    return 0 if record["status"] == wanted else 1


async def ended(api: Api, here: Terminal, record: Record, *, seen: str = "") -> None:
    """Say how what was watched ended: where what serves is reached, what is in force, what to do next.

    Evidence of the type that was `seen` while it was watched is not told again.
    """
    record, target = await _with_ports(api, record), record["target"]
    serves = (
        record["kind"].startswith("app.") and record["status"] == "SUCCEEDED" and record["kind"] not in ("app.kill", "app.delete")
    )
    found = await reached.addresses_of(api, record["project"], target["name"]) if serves else None
    lines = reached.told(record["project"], target["name"], found) if found else []
    if record["kind"] in ("stack.deploy", "stack.upgrade") and record["status"] == "SUCCEEDED":
        apps = (await api.get(path("/v2/stacks", record["project"], target["name"]), content="false"))["apps"]
        found, lines = await reached.of_several(api, record["project"], [app["name"] for app in apps[:_ADDRESSED]])
    data = {**record, "next": ways_as_data(record), **({} if found is None else {"addresses": found["content"]})}
    here.show(data, Group(report.end(record, seen=seen), *lines))


async def _with_ports(api: Api, record: Record) -> Record:
    """A build that went well, with the ports that its image exposes: who deploys it has to say them."""
    made = record.get("result") or {}
    if record["kind"] != "image.build" or record["status"] != "SUCCEEDED" or "digest" not in made:
        return record
    try:
        image = await api.get(path("/v2/images", f"{made['image']}@{made['digest']}"))
    except Refused:  # it is gone, or another's own
        return record
    return {**record, "ports": image["ports"]}


async def _interrupted(api: Api, operation_id: str) -> Interrupted:
    """What to tell who stopped watching: that it goes on, and what can be done with it."""
    stopped = Interrupted(f"The watching has ended, {operation_id} goes on.")
    try:
        async with asyncio.timeout(_LAST_LOOK):
            stopped.in_the_way = await api.operation(operation_id)
    except (Failure, TimeoutError):
        return Interrupted(f"The watching has ended, {operation_id} goes on. See it: mooring op show {operation_id}")
    return stopped


async def followed(
    api: Api,
    here: Terminal,
    accepted: Record,
    follow: bool,
    told: str = "It is accepted.",
    wanted: str = "SUCCEEDED",
    since: datetime | None = None,
) -> int:
    """Say what happens, then follow what was accepted, whose reply names the operation, or say how to; the exit status.

    What happened before `since` is not told again.
    """
    operation_id = accepted["OperationID"]
    if accepted.get("notice") and not here.as_json:
        here.out.print(Text(f"Note: {clean(accepted['notice'])}", style="yellow"))
    if not follow:
        here.show(accepted, Text.assemble(clean(told), " Follow it: ", (f"mooring op watch {operation_id}", "bold")))
        return 0
    if not here.as_json:
        here.out.print(Text(clean(told)))
    return await watch(api, here, operation_id, wanted, since=since)


_TOLD = {
    "cancel": ("It is being cancelled.", "CANCELLED"),
    "retry": ("It runs again.", "SUCCEEDED"),
    "pause": ("A pause is asked for: it holds as soon as what runs now has ended, if it does not already.", "SUCCEEDED"),
    "resume": ("It goes on.", "SUCCEEDED"),
    "promote": ("It goes on without the pauses and gates that are left.", "SUCCEEDED"),
    "rollback": ("It goes back to what was before.", "CANCELLED"),
}


async def _control(api: Api, here: Terminal, operation_id: str, verb: str, follow: bool, body: dict[str, int] | None = None) -> int:
    told, wanted = _TOLD[verb]
    accepted = await api.post(path("/v2/operations", operation_id, verb), body)
    asked = (await api.operation(operation_id))["controls"] if follow else []
    since = max((datetime.fromisoformat(one["at"]) for one in asked), default=None)
    return await followed(api, here, accepted, follow, told, wanted, since)
