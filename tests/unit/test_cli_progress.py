"""What the progress view makes of an operation's events, and what it shows on a terminal and in a pipe."""

import asyncio
import io
import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from rich.console import Console

from cli import drawing, progress
from cli.api import Api, Event
from cli.failures import Refused, Unreachable
from cli.progress import AtPause, Progress
from cli.session import Session
from cli.watched import Watched

BEGUN = datetime(2026, 11, 23, 10, 0, tzinfo=UTC)


def record(status: str = "RUNNING", **changes: Any) -> dict[str, Any]:
    """An operation's record as the API replies it."""
    plain = {
        "id": "op-1",
        "kind": "app.create",
        "project": "shop",
        "target": {"kind": "app", "name": "web", "id": None},
        "actor": "jack",
        "status": status,
        "progress": {"done": 0, "total": 2},
        "steps": [],
        "error": None,
        "result": None,
        "attempt": 1,
        "cancellable": True,
        "available": [],
        "pause": None,
        "controls": [],
        "parentId": None,
        "temporalUrl": None,
        "createdAt": BEGUN.isoformat(),
        "startedAt": None,
        "finishedAt": None,
    }
    return plain | changes


def step(seq: int, number: int, status: str, after: float, **more: Any) -> Event:
    """A step's event, `after` seconds from the beginning."""
    at = (BEGUN + timedelta(seconds=after)).isoformat()
    data = {"at": at, "seq": number, "title": f"Step {number}", "status": status, "attempt": 1, "operationStatus": "RUNNING"}
    return Event(seq, "step", data | {"done": 0, "total": 2} | more)


def ended(seq: int, status: str, after: float) -> Event:
    """The event of an operation's status."""
    return Event(seq, "status", {"at": (BEGUN + timedelta(seconds=after)).isoformat(), "status": status, "error": None})


def heard(*events: Event) -> Watched:
    """An operation after these events."""
    known = Watched.begin(record())
    for event in events:
        known.hear(event)
    return known


def drawn(known: Watched, height: int | None = None, **terminal: Any) -> str:
    """What a terminal shows ten seconds after the beginning."""
    out = io.StringIO()
    Console(file=out, width=100, **terminal).print(drawing.operations([known], BEGUN + timedelta(seconds=10), height))
    return out.getvalue()


def test_steps_show_title_span_tries_and_message() -> None:
    known = heard(
        step(1, 1, "RUNNING", 1),
        step(2, 1, "SUCCEEDED", 2.5, done=1, message="pinned"),
        step(3, 2, "RUNNING", 3),
        step(4, 2, "RUNNING", 5, attempt=2, message="1 of 2 ready"),
    )
    first, second = drawn(known).splitlines()[1:]
    assert first.split() == ["✔", "Step", "1", "1.5", "s", "pinned"]
    assert second.split()[1:] == ["Step", "2", "7.0", "s", "try", "2", "1", "of", "2", "ready"]


def test_an_event_heard_twice_changes_nothing() -> None:
    once = heard(step(1, 1, "RUNNING", 1), step(2, 1, "SUCCEEDED", 2))
    twice = heard(step(1, 1, "RUNNING", 1), step(2, 1, "SUCCEEDED", 2), step(1, 1, "RUNNING", 1))
    assert once == twice


def test_a_retry_begins_its_steps_anew() -> None:
    known = heard(step(1, 1, "FAILED", 1), ended(2, "FAILED", 2), ended(3, "ACCEPTED", 60), step(4, 1, "RUNNING", 61))
    assert (known.attempt, known.status, len(known.steps)) == (2, "RUNNING", 1)
    assert "attempt 2" in drawn(known)


def test_what_runs_stays_in_sight_on_a_low_terminal() -> None:
    events = [step(n, n, "SUCCEEDED", n / 10) for n in range(1, 31)]
    shown = drawn(heard(*events, step(31, 31, "RUNNING", 4)), height=8)
    assert "Step 31" in shown
    assert "30 steps before" in shown
    assert len(shown.splitlines()) <= 8


