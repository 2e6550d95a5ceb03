"""P9: what 500 open streams of events cost the writers of operations, and how soon what was committed reaches who streams it.

On a database and with one process of the API of the bench's own: ten thousand writes a few seconds long are nobody's operations.
"""

import asyncio
import contextlib
import statistics
from collections import defaultdict
from collections.abc import AsyncIterator, Callable
from itertools import count
from urllib.parse import urlsplit

from bench.pairs import Figure, measure
from bench.platform import answers, running
from bench.unowned import TOKEN, opened_at, unowned
from model.operations import Ask, StepNote
from records import Records
from records.ids import new_id

STREAMS, OPERATIONS, WRITERS, SECONDS = 500, 5000, 8, 5.0
_API = "127.0.0.1:8097"
_WITHIN = 0.25  # seconds: the goal of the slowest but one in a hundred
_LAST = 10.0  # seconds in which the last event has to have arrived


class _Seen:
    """When each event of a streamed operation was committed, and when it arrived."""

    def __init__(self) -> None:
        self.committed: dict[str, list[float]] = defaultdict(list)
        self.arrived: dict[str, list[float]] = defaultdict(list)
        self.moved = asyncio.Event()

    def arrives(self, operation: str) -> None:
        """An event of a streamed operation is with the client."""
        self.arrived[operation].append(asyncio.get_running_loop().time())
        self.moved.set()

    def whole(self) -> bool:
        """Whether all that was committed has arrived."""
        return all(len(self.arrived[operation]) >= len(times) for operation, times in self.committed.items())

    def taken(self) -> list[float]:
        """Seconds from commit to arrival, event by event; what arrives before the writer is told took none."""
        pairs = [pair for operation, times in self.committed.items() for pair in zip(times, self.arrived[operation], strict=False)]
        return [max(0.0, arrived - committed) for committed, arrived in pairs]


async def p9(env: dict[str, str], pairs: int, say: Callable[[str], None]) -> list[Figure]:
    """Measure P9's two: writes a second with and without the streams, and the p99 from commit to client."""
    rate = Figure("P9", f"writes a second, {STREAMS} streams open ÷ none; a tenth is streamed", 0.9, unit="/s")
    delay = Figure("P9", f"commit until the client has the event, p99 ÷ {_WITHIN} s", 1.0)
    url = urlsplit(env["DATABASE_URL"])._replace(path="/mooring_bench_streams").geturl()
    own = env | {"DATABASE_URL": url, "MOORING_LISTEN": _API, "MOORING_URL": f"http://{_API}", "MOORING_API_PROCESSES": "1"}
    own["MOORING_SEATS_EVENTS"] = f"{STREAMS}/{STREAMS}"
    records = await opened_at(url)

    async def ours(pair: int) -> float:
        notes = await _operations(records)
        seen = _Seen()
        async with _streams(seen, [note.operation_id for note in notes[:STREAMS]]):
            done = await _writes(records, notes, seen)
            async with asyncio.timeout(_LAST):
                while not seen.whole():
                    seen.moved.clear()
                    await seen.moved.wait()
        if pair:
            delay.ours.append(statistics.quantiles(seen.taken(), n=100)[-1])
            delay.reference.append(_WITHIN)
        return done

    async def reference(_: int) -> float:
        return await _writes(records, await _operations(records), _Seen())

    try:
        async with running("api", own):
            await answers(own["MOORING_URL"])
            return [await measure(rate, ours, reference, pairs, say), delay]
    finally:
        await records.close()


async def _operations(records: Records) -> list[StepNote]:
    """New operations that nobody carries out, as notes of their first step; those of before have ended."""
    notes = []
    async with records.transaction() as tx:
        for _ in range(OPERATIONS):
            ask = Ask(operation_id=new_id("op"), project="bench", target=new_id("t"), actor="bench")
            await tx.operations.accept(unowned(ask))
            notes.append(StepNote(operation_id=ask.operation_id, attempt=1, title="Nothing", total=1))
    return notes


async def _writes(records: Records, notes: list[StepNote], seen: _Seen) -> float:
    """Writes a second of several writers, which go through the operations in turn; each write is an event of its operation."""
    clock, turn = asyncio.get_running_loop().time, count()
    streamed = {note.operation_id for note in notes[:STREAMS]}
    began = clock()

    async def write() -> int:
        done = 0
        while clock() < began + SECONDS:
            # Every tenth is one that is streamed.
            number = next(turn)
            note = notes[number // 10 % STREAMS] if number % 10 == 0 else notes[STREAMS + number % (OPERATIONS - STREAMS)]
            await records.operations.step_started(note, 1, "bench.nothing", "bench")
            if note.operation_id in streamed:
                seen.committed[note.operation_id].append(clock())
            done += 1
        return done

    done = sum(await asyncio.gather(*(write() for _ in range(WRITERS))))
    return done / (clock() - began)


@contextlib.asynccontextmanager
async def _streams(seen: _Seen, operations: list[str]) -> AsyncIterator[None]:
    """A stream of each operation's events, all open."""
    opened = [asyncio.Event() for _ in operations]
    readers = [asyncio.create_task(_stream(seen, *each)) for each in zip(operations, opened, strict=True)]
    try:
        async with asyncio.timeout(60):
            await asyncio.gather(*(each.wait() for each in opened))
        yield
    finally:
        for reader in readers:
            reader.cancel()
        await asyncio.gather(*readers, return_exceptions=True)


async def _stream(seen: _Seen, operation: str, opened: asyncio.Event) -> None:
    """Read a stream by hand, as a client's library would take more time than the API."""
    host, _, port = _API.partition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    try:
        writer.write(
            f"GET /v2/operations/{operation}/events HTTP/1.1\r\nHost: {_API}\r\nAuthorization: Bearer {TOKEN}\r\n\r\n".encode()
        )
        head = await reader.readuntil(b"\r\n\r\n")
        if not head.startswith(b"HTTP/1.1 200"):
            raise RuntimeError(f"the stream was answered {head.decode()}")
        opened.set()
        while line := await reader.readline():
            if line.startswith(b"data:"):
                seen.arrives(operation)
    finally:
        writer.close()
