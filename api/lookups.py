"""What many requests ask for at once, read by one query: each is told what was read after it asked, so nothing is kept or old."""

import asyncio
import functools
from collections.abc import Awaitable, Callable, Collection, Mapping
from typing import Generic, TypeVar

K = TypeVar("K")
V = TypeVar("V")
_PATIENCE = 0.05  # seconds after which one query, which may hang, holds up no other


class Lookups(Generic[K, V]):
    """Values by key: what is asked for while one read is under way is read by the next, all of it as one."""

    def __init__(self, read: Callable[[Collection[K]], Awaitable[Mapping[K, V]]]) -> None:
        self._read = read
        self._asked: dict[K, asyncio.Future[V | None]] = {}
        self._beginning: asyncio.Task[None] | None = None
        self._under_way: set[asyncio.Future[Mapping[K, V]]] = set()

    async def get(self, key: K) -> V | None:
        """The value, None where there is none; raises what the read does. Who goes away leaves it to the others."""
        answer = self._asked.get(key)
        if answer is None:
            answer = self._asked[key] = asyncio.get_running_loop().create_future()
            answer.add_done_callback(_heard)
        if self._beginning is None:
            self._beginning = asyncio.create_task(self._begin())
        return await asyncio.shield(answer)

    async def _begin(self) -> None:
        """Begin a read for all who wait, and the next when it has ended or takes long, until nobody waits."""
        while self._asked:
            asked, self._asked = self._asked, {}
            reading = asyncio.ensure_future(self._read(list(asked)))
            self._under_way.add(reading)
            reading.add_done_callback(functools.partial(self._answer, asked))
            await asyncio.wait({reading}, timeout=_PATIENCE)
        self._beginning = None

    def _answer(self, asked: "Mapping[K, asyncio.Future[V | None]]", read: "asyncio.Future[Mapping[K, V]]") -> None:
        self._under_way.discard(read)
        error = asyncio.CancelledError() if read.cancelled() else read.exception()
        for key, answer in asked.items():
            if error:
                answer.set_exception(error)
            else:
                answer.set_result(read.result().get(key))


def _heard(answer: "asyncio.Future[V | None]") -> None:
    """An error that nobody is there to hear any more is no bug to be logged."""
    if not answer.cancelled():
        answer.exception()
