"""One LISTEN connection per process tells waiting requests that an operation has moved; they then read by sequence."""

import asyncio
import contextlib
from collections import defaultdict
from collections.abc import Iterator

from records.connections import listen

_CHANNEL = "operations"


class Notifications:
    """Wakes waiters by operation id; after a lost connection it wakes all, since words may have been missed."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._waiting: dict[str, set[asyncio.Event]] = defaultdict(set)
        self._task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> "Notifications":
        self._task = asyncio.create_task(listen(self._url, _CHANNEL, self._hear, self._hear_all))
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._task:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task

    @contextlib.contextmanager
    def subscribed(self, operation_id: str) -> Iterator[asyncio.Event]:
        """An event that is set whenever the operation moves. Subscribe first, then read, or a move is missed."""
        event = asyncio.Event()
        self._waiting[operation_id].add(event)
        try:
            yield event
        finally:
            self._waiting[operation_id].discard(event)
            if not self._waiting[operation_id]:
                del self._waiting[operation_id]

    def _hear(self, operation_id: str) -> None:
        for event in self._waiting.get(operation_id, ()):
            event.set()

    def _hear_all(self) -> None:
        for operation_id in list(self._waiting):
            self._hear(operation_id)


async def woken(event: asyncio.Event, seconds: float) -> None:
    """Wait until the event is set, at most `seconds`, and clear it."""
    with contextlib.suppress(asyncio.TimeoutError):
        await asyncio.wait_for(event.wait(), seconds)
    event.clear()
