"""One shared watch per cluster and kind in each process: hints that something changed, and what (architecture: Waiting).

A hint is never proof: completion is judged by a fresh read. So a hint may come twice, late or for nothing, and none is
lost: whoever subscribes first and then reads is woken by every later change, and once more whenever the watch starts or
starts over: then changes may have passed unseen, and only a read tells. One that connects again goes on from what it saw last.

The watch begins with the first subscriber and ends when nobody has asked for a while: an idle platform sends nothing.
"""

import asyncio
import contextlib
import random
from collections import defaultdict
from collections.abc import AsyncIterator, Iterator

import structlog

from clients.kubernetes import Cluster, Expired, Object
from model.backoff import pause
from model.errors import MooringError

log = structlog.get_logger()
APP_LABEL = "app.kubernetes.io/name"
_SELECTOR = "app.kubernetes.io/managed-by=mooring"
_STREAM_SECONDS = 300
_SLOWEST_RECONNECT = 10.0
_Key = tuple[str, str | None]


class Changed:
    """A subscriber's side: whether something has changed since it last asked, and what."""

    def __init__(self) -> None:
        self._event = asyncio.Event()
        self._news: dict[str, Object] | None = None  # nothing is kept for who never takes it

    def set(self, event: Object | None = None) -> None:
        """Say that something changed: an event of the watch, or None where some may have passed unseen."""
        if event is None:
            self._news = None
        elif self._news is not None:
            self._news[event["object"]["metadata"]["name"]] = event
        self._event.set()

    @property
    def pending(self) -> bool:
        """Whether something was said that nobody has asked for yet."""
        return self._event.is_set()

    def take(self) -> list[Object] | None:
        """The last event of each object since the last call; None at first, and where some may be missed: read. Never waits."""
        news, self._news = self._news, {}
        self._event.clear()
        return None if news is None else list(news.values())

    async def wait(self, seconds: float) -> bool:
        """Wait for the next hint, at most `seconds`; whether one came. Read again in either case."""
        with contextlib.suppress(asyncio.TimeoutError):
            await asyncio.wait_for(self._event.wait(), seconds)
        came = self._event.is_set()
        self._event.clear()
        return came


class Watches:
    """The shared watches of one cluster; make one per process and cluster, and close it at the end."""

    def __init__(self, cluster: Cluster, *, unused_seconds: float = 60.0) -> None:
        self._cluster = cluster
        self._unused_seconds = unused_seconds
        self._watches: dict[str, _Watch] = {}

    @contextlib.asynccontextmanager
    async def subscribed(
        self, kind: str, namespace: str, app: str | None = None, *, changed: Changed | None = None
    ) -> AsyncIterator[Changed]:
        """Hints about our objects of `kind` in `namespace`, of one app where given; never blocks, never raises.

        `changed` is who hears them, by default a new one.

        Only objects labelled app.kubernetes.io/managed-by=mooring are watched. For the kind Namespace, `namespace` is its name.
        Subscribe first, then read, or a change between the two is missed.
        """
        if kind not in self._watches:
            self._watches[kind] = _Watch(self._cluster, kind, self._unused_seconds)
        with self._watches[kind].subscribed((namespace, app), changed or Changed()) as heard:
            yield heard

    async def close(self) -> None:
        """End all watches."""
        for watch in self._watches.values():
            await watch.stop()


class _Watch:
    """One kind's watch: a task that follows the stream while somebody is subscribed."""

    def __init__(self, cluster: Cluster, kind: str, unused_seconds: float) -> None:
        self._cluster = cluster
        self._kind = kind
        self._unused_seconds = unused_seconds
        self._subscribers: dict[_Key, set[Changed]] = defaultdict(set)
        self._task: asyncio.Task[None] | None = None
        self._ending: asyncio.TimerHandle | None = None
        self._version: str | None = None

    @contextlib.contextmanager
    def subscribed(self, key: _Key, changed: Changed) -> Iterator[Changed]:
        self._subscribers[key].add(changed)
        if self._ending:
            self._ending.cancel()
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._follow(), name=f"watch {self._kind}")
        try:
            yield changed
        finally:
            self._subscribers[key].discard(changed)
            if not self._subscribers[key]:
                del self._subscribers[key]
            if not self._subscribers:
                self._ending = asyncio.get_running_loop().call_later(self._unused_seconds, self._cancel)

    async def stop(self) -> None:
        if self._ending:
            self._ending.cancel()
        if self._task:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task

    def _cancel(self) -> None:
        if self._task:
            self._task.cancel()
            self._task = None  # its end takes a moment; a subscriber of that moment needs a new one

    async def _follow(self) -> None:
        """Follow the stream for ever; a failure is waited out, at most _SLOWEST_RECONNECT seconds each time."""
        failures, clock = 0, asyncio.get_running_loop().time
        while True:
            began, version = clock(), self._version
            try:
                await self._stream()
            except Expired:
                self._version = None
            except MooringError as error:
                log.warning("watch interrupted", kind=self._kind, reason=error.reason, message=error.message)
                self._version = self._version if error.transient else None
            # A stream that lasted or brought us forward was a good one: only fruitless tries are slowed down.
            moved = self._version is not None and self._version != version
            failures = 0 if moved or clock() - began > _SLOWEST_RECONNECT else failures + 1
            if failures:
                await asyncio.sleep(pause(failures, random.random(), _SLOWEST_RECONNECT))

    async def _stream(self) -> None:
        """One connection: from the version seen last, or from now; then everybody is woken once that is known."""
        if self._version is None:
            self._version = await self._cluster.head(self._kind, _SELECTOR)
            self._wake_all()
        events = self._cluster.watch(self._kind, _SELECTOR, self._version, _STREAM_SECONDS, whole=True)
        async with contextlib.aclosing(events):
            async for event in events:
                self._version = event["object"]["metadata"]["resourceVersion"]
                if event["type"] != "BOOKMARK":
                    self._wake(event)

    def _wake(self, event: Object) -> None:
        metadata = event["object"]["metadata"]
        namespace = metadata.get("namespace") or metadata["name"]
        app = metadata.get("labels", {}).get(APP_LABEL)
        for key in {(namespace, app), (namespace, None)}:
            for changed in self._subscribers.get(key, ()):
                changed.set(event)

    def _wake_all(self) -> None:
        for waiting in self._subscribers.values():
            for changed in waiting:
                changed.set()
