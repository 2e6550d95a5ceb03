"""The reconciler: a Temporal schedule brings records and workflows together again (architecture: reconciler)."""

from datetime import timedelta

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from activities.operations import OperationActivities, Reconciled


@workflow.defn(name="operation.reconcile")
class Reconcile:
    """One pass; not an operation itself, so it has no record."""

    @workflow.run
    async def run(self) -> Reconciled:
        """Run the one activity, bounded; the next pass comes by the schedule."""
        return await workflow.execute_activity_method(
            OperationActivities.reconcile,
            start_to_close_timeout=timedelta(seconds=60),
            schedule_to_close_timeout=timedelta(seconds=60),
            heartbeat_timeout=timedelta(seconds=10),
        )