def test_an_operation_that_no_worker_takes_up_says_so() -> None:
    assert "no worker has taken it up" in drawn(Watched.begin(record("ACCEPTED")))


def test_foreign_words_do_not_steer_the_terminal() -> None:
    shown = drawn(heard(step(1, 1, "RUNNING", 1, message="\x1b[2Jgone \x9b1m [red]x[/red]")))
    assert "\x1b" not in shown
    assert "\x9b" not in shown
    assert "[red]x[/red]" in shown


class Server(httpx.AsyncBaseTransport):
    """An API that answers the operation's record and streams, each stream and then the record at its end from a list."""

    def __init__(self, streams: list[list[Event] | Exception], attempt: int = 1) -> None:
        self.streams = iter(streams)
        self.left = len(streams)
        self.attempt = attempt
        self.after: list[str] = []

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Answer one request."""
        if request.url.path == "/v2/operations":
            return httpx.Response(200, json={"total": 0, "size": 200, "next": None, "operations": []})
        if not request.url.path.endswith("/events"):
            return httpx.Response(200, json=record("SUCCEEDED" if self.left <= 1 else "RUNNING", attempt=self.attempt))
        self.after.append(request.headers["Last-Event-ID"])
        self.left -= 1
        stream = next(self.streams)
        if isinstance(stream, Exception):
            raise stream
        return httpx.Response(200, headers={"Content-Type": "text/event-stream"}, content=Body(stream))


class Body(httpx.AsyncByteStream):
    """A stream of events that breaks off at an event of sequence 0."""

    def __init__(self, events: list[Event]) -> None:
        self._events = events

    async def __aiter__(self) -> Any:
        for event in self._events:
            if event.seq == 0:
                raise httpx.ReadError("connection reset")
            yield b": ping\n\n"
            yield f"event: {event.type}\ndata: {json.dumps(event.data)}\nid: {event.seq}\n\n".encode()


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(progress, "_WAITS", (0.0,))
    return


async def followed(
    server: httpx.AsyncBaseTransport, since: datetime | None = None, at_pause: AtPause | None = None
) -> tuple[dict[str, Any], str]:
    """The record that `follow` returns, and what a pipe has got meanwhile."""
    out = io.StringIO()
    async with Api(Session("http://mooring.example", "t"), server) as api:
        with Progress(api, Console(file=out, width=100), at_pause) as view:
            return await view.follow("op-1", since), out.getvalue()


async def test_a_broken_stream_is_taken_up_after_the_last_event() -> None:
    breaks = Event(0, "", {})
    server = Server(
        [
            [step(1, 1, "RUNNING", 1), breaks],
            httpx.ConnectError("refused"),
            [step(2, 1, "SUCCEEDED", 2, message="fine"), ended(3, "SUCCEEDED", 3)],
        ]
    )
    end, shown = await followed(server)
    assert end["status"] == "SUCCEEDED"
    assert server.after == ["0", "1", "1"]
    assert shown.splitlines() == [
        "app.create shop/web: Step 1: running",
        "app.create shop/web: the API does not answer; trying again",
        "app.create shop/web: Step 1: done in 1.0 s: fine",
        "app.create shop/web: SUCCEEDED in 3.0 s",
    ]


async def test_where_no_stream_is_to_be_had_the_record_is_read_instead(monkeypatch: pytest.MonkeyPatch) -> None:
    told = {
        "Code": 4290,
        "Message": "'jack' has as many streams of operations' events open as one person may: 1.",
        "Reason": "TooManyOpen",
    }
    waits = []

    class Full(httpx.AsyncBaseTransport):
        """An API that carries no more streams, of an operation that goes on from look to look."""

        def __init__(self) -> None:
            self.looks = 0

        async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
            if request.url.path.endswith("/events"):
                return httpx.Response(429, json=told, headers={"Retry-After": "5"})
            self.looks += 1
            at = BEGUN.isoformat()
            done = {"run": 1, "seq": 1, "title": "Step 1", "attempt": 1, "startedAt": at, "finishedAt": at, "message": ""}
            more = {"steps": [done | {"status": "SUCCEEDED"}], "finishedAt": at} if self.looks > 3 else {}
            return httpx.Response(200, json=record("SUCCEEDED" if self.looks > 3 else "RUNNING", **more))

    async def sleep(seconds: float) -> None:
        waits.append(seconds)

    monkeypatch.setattr(progress.asyncio, "sleep", sleep)
    end, shown = await followed(Full())
    assert (end["status"], waits) == ("SUCCEEDED", [5, 5])
    assert shown.splitlines() == ["app.create shop/web: Step 1: done in 0.0 s", "app.create shop/web: SUCCEEDED in 0.0 s"]


async def test_only_the_attempt_that_runs_is_told() -> None:
    events = [step(1, 1, "FAILED", 1), ended(2, "FAILED", 2), ended(3, "ACCEPTED", 60), step(4, 1, "SUCCEEDED", 61)]
    _, shown = await followed(Server([[*events, ended(5, "SUCCEEDED", 62)]], attempt=2))
    assert shown.splitlines() == [
        "app.create shop/web: Step 1: done in 0.0 s",
        "app.create shop/web: SUCCEEDED in 2.0 s, attempt 2",
    ]


async def test_what_was_before_a_resume_is_not_told_again() -> None:
    events = [step(1, 1, "RUNNING", 1), step(2, 1, "SUCCEEDED", 2), step(3, 2, "RUNNING", 3, message="Batch 1 of 2 holds.")]
    events += [step(4, 2, "SUCCEEDED", 60, message="resumed by ann"), step(5, 3, "RUNNING", 61), step(6, 3, "SUCCEEDED", 62)]
    _, shown = await followed(Server([[*events, ended(7, "SUCCEEDED", 63)]]), since=BEGUN + timedelta(seconds=60))
    assert shown.splitlines() == [
        "app.create shop/web: Step 2: done in 57.0 s: resumed by ann",
        "app.create shop/web: Step 3: running",
        "app.create shop/web: Step 3: done in 1.0 s",
        "app.create shop/web: SUCCEEDED in 1 min 03 s",
    ]


class Paused(httpx.AsyncBaseTransport, httpx.AsyncByteStream):
    """An API whose operation pauses, and goes on to its end once `settled`."""

    def __init__(self) -> None:
        self.settled = asyncio.Event()

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Answer one request."""
        if request.url.path == "/v2/operations":
            return httpx.Response(200, json={"total": 0, "size": 200, "next": None, "operations": []})
        if request.url.path.endswith("/events"):
            return httpx.Response(200, headers={"Content-Type": "text/event-stream"}, content=self)
        return httpx.Response(200, json=record("SUCCEEDED" if self.settled.is_set() else "PAUSED", available=["resume"]))

    async def __aiter__(self) -> Any:
        holds = {"message": "Batch 1 of 2 holds.", "operationStatus": "PAUSED"}
        events = [step(1, 1, "SUCCEEDED", 1), step(2, 2, "RUNNING", 2, **holds), step(3, 2, "RUNNING", 3, **holds)]
        for event in [*events, None, step(4, 2, "SUCCEEDED", 60), ended(5, "SUCCEEDED", 61)]:
            if event is None:
                await self.settled.wait()
            else:
                yield f"event: {event.type}\ndata: {json.dumps(event.data)}\nid: {event.seq}\n\n".encode()


