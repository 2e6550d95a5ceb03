"""Operations: list, read, wait, stream, cancel, retry, pause, resume, promote, rollback (mission A2–A5)."""

from collections.abc import AsyncGenerator, AsyncIterator
from typing import Annotated, Any

import structlog
from fastapi import APIRouter, Depends, Header, Query, Response
from fastapi.sse import EventSourceResponse, ServerSentEvent
from pydantic import BaseModel, Field

from api.access import Caller, allow
from api.afterwards import afterwards
from api.grants import Grant, while_granted
from api.holding import holding, kept_open
from api.notifications import woken
from api.operations_shown import in_list, shown
from api.parameters import Moment, described, of_query
from api.refusals import refused
from api.replies import as_json, counted, list_of
from api.rollbacks import leads_back
from api.services import Services, Using
from api.submission import Accepted, reply, start
from api.waiting import ended
from model.access import Actor
from model.apps import AppPhase
from model.change_bodies import Retry
from model.controls import Stop, check_has, out_of_place
from model.errors import PlatformUnavailable, Superseded
from model.operations import TERMINAL, InForce, Line, OperationRecord, Status, Target, Verb, Version, no_operation
from model.seats import SeatKind
from records import Records
from records.operation_pages import FILTERS
from records.store import Row
from workflows.registry import BY_NAME

log = structlog.get_logger()
router = APIRouter(prefix="/v2/operations", tags=["operations"])
SignedCaller = Annotated[Caller, allow(None)]
_KEEP_ALIVE = 15.0
_OLD_RUN_CLOSES = 3.0  # the record settles a moment before its workflow closes; the reconciler starts what waits longer


class Listed(BaseModel):
    """The query of a list of operations: filters, and the page."""

    project: str | None = None
    target: str | None = None
    kind: str | None = None
    status: Status | None = None
    actor: str | None = None
    parent: str | None = None
    since: Moment | None = None
    until: Moment | None = None
    cursor: str | None = None
    size: Annotated[int, Field(ge=1, le=200)] = 50


@router.get("", response_model=dict[str, Any], openapi_extra=described(Listed))
async def list_operations(caller: SignedCaller, asked: Annotated[Listed, of_query(Listed)]) -> Response:
    """List operations, newest first; `next` is the cursor of the following page, null on the last.

    `total` is counted as far as 1000: where more match, `totalIsAtLeast` is true.
    """
    filters = {name: getattr(asked, name) for name in FILTERS}
    mine = None if caller.actor.admin else [*caller.actor.project_ids.values(), *caller.actor.deleted_projects]
    services = caller.services
    total, rows = await services.records.operations.page(filters, mine, asked.cursor, asked.size)
    following = rows[-1]["id"] if len(rows) == asked.size else None
    told = {**counted(total), "size": asked.size, "next": following}
    return list_of("operations", (in_list(services, row) for row in rows), told)


@router.get("/{operation_id}", response_model=OperationRecord)
async def get_operation(caller: SignedCaller, operation_id: str, wait: Annotated[float, Query(ge=0, le=60)] = 0) -> Response:
    """Read one operation with its steps; with `wait`, answer when it has ended or after that many seconds.

    `afterwards` tells of one that succeeded where the app is not well by now, as long as no other has changed it since.
    """
    services = caller.services
    row = await _visible(services, caller.actor, operation_id)
    if wait and row["status"] not in TERMINAL:
        async with kept_open(services, SeatKind.WAITS, caller, lambda actor: _check_visible(actor, row)) as grant:
            await ended(services, operation_id, wait, caller.request)
        if grant.error:
            raise grant.error
        row = await services.records.operations.with_steps(operation_id)
    since = await afterwards(services, row)
    place = await services.records.admission.line(operation_id) if row["status"] == Status.WAITING else None
    told = {"line": Line(**place).model_dump(by_alias=True) if place else None}
    told |= {"inForce": await _in_force(services, row), "afterwards": since.model_dump(by_alias=True) if since else None}
    told |= {"leadsBack": await _leads_back(services, row)}
    return as_json(shown(services, row) | told)


async def _in_force(services: Services, row: Row) -> dict[str, Any] | None:
    """What an app's instances shall be after an operation on it that was cancelled, and taken back."""
    if row["status"] != Status.CANCELLED or row["target_kind"] != "app":
        return None
    app = await services.records.apps.by_id(row["target_id"])
    revisions = await services.records.apps.numbered(app.id, app.layout.revisions) if app.phase is AppPhase.LIVE else {}
    versions = [
        Version(
            revision=number, images={c.name: c.image for c in revision.spec.containers}, count=app.layout.versions.get(number, 0)
        )
        for number, revision in revisions.items()
    ]
    return InForce(versions=versions).model_dump(by_alias=True)


