"""Shells, followed streams and the right to keep them open, without a cluster (targets S15)."""

import asyncio
import contextlib
import json
from collections.abc import AsyncGenerator, AsyncIterator, Collection
from typing import Any

import pytest

from api import shell_runs
from api.grants import Grant, opened, while_granted
from api.origins import check_origin
from api.shell_session import End, Session, resize
from clients.shells import Exit, exit_of
from model.access import Actor
from model.errors import Forbidden, Invalid, PlatformUnavailable

TOKEN = b"hash"


class People:
    """Whose token it is, as a test says; None revokes it, an error is raised."""

    def __init__(self, now: Actor | Exception | None) -> None:
        self.now = now
        self.looks = 0
        self._looked = asyncio.Event()

    async def actors(self, hashes: Collection[bytes]) -> dict[bytes, Actor]:
        self.looks += 1
        self._looked.set()
        if isinstance(self.now, Exception):
            raise self.now
        return dict.fromkeys(hashes, self.now) if self.now else {}

    async def looked(self, times: int) -> None:
        """Wait until they have been asked so many times."""
        async with asyncio.timeout(2):
            while self.looks < times:
                self._looked.clear()
                await self._looked.wait()


async def turns(count: int) -> None:
    """Let everything that could go on do so, so many times."""
    for _ in range(count):
        await asyncio.sleep(0)


def judge(actor: Actor) -> None:
    if not actor.admin:
        raise Forbidden("no more")


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Looks that follow each other at once."""
    monkeypatch.setattr("api.grants._BETWEEN", 0.01)
    monkeypatch.setattr("api.grants._LONGEST_UNSURE", 0.05)


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize(
    ("becomes", "reason"),
    [(None, "Unauthenticated"), (Actor(name="zoe"), "Forbidden"), (PlatformUnavailable("away"), "PlatformUnavailable")],
)
async def test_what_may_no_longer_be_kept_open_is_told_why(becomes: Any, reason: str) -> None:
    people = People(Actor(name="zoe", admin=True))
    async with opened(people) as grants:  # type: ignore[arg-type]
        with grants.held(TOKEN, judge) as grant:
            await people.looked(2)
            assert not grant.lost.is_set()
            people.now = becomes
            await asyncio.wait_for(grant.lost.wait(), 2)
            assert grant.error is not None
            assert grant.error.reason == reason


async def test_nobody_is_looked_up_while_nothing_is_open(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("api.grants._BETWEEN", 0)
    people = People(Actor(name="zoe", admin=True))
    async with opened(people) as grants:  # type: ignore[arg-type]
        with grants.held(TOKEN, judge):
            await people.looked(20)
        await turns(20)  # a look that was under way ends
        looks = people.looks
        await turns(500)
        assert people.looks == looks


async def test_a_lost_grant_ends_a_silent_stream_and_closes_it() -> None:
    grant, closed = Grant(TOKEN, judge), asyncio.Event()

    async def silent() -> AsyncGenerator[int, None]:
        try:
            yield 1
            await asyncio.Event().wait()
        finally:
            closed.set()

    async def read() -> list[int]:
        return [item async for item in while_granted(grant, silent())]

    reading = asyncio.create_task(read())
    await asyncio.sleep(0)
    grant.take(Forbidden("no more"))
    assert await asyncio.wait_for(reading, 2) in ([1], [])
    assert closed.is_set()


async def test_a_stream_that_ends_is_whole() -> None:
    async def three() -> AsyncGenerator[int, None]:
        for number in range(3):
            yield number

    assert [item async for item in while_granted(Grant(TOKEN, judge), three())] == [0, 1, 2]


@pytest.mark.parametrize(
    "origin", ["https://evil.example", "null", "", "http://127.0.0.1:8000.evil", "https://127.0.0.1:8000", "x://["]
)
def test_a_foreign_origin_is_refused(origin: str) -> None:
    with pytest.raises(Forbidden):
        check_origin(origin, "http://127.0.0.1:8000")


def test_ones_own_origin_and_programs_pass() -> None:
    check_origin(None, "http://127.0.0.1:8000")
    check_origin("http://127.0.0.1:8000", "http://127.0.0.1:8000/")
    check_origin("https://x.example", "https://X.example:443/console")


@pytest.mark.parametrize("typed", ["ls", "{}", '{"resize": 1, "more": 2}', '{"a": {"cols": 1}}', "{" * 100_000, '{"resize"'])
def test_what_is_no_control_frame_is_typed(typed: str) -> None:
    assert resize(typed) is None


@pytest.mark.parametrize("size", [1, {}, {"cols": 0, "rows": 1}, {"cols": 80, "rows": 1001}, {"cols": 80, "rows": 24, "x": 1}])
def test_a_size_out_of_bounds_is_refused(size: Any) -> None:
    with pytest.raises(Invalid):
        resize(json.dumps({"resize": size}))


def test_the_exit_is_read_off_the_status() -> None:
    failed = {"status": "Failure", "reason": "NonZeroExitCode", "details": {"causes": [{"reason": "ExitCode", "message": "3"}]}}
    assert exit_of(json.dumps(failed).encode()).code == 3
    assert exit_of(b'{"status": "Success"}').code == 0
    assert exit_of(b'{"status": "Failure", "message": "no such file"}') == Exit(code=None, message="no such file")


class Person:
    """The person's WebSocket: what was sent to it, and what it sends."""

    def __init__(self, *frames: dict[str, Any], reads: bool = True) -> None:
        self.sent: list[Any] = []
        self._frames = list(frames)
        self._reads = reads

    async def receive(self) -> dict[str, Any]:
        if not self._frames:
            await asyncio.Event().wait()
        return self._frames.pop(0)

    async def send_bytes(self, data: bytes) -> None:
        self.sent.append(data)
        if not self._reads:
            await asyncio.Event().wait()

    async def send_text(self, text: str) -> None:
        self.sent.append(json.loads(text))

    async def close(self, code: int, reason: str) -> None:
        self.sent.append((code, reason))


