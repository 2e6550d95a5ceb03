"""A few slots shared fairly: the next free one goes to the project that holds the fewest, among equals to who waits longest."""

import asyncio
import contextlib
from collections import Counter, deque
from collections.abc import AsyncIterator


class FairSlots:
    """`count` slots of one process; one project's thousand waiting builds do not keep another's from running."""

    def __init__(self, count: int) -> None:
        self._free = count
        self._held: Counter[str] = Counter()
        self._waiting: dict[str, deque[asyncio.Future[None]]] = {}

    @property
    def full(self) -> bool:
        """Whether the next one has to wait."""
        return self._free == 0

    @contextlib.asynccontextmanager
    async def held(self, project: str) -> AsyncIterator[None]:
        """Hold a slot; a cancellation while waiting gives up the place."""
        place = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(project, deque()).append(place)
        self._grant()
        try:
            await place
        except asyncio.CancelledError:
            if not place.cancelled():  # it was granted in the same moment
                self._give_back(project)
            raise
        try:
            yield
        finally:
            self._give_back(project)

    def _grant(self) -> None:
        while self._free and self._waiting:
            project = min(self._waiting, key=lambda name: self._held[name])
            # Taken out and put back, a project with more to come queues behind those that have waited longer.
            others = self._waiting.pop(project)
            place = others.popleft()
            if others:
                self._waiting[project] = others
            if not place.cancelled():
                self._free -= 1
                self._held[project] += 1
                place.set_result(None)

    def _give_back(self, project: str) -> None:
        self._held[project] -= 1
        if not self._held[project]:
            del self._held[project]
        self._free += 1
        self._grant()
