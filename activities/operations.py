"""The record's own activities: settling, waiting for a pre-empted operation, and the reconciler."""

import structlog
from temporalio import activity

from activities.progress import tell, unchanged
from clients.temporal import Operations
from model.base import Frozen
from model.errors import Cancelled, Conflict, InternalError
from model.operations import TERMINAL, Ask, Outcome, Status
from records import Records
from records.store import Row

log = structlog.get_logger()
_GRACE_SECONDS = 10.0


class Reconciled(Frozen):
    """What one pass of the reconciler did, in numbers of operations."""

    looked: int = 0
    started: int = 0
    cancelled: int = 0
    settled: int = 0


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
        """Cancel the operation whose target this one took and wait until it has settled; raises Conflict after 60 s."""
        if ask.preempts is None:
            return
        victim = await self._records.operations.get(ask.preempts)
        if victim["status"] not in TERMINAL:
            await tell(f"waiting for {victim['kind']} {victim['id']} to stop")
            await self._operations.cancel(victim["workflow_id"])
        if not await self._records.operations.wait_settled(ask.preempts, 60):
            raise Conflict(
                f"{victim['kind']} {victim['id']} did not stop within 60 s.",
                hint="Retry: it goes on waiting.",
                operation_id=victim["id"],
            )

    @activity.defn(name="operation.stop_others")
    async def stop_others(self, ask: Ask) -> None:
        """Cancel what else runs in the project, which goes away, and wait until it has settled; idempotent.

        Raises Conflict naming an operation that does not stop within 120 s.
        """
        project = await self._records.projects.find(ask.project)
        if project is None:
            return
        running = await self._records.operations.preempt_project(project.id, ask.operation_id)
        for row in running:
            await self._operations.cancel(row["workflow_id"])
        for row in running:
            await tell(f"waiting for {row['kind']} {row['id']} to stop")
            if not await self._records.operations.wait_settled(row["id"], 120):
                raise Conflict(
                    f"{row['kind']} {row['id']} did not stop within 120 s.",
                    hint="Retry: it goes on waiting.",
                    operation_id=row["id"],
                )
        if not running:
            unchanged("nothing else runs")

    @activity.defn(name="operation.reconcile")
    async def reconcile(self) -> Reconciled:
        """Bring records and workflows together again after a crash between the two; idempotent.

        ACCEPTED without a workflow is started, CANCELLING is told to its workflow again, and a live record whose workflow
        has closed without settling (terminated by hand, or lost) is settled as FAILED. A child is its running parent's to
        start; one that its parent left behind is settled as CANCELLED.
        """
        rows = await self._records.operations.unsettled(_GRACE_SECONDS)
        counts = {"looked": len(rows), "started": 0, "cancelled": 0, "settled": 0}
        for row in rows:
            counts[await self._reconcile_one(row)] += 1
        counts["looked"] = len(rows)
        return Reconciled(**counts)

    async def _reconcile_one(self, row: Row) -> str:
        if not self._operations.knows(row["kind"]):
            log.warning("an operation of a kind that this version does not have", operation=row["id"], kind=row["kind"])
            return "looked"
        run = await self._operations.newest_run(row["workflow_id"])
        if run and run.state == "RUNNING":
            if row["status"] == Status.CANCELLING:
                await self._operations.cancel(row["workflow_id"])
                return "cancelled"
            return "looked"
        if run is None or run.attempt < row["attempt"]:  # this attempt was never started
            if row["parent_lives"]:
                return "looked"
            if row["orphaned"]:
                await self._records.operations.settle(_ended(row, Status.CANCELLED, "the operation it was a part of ended first"))
                return "settled"
            if row["status"] == Status.CANCELLING:
                await self._records.operations.settle(_ended(row, Status.CANCELLED, "it was cancelled before it started"))
                return "settled"
            await self._operations.start(row["kind"], row["workflow_id"], row["ask"])
            log.info("operation started by the reconciler", operation=row["id"])
            return "started"
        await self._records.operations.settle(_ended(row, Status.FAILED, f"{run.state} in Temporal"))
        log.warning("operation settled by the reconciler", operation=row["id"], workflow=run.state)
        return "settled"


def _ended(row: Row, status: Status, how: str) -> Outcome:
    error = (
        Cancelled(f"It did not run: {how}.")
        if status is Status.CANCELLED
        else InternalError(f"The workflow ended without telling its record: {how}.", hint="Retry: it goes on where it stopped.")
    )
    return Outcome(operation_id=row["id"], attempt=row["attempt"], status=status, error=error.as_error())
