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
from cli.failures import Failure, Refused
from cli.watched import OPEN, Watched
from cli.words import now

# A watch bears an API that is away for this long; then it is told.
PATIENCE = timedelta(minutes=3)
_WAITS = (0.2, 0.5, 1.0, 2.0)
AtPause = Callable[[Record], Awaitable[bool]]


class Progress:
    """The view; a context manager, since a terminal is drawn on until it ends. What has ended stays on the screen."""

    def __init__(self, api: Api, console: Console, at_pause: AtPause | None = None) -> None:
        """`at_pause` gets the record of what has paused; when it returns True the watching ends."""
        self._api = api
        self._console = console
        self._at_pause = at_pause
        self._pauses: dict[str, asyncio.Task[None]] = {}
        self._one_at_a_time = asyncio.Lock()
        self._left: asyncio.Future[None] | None = None
        self._drawn_on = False
        self._shown: dict[str, Watched] = {}
        self._lines: dict[tuple[str, int, int], str] = {}
        self._live = Live(self, console=console, refresh_per_second=8, transient=True)

    def __enter__(self) -> "Progress":
        self._drawn_on = self._console.is_terminal
        if self._drawn_on:
            self._live.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None) -> None:
        self._drawn_on = False
        if self._console.is_terminal:
            self._live.stop()
            self._console.print(drawing.operations(self._family(), now() - self._api.skew))

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """What is drawn live: as much as fits, what runs before what is over; words are cut only where it does not fit whole."""
        at, height = now() - self._api.skew, options.max_height - 1
        drawn = drawing.operations(self._family(), at, height)
        fits = len(console.render_lines(drawn, options.update(height=None), pad=False)) <= height
        yield drawn if fits else drawing.operations(self._family(), at, height, cut=True)

    async def follow(self, operation_id: str, since: datetime | None = None) -> Record:
        """Show the operation, and those that it starts, until it has ended or is left at a pause; returns its record.

        In lines, what happened before `since` is not told again. The stream is taken up again where it broke. Raises what Api
        raises once that has lasted for PATIENCE.
        """
        begun = await self._api.operation(operation_id)
        known = Watched.begin(begun)
        self._shown[known.id] = known
        children: dict[str, asyncio.Task[Record]] = {}

        async def moved(event: Event | None) -> None:
            if known.attempt < begun["attempt"]:  # what was before a retry is told by `op show`
                return
            self._tell(known, event, since)
            if event and not (event.type == "step" and event.data["status"] == OPEN):
                await self._adopt(known, children, since)

        async def to_the_end() -> Record:
            record = await follow(self._api, known, moved)
            await asyncio.gather(*children.values())
            return record

        following = asyncio.create_task(to_the_end())
        left = self._left = self._left or asyncio.get_running_loop().create_future()
        try:
            await asyncio.wait([following, left], return_when=asyncio.FIRST_COMPLETED)
            if following.done():
                return await following
            await left
            return await self._api.operation(operation_id)
        finally:
            for task in (following, *children.values(), *self._pauses.values()):
                task.cancel()

    async def follow_all(self, operation_ids: Iterable[str]) -> list[Record]:
        """Follow several at once; their records in the order given."""
        return await asyncio.gather(*(self.follow(operation_id) for operation_id in operation_ids))

    async def _adopt(self, parent: Watched, children: dict[str, asyncio.Task[Record]], since: datetime | None) -> None:
        """Follow what the operation has started meanwhile, and what it has opened again."""
        records = (await self._api.operations(200, parent=parent.id))["operations"]
        for record in reversed(records):
            task = children.get(record["id"])
            if task is None or (task.done() and record["status"] not in TERMINAL):
                known = self._shown.setdefault(record["id"], Watched.begin(record))
                children[record["id"]] = asyncio.create_task(follow(self._api, known, partial(self._told, known, since)))

    async def _told(self, known: Watched, since: datetime | None, event: Event | None) -> None:
        self._tell(known, event, since)

    def _tell(self, known: Watched, event: Event | None, since: datetime | None) -> None:
        self._heed_pause(known)
        if self._console.is_terminal:
            return
        is_old = since is not None and event is not None and datetime.fromisoformat(event.data["at"]) < since
        for key, line in drawing.lines(known):
            if self._lines.get(key) != line:
                self._lines[key] = line
                if not is_old:
                    self._console.print(line, markup=False, soft_wrap=True)

    def _heed_pause(self, known: Watched) -> None:
        """Have a pause settled beside what is heard; one that is over, as somebody else has settled it, is asked about no more."""
        asking = self._pauses.get(known.id)
        if known.status == "PAUSED" and self._at_pause and (asking is None or asking.done()):
            self._pauses[known.id] = asyncio.create_task(self._settle(known, self._at_pause))
        elif known.status != "PAUSED" and asking:
            self._pauses.pop(known.id).cancel()

    async def _settle(self, known: Watched, at_pause: AtPause) -> None:
        async with self._one_at_a_time:
            record = await self._api.operation(known.id)
            if record["status"] != "PAUSED":  # the events tell of a pause that is over
                return
            if self._drawn_on:
                self._live.stop()
            leave = False
            try:
                leave = await at_pause(record)
            except Failure as failure:
                self._leave(failure)
            finally:
                if self._drawn_on and not leave:  # an interrupt has ended it: it must not hide the cursor again
                    self._live.start()
            if leave:
                self._leave(None)

    def _leave(self, failure: Failure | None) -> None:
        """End the watching, at the person's wish or as the pause could not be settled."""
        if self._left and not self._left.done():
            self._left.set_exception(failure) if failure else self._left.set_result(None)

    def _family(self) -> list[Watched]:
        return list(self._shown.values())


async def follow(api: Api, known: Watched, moved: Callable[[Event | None], Awaitable[None]]) -> Record:
    """Hear the operation's events into `known` until it has ended; `moved` is awaited after each, and when the API goes away."""
    lost: datetime | None = None
    record: Record = {}
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
            if record and isinstance(failure, Refused) and failure.retry_after:
                # As many streams are open as there may be: the record tells the same, only later.
                known.see(record)
                await moved(None)
                if record["status"] in TERMINAL:
                    return record
                await asyncio.sleep(failure.retry_after)
                continue
            lost = lost or now()
            if not failure.transient or now() - lost > PATIENCE:
                raise
            known.trouble = "the API does not answer; trying again"
            await moved(None)
            await asyncio.sleep(_WAITS[min(tries, len(_WAITS) - 1)])
            tries += 1
