"""How long the tries of a step are apart."""

import dataclasses
import doctest
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from temporalio.exceptions import ApplicationError
from temporalio.testing import ActivityEnvironment

from model import backoff
from model.backoff import pause
from model.errors import Invalid, MooringError, PlatformUnavailable
from worker.interceptors import _told

CHANCES = st.floats(0, 1)


@given(st.integers(1, 10_000), CHANCES)
def test_it_is_never_none_and_never_longer_than_a_quarter_of_a_minute(attempt: int, chance: float) -> None:
    assert 0.1 <= pause(attempt, chance, 15) <= 15


@given(st.integers(1, 10_000))
def test_those_that_failed_together_do_not_come_together(attempt: int) -> None:
    assert pause(attempt, 1, 15) == 2 * pause(attempt, 0, 15)
    assert pause(attempt + 1, 0.5, 15) >= pause(attempt, 0.5, 15)


def test_the_examples_are_right() -> None:
    assert doctest.testmod(backoff).failed == 0


async def delay_of(error: MooringError, *, left: float) -> timedelta | None:
    """What Temporal is told of the next try, at the tenth with so many seconds left for the step."""
    environment = ActivityEnvironment()
    limit = {
        "scheduled_time": datetime.now(UTC) - timedelta(hours=1),
        "schedule_to_close_timeout": timedelta(hours=1, seconds=left),
    }
    environment.info = dataclasses.replace(environment.info, attempt=10, **limit)

    async def fails() -> None:
        raise error

    with pytest.raises(ApplicationError) as failed:
        await environment.run(_told, fails)
    return failed.value.next_retry_delay


async def test_the_worker_says_when_the_next_try_is_and_leaves_time_for_it() -> None:
    away = PlatformUnavailable("The database is away.")
    plenty, little = await delay_of(away, left=600), await delay_of(away, left=6)
    assert plenty
    assert little
    assert timedelta(seconds=7) < plenty <= timedelta(seconds=15)
    assert timedelta(seconds=2) < little <= timedelta(seconds=3)
    assert await delay_of(Invalid("It cannot be."), left=600) is None
