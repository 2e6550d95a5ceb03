"""Gates of a batch, judged: conditions on a metric, held or broken over time, and what an HTTP probe answered (pure).

As KubeVela's check-metrics: a metric passes when its condition has held without a break for `duration`, and fails when it has
been broken without a break for `fail_duration`; no answer is a broken condition. But before the first answer there is
patience for at least SILENCE seconds: what has just started is not measured at once.
"""

import operator
import re
from collections.abc import Callable, Mapping, Sequence
from enum import StrEnum
from itertools import dropwhile

from model.base import Frozen

SILENCE = 60
_CONDITION = re.compile(r"\s*(<=|>=|==|!=|<|>)\s*([-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?)\s*")
_COMPARE: Mapping[str, Callable[[float, float], bool]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
    "==": operator.eq,
    "!=": operator.ne,
}
_DURATION = re.compile(r"(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s)?")


class Condition(Frozen):
    """A comparison with a number, such as "< 0.05"."""

    compare: str
    bound: float

    def holds(self, value: float | None) -> bool:
        """Whether the value meets it; None, no answer, never does."""
        return value is not None and _COMPARE[self.compare](value, self.bound)


class Sample(Frozen):
    """A metric's value, None where no series answers, `at` seconds after the gate began."""

    at: float
    value: float | None


class Verdict(StrEnum):
    """What is known of a gate so far."""

    OPEN = "OPEN"
    PASSED = "PASSED"
    FAILED = "FAILED"


def condition_of(text: str) -> Condition:
    """The condition that a text says; raises ValueError.

    >>> condition_of("< 0.05").holds(0.01), condition_of(">=3").holds(2), condition_of("< 1").holds(None)
    (True, False, False)
    """
    found = _CONDITION.fullmatch(text)
    if not found:
        raise ValueError('must be a comparison with a number, such as "< 0.05": one of <, <=, >, >=, ==, != and the number')
    return Condition(compare=found[1], bound=float(found[2]))


def seconds_of(text: str) -> int:
    """The seconds of a duration in hours, minutes and seconds; raises ValueError.

    >>> seconds_of("90s"), seconds_of("2m"), seconds_of("1h5m")
    (90, 120, 3900)
    """
    found = _DURATION.fullmatch(text)
    if not text or not found:
        raise ValueError('must be a duration such as "30s", "2m" or "1h30m"')
    hours, minutes, seconds = (int(part or 0) for part in found.groups())
    return 3600 * hours + 60 * minutes + seconds


def judged(samples: Sequence[Sample], condition: Condition, duration: float, fail_duration: float) -> Verdict:
    """What the samples so far, in the order of their times, say of the gate.

    Only the newest run of equal verdicts counts: it passes once the condition has held from one sample to another at least
    `duration` later, and fails likewise. A `duration` of 0 passes with the first good sample.

    >>> good, bad = [Sample(at=t, value=0.0) for t in (0, 5, 10)], [Sample(at=t, value=1.0) for t in (15, 20)]
    >>> below = condition_of("< 0.5")
    >>> judged(good, below, 10, 5), judged([*good[:2], *bad], below, 10, 5), judged([*good[:2], *bad[:1]], below, 10, 5)
    (<Verdict.PASSED: 'PASSED'>, <Verdict.FAILED: 'FAILED'>, <Verdict.OPEN: 'OPEN'>)
    >>> silent = [Sample(at=t, value=None) for t in (0, 10, 20)]
    >>> judged(silent, below, 10, 5), judged([*silent, Sample(at=60, value=None)], below, 10, 5)
    (<Verdict.OPEN: 'OPEN'>, <Verdict.FAILED: 'FAILED'>)
    """
    if not samples:
        return Verdict.OPEN
    newest = samples[-1]
    answered = list(dropwhile(lambda sample: sample.value is None, samples))
    if not answered:
        return Verdict.FAILED if newest.at - samples[0].at >= max(SILENCE, fail_duration) else Verdict.OPEN
    holds = condition.holds(newest.value)
    since = newest.at
    for sample in reversed(answered):
        if condition.holds(sample.value) != holds:
            break
        since = sample.at
    if newest.at - since < (duration if holds else fail_duration):
        return Verdict.OPEN
    return Verdict.PASSED if holds else Verdict.FAILED
