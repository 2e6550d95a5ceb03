"""`mooring op`: list, read and follow operations; cancel, retry, pause, resume, promote them and roll them back."""

from typing import Annotated

import typer
from rich.text import Text

from cli import report
from cli.api import Api, Record, path
from cli.progress import Progress
from cli.terminal import AsJson, Terminal, Watch, run
from cli.words import clean

app = typer.Typer(no_args_is_help=True, help="Operations: everything that takes longer than one request.")
OperationId = Annotated[str, typer.Argument(metavar="ID", help="The operation's id, op-…", show_default=False)]


@app.command("ls")
def list_operations(
    project: Annotated[str | None, typer.Option("--project", "-p", help="Only of this project.")] = None,
    target: Annotated[str | None, typer.Option(help="Only on the thing of this name.")] = None,
    kind: Annotated[str | None, typer.Option(help="Only of this kind, such as app.create.")] = None,
    status: Annotated[str | None, typer.Option(help="Only in this status, such as FAILED.")] = None,
    actor: Annotated[str | None, typer.Option(help="Only those this person or program started.")] = None,
    parent: Annotated[str | None, typer.Option(help="Only those that this operation started.")] = None,
    since: Annotated[str | None, typer.Option(help="Only created at or after this time, such as 2030-01-31T12:00:00Z.")] = None,
    until: Annotated[str | None, typer.Option(help="Only created before this time.")] = None,
    limit: Annotated[int, typer.Option(min=1, help="At most so many, newest first.")] = 20,
    as_json: AsJson = False,
) -> None:
    """List operations, newest first."""
    filters = {
        "project": project,
        "target": target,
        "kind": kind,
        "status": status.upper() if status else None,
        "actor": actor,
        "parent": parent,
        "since": since,
        "until": until,
    }

    async def work(api: Api, here: Terminal) -> int:
        total, found = await api.operations(limit, **filters)
        here.show({"total": total, "operations": found}, report.operations(found, total))
        return 0

    run(as_json, work)


@app.command("show")
def show_operation(operation_id: OperationId, as_json: AsJson = False) -> None:
    """Show an operation: its steps, how it ended, why, and what to do next."""

    async def work(api: Api, here: Terminal) -> int:
        record = await api.operation(operation_id)
        here.show(record, report.operation(record))
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
def retry_operation(operation_id: OperationId, follow: Watch = False, as_json: AsJson = False) -> None:
    """Run a FAILED or CANCELLED operation again; it goes on from the step that failed."""
    run(as_json, lambda api, here: _control(api, here, operation_id, "retry", follow))


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


async def watch(api: Api, here: Terminal, operation_id: str, wanted: str = "SUCCEEDED") -> int:
    """Follow an operation on the terminal; 0 when it ended as wanted, else 1."""
    # A program gets the record on standard output; a person at its terminal still sees how far it is.
    with Progress(api, here.err if here.as_json else here.out) as progress:
        record = await progress.follow(operation_id)
    here.show(record, report.end(record))
    return 0 if record["status"] == wanted else 1


async def followed(
    api: Api, here: Terminal, accepted: Record, follow: bool, told: str = "It is accepted.", wanted: str = "SUCCEEDED"
) -> int:
    """Say what happens, then follow what was accepted, whose reply names the operation, or say how to; the exit status."""
    operation_id = accepted["OperationID"]
    if not follow:
        here.show(accepted, Text.assemble(clean(told), " Follow it: ", (f"mooring op watch {operation_id}", "bold")))
        return 0
    if not here.as_json:
        here.out.print(Text(clean(told)))
    return await watch(api, here, operation_id, wanted)


_TOLD = {
    "cancel": ("It is being cancelled.", "CANCELLED"),
    "retry": ("It runs again.", "SUCCEEDED"),
    "pause": ("A pause is asked for: it holds as soon as what runs now has ended, if it does not already.", "SUCCEEDED"),
    "resume": ("It goes on.", "SUCCEEDED"),
    "promote": ("It goes on without the pauses and gates that are left.", "SUCCEEDED"),
    "rollback": ("It goes back to what was before.", "CANCELLED"),
}


async def _control(api: Api, here: Terminal, operation_id: str, verb: str, follow: bool) -> int:
    told, wanted = _TOLD[verb]
    return await followed(api, here, await api.post(path("/v2/operations", operation_id, verb)), follow, told, wanted)