async def test_at_a_pause_what_to_do_is_asked_once_and_the_watching_goes_on() -> None:
    server, asked = Paused(), []

    async def at_pause(record: dict[str, Any]) -> bool:
        asked.append(record["status"])
        server.settled.set()
        return False

    end, shown = await followed(server, at_pause=at_pause)
    assert (asked, end["status"]) == (["PAUSED"], "SUCCEEDED")
    assert "Batch 1 of 2 holds." in shown


async def test_a_question_ends_when_somebody_else_settles_the_pause() -> None:
    server, left = Paused(), []

    async def at_pause(_: dict[str, Any]) -> bool:
        server.settled.set()
        try:
            await asyncio.Event().wait()
        finally:
            left.append("no longer asked")
        return True

    end, _ = await followed(server, at_pause=at_pause)
    assert (left, end["status"]) == (["no longer asked"], "SUCCEEDED")


async def test_a_pause_that_is_left_ends_the_watching_and_a_trouble_is_told() -> None:
    async def leave(_: dict[str, Any]) -> bool:
        return True

    async def fail(_: dict[str, Any]) -> bool:
        raise Unreachable("It is away.")

    end, _ = await followed(Paused(), at_pause=leave)
    assert end["status"] == "PAUSED"
    with pytest.raises(Unreachable, match="It is away"):
        await followed(Paused(), at_pause=fail)


