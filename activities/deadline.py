"""How long a running step has left, so that it can say what it waited on instead of being cut off."""

import asyncio
from datetime import UTC, datetime

from temporalio import activity

from model.suspension import look_of

# What is kept of the time for reading events and logs and writing the cause down: a part of the whole, within these seconds. A step
# that was suspended before is looked at again for its last seconds only, so more of those.
_PART, _PART_AFTER_SUSPENSION = 0.2, 0.5
_LEAST, _MOST = 2.0, 10.0
_TO_READ = 0.6  # of what is kept; the rest is to write it down


class Deadline:
    """The moment, by the event loop's clock, at which this try should give up with a reason of its own."""

    def __init__(self) -> None:
        info = activity.info()
        elapsed = (datetime.now(UTC) - info.scheduled_time).total_seconds()
        limits = [info.start_to_close_timeout.total_seconds()] if info.start_to_close_timeout else []
        if info.schedule_to_close_timeout:
            limits.append(info.schedule_to_close_timeout.total_seconds() - elapsed)
        part = _PART_AFTER_SUSPENSION if look_of(info.activity_id) else _PART
        kept = min(max(part * min(limits), _LEAST), _MOST)
        self._clock = asyncio.get_running_loop().time
        self._cut_off = self._clock() + min(limits)
        self._at = max(self._clock() + 0.5, self._cut_off - kept)

    @property
    def left(self) -> float:
        """Seconds until then, never below 0."""
        return max(0.0, self._at - self._clock())

    @property
    def reads_end(self) -> float:
        """When, by the loop's clock, what is read from now on to tell the cause has to be there, so that it is told at all."""
        now = self._clock()
        return now + _TO_READ * max(0.0, self._cut_off - now)
