"""Who is next: heavy steps take turns on the machine's cores and its network, by rank among those that wait."""

import threading
from bisect import insort
from collections.abc import Iterator
from contextlib import contextmanager

from deploy.local import wait


class Turns:
    """So many at once and no more; of those that wait the one of the lowest rank goes first."""

    def __init__(self, at_once: int) -> None:
        self._free = at_once
        self._waiting: list[int] = []
        self._changed = threading.Condition()

    @contextmanager
    def turn(self, rank: int) -> Iterator[None]:
        """Wait for a turn and hold it. No two that wait at a time may have the same rank. Errors: Interrupted after Ctrl-C."""
        with self._changed:
            insort(self._waiting, rank)
            while not (self._free and self._waiting[0] == rank):
                self._changed.wait(0.5)
                if wait.interrupted.is_set():
                    self._waiting.remove(rank)
                    raise wait.Interrupted
            self._waiting.remove(rank)
            self._free -= 1
            self._changed.notify_all()
        try:
            yield
        finally:
            with self._changed:
                self._free += 1
                self._changed.notify_all()
