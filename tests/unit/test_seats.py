"""Seats: so much of each kind for a person and for all in a process, given back however what took one ends (fault 36)."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Collection
from typing import Any

import pytest
from prometheus_client import REGISTRY
from pydantic import ValidationError

from api import seats
from api.errors import refusal
from api.seats import Seats
from clients.settings import Settings
from model.errors import PlatformUnavailable, TooManyOpen
from model.seats import SeatBound, SeatKind
from records import connections

KIND = SeatKind.EVENTS
BOUNDS = dict.fromkeys(SeatKind, SeatBound(2, 3))


class Rows:
    """The rows as PostgreSQL has them; `away` makes it unreachable, `slow` has a seat taken only when it is set."""

    def __init__(self) -> None:
        self.taken: dict[tuple[SeatKind, str, int], int] = {}
        self.away = False
        self.slow: asyncio.Event | None = None
        self.settled = asyncio.Event()
        self.asked = 0

    async def take(self, process: int, kind: SeatKind, person: str, each: int) -> int | None:
        self._answer()
        free = [number for number in range(1, each + 1) if (kind, person, number) not in self.taken]
        if free:
            self.taken[kind, person, free[0]] = process
        if self.slow:
            await self.slow.wait()
        return free[0] if free else None

    async def settle(self, process: int, kind: SeatKind, person: str, numbers: Collection[int]) -> None:
        self._answer()
        mine = {key for key, holder in self.taken.items() if key[:2] == (kind, person) and holder == process}
        for key in mine - {(kind, person, number) for number in numbers}:
            del self.taken[key]
        for number in numbers:
            self.taken.setdefault((kind, person, number), process)
        self.settled.set()

    async def sweep(self, _: int) -> int:
        return 0

    def _answer(self) -> None:
        self.asked += 1
        if self.away:
            raise PlatformUnavailable("away")


@pytest.fixture
def rows() -> Rows:
    return Rows()


@pytest.fixture
async def own(rows: Rows, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Seats]:
    monkeypatch.setattr(connections, "_AGAIN", 0.001)
    async with _looked_after(rows, monkeypatch) as found:
        yield found


@contextlib.asynccontextmanager
async def _looked_after(rows: Rows, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Seats]:
    @contextlib.asynccontextmanager
    async def present(*_: Any) -> AsyncIterator[asyncio.Event]:
        yield asyncio.Event()

    monkeypatch.setattr(seats, "present", present)
    async with seats.opened("", rows, BOUNDS) as found:  # type: ignore[arg-type]
        yield found


async def free(rows: Rows) -> None:
    """Wait until no row is left."""
    async with asyncio.timeout(30):
        while rows.taken:
            rows.settled.clear()
            await rows.settled.wait()


async def test_a_person_has_so_many_and_no_more_and_others_have_theirs(own: Seats) -> None:
    async with own.taken(KIND, "zoe"), own.taken(KIND, "zoe"):
        with pytest.raises(
            TooManyOpen, match="'zoe' has as many streams of operations' events open as one person may: 2"
        ) as refused:
            async with own.taken(KIND, "zoe"):
                pass
        assert "Close one of them" in refused.value.hint
        async with own.taken(KIND, "bob"), own.taken(SeatKind.LOGS, "zoe"):
            pass


async def test_all_together_have_so_many_in_a_process_and_no_row_is_asked_for_more(own: Seats, rows: Rows) -> None:
    async with own.taken(KIND, "zoe"), own.taken(KIND, "bob"), own.taken(KIND, "ann"):
        asked = rows.asked
        with pytest.raises(TooManyOpen, match=r"All together have as many .* as one process of the API carries: 3") as refused:
            async with own.taken(KIND, "eve"):
                pass
        assert "MOORING_SEATS_EVENTS" in refused.value.hint
        assert rows.asked == asked


def test_a_refusal_says_when_to_come_again() -> None:
    told = refusal(TooManyOpen("'zoe' has as many web shells open as one person may: 2."))
    assert (told.status_code, told.headers["Retry-After"]) == (429, "5")


@pytest.mark.parametrize("end", ["leaves", "fails", "is cancelled"])
async def test_a_seat_is_given_back_however_it_ends(own: Seats, rows: Rows, end: str) -> None:
    begun = asyncio.Event()

    async def hold() -> None:
        async with own.taken(KIND, "zoe"):
            begun.set()
            if end == "fails":
                raise OSError("broken pipe")
            if end == "is cancelled":
                await asyncio.Event().wait()

    holding = asyncio.create_task(hold())
    await begun.wait()
    if end == "is cancelled":
        holding.cancel()
    with contextlib.suppress(OSError, asyncio.CancelledError):
        await holding
    await free(rows)
    async with own.taken(KIND, "zoe"), own.taken(KIND, "zoe"):
        pass


async def test_who_goes_away_while_a_seat_is_taken_leaves_none(own: Seats, rows: Rows) -> None:
    rows.slow = asyncio.Event()

    async def hold() -> None:
        async with own.taken(KIND, "zoe"):
            raise AssertionError("it was cancelled before")

    holding = asyncio.create_task(hold())
    while not rows.taken:  # noqa: ASYNC110
        await asyncio.sleep(0)
    holding.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await holding
    rows.slow = None
    await free(rows)
    async with own.taken(KIND, "zoe"), own.taken(KIND, "zoe"), own.taken(KIND, "bob"):
        pass  # what all together have was given back too


async def test_no_end_waits_for_a_database_that_is_away_and_the_seat_is_free_after_it(own: Seats, rows: Rows) -> None:
    async with own.taken(KIND, "zoe"), own.taken(KIND, "zoe"):
        rows.away = True
    assert len(rows.taken) == 2
    with pytest.raises(PlatformUnavailable):
        async with own.taken(KIND, "zoe"):
            pass
    rows.away = False
    await free(rows)


async def test_nobody_has_a_seat_of_a_process_that_is_not_shown_alive(rows: Rows, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its row would be taken away by whoever finds none left, and more would be open than may be."""

    @contextlib.asynccontextmanager
    async def never(*_: Any) -> AsyncIterator[asyncio.Event]:
        await asyncio.Event().wait()
        yield asyncio.Event()

    monkeypatch.setattr(seats, "present", never)
    monkeypatch.setattr(seats, "_PATIENCE", 0.001)
    async with seats.opened("", rows, BOUNDS) as found:  # type: ignore[arg-type]
        with pytest.raises(PlatformUnavailable):
            async with found.taken(KIND, "zoe"):
                pass
    assert not rows.asked


