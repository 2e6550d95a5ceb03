"""How often something is read while it is waited for."""

import asyncio

_SHARE = 0.3  # of the time waited so far, between two reads


class Pace:
    """The first `free` reads come `least` seconds apart, then ever more seldom.

    The number of reads so grows with the logarithm of the time waited, however many instances send their hints. What is costly
    to read is read at most half of the time. `taken` is how many were made.
    """

    def __init__(self, free: int, least: float) -> None:
        self._clock = asyncio.get_running_loop().time
        self._free = free
        self._least = least
        self._cost = 0.0
        self.restart()

    def restart(self) -> None:
        """Begin anew: the first read may come after `least` seconds, or as long as the last one took."""
        self._began = self._clock()
        self._next = self._began + max(self._least, self._cost)
        self.taken = 0

    @property
    def left(self) -> float:
        """Seconds until the next read may come, 0 when it may."""
        return max(0.0, self._next - self._clock())

    def took(self, seconds: float = 0.0) -> None:
        """Say that a read was made, and how long it took."""
        self.taken += 1
        now = self._clock()
        waited = _SHARE * (now - self._began) if self.taken >= self._free else 0.0
        self._cost = seconds
        self._next = now + max(self._least, waited, seconds)
