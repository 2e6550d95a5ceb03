"""Accepting an operation: checks, one transaction, start, 202 (architecture: An operation's life)."""

import contextlib
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, NamedTuple

import structlog
from fastapi import Response

from api.access import Caller
from api.live_bounds import check_live
from api.services import Services
from model.base import Frozen
from model.errors import Invalid, PlatformUnavailable, Problem
from model.operations import Ask, Target, workflow_id
from records import Records
from records.ids import new_id
from records.operations import NewOperation, canonical
from workflows.operation import Operation
from workflows.registry import BY_WORKFLOW

log = structlog.get_logger()


class Prepared(Frozen):
    """What a route's own part of the transaction yields: the target, its project's id, and the noun's fields of the ask."""

    project: str
    project_id: str
    target: Target
    fields: dict[str, Any] = {}
    deadline_seconds: int | None = None


class Unchanged(Frozen):
    """What a route's part yields instead where the request would change nothing.

    `operation_id` is what brought about what it asks for: an Idempotency-Key stands for that. `words` tell it.
    """

    operation_id: str
    words: str


class Accepted(Frozen):
    """The accepted operation, or the one that stands for the request already.

    `unchanged` says in words that nothing was left to do for it; `notice` is what who asked for it should know at once, though it
    is accepted.
    """

    operation_id: str
    workflow_id: str
    target: Target
    unchanged: str = ""
    notice: str = ""


Prepare = Callable[[Records], Awaitable[Prepared | Unchanged]]


async def submit(
    services: Services,
    caller: Caller,
    workflow: type[Operation],
    request: Mapping[str, Any],
    prepare: Prepare,
    *,
    told: Mapping[str, Any] | None = None,
    part: str = "",
    always: bool = False,
) -> Accepted:
    """Accept an operation of `workflow`'s kind: one transaction with the route's own writes, then the start.

    Where `prepare` says that nothing would change there is none; the key then stands for the one that brought that about.

    `request` is the body that an Idempotency-Key stands for, `told` what the record shows of it where it may hold secrets.
    `part` tells the operations apart that one request asks for. What takes something away or back is accepted `always`, as what
    pre-empts is, however many are live. Raises what `prepare` raises, Conflict for a busy target, TooManyLive, and
    IdempotencyMismatch. When Temporal is away the operation is accepted all the same; the reconciler starts it.
    """
    kind = BY_WORKFLOW[workflow]
    claim = claim_of(caller, request, part)
    async with services.records.transaction() as tx:
        if claim and (known := await tx.operations.replayed(*claim)):
            return await _found(tx, known)
        prepared = await prepare(tx)
        if isinstance(prepared, Unchanged):
            if claim:
                await tx.operations.bind_key(claim.actor, claim.route, claim.key, prepared.operation_id)
            return (await _found(tx, prepared.operation_id)).model_copy(update={"unchanged": prepared.words, "notice": ""})
        if not (always or workflow.preempts):
            await check_live(services.settings, tx, caller.actor, prepared.project, prepared.project_id)
        operation_id = new_id("op")
        wid = workflow_id(kind.name, prepared.project, prepared.target.name, operation_id)
        ask = kind.ask(
            operation_id=operation_id,
            project=prepared.project,
            target=prepared.target.name,
            actor=caller.actor.name,
            deadline_seconds=prepared.deadline_seconds or kind.deadline_seconds,
            **prepared.fields,
        )
        new = _new(workflow, prepared, ask, wid, request if told is None else told)
        lodged = await tx.operations.accept(new)
        ask = ask.model_copy(update={"preempts": lodged.preempts})
        if claim:
            await tx.operations.bind_key(claim.actor, claim.route, claim.key, operation_id)
    await start(services, kind.name, wid, ask, waits=lodged.waits)
    notice = prepared.fields.get("notice", "")
    return Accepted(operation_id=operation_id, workflow_id=wid, target=prepared.target, notice=notice)


async def start(services: Services, kind: str, wid: str, ask: Ask, *, waits: bool = False) -> None:
    """Start the accepted operation's workflow, unless it `waits` for a place; an unreachable Temporal is left to the reconciler."""
    try:
        if not waits:
            await services.operations.start(kind, wid, ask)
    except PlatformUnavailable:
        log.warning("not started yet; the reconciler will", operation=ask.operation_id)
    if ask.preempts:
        with contextlib.suppress(PlatformUnavailable):  # the operation's first step asks again
            victim = await services.records.operations.get(ask.preempts)
            await services.operations.stop(victim)


class Claim(NamedTuple):
    """What an Idempotency-Key stands for: one body, on one route, of one actor."""

    actor: str
    route: str
    key: str
    body: bytes


def claim_of(caller: Caller, request: Mapping[str, Any], part: str = "") -> Claim | None:
    """The claim of the request's Idempotency-Key, or of one `part` of it; None without one. Raises Invalid where it is no key."""
    key = caller.request.headers.get("Idempotency-Key")
    if key is None:
        return None
    if not 0 < len(key) <= 200:
        rule = "must have 1 to 200 characters"
        raise Invalid(f"The header Idempotency-Key {rule}.", problems=[Problem(field="Idempotency-Key", message=rule)])
    body = canonical({"query": sorted(caller.request.query_params.multi_items()), "body": request})
    route = f"{caller.request.method} {caller.request.url.path}"
    # No header holds a line break: a part's key is nobody else's.
    return Claim(caller.actor.name, route, f"{key}\n{part}" if part else key, body)


def reply(response: Response, accepted: Accepted, **fields: Any) -> dict[str, Any]:
    """The 202 reply: the route's own fields, a notice if there is one, OperationID and WorkflowID, and the Location to follow.

    200 where nothing would change: `unchanged` is true, and the Message says so.
    """
    response.status_code = 200 if accepted.unchanged else 202
    response.headers["Location"] = f"/v2/operations/{accepted.operation_id}"
    told = ({"unchanged": True} if accepted.unchanged else {}) | ({"notice": accepted.notice} if accepted.notice else {})
    return {
        "Code": 0,
        "Message": accepted.unchanged,
        **fields,
        **told,
        "OperationID": accepted.operation_id,
        "WorkflowID": accepted.workflow_id,
    }


def _new(workflow: type[Operation], prepared: Prepared, ask: Ask, wid: str, request: Mapping[str, Any]) -> NewOperation:
    return NewOperation(
        kind=BY_WORKFLOW[workflow].name,
        target=prepared.target,
        project_id=prepared.project_id,
        ask=ask,
        workflow_id=wid,
        cancellable=not workflow.forward_only,
        preempts=workflow.preempts,
        request=dict(request),
        pool=BY_WORKFLOW[workflow].pool if getattr(ask, "within", None) is None else None,
    )


async def _found(tx: Records, operation_id: str) -> Accepted:
    row = await tx.operations.get(operation_id)
    target = Target(kind=row["target_kind"], name=row["target_name"], id=row["target_id"])
    notice = row["ask"].get("notice", "")
    return Accepted(operation_id=row["id"], workflow_id=row["workflow_id"], target=target, notice=notice)
