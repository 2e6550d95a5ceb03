"""The autoscaler: a Temporal schedule lets a pass over all apps run every few seconds (mission B).

One loop for the cluster. A schedule, not a workflow that lives on: the state is in the records, each pass has a short history of
its own, a pass that hangs is not overtaken but skipped, and no run of months has to replay after an update.
"""

from datetime import timedelta

from temporalio import workflow
from temporalio.common import RetryPolicy

with workflow.unsafe.imports_passed_through():
    from activities.autoscaling import AutoscalingActivities, Passed

_WITHIN = timedelta(seconds=60)
_RETRY = RetryPolicy(initial_interval=timedelta(seconds=1), maximum_interval=timedelta(seconds=10))


@workflow.defn(name="app.autoscale")
class Autoscale:
    """One pass; not an operation itself, so it has no record. What is due it starts as app.scale, by the actor "autoscaler"."""

    @workflow.run
    async def run(self) -> Passed:
        """Run the one activity, bounded; the next pass comes by the schedule."""
        return await workflow.execute_activity_method(
            AutoscalingActivities.run_pass,
            start_to_close_timeout=_WITHIN,
            schedule_to_close_timeout=_WITHIN,
            heartbeat_timeout=timedelta(seconds=10),
            retry_policy=_RETRY,
        )
