"""How much one person may hold open at once, and how much all together: each stream, shell and upload takes a seat while it lasts.

What all together have is counted in this process, which carries it. What a person has is counted in PostgreSQL, over all processes:
a row when something is opened and a row less when it has ended, nothing in between. Rows go with their process, however it ends.
"""

import asyncio
import contextlib
import secrets
from collections import Counter
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field

import structlog
from prometheus_client import Counter as Counted
from prometheus_client import Gauge

from model.errors import TooManyOpen
from model.seats import SeatBound, SeatKind
from records.connections import for_ever, present
from records.seats import SeatStore
from records.store import translated

log = structlog.get_logger()
Key = tuple[SeatKind, str]
_PATIENCE = 5.0  # seconds after which who asks is told that the database does not answer
_OPEN = Gauge("mooring_api_open", "What is open now, by kind.", ["kind"], multiprocess_mode="livesum")
REFUSED = Counted(
    "mooring_api_refused",
    "Requests refused since so much is open (by kind) or live (operations) already; bound: that of the person, process or project.",
    ["kind", "bound"],
)


@dataclass
class _Own:
    """The seats that this process holds for one person; `turn` is had by who changes them."""

    numbers: set[int] = field(default_factory=set)
    turn: asyncio.Lock = field(default_factory=asyncio.Lock)


class Seats:
    """All seats of a process; `opened` makes it."""

    def __init__(self, store: SeatStore, bounds: Mapping[SeatKind, SeatBound]) -> None:
        self._store = store
        self._bounds = bounds
        self._process = secrets.randbits(31)
        self._shown = asyncio.Event()  # set while others see that this process lives
        self._carried: Counter[SeatKind] = Counter()
        self._own: dict[Key, _Own] = {}
        # Of whom the rows may be others than the seats that are held.
        self._unsettled: set[Key] = set()
        self._some = asyncio.Event()

    @contextlib.asynccontextmanager
    async def taken(self, kind: SeatKind, person: str) -> AsyncIterator[None]:
        """A seat for the time of the block; raises TooManyOpen where the person, or all together, have as many as they may."""
        if self._carried[kind] >= self._bounds[kind].everyone:
            raise _refused_to_all(kind, self._bounds[kind])
        self._carried[kind] += 1
        _OPEN.labels(kind).inc()
        try:
            number = await self._numbered(kind, person)
            try:
                yield
            finally:
                self._own[kind, person].numbers.discard(number)
                self._settle_later((kind, person))
        finally:
            self._carried[kind] -= 1
            _OPEN.labels(kind).dec()

    async def _numbered(self, kind: SeatKind, person: str) -> int:
        key, bound = (kind, person), self._bounds[kind]
        own = self._own.setdefault(key, _Own())
        with translated():
            async with asyncio.timeout(_PATIENCE):
                await self._shown.wait()  # a row of one that is not shown alive would be taken away
                await own.turn.acquire()
        try:
            if len(own.numbers) >= bound.each:
                raise _refused_to(person, kind, bound)
            if key in self._unsettled:  # what the person has just closed is theirs again
                await self._settle(key, own)
            try:
                number = await self._store.take(self._process, kind, person, bound.each)
            except BaseException:
                self._settle_later(key)  # whoever asked has gone, or the database: there may be a row that nobody holds
                raise
            if number is None:
                raise _refused_to(person, kind, bound)
            own.numbers.add(number)
            return number
        finally:
            own.turn.release()

    def _settle_later(self, key: Key) -> None:
        self._unsettled.add(key)
        self._some.set()

    async def _settle(self, key: Key, own: _Own) -> None:
        self._unsettled.discard(key)
        try:
            await self._store.settle(self._process, *key, own.numbers)
        except BaseException:
            self._settle_later(key)
            raise

    async def settle_all(self) -> None:
        """Once there is need, have the rows be as the seats are: after the end of what was open, so that no end waits for it."""
        await self._some.wait()
        self._some.clear()
        while self._unsettled:
            key = next(iter(self._unsettled))
            async with self._own[key].turn:
                await self._settle(key, self._own[key])

    async def be_present(self, url: str) -> None:
        """Show that this process lives until that is in doubt; what it holds is written anew at the beginning."""
        async with present(url, self._process) as lost:
            self._shown.set()
            try:
                for key in self._own:
                    self._settle_later(key)
                await self._store.sweep(self._process)
                await lost.wait()
                log.warning("others may take this process for dead; it shows again that it lives")
            finally:
                self._shown.clear()


@contextlib.asynccontextmanager
async def opened(url: str, store: SeatStore, bounds: Mapping[SeatKind, SeatBound]) -> AsyncIterator[Seats]:
    """The process's seats, looked after until the end of the block."""
    seats = Seats(store, bounds)
    tasks = [
        asyncio.create_task(for_ever(lambda: seats.be_present(url), "it cannot be shown that this process lives")),
        asyncio.create_task(for_ever(seats.settle_all, "seats that are free cannot be given back")),
    ]
    try:
        yield seats
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def _refused_to(person: str, kind: SeatKind, bound: SeatBound) -> TooManyOpen:
    REFUSED.labels(kind, "person").inc()
    return TooManyOpen(f"{person!r} has as many {kind.noun} as one person may: {bound.each}.", hint=kind.way_out)


def _refused_to_all(kind: SeatKind, bound: SeatBound) -> TooManyOpen:
    REFUSED.labels(kind, "process").inc()
    return TooManyOpen(
        f"All together have as many {kind.noun} as one process of the API carries: {bound.everyone}.",
        hint=f"Try again when some have ended; the platform's operator can raise {kind.setting}.",
    )
