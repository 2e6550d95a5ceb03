"""Operations: list, read, wait, stream, cancel, retry, pause, resume, promote, rollback (mission A2–A5)."""

from collections.abc import AsyncGenerator, AsyncIterator
from typing import Annotated, Any

import structlog
from fastapi import APIRouter, Depends, Header, Query, Response
from fastapi.sse import EventSourceResponse, ServerSentEvent

from api.access import Caller, allow
from api.grants import while_granted
from api.notifications import woken
from api.parameters import Moment
from api.services import Services, Using
from api.submission import Accepted, reply, start
from api.waiting import ended
from model.access import Actor
from model.controls import Stop, check_has, now_possible, out_of_place
from model.errors import Forbidden, PlatformUnavailable, Superseded, no_operation
from model.operations import TERMINAL, OperationRecord, Progress, Status, Step, Target, Verb
from records import Records
from records.store import Row
from workflows.registry import BY_NAME

log = structlog.get_logger()
router = APIRouter(prefix="/v2/operations", tags=["operations"])
SignedCaller = Annotated[Caller, allow(None)]
_KEEP_ALIVE = 15.0
_OLD_RUN_CLOSES = 3.0  # the record settles a moment before its workflow closes; the reconciler starts what waits longer


@router.get("")
async def list_operations(
    services: Using,
    caller: SignedCaller,
    project: str | None = None,
    target: str | None = None,
    kind: str | None = None,
    status: Status | None = None,
    actor: str | None = None,
    parent: str | None = None,
    since: Moment | None = None,
    until: Moment | None = None,
    cursor: str | None = None,
    size: Annotated[int, Query(ge=1, le=200)] = 50,
) -> dict[str, Any]:
    """List operations, newest first; `next` is the cursor of the following page, null on the last."""
    filters = {
        "project": project,
        "target": target,
        "kind": kind,
        "status": status,
        "actor": actor,
        "parent": parent,
        "since": since,
        "until": until,
    }
    mine = None if caller.actor.admin else list(caller.actor.project_ids.values())
    total, rows = await services.records.operations.page(filters, mine, caller.actor.name, cursor, size)
    operations = [_shown(services, row) for row in rows]
    following = rows[-1]["id"] if len(rows) == size else None
    return {"total": total, "size": size, "next": following, "operations": operations}


@router.get("/{operation_id}")
async def get_operation(
    services: Using, caller: SignedCaller, operation_id: str, wait: Annotated[float, Query(ge=0, le=60)] = 0
) -> dict[str, Any]:
    """Read one operation with its steps; with `wait`, answer when it has ended or after that many seconds."""
    row = await _visible(services, caller.actor, operation_id)
    if wait and row["status"] not in TERMINAL:
        await ended(services, operation_id, wait)
        row = await services.records.operations.with_steps(operation_id)
    return _shown(services, row)


async def _streamed(services: Using, caller: SignedCaller, operation_id: str) -> Any:
    """The row of the operation to stream, as a dependency: once the stream has begun it can no longer answer 404."""
    return await _visible(services, caller.actor, operation_id)


@router.get("/{operation_id}/events", response_class=EventSourceResponse)
async def stream_events(
    services: Using,
    caller: SignedCaller,
    row: Annotated[Any, Depends(_streamed)],
    operation_id: str,
    last_event_id: Annotated[int, Header(ge=0, lt=2**63)] = 0,
) -> AsyncIterator[ServerSentEvent]:
    """Stream the operation's events from the one after Last-Event-ID; ends with the event that settled it.

    Ends too, within 5 s, when the caller may no longer read the operation.
    """
    with services.grants.held(caller.token, lambda actor: _check_visible(actor, row)) as grant:
        async for event in while_granted(grant, _events(services, row, last_event_id)):
            yield event


async def _events(services: Services, row: Row, after: int) -> AsyncGenerator[ServerSentEvent, None]:
    operation_id = row["id"]
    with services.notifications.subscribed(operation_id) as moved:
        while True:
            # The record is read before its events: once it has ended, these events are all there are.
            ended = row["status"] in TERMINAL
            events = await services.records.operations.events_after(operation_id, after)
            for event in events:
                after = event["seq"]
                data = {"at": event["at"].isoformat(), **event["data"]}
                yield ServerSentEvent(id=str(after), event=event["type"], data=data)
            if ended and not events:
                return
            if not ended:
                await woken(moved, _KEEP_ALIVE)
            row = await services.records.operations.get(operation_id)


