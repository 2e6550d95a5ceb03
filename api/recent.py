"""What was read a moment ago: however many ask for the same, it is read once."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

T = TypeVar("T")


class Recent(Generic[T]):
    """Values by key, each kept for so many seconds from when it began to be read; one that could not be read is not kept."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._reading: dict[str, asyncio.Future[T]] = {}

    async def get(self, key: str, read: Callable[[], Awaitable[T]]) -> T:
        """The value, read where none is known; who goes away in the middle leaves it to the others. Raises what `read` does."""
        known = self._reading.get(key)
        if known is None:
            known = self._reading[key] = asyncio.ensure_future(read())
            known.add_done_callback(lambda done: self._forget(key, done) if done.cancelled() or done.exception() else None)
            asyncio.get_running_loop().call_later(self._seconds, self._forget, key, known)
        return await asyncio.shield(known)

    def _forget(self, key: str, value: "asyncio.Future[T]") -> None:
        if self._reading.get(key) is value:
            del self._reading[key]
