"""How long a move waits for room that is not there, as its caller chose (mission B: onUnschedulable)."""

import asyncio
import math

from model.apps import MoveApp

_USUALLY = 60.0  # seconds without any progress; long enough for neighbours to end that are ending
_AT_ONCE = 5.0  # the same where the caller wants to know: the scheduler has looked again by then


class Patience:
    """It begins when instances find no place, and anew whenever the move gets on.

    "wait" is without end, for the deadline has one; "fail" is short; what is not said is 60 s, and without end for what runs to
    its end: a Job may well wait for its turn.
    """

    def __init__(self, ask: MoveApp) -> None:
        by_default = math.inf if ask.runs_to_end else _USUALLY
        self.seconds = {"wait": math.inf, "fail": _AT_ONCE, None: by_default}[ask.on_unschedulable]
        self._clock = asyncio.get_running_loop().time
        self._ends = math.inf

    def begin(self, waited: float = 0.0) -> None:
        """Say that instances find no place, and have not for so many seconds; idempotent."""
        self._ends = min(self._ends, self._clock() + self.seconds - waited)

    def restart(self) -> None:
        """Say that none waits for a place, or that the move got on."""
        self._ends = math.inf

    @property
    def waited(self) -> float | None:
        """Seconds for which none was found, None where nothing waits for a place or no bound is set."""
        return None if self._ends == math.inf else self._clock() - (self._ends - self.seconds)

    @property
    def left(self) -> float:
        """Seconds until it is over, never below 0; without end where nothing waits for a place."""
        return max(0.0, self._ends - self._clock())
