"""A and B in turn, at least seven pairs, medians: the one way figures are taken here."""

import statistics
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

Work = Callable[[int], Awaitable[Any]]


@dataclass
class Figure:
    """One row of the table: seconds of ours and of the reference, pair by pair, and the goal their ratio is held to.

    `slack` is the difference in seconds that is good enough whatever the ratio (targets P1), None where there is none.
    With the unit "" both are ratios themselves, with "/s" they are done so often in a second, and the goal is the least.
    """

    target: str
    what: str
    goal: float
    slack: float | None = None
    unit: str = "s"
    ours: list[float] = field(default_factory=list)
    reference: list[float] = field(default_factory=list)
    profile: list[str] = field(default_factory=list)

    @property
    def ratio(self) -> float:
        """Median of ours over median of the reference."""
        return statistics.median(self.ours) / statistics.median(self.reference)

    @property
    def met(self) -> bool:
        """Whether the goal, or the slack, is kept."""
        if self.unit == "/s":
            return self.ratio >= self.goal
        difference = statistics.median(self.ours) - statistics.median(self.reference)
        return self.ratio <= self.goal or (self.slack is not None and difference <= self.slack)

    def as_json(self) -> dict[str, Any]:
        """The figure with its raw pairs, for bench.json."""
        return {
            "target": self.target,
            "what": self.what,
            "ratio": round(self.ratio, 3),
            "goal": self.goal,
            "slackSeconds": self.slack,
            "met": self.met,
            "unit": self.unit,
            "oursMedian": round(statistics.median(self.ours), 4),
            "referenceMedian": round(statistics.median(self.reference), 4),
            "ours": [round(s, 4) for s in self.ours],
            "reference": [round(s, 4) for s in self.reference],
            "profile": self.profile,
        }


async def measure(figure: Figure, ours: Work, reference: Work, pairs: int, say: Callable[[str], None]) -> Figure:
    """Run `pairs` pairs after one of each to warm up; each work gets the pair's number (0 is the warm-up)."""
    for number in range(pairs + 1):
        for work, into in ((ours, figure.ours), (reference, figure.reference)):
            begun = time.perf_counter()
            seconds = await work(number)
            taken = seconds if isinstance(seconds, float) else time.perf_counter() - begun
            if number:
                into.append(taken)
        say(f"{figure.target}: pair {number} of {pairs}")
    return figure