async def _leads_back(services: Services, row: Row) -> bool | None:
    """Whether an app whose rollout failed may be rolled back now; None of other operations."""
    if row["status"] != Status.FAILED or row["kind"] != "app.upgrade":
        return None
    return await leads_back(services.records, await services.records.apps.by_id(row["target_id"]))


@holding(SeatKind.EVENTS)
async def _streamed(services: Using, caller: SignedCaller, operation_id: str) -> AsyncIterator[tuple[Row, Grant]]:
    """The operation to stream and the right to: as a dependency, since a stream that has begun can no longer answer 404."""
    row = await _visible(services, caller.actor, operation_id)
    async with kept_open(services, SeatKind.EVENTS, caller, lambda actor: _check_visible(actor, row)) as grant:
        yield row, grant


@router.get("/{operation_id}/events", response_class=EventSourceResponse)
async def stream_events(
    services: Using,
    caller: SignedCaller,
    streamed: Annotated[Any, Depends(_streamed)],
    operation_id: str,
    last_event_id: Annotated[int, Header(ge=0, lt=2**63)] = 0,
) -> AsyncIterator[ServerSentEvent]:
    """Stream the operation's events from the one after Last-Event-ID; ends with the event that settled it.

    Ends too, within 5 s, when the caller may no longer read the operation.
    """
    row, grant = streamed
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
        await services.operations.stop(row, stop)
    except PlatformUnavailable:
        log.warning("not told to stop yet; the reconciler will tell it", operation=row["id"])
    return reply(response, _accepted(row))


@router.post("/{operation_id}/retry", status_code=202)
async def retry_operation(
    services: Using, caller: SignedCaller, operation_id: str, response: Response, body: Retry | None = None
) -> dict[str, Any]:
    """Run a FAILED or CANCELLED operation again: what holds is found unchanged, it goes on from the failed step.

    With `deadlineSeconds` it has that time from now on, else as much as before.
    """
    row = await _controlled(services, caller.actor, operation_id)
    kind = BY_NAME[row["kind"]]
    async with services.records.transaction() as tx:
        if kind.target != "project":
            await _check_project(tx, row)
        row = await tx.operations.reopen(
            operation_id,
            cancellable=not kind.workflow.forward_only,
            actor=caller.actor.name,
            deadline_seconds=body.deadline_seconds if body else None,
        )
    await services.operations.closed(row["workflow_id"], _OLD_RUN_CLOSES)
    waits = row["status"] == Status.WAITING
    await start(services, kind.name, row["workflow_id"], kind.ask.model_validate(row["ask"]), waits=waits)
    return reply(response, _accepted(row))


async def _check_project(tx: Records, row: Row) -> None:
    """Keep the project from being deleted until the transaction ends; raises NotFound, Conflict while it is, Superseded after."""
    project = await tx.projects.hold(row["project"])
    if project.id != row["project_id"]:
        raise _of_deleted(row)


def _of_deleted(row: Row) -> Superseded:
    return Superseded(
        f"{row['id']} belongs to an earlier project {row['project']!r}, which was deleted.", hint="Submit a new operation."
    )


def _accepted(row: Row) -> Accepted:
    target = Target(kind=row["target_kind"], name=row["target_name"], id=row["target_id"])
    return Accepted(operation_id=row["id"], workflow_id=row["workflow_id"], target=target)


async def _visible(services: Services, actor: Actor, operation_id: str) -> Row:
    """The row, if the actor is in its project now; raises NotFound, which does not tell whether it exists."""
    row = await services.records.operations.with_steps(operation_id)
    _check_visible(actor, row)
    return row


def _check_visible(actor: Actor, row: Row) -> None:
    if not actor.reads(row["project_id"]):  # who began it has no right by that: the rights of today decide
        raise no_operation(row["id"])


async def _controlled(services: Services, actor: Actor, operation_id: str) -> Row:
    """The row, if the actor may do what the operation does; raises NotFound, Forbidden, Superseded of a deleted project."""
    row = await _visible(services, actor, operation_id)
    needed = BY_NAME[row["kind"]].permission
    if not actor.admin and row["project_id"] not in actor.project_ids.values():  # who was in it may only read
        raise _of_deleted(row)
    if not actor.may(needed, row["project"]):
        raise await refused(services, actor, needed, row["project"], row["kind"])
    return row