class Program:
    """The container's side: writes for ever, or what it is told, and keeps what was typed."""

    def __init__(self, *output: bytes, endless: bool = False, exits: Exit | None = None, stays: bool = False) -> None:
        self.typed: list[Any] = []
        self.read = 0
        self.exit = exits
        self._output = output
        self._endless = endless
        self._stays = stays

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for data in self._output:
            yield data
        while self._endless:
            self.read += 1
            await asyncio.sleep(0)
            yield b"y\n" * 1000
        if self._stays:
            await asyncio.Event().wait()

    async def write(self, data: bytes) -> None:
        self.typed.append(data)

    async def resize(self, cols: int, rows: int) -> None:
        self.typed.append((cols, rows))

    async def end_input(self) -> None:
        self.typed.append("end")


async def carried(person: Person, program: Program, idle: float = 5, grant: Grant | None = None, *, tty: bool = True) -> End:
    session = Session(person, program, idle, tty=tty)  # type: ignore[arg-type]
    never: asyncio.Future[End] = asyncio.get_running_loop().create_future()
    end = await asyncio.wait_for(session.carry(grant or Grant(TOKEN, judge), never), 3)
    await session.tell(end)
    return end


async def test_frames_go_both_ways_and_the_exit_is_told() -> None:
    frames = [{"type": "websocket.receive", "bytes": b"\x03", "text": None}]
    frames += [{"type": "websocket.receive", "text": text} for text in ("ls\n", '{"resize": {"cols": 9, "rows": 8}}')]
    left = {"type": "websocket.disconnect", "code": 1001}
    program = Program(b"hello", stays=True)
    person = Person(*frames, left)
    end = await carried(person, program)
    assert program.typed == [b"\x03", b"ls\n", (9, 8)]
    assert end.reason == "Left"

    person = Person()
    assert (await carried(person, Program(b"hello", exits=Exit(code=4)))).code == 4
    assert person.sent[0] == b"hello"
    assert person.sent[1]["exit"]["code"] == 4
    assert person.sent[2] == (1000, "Exited")


async def test_without_a_terminal_the_end_of_the_input_is_told_and_all_else_is_input() -> None:
    texts = ('{"resize": {"cols": 9, "rows": 8}}', '{"end": true}')
    frames = [{"type": "websocket.receive", "text": text} for text in texts]
    program = Program(stays=True)
    await carried(Person(*frames, {"type": "websocket.disconnect", "code": 1001}), program, tty=False)
    assert program.typed == [texts[0].encode(), "end"]
    program = Program(stays=True)
    await carried(Person(frames[1], {"type": "websocket.disconnect", "code": 1001}), program)
    assert program.typed == [texts[1].encode()], "at a terminal it is typed"


async def test_who_does_not_read_holds_the_container_up_and_is_ended_by_revocation() -> None:
    grant, program = Grant(TOKEN, judge), Program(endless=True)
    carrying = asyncio.create_task(carried(Person(reads=False), program, grant=grant))
    await turns(500)
    assert 0 < program.read <= 2
    grant.take(Forbidden("no more"))
    assert (await carrying).reason == "Revoked"


async def test_a_shell_nobody_uses_is_closed_in_words() -> None:
    person = Person()
    assert (await carried(person, Program(stays=True), idle=0.05)).reason == "Idle"
    assert "minutes" in person.sent[0]["exit"]["message"]


async def test_a_connection_that_breaks_is_told_from_an_exit() -> None:
    assert (await carried(Person(), Program())).reason == "Lost"
    assert (await carried(Person(), Program(exits=Exit(code=None, message="no sh")))).reason == "NotStarted"


class Mute:
    """An image whose own `sh` never says anything."""

    exit: Exit | None = None

    @contextlib.asynccontextmanager
    async def opened(self, *_: Any) -> AsyncIterator["Mute"]:
        yield self

    async def __aiter__(self) -> AsyncIterator[bytes]:
        await asyncio.Event().wait()
        yield b""


async def test_a_sh_that_does_not_answer_keeps_nobody_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shell_runs, "_TO_LOOK", 0.01)
    mute: Any = Mute()
    async with asyncio.timeout(2):
        assert not await shell_runs.has_program(mute, ("shop", "web-0", "web"), "ps")
