"""Accepting child operations: each with its own record and lock, once, however often the parent's step is tried."""

import functools
from collections.abc import Awaitable, Callable, Mapping

from activities.progress import tell, unchanged
from clients.temporal import Operations
from model.controls import Controls
from model.operations import RETRYABLE, TERMINAL, Ask, Child, Status, Target, Verb, workflow_id
from records import Records
from records.ids import new_id
from records.operations import NewOperation
from records.store import Row

# Children that cannot be cancelled: what is stopped is started, and what is deleted or written goes on.
FORWARD_ONLY = frozenset({"app.start", "app.delete", "config.apply"})
Begin = Callable[[Records], Awaitable[NewOperation | None]]
Holds = Callable[[Records, Row], Awaitable[bool]]
Counts = Callable[[Row], bool]
Reopen = Callable[[str], Awaitable[Row]]


class Children:
    """What a parent's step needs to accept a child on one target."""

    def __init__(self, records: Records, operations: Operations) -> None:
        self._records = records
        self._operations = operations

    async def accept(
        self,
        parent: Ask,
        target: str,
        begin: Begin,
        holds: Holds,
        *,
        seconds: int,
        counts: Counts = lambda _: True,
        kind: str = "app",
    ) -> Child | None:
        """The child to run on `target`, which is of that `kind`, None when there is nothing to do.

        In one transaction: a child accepted before is taken as it is; what `holds` of an ended one is left unchanged; a FAILED
        or CANCELLED one is reopened with its next attempt and `seconds` as its deadline (a gray one keeps its own), unless
        something newer was done to the target; else `begin` says what to insert. An ended one that does not count (`counts`)
        served another purpose of the same parent. Raises StaleAttempt, Conflict when the target is busy, and what `begin` raises.
        """
        await self._let_end(parent, target, kind)
        async with self._records.transaction() as tx:
            await tx.operations.hold_attempt(parent.operation_id, parent.attempt)
            known = await tx.operations.child(parent.operation_id, target, kind)
            known = known if known and (known["status"] not in TERMINAL or counts(known)) else None
            own_time = known is not None and known["ask"].get("gray") is not None
            lasts = None if own_time else seconds
            cancellable = known is not None and known["kind"] not in FORWARD_ONLY
            reopen = functools.partial(tx.operations.reopen, cancellable=cancellable, by_parent=True, deadline_seconds=lasts)
            row = await self._decide(tx, known, begin, holds, reopen)
            asked = await self._hand_down(tx, parent, row) if row else None
        if row is None:
            unchanged()
            return None
        if row["attempt"] > 1:
            await self._operations.closed(row["workflow_id"], 10)
        await tell(f"{row['kind']} {row['id']}" + (f", attempt {row['attempt']}" if row["attempt"] > 1 else ""))
        told = asked.model_dump() if asked else None
        return Child(operation_id=row["id"], kind=row["kind"], workflow_id=row["workflow_id"], ask=row["ask"], asked=told)

    async def _decide(self, tx: Records, known: Row | None, begin: Begin, holds: Holds, reopen: Reopen) -> Row | None:
        if known and known["status"] not in TERMINAL:
            return known
        if known and await holds(tx, known):
            return None
        if known and known["status"] in RETRYABLE and await tx.operations.is_newest(known):
            return await reopen(known["id"])
        new = await begin(tx)
        if new is None:
            return None
        await tx.operations.accept(new)
        return await tx.operations.get(new.ask.operation_id)

    async def _hand_down(self, tx: Records, parent: Ask, row: Row) -> Controls | None:
        """What was asked of the parent before its child could hear of it is asked of the child now, if that goes in batches."""
        if row["status"] != Status.ACCEPTED or row["ask"].get("gray") is None:
            return None
        above, asked = await tx.operations.get(parent.operation_id), None
        for verb in [verb for verb, holds in ((Verb.PROMOTE, above["promoted"]), (Verb.PAUSE, above["pause_asked"])) if holds]:
            newest = await tx.controls.newest(parent.operation_id, parent.attempt, verb)
            asked = await tx.controls.ask(row["id"], verb, newest[1] if newest else parent.actor) or asked
        return asked

    async def _let_end(self, parent: Ask, target: str, kind: str) -> None:
        """A child that somebody retried alone, or that an earlier run of the parent left behind, ends first."""
        while True:
            known = await self._records.operations.child(parent.operation_id, target, kind)
            if known is None or known["status"] in TERMINAL:
                return
            run = await self._operations.newest_run(known["workflow_id"])
            if run is None or run.state != "RUNNING":
                return
            await tell(f"waiting for {known['kind']} {known['id']}, which runs already")
            await self._records.operations.wait_settled(known["id"], 5)


def child_fields(parent: Ask, target: str, seconds: int) -> dict[str, object]:
    """What the ask of every child of a stack's operation has, under a new id."""
    return {
        "operation_id": new_id("op"),
        "project": parent.project,
        "target": target,
        "actor": parent.actor,
        "deadline_seconds": seconds,
    }


def child_operation(
    parent: Ask, kind: str, target: Target, project_id: str, ask: Ask, request: Mapping[str, object]
) -> NewOperation:
    """A child of a stack's operation, to be inserted; cancellable, unless its kind only goes forward."""
    return NewOperation(
        kind=kind,
        target=target,
        project_id=project_id,
        ask=ask,
        workflow_id=workflow_id(kind, ask.project, ask.target, ask.operation_id),
        cancellable=kind not in FORWARD_ONLY,
        preempts=False,
        request={**request, "stack": parent.target},
        parent_id=parent.operation_id,
    )