@router.post("/{operation_id}/cancel", status_code=202)
async def cancel_operation(services: Using, caller: SignedCaller, operation_id: str, response: Response) -> dict[str, Any]:
    """Cancel: the running step stops, what was done is undone, the record ends CANCELLED. 409 when it is forward only."""
    row = await _controlled(services, caller.actor, operation_id)
    return await _stop(services, row, Stop(verb="cancel", actor=caller.actor.name), response)


@router.post("/{operation_id}/pause", status_code=202)
async def pause_operation(services: Using, caller: SignedCaller, operation_id: str, response: Response) -> dict[str, Any]:
    """Pause: what runs now ends, then the record is PAUSED until resume or promote. 409 for kinds without batches."""
    return await _ask(services, caller, operation_id, Verb.PAUSE, response)


@router.post("/{operation_id}/resume", status_code=202)
async def resume_operation(services: Using, caller: SignedCaller, operation_id: str, response: Response) -> dict[str, Any]:
    """Go on after a pause; one that was asked for and does not hold yet is withdrawn."""
    return await _ask(services, caller, operation_id, Verb.RESUME, response)


@router.post("/{operation_id}/promote", status_code=202)
async def promote_operation(services: Using, caller: SignedCaller, operation_id: str, response: Response) -> dict[str, Any]:
    """Go on to the end without the planned pauses and the gates that are left."""
    return await _ask(services, caller, operation_id, Verb.PROMOTE, response)


@router.post("/{operation_id}/rollback", status_code=202)
async def rollback_operation(services: Using, caller: SignedCaller, operation_id: str, response: Response) -> dict[str, Any]:
    """Go back to exactly what was before the operation; it ends CANCELLED with the reason RolledBack."""
    row = await _controllable(services, caller, operation_id, Verb.ROLLBACK)
    return await _stop(services, row, Stop(verb=Verb.ROLLBACK, actor=caller.actor.name), response)


async def _ask(services: Services, caller: Caller, operation_id: str, verb: Verb, response: Response) -> dict[str, Any]:
    """Record a control, then tell the workflow; asked for again, it changes nothing. Raises Conflict where it makes no sense.

    It reaches the operation's running children that have it too; of those to come the parent's own record is looked at.
    """
    row = await _controllable(services, caller, operation_id, verb)
    changed = await _asked(services, caller, row, verb)
    if row["status"] != Status.CANCELLING:
        for child in await services.records.operations.live_children(operation_id):
            if verb in BY_NAME[child["kind"]].workflow.controls_of(child["ask"]):
                changed = await _asked(services, caller, child, verb) or changed
    if not changed:
        await _check_repeated(services, operation_id, verb)
    return reply(response, _accepted(row))


async def _asked(services: Services, caller: Caller, row: Row, verb: Verb) -> bool:
    """Whether asking it changed something; the workflow is told then."""
    asked = await services.records.controls.ask(row["id"], verb, caller.actor.name)
    if asked is None:
        return False
    try:
        if await services.operations.control(row["workflow_id"], asked):
            await services.records.controls.told(row["id"], asked)
    except PlatformUnavailable:
        log.warning("not told yet; the reconciler will tell it", operation=row["id"], verb=verb)
    return True


async def _check_repeated(services: Services, operation_id: str, verb: Verb) -> None:
    """Raise Conflict unless the control changed nothing only because it is in force already."""
    now = await services.records.operations.get(operation_id)
    newest = await services.records.controls.newest(operation_id, now["attempt"])
    in_force = verb is not Verb.RESUME or (newest is not None and newest[0] in (Verb.RESUME, Verb.PROMOTE))
    if now["status"] in TERMINAL or now["status"] == Status.CANCELLING or not in_force:
        raise out_of_place(now["kind"], operation_id, verb, Status(now["status"]))


async def _controllable(services: Services, caller: Caller, operation_id: str, verb: Verb) -> Row:
    """The row, if the actor may control it and its kind has that control; raises NotFound, Forbidden or Conflict."""
    row = await _controlled(services, caller.actor, operation_id)
    if row["status"] in TERMINAL:
        raise out_of_place(row["kind"], operation_id, verb, Status(row["status"]))
    workflow = BY_NAME[row["kind"]].workflow
    check_has(row["kind"], workflow.controls_of(row["ask"]), verb, cancellable=not workflow.forward_only)
    return row


