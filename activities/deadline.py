"""How long a running step has left, so that it can say what it waited on instead of being cut off."""

import asyncio
from datetime import UTC, datetime

from temporalio import activity

_TO_TELL = 2.0  # seconds kept for reading logs and writing the cause down


class Deadline:
    """The moment, by the event loop's clock, at which this try should give up with a reason of its own."""

    def __init__(self) -> None:
        info = activity.info()
        elapsed = (datetime.now(UTC) - info.scheduled_time).total_seconds()
        limits = [info.start_to_close_timeout.total_seconds()] if info.start_to_close_timeout else []
        if info.schedule_to_close_timeout:
            limits.append(info.schedule_to_close_timeout.total_seconds() - elapsed)
        self._clock = asyncio.get_running_loop().time
        self._at = self._clock() + max(0.5, min(limits) - _TO_TELL)

    @property
    def left(self) -> float:
        """Seconds until then, never below 0."""
        return max(0.0, self._at - self._clock())
