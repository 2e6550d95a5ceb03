"""Sources are kept for a stated time: a Temporal schedule removes them after it (mission F)."""

from datetime import timedelta

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from activities.sources import Expired, SourceActivities

_WITHIN = timedelta(minutes=5)


@workflow.defn(name="source.expire")
class ExpireSources:
    """One pass; not an operation itself, so it has no record."""

    @workflow.run
    async def run(self) -> Expired:
        """Run the one activity, bounded; the next pass comes by the schedule."""
        return await workflow.execute_activity_method(
            SourceActivities.expire, start_to_close_timeout=timedelta(seconds=60), schedule_to_close_timeout=_WITHIN
        )