async def test_what_was_just_closed_is_free_at_once(own: Seats) -> None:
    for _ in range(20):
        async with own.taken(KIND, "zoe"), own.taken(KIND, "zoe"):
            pass


async def test_many_who_come_at_once_get_as_many_as_there_are(own: Seats) -> None:
    let_go = asyncio.Event()

    async def hold() -> bool:
        try:
            async with own.taken(KIND, "zoe"):
                await let_go.wait()
        except TooManyOpen:
            return False
        return True

    holding = [asyncio.create_task(hold()) for _ in range(20)]
    async with asyncio.timeout(30):
        while sum(one.done() for one in holding) < 18:  # noqa: ASYNC110
            await asyncio.sleep(0)
    let_go.set()
    assert sum(await asyncio.gather(*holding)) == 2


async def test_the_metrics_tell_what_is_open_and_what_was_refused(own: Seats) -> None:
    def told(name: str, **labels: str) -> float:
        return REGISTRY.get_sample_value(name, labels) or 0.0

    before = told("mooring_api_refused_total", kind="events", bound="person")
    async with own.taken(KIND, "zoe"), own.taken(KIND, "zoe"):
        assert told("mooring_api_open", kind="events") == 2
        with pytest.raises(TooManyOpen):
            async with own.taken(KIND, "zoe"):
                pass
        assert told("mooring_api_open", kind="events") == 2
    assert told("mooring_api_open", kind="events") == 0
    assert told("mooring_api_refused_total", kind="events", bound="person") == before + 1


def test_a_bound_is_a_setting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", "x")
    monkeypatch.setenv("KUBECONFIG", "x")
    monkeypatch.setenv("MOORING_SEATS_SHELLS", " 7/70 ")
    assert Settings().seats[SeatKind.SHELLS] == SeatBound(7, 70)
    assert Settings().seats.keys() == set(SeatKind)
    for wrong in ("7", "0/7", "8/7", "x/y", "-1/3", ""):
        monkeypatch.setenv("MOORING_SEATS_SHELLS", wrong)
        with pytest.raises(ValidationError, match="such as"):
            Settings()
