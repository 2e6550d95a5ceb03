"""Operation records: accepted with their target's lock in one transaction, moved by compare-and-set, settled once."""

import asyncio
import hashlib
from typing import Any, NamedTuple

import pydantic_core

from model.apps import ScaleApp
from model.base import Frozen
from model.controls import Stop
from model.errors import Conflict, ForwardOnly, IdempotencyMismatch, StaleAttempt, Superseded
from model.operations import AUTOSCALER, TERMINAL, Ask, Outcome, Status, StepNote, StepStatus, Target, no_operation
from records.operation_pages import Filters, page_query
from records.store import Row, Store


class NewOperation(Frozen):
    """What is written when an operation is accepted; `request` is the body as the record shows it, without secrets.

    `pool` is whose places it needs one of, None where it needs none.
    """

    kind: str
    target: Target
    project_id: str
    ask: Ask
    workflow_id: str
    cancellable: bool
    preempts: bool
    request: dict[str, Any]
    parent_id: str | None = None
    pool: str | None = None


class Lodged(NamedTuple):
    """An operation that was accepted: whom it took its target from, and whether it waits for a place before it may start."""

    preempts: str | None
    waits: bool


class OperationStore(Store):
    """The life of operation records; every write is one statement, fenced by the operation's attempt."""

    sql = "operations"

    async def accept(self, new: NewOperation) -> Lodged:
        """Insert it, ACCEPTED or WAITING for a place, and take the target's lock; to be called in a transaction.

        Raises Conflict naming the running operation. A pre-empting kind, and what people ask for while the autoscaler's runs,
        marks that one CANCELLING and takes its lock.
        """
        ask = new.ask
        inserted = await self._call(
            "insert_operation",
            id=ask.operation_id,
            kind=new.kind,
            project=ask.project,
            project_id=new.project_id,
            target_kind=new.target.kind,
            target_name=new.target.name,
            target_id=new.target.id,
            actor=ask.actor,
            cancellable=new.cancellable,
            request=new.request,
            ask=ask.model_dump(mode="json"),
            parent_id=new.parent_id,
            workflow_id=new.workflow_id,
            pool=new.pool,
            goes_first=new.preempts,
        )
        place = ask.operation_id, ask.project, new.target, ask.actor
        victim = await self._lock(*place, preempts=new.preempts, kind=_locked(new))
        return Lodged(victim, inserted["status"] == Status.WAITING)

    async def _lock(
        self, operation_id: str, project: str, target: Target, actor: str, *, preempts: bool, kind: str | None = None
    ) -> str | None:
        place = {"project": project, "target_kind": kind or target.kind, "target_name": target.name}
        while await self._call("take_lock", operation_id=operation_id, **place) is None:
            holder = await self._call("lock_holder", **place)
            if holder is None or holder["finished_at"]:  # it settled between the two looks, or while this one waited for its row
                continue
            yields = holder["actor"] == AUTOSCALER != actor
            if not ((preempts or yields) and holder["cancellable"]):
                raise busy(holder, target)
            if await self._call("move_lock", operation_id=operation_id, holder=holder["id"], **place) is None:
                continue
            await self._call("request_cancel", id=holder["id"], preempted_by=operation_id, verb="cancel", actor=None)
            await self._call("mark_preempts", operation_id=operation_id, victim=holder["id"])
            victim: str = holder["id"]
            return victim
        return None

    async def replayed(self, actor: str, route: str, key: str, body: bytes) -> str | None:
        """Claim an idempotency key in this transaction; the operation it stands for, when it was used before.

        Raises IdempotencyMismatch for another body. A refused request rolls its claim back, so nothing of it is kept.
        """
        digest = hashlib.sha256(body).digest()
        if await self._call("claim_key", actor=actor, route=route, key=key, body_hash=digest):
            return None
        found = await self._call("find_key", actor=actor, route=route, key=key)
        if found["body_hash"] != digest:
            raise IdempotencyMismatch(f"Idempotency-Key {key!r} was used on this route with another body.")
        operation_id: str = found["operation_id"]
        return operation_id

    async def release_key(self, actor: str, route: str, key: str) -> None:
        """Give back a claimed key that stands for no operation; idempotent."""
        await self._call("release_key", actor=actor, route=route, key=key)

    async def bind_key(self, actor: str, route: str, key: str, operation_id: str) -> None:
        """Say which operation the claimed key stands for; in the claim's transaction."""
        await self._call("bind_key", actor=actor, route=route, key=key, operation_id=operation_id)

    async def request_cancel(self, operation_id: str, stop: Stop | None = None) -> Row:
        """Move a live, cancellable operation to CANCELLING; idempotent: the first `stop` is the one on record.

        None is the platform's own. Raises ForwardOnly, or Conflict when it has ended.
        """
        verb, actor = (stop.verb, stop.actor) if stop else ("cancel", None)
        row: Row | None = await self._call("request_cancel", id=operation_id, preempted_by=None, verb=verb, actor=actor)
        if row is None:
            found = await self.get(operation_id)
            if found["finished_at"]:
                raise Conflict(f"The operation {operation_id} is {found['status']} already.", hint="There is nothing to cancel.")
            raise ForwardOnly(f"{found['kind']} {operation_id} can no longer be cancelled.")
        return row

    async def take_from(self, operation_id: str, by: str) -> bool:
        """Move an operation to CANCELLING, because `by` takes over what it works on; whether it could be. Idempotent."""
        row = await self._call("request_cancel", id=operation_id, preempted_by=by, verb="cancel", actor=None)
        return row is not None

    async def hold_attempt(self, operation_id: str, attempt: int) -> None:
        """Lock a running operation's row for this transaction, to decide about its children; raises StaleAttempt."""
        if await self._call("lock_attempt", id=operation_id, attempt=attempt) is None:
            raise StaleAttempt(f"Attempt {attempt} of {operation_id} is over.")

    async def child(self, parent_id: str, target: str, kind: str = "app") -> Row | None:
        """The parent's newest child on that target, which is of that kind, or None."""
        row: Row | None = await self._call("newest_child", parent_id=parent_id, target_kind=kind, target_name=target)
        return row

    async def children(self, parent_id: str) -> list[Row]:
        """All children in the order they were accepted (id, kind, target_kind, target_name, target_id, status, error)."""
        return await self._rows("children_of", parent_id=parent_id)

    async def live_children(self, parent_id: str) -> list[Row]:
        """The children that have not ended (id, kind, workflow_id, ask)."""
        return await self._rows("live_children", parent_id=parent_id)

    async def expect(self, operation_id: str, attempt: int, *, done: int, total: int) -> None:
        """Set how far a parent is, counted in children; each child's success counts one more. Idempotent."""
        await self._call("expect", id=operation_id, attempt=attempt, done=done, total=total)

    async def newest_on(self, project: str, project_id: str, target: Target) -> Row | None:
        """The newest operation on the target, or None."""
        place = {"project": project, "project_id": project_id, "target_kind": target.kind, "target_name": target.name}
        found = await self._call("newest_on_target", **place)
        return await self.get(found) if found else None

    async def is_newest(self, row: Row) -> bool:
        """Whether no newer operation on the same target exists."""
        return bool(await self._newest_on(row) == row["id"])

    async def _newest_on(self, row: Row) -> str:
        place = {
            "project": row["project"],
            "project_id": row["project_id"],
            "target_kind": row["target_kind"],
            "target_name": row["target_name"],
        }
        newest: str = await self._call("newest_on_target", **place)
        return newest

    async def reopen(
        self,
        operation_id: str,
        *,
        cancellable: bool,
        actor: str | None = None,
        by_parent: bool = False,
        deadline_seconds: int | None = None,
    ) -> Row:
        """Retry: FAILED | CANCELLED → ACCEPTED with the next attempt, its target's lock taken; in a transaction.

        `actor` is who asked for it, none where a parent does.

        Raises Superseded unless it is the newest on its target, Conflict when it did not fail, the target is busy, or its
        parent runs: a running parent retries its children itself.
        """
        found = await self.get(operation_id)
        newest = await self._newest_on(found)
        if newest != operation_id:
            raise Superseded(
                f"{operation_id} is not the newest operation on {found['target_name']!r}: {newest} is.",
                hint=f"See how that ended: GET /v2/operations/{newest}. Retry it if it failed: POST /v2/operations/{newest}/retry.",
            )
        if found["parent_id"] and not by_parent:
            await self._check_parent(found)
        row = await self._call(
            "reopen",
            id=operation_id,
            attempt=found["attempt"],
            cancellable=cancellable,
            deadline_seconds=deadline_seconds,
            actor=actor,
        )
        if row is None:
            raise Conflict(
                f"The operation {operation_id} is {found['status']}; only a FAILED or CANCELLED one can be retried.",
                hint="There is nothing to retry." if found["status"] == Status.SUCCEEDED else "Wait for it to end.",
                operation_id=operation_id,
            )
        target = Target(kind=found["target_kind"], name=found["target_name"])
        await self._lock(operation_id, found["project"], target, found["actor"], preempts=False)
        return await self.get(operation_id)

    async def _check_parent(self, child: Row) -> None:
        parent = await self.get(child["parent_id"])
        if parent["finished_at"] is None:
            raise Conflict(
                f"{child['id']} is a part of {parent['kind']} {parent['id']}, which is {parent['status']}.",
                hint="Wait for that to end; then retry this one, or that as a whole.",
                operation_id=parent["id"],
            )

    async def step_started(self, note: StepNote, seq: int, name: str, run_id: str) -> Status:
        """Write that a try of a step begins; raises StaleAttempt when a newer attempt owns the record or it is settled."""
        row = await self._call(
            "step_started",
            operation_id=note.operation_id,
            run=note.attempt,
            seq=seq,
            title=note.title,
            name=name,
            total=note.total,
            forward=note.forward,
            run_id=run_id,
        )
        if row is None:
            raise StaleAttempt(f"Attempt {note.attempt} of {note.operation_id} is over.")
        return Status(row["status"])

    async def step_finished(self, note: StepNote, seq: int, status: StepStatus, message: str) -> None:
        """Write how a try of a step ended; nothing happens when the attempt is over."""
        counts = status in (StepStatus.SUCCEEDED, StepStatus.UNCHANGED) and not note.undo and note.total > 0
        await self._call(
            "step_finished",
            operation_id=note.operation_id,
            run=note.attempt,
            seq=seq,
            status=status,
            message=message[:2000],
            counts=counts,
        )

    async def step_message(self, note: StepNote, seq: int, message: str) -> None:
        """Write what a running step says of its progress."""
        await self._call("step_message", operation_id=note.operation_id, run=note.attempt, seq=seq, message=message[:2000])

    async def settle(self, outcome: Outcome) -> bool:
        """End an attempt: status, error, result, open steps closed, lock freed; whether this call did it (idempotent)."""
        row = await self._call(
            "settle",
            operation_id=outcome.operation_id,
            attempt=outcome.attempt,
            status=outcome.status,
            error=outcome.error.model_dump(mode="json") if outcome.error else None,
            result=outcome.result,
        )
        return row is not None

    async def find(self, operation_id: str) -> Row | None:
        """The operation's row without steps, or None."""
        row: Row | None = await self._call("get_operation", id=operation_id)
        return row

    async def get(self, operation_id: str) -> Row:
        """The operation's row without steps; raises NotFound."""
        row = await self.find(operation_id)
        if row is None:
            raise no_operation(operation_id)
        return row

    async def with_steps(self, operation_id: str) -> Row:
        """The operation's row, `steps` and `controls` lists of all runs' ones, `waits_for` its paused children; raises NotFound."""
        row: Row | None = await self._call("get_operation_with_steps", id=operation_id)
        if row is None:
            raise no_operation(operation_id)
        return row

    async def page(self, filters: Filters, project_ids: list[str] | None, before: str | None, size: int) -> tuple[int, list[Row]]:
        """Rows newest first before the cursor, and how many match: at most MOST_COUNTED + 1, which stands for more.

        `project_ids` None means everything is seen. Error, request and result are text; of an ended operation there is no ask.
        """
        several = sum(value is not None for value in filters.values()) > 1  # which of them is rare, their values say
        rows = await self._fetch(*page_query(filters, project_ids, before, size), planned_anew=several)
        return rows[0]["counted"], [row for row in rows if row["id"] is not None]

    async def events_after(self, operation_id: str, after: int) -> list[Row]:
        """Up to 500 events with a sequence above `after`, in order."""
        return await self._rows("events_after", id=operation_id, after=after)

    async def unsettled(self, older_than: float, size: int = 100) -> list[Row]:
        """Live operations accepted more than `older_than` seconds ago, for the reconciler; of those that go on about `size`."""
        return await self._rows("unsettled_operations", older_than=older_than, size=size)

    async def preempt_project(self, project_id: str, by: str) -> list[Row]:
        """Move all of a project's live operations but `by` to CANCELLING, pre-empted by it, as far as they can be cancelled.

        Returns all of them (id, kind, workflow_id, status), those that only go forward too; idempotent.
        """
        rows = await self._rows("live_in_project", project_id=project_id, except_id=by)
        for row in rows:
            await self._call("request_cancel", id=row["id"], preempted_by=by, verb="cancel", actor=None)
        return rows

    async def paused_upgrade(self, project: str, app: str) -> Row | None:
        """The upgrade that pauses on the app (id, ask, pause), held for this transaction, or None."""
        row: Row | None = await self._call("paused_upgrade", project=project, name=app)
        return row

    async def scalings(self, project: str, app: str, upgrade: str) -> list[Row]:
        """What was scaled in that upgrade's pauses (id, kind, status, actor, ask, workflow_id, …), the newest first."""
        return await self._rows("scalings", project=project, name=app, id=upgrade)

    async def tell_scaling(self, upgrade: str, actor: str, words: str) -> None:
        """Have a pause that holds tell what is scaled in it."""
        await self._call("tell_scaling", id=upgrade, actor=actor, words=f" Scaled since: {words}.")

    async def holder(self, project: str, kind: str, name: str) -> str | None:
        """The id of the operation that holds the target, or None."""
        found: str | None = await self._call("holder", project=project, target_kind=kind, target_name=name)
        return found

    async def wait_settled(self, operation_id: str, seconds: float) -> bool:
        """Whether the operation settles within `seconds`; reads once a quarter second (used once per pre-emption)."""
        give_up = asyncio.get_running_loop().time() + seconds
        while (await self.get(operation_id))["status"] not in TERMINAL:
            if asyncio.get_running_loop().time() > give_up:
                return False
            await asyncio.sleep(0.25)
        return True


def _locked(new: NewOperation) -> str:
    """What the operation has to itself: its target, or what may be done in a pause of the upgrade that has that, one at a time."""
    within = isinstance(new.ask, ScaleApp) and new.ask.within
    return new.kind if within else new.target.kind


def canonical(body: Any) -> bytes:
    """The bytes an idempotency key's body is compared by."""
    return pydantic_core.to_json(body)


def busy(holder: Row, target: Target) -> Conflict:
    """The refusal of what is submitted where an operation (id, kind, status, pause) holds the target; paused, with the ways on."""
    told = f"{holder['kind']} {holder['id']} is {holder['status']} on {target.kind} {target.name!r}."
    if not holder["pause"]:
        forward = None if holder["cancellable"] else "It only goes forward. Wait for its end, then try again."
        return Conflict(told, operation_id=holder["id"], hint=forward)
    return Conflict(
        f"{told} {holder['pause']['message']}",
        operation_id=holder["id"],
        hint=f"It goes on by POST /v2/operations/{holder['id']}/resume, or ends by POST /v2/operations/{holder['id']}/cancel.",
    )
