"""The record's own activities: settling, waiting for a pre-empted operation, and the reconciler."""

import asyncio

import structlog
from temporalio import activity

from activities.deadline import Deadline
from activities.progress import tell, unchanged
from activities.together import side_by_side
from clients.temporal import Operations
from model.base import Frozen
from model.controls import Stop
from model.errors import Cancelled, Conflict, InternalError, MooringError
from model.operations import Ask, Outcome, Status, Verb
from records import Records
from records.controls import asked_of
from records.store import Row

log = structlog.get_logger()
_GRACE_SECONDS = 10.0
_ASK_AGAIN_SECONDS = 3.0
_AT_ONCE = 10  # operations that are reconciled side by side
_STOPPED_AT_ONCE = 32


class Reconciled(Frozen):
    """What one pass of the reconciler did, in numbers of operations."""

    looked: int = 0
    started: int = 0
    cancelled: int = 0
    told: int = 0
    settled: int = 0
    failed: int = 0


class OperationActivities:
    """What every operation needs beside its own steps."""

    def __init__(self, records: Records, operations: Operations) -> None:
        self._records = records
        self._operations = operations

    @activity.defn(name="operation.settle")
    async def settle(self, outcome: Outcome) -> None:
        """Write how the attempt ended, once (compare-and-set on id and attempt); raises PlatformUnavailable, transient."""
        await self._records.operations.settle(outcome)

    @activity.defn(name="operation.take_over")
    async def take_over(self, ask: Ask) -> None:
        """Cancel the operation whose target this one took and wait until it has settled.

        Raises Conflict naming it when that takes until the deadline.
        """
        if ask.preempts is not None:
            await self._stop([await self._records.operations.get(ask.preempts)])

    @activity.defn(name="operation.stop_others")
    async def stop_others(self, ask: Ask) -> None:
        """Cancel what else runs in the project, which goes away, and wait until it has settled; idempotent.

        Raises Conflict naming an operation that does not stop until the deadline.
        """
        project = await self._records.projects.find(ask.project)
        if project is None:
            return
        running = await self._records.operations.preempt_project(project.id, ask.operation_id)
        for row in running:
            # One that only goes forward is waited for; a pause must not keep the project from going.
            if asked := await self._records.controls.ask(row["id"], Verb.RESUME, ask.actor):
                await self._operations.control(row["workflow_id"], asked)
        await self._stop(running)
        if not running:
            unchanged("nothing else runs")

    async def _stop(self, running: list[Row]) -> None:
        """Cancel them (rows as `stop` needs them) and wait for each as long as its undos take, until the deadline at most.

        Some at a time: thousands that undo at once would be an overload of its own.
        """
        deadline = Deadline()

        async def stop(row: Row) -> None:
            await self._operations.stop(row)
            await tell(f"waiting for {row['kind']} {row['id']} to stop")
            while not await self._records.operations.wait_settled(row["id"], min(_ASK_AGAIN_SECONDS, deadline.left)):
                if not deadline.left:
                    raise Conflict(
                        f"{row['kind']} {row['id']} has been told to stop and has not ended yet.",
                        hint="Retry: it goes on waiting.",
                        operation_id=row["id"],
                    )
                await self._operations.stop(row)  # it may have been started only now

        await side_by_side(stop, running, _STOPPED_AT_ONCE)

    @activity.defn(name="operation.reconcile")
    async def reconcile(self) -> Reconciled:
        """Bring records and workflows together again after a crash between the two; idempotent.

        ACCEPTED without a workflow is started; CANCELLING, and controls that were not told, are told to the workflow again; a
        live record whose workflow has closed without settling (terminated by hand, or lost) is settled as FAILED. A child is its
        running parent's to start; one that its parent left behind is cancelled. What cannot be done for one operation does not
        hold up the others.
        """
        rows = await self._records.operations.unsettled(_GRACE_SECONDS)
        counts = {"looked": 0, "started": 0, "cancelled": 0, "told": 0, "settled": 0, "failed": 0}
        places = asyncio.Semaphore(_AT_ONCE)

        async def bring_together(row: Row) -> None:
            async with places:
                try:
                    counts[await self._reconcile_one(row)] += 1
                except MooringError as error:
                    counts["failed"] += 1
                    log.warning("not reconciled", operation=row["id"], reason=error.reason, message=error.message)

        await asyncio.gather(*map(bring_together, rows))
        return Reconciled(**{**counts, "looked": len(rows)})

    async def _reconcile_one(self, row: Row) -> str:
        if not self._operations.knows(row["kind"]):
            log.warning("an operation of a kind that this version does not have", operation=row["id"], kind=row["kind"])
            return "looked"
        run = await self._operations.newest_run(row["workflow_id"])
        if run and run.state == "RUNNING":
            if row["status"] == Status.CANCELLING:
                await self._operations.cancel(row["workflow_id"], _stop(row))
                return "cancelled"
            return "told" if await self._tell_controls(row) else "looked"
        if run is None or run.attempt < row["attempt"]:
            return "looked" if row["parent_lives"] else await self._begin(row)
        await self._records.operations.settle(_ended(row, Status.FAILED, f"{run.state} in Temporal"))
        log.warning("operation settled by the reconciler", operation=row["id"], workflow=run.state)
        return "settled"

    async def _begin(self, row: Row) -> str:
        """Start an attempt that was never started; one that is to end instead is started and cancelled.

        Its undos then set right what was written when it was accepted, such as an app's name that was taken.
        """
        if row["orphaned"] and not row["cancellable"]:
            await self._records.operations.settle(_ended(row, Status.CANCELLED, "the operation it was a part of ended first"))
            return "settled"
        if row["orphaned"]:
            await self._records.operations.request_cancel(row["id"])
        await self._operations.start(row["kind"], row["workflow_id"], row["ask"])
        if row["orphaned"] or row["status"] == Status.CANCELLING:
            await self._operations.cancel(row["workflow_id"], _stop(row))
            return "cancelled"
        await self._tell_controls(row)
        log.info("operation started by the reconciler", operation=row["id"])
        return "started"

    async def _tell_controls(self, row: Row) -> bool:
        """Tell the running workflow what was asked of it while Temporal was away; whether there was something."""
        if row["control_seq"] == row["control_told"]:
            return False
        asked = asked_of(row)
        if await self._operations.control(row["workflow_id"], asked):
            await self._records.controls.told(row["id"], asked)
        return True


def _stop(row: Row) -> Stop | None:
    return Stop.model_validate(row["stop"]) if row["stop"] else None


def _ended(row: Row, status: Status, how: str) -> Outcome:
    error = (
        Cancelled(f"It did not run: {how}.")
        if status is Status.CANCELLED
        else InternalError(f"The workflow ended without telling its record: {how}.", hint="Retry: it goes on where it stopped.")
    )
    return Outcome(operation_id=row["id"], attempt=row["attempt"], status=status, error=error.as_error())
