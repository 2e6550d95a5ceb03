"""The progress view: follows operations by their event streams and shows them live on a terminal, line by line elsewhere."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from datetime import datetime, timedelta
from functools import partial
from types import TracebackType

from rich.console import Console, ConsoleOptions, RenderResult
from rich.live import Live

from cli import drawing
from cli.api import TERMINAL, Api, Event, Record
from cli.failures import Failure
from cli.watched import OPEN, Watched
from cli.words import now

# A watch bears an API that is away for this long; then it is told.
PATIENCE = timedelta(minutes=3)
_WAITS = (0.2, 0.5, 1.0, 2.0)


class Progress:
    """The view; a context manager, since a terminal is drawn on until it ends. What has ended stays on the screen."""

    def __init__(self, api: Api, console: Console) -> None:
        self._api = api
        self._console = console
        self._shown: dict[str, Watched] = {}
        self._lines: dict[tuple[str, int, int], str] = {}
        self._live = Live(self, console=console, refresh_per_second=8, transient=True)

    def __enter__(self) -> "Progress":
        if self._console.is_terminal:
            self._live.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None) -> None:
        if self._console.is_terminal:
            self._live.stop()
            self._console.print(drawing.operations(self._family(), now() - self._api.skew))

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """What is drawn live: as much as fits, what runs before what is over."""
        yield drawing.operations(self._family(), now() - self._api.skew, options.max_height - 1)

    async def follow(self, operation_id: str) -> Record:
        """Show the operation, and those that it starts, until it has ended; returns its record.

        The stream is taken up again where it broke. Raises what Api raises once that has lasted for PATIENCE.
        """
        begun = await self._api.operation(operation_id)
        known = Watched.begin(begun)
        self._shown[known.id] = known
        children: dict[str, asyncio.Task[Record]] = {}

        async def moved(event: Event | None) -> None:
            if known.attempt < begun["attempt"]:  # what was before a retry is told by `op show`
                return
            self._tell(known)
            if event and not (event.type == "step" and event.data["status"] == OPEN):
                await self._adopt(known, children)

        try:
            record = await follow(self._api, known, moved)
            await asyncio.gather(*children.values())
            return record
        finally:
            for task in children.values():
                task.cancel()

    async def follow_all(self, operation_ids: Iterable[str]) -> list[Record]:
        """Follow several at once; their records in the order given."""
        return await asyncio.gather(*(self.follow(operation_id) for operation_id in operation_ids))

    async def _adopt(self, parent: Watched, children: dict[str, asyncio.Task[Record]]) -> None:
        """Follow what the operation has started meanwhile, and what it has opened again."""
        _, records = await self._api.operations(200, parent=parent.id)
        for record in reversed(records):
            task = children.get(record["id"])
            if task is None or (task.done() and record["status"] not in TERMINAL):
                known = self._shown.setdefault(record["id"], Watched.begin(record))
                children[record["id"]] = asyncio.create_task(follow(self._api, known, partial(self._told, known)))

    async def _told(self, known: Watched, _: Event | None) -> None:
        self._tell(known)

    def _tell(self, known: Watched) -> None:
        if self._console.is_terminal:
            return
        for key, line in drawing.lines(known):
            if self._lines.get(key) != line:
                self._lines[key] = line
                self._console.print(line, markup=False, soft_wrap=True)

    def _family(self) -> list[Watched]:
        return list(self._shown.values())


async def follow(api: Api, known: Watched, moved: Callable[[Event | None], Awaitable[None]]) -> Record:
    """Hear the operation's events into `known` until it has ended; `moved` is awaited after each, and when the API goes away."""
    lost: datetime | None = None
    tries = 0
    while True:
        try:
            record = await api.operation(known.id)
            lost, tries, known.trouble = None, 0, ""
            async for event in api.events(known.id, known.seq):
                known.hear(event)
                await moved(event)
            # The record was read before its events: once it has ended, these are all there are, unless it was retried.
            if record["status"] in TERMINAL and known.attempt <= record["attempt"]:
                return record
        except Failure as failure:
            lost = lost or now()
            if not failure.transient or now() - lost > PATIENCE:
                raise
            known.trouble = "the API does not answer; trying again"
            await moved(None)
            await asyncio.sleep(_WAITS[min(tries, len(_WAITS) - 1)])
            tries += 1
