"""The autoscaler's loop: a schedule that says what the settings say, and a pass that gets over a moment's outage."""

from datetime import timedelta

from temporalio.client import Client, ScheduleOverlapPolicy

from activities.autoscaling import AutoscalingActivities, Passed
from model.errors import ClusterUnreachable
from tests.workflow.conftest import Seen, raising, stand_in, worker_with
from worker.main import CONTROL, schedule
from workflows.autoscaling import Autoscale


async def test_the_loop_runs_as_often_as_the_settings_say_now(client: Client) -> None:
    handle = client.get_schedule_handle("app.autoscale")
    try:
        for seconds in (300, 200):
            await schedule(client, Autoscale, timedelta(seconds=seconds))
            found = (await handle.describe()).schedule
            assert [one.every for one in found.spec.intervals] == [timedelta(seconds=seconds)]
            assert found.policy.overlap is ScheduleOverlapPolicy.SKIP
    finally:
        await handle.delete()


async def test_a_pass_gets_over_a_moment_without_the_cluster(client: Client) -> None:
    passes = raising(ClusterUnreachable("away"), None, then=Passed(looked=2, started=1))
    async with worker_with(client, CONTROL, Seen(), stand_in(AutoscalingActivities.run_pass, passes)):
        done = await client.execute_workflow(Autoscale.run, id="one pass", task_queue=CONTROL)
    assert done == Passed(looked=2, started=1)