async def _stop(services: Services, row: Row, stop: Stop, response: Response) -> dict[str, Any]:
    """Record that the operation is to end and go back, then tell its workflow; raises ForwardOnly or Conflict."""
    await services.records.operations.request_cancel(row["id"], stop)
    try:
        await services.operations.cancel(row["workflow_id"], stop)
    except PlatformUnavailable:
        log.warning("not told to stop yet; the reconciler will tell it", operation=row["id"])
    return reply(response, _accepted(row))


@router.post("/{operation_id}/retry", status_code=202)
async def retry_operation(services: Using, caller: SignedCaller, operation_id: str, response: Response) -> dict[str, Any]:
    """Run a FAILED or CANCELLED operation again: what holds is found unchanged, it goes on from the failed step."""
    row = await _controlled(services, caller.actor, operation_id)
    kind = BY_NAME[row["kind"]]
    async with services.records.transaction() as tx:
        if kind.target != "project":
            await _check_project(tx, row)
        row = await tx.operations.reopen(operation_id, cancellable=not kind.workflow.forward_only, actor=caller.actor.name)
    await services.operations.closed(row["workflow_id"], _OLD_RUN_CLOSES)
    await start(services, kind.name, row["workflow_id"], kind.ask.model_validate(row["ask"]))
    return reply(response, _accepted(row))


async def _check_project(tx: Records, row: Row) -> None:
    """Keep the project from being deleted until the transaction ends; raises NotFound, Conflict while it is, Superseded after."""
    project = await tx.projects.hold(row["project"])
    if project.id != row["project_id"]:
        raise Superseded(
            f"{row['id']} belongs to an earlier project {row['project']!r}, which was deleted.", hint="Submit a new operation."
        )


def _accepted(row: Row) -> Accepted:
    target = Target(kind=row["target_kind"], name=row["target_name"], id=row["target_id"])
    return Accepted(operation_id=row["id"], workflow_id=row["workflow_id"], target=target)


async def _visible(services: Services, actor: Actor, operation_id: str) -> Row:
    """The row, if the actor started it or is in its project; raises NotFound, which does not tell whether it exists."""
    row = await services.records.operations.with_steps(operation_id)
    _check_visible(actor, row)
    return row


def _check_visible(actor: Actor, row: Row) -> None:
    if not (actor.admin or row["actor"] == actor.name or row["project_id"] in actor.project_ids.values()):
        raise no_operation(row["id"])


async def _controlled(services: Services, actor: Actor, operation_id: str) -> Row:
    """The row, if the actor may do what the operation does; raises NotFound or Forbidden."""
    row = await _visible(services, actor, operation_id)
    needed = BY_NAME[row["kind"]].permission
    still_in = row["project_id"] in actor.project_ids.values()
    if not actor.admin and not (still_in and actor.may(needed, row["project"])):
        raise Forbidden(f"{actor.name!r} does not have the permission {needed} that {row['kind']} needs.")
    return row


def _shown(services: Services, row: Row) -> dict[str, Any]:
    """A row as the API shows it; steps of earlier attempts keep their `run`."""
    steps = [Step(**step) for step in row["steps"]] if "steps" in row else None
    record = OperationRecord(
        **{name: row[name] for name in _COPIED},
        available=now_possible(
            BY_NAME[row["kind"]].workflow.controls_of(row["ask"]),
            Status(row["status"]),
            cancellable=row["cancellable"],
            pause_asked=row["pause_asked"],
            promoted=row["promoted"],
            child_paused=bool(row.get("waits_for")),
        ),
        controls=row.get("controls"),
        waits_for=row.get("waits_for"),
        target=Target(kind=row["target_kind"], name=row["target_name"], id=row["target_id"]),
        progress=Progress(done=min(row["done"], row["total"]), total=row["total"]),
        steps=steps,
        temporal_url=services.operations.link(row["workflow_id"], row["run_id"]),
    )
    return record.model_dump(by_alias=True, mode="json", exclude=None if steps is not None else {"steps", "controls", "waits_for"})


_MADE = {"target", "progress", "steps", "available", "controls", "waits_for", "temporal_url"}
_COPIED = tuple(set(OperationRecord.model_fields) - _MADE)