async def test_an_api_that_stays_away_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress, "PATIENCE", timedelta(0))
    with pytest.raises(Unreachable, match=r"http://mooring\.example does not answer"):
        await followed(Server([httpx.ConnectError("refused"), httpx.ConnectError("refused"), []]))


async def test_a_refusal_is_told_at_once() -> None:
    class Closed(httpx.AsyncBaseTransport):
        async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
            return httpx.Response(404, json={"Code": 4040, "Message": "There is no operation 'op-1'.", "Reason": "NotFound"})

    async with Api(Session("http://mooring.example", "t"), Closed()) as api:
        with pytest.raises(Refused, match="There is no operation"):
            await Progress(api, Console(file=io.StringIO())).follow("op-1")


@pytest.mark.parametrize("width", [40, 60, 80, 100, 160])
def test_the_id_is_whole_on_every_terminal(width: int) -> None:
    known = Watched.begin(record(id="op-06h2g8926c8hzamh0rw0y2v5d1y"))
    out = io.StringIO()
    Console(file=out, width=width, force_terminal=True, color_system=None).print(drawing.operations([known], BEGUN))
    assert known.id in out.getvalue()


def test_no_word_is_cut_on_a_terminal_where_there_is_room() -> None:
    words = " ".join(f"word-{n}" for n in range(60))
    known = heard(step(1, 1, "RUNNING", 1, message=words), step(2, 1, "SUCCEEDED", 2), step(3, 2, "RUNNING", 3))
    shown = drawn(known, force_terminal=True, color_system=None)
    assert all(word in shown for word in words.split())
    assert "…" not in shown
    assert known.id in shown


async def test_where_a_terminal_is_too_low_each_step_keeps_a_line_and_what_runs_is_seen() -> None:
    known = heard(step(1, 1, "RUNNING", 1, message="x" * 3000), step(2, 1, "SUCCEEDED", 2), step(3, 2, "RUNNING", 3))
    async with Api(Session("http://mooring.example", "t")) as api:
        console = Console(file=io.StringIO(), width=100, height=10, force_terminal=True, color_system=None)
        view = Progress(api, console)
        view._shown[known.id] = known
        lines = console.render_lines(view, console.options)
    assert len(lines) <= 9
    assert any("Step 2" in segment.text for line in lines for segment in line)


def test_a_long_message_takes_no_mark_and_no_time_away_in_a_pipe() -> None:
    known = heard(step(1, 1, "SUCCEEDED", 1), step(2, 2, "FAILED", 3, message="why " * 300), ended(3, "FAILED", 4))
    out = io.StringIO()
    Console(file=out, width=400).print(drawing.operation(known, BEGUN), crop=False)
    first, second = [line.rstrip() for line in out.getvalue().splitlines() if "Step" in line]
    assert first.split() == ["✔", "Step", "1", "0.0", "s"]
    assert second.startswith("  ✘ Step 2  0.0 s  why why")
    assert second.endswith("why")
