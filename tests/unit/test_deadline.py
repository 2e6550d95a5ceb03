"""What a step keeps of its time to say what it waited on."""

import dataclasses
from datetime import UTC, datetime, timedelta

import pytest
from temporalio.testing import ActivityEnvironment

from activities.deadline import Deadline


@pytest.mark.parametrize(
    ("activity_id", "seconds", "kept"),
    [("4", 300, 10), ("4", 30, 6), ("4", 8, 2), ("4.3", 15, 7.5), ("4.3", 300, 10), ("4", 2, 1.5)],
)
async def test_a_part_of_the_time_is_kept_to_tell_the_cause(activity_id: str, seconds: float, kept: float) -> None:
    environment = ActivityEnvironment()
    environment.info = dataclasses.replace(
        environment.info,
        activity_id=activity_id,
        start_to_close_timeout=timedelta(seconds=seconds),
        schedule_to_close_timeout=None,
        scheduled_time=datetime.now(UTC),
    )

    async def left() -> float:
        return Deadline().left

    assert await environment.run(left) == pytest.approx(seconds - kept, abs=0.1)
