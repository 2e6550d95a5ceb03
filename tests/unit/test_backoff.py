"""How long the tries of a step are apart."""

import doctest

from hypothesis import given
from hypothesis import strategies as st

from worker import backoff
from worker.backoff import pause

CHANCES = st.floats(0, 1)


@given(st.integers(1, 10_000), CHANCES)
def test_it_is_never_none_and_never_longer_than_a_quarter_of_a_minute(attempt: int, chance: float) -> None:
    assert 0.1 <= pause(attempt, chance) <= 15


@given(st.integers(1, 10_000))
def test_those_that_failed_together_do_not_come_together(attempt: int) -> None:
    assert pause(attempt, 1) == 2 * pause(attempt, 0)
    assert pause(attempt + 1, 0.5) >= pause(attempt, 0.5)


def test_the_examples_are_right() -> None:
    assert doctest.testmod(backoff).failed == 0
