"""A step that stands still gives its place back: it ends as Suspended, and is looked at again when something changes (pure)."""

from typing import Literal

from model.base import Frozen

_FIRST = 5.0
_LONGEST = 1800.0
_GROWTH = 4.0
_FIRST_CALM = 0.5
_LONGEST_CALM = 60.0
_GROWTH_OF_CALM = 2.5
_PACE, _LONGEST_PACE = 0.03, 30.0
_MOST_LOOKS = 10  # beyond it nothing grows any more


class Suspended(Frozen):
    """What a step returns that only waits: the workflow runs it again when it is woken, after `seconds` at the latest."""

    suspended: Literal[True] = True
    seconds: float


class NoRoom(Frozen):
    """For how many seconds a step had waited for room when it was suspended, and how far it was then, in words."""

    waited: float
    told: str


def net_seconds(look: int) -> float:
    """After how long the step is looked at again although nobody woke it, once it was suspended `look` times before.

    >>> [net_seconds(look) for look in (0, 1, 2, 5, 400)]
    [5.0, 20.0, 80.0, 1800.0, 1800.0]
    """
    return min(_LONGEST, _FIRST * _GROWTH ** min(look, _MOST_LOOKS))


def calm_seconds(look: int) -> float:
    """For how long what seldom decides anything, such as one more restart of a container, does not wake it.

    >>> [calm_seconds(look) for look in (0, 1, 2, 400)]
    [0.5, 1.25, 3.125, 60.0]
    """
    return min(_LONGEST_CALM, _FIRST_CALM * _GROWTH_OF_CALM ** min(look, _MOST_LOOKS))


def calm_of_workloads(look: int) -> float:
    """For how long a workload's change does not wake it, once it was suspended `look` times: long only for what never calms.

    So a workload that changes all the time for a day, the longest deadline, stays below what a history of Temporal may hold.

    >>> [calm_of_workloads(look) for look in (0, 10, 4000)]
    [0.0, 0.3, 30.0]
    """
    return min(_LONGEST_PACE, round(_PACE * look, 2))


def step_of(activity_id: str) -> int:
    """The step's number in its record.

    >>> step_of("4"), step_of("4.2")
    (4, 4)
    """
    return int(activity_id.partition(".")[0])


def look_of(activity_id: str) -> int:
    """How often the step was suspended before.

    >>> look_of("4"), look_of("4.2")
    (0, 2)
    """
    return int(activity_id.partition(".")[2] or 0)


def activity_id(step: int, look: int) -> str:
    """The id of the activity that looks at a step for the time after `look` suspensions.

    >>> activity_id(4, 0), activity_id(4, 2)
    ('4', '4.2')
    """
    return f"{step}.{look}" if look else str(step)
