"""What is said at a pause: a question at a terminal, which takes words and letters, the commands in a pipe."""

import asyncio
import io
import os
import sys
from typing import Any

import httpx
import pytest
from rich.console import Console

from cli import pauses
from cli.api import Api
from cli.commands import operations
from cli.failures import Interrupted
from cli.session import Session
from cli.terminal import Terminal
from tests.unit.test_cli_progress import Paused, record

PAUSE = {"message": "2 of 20 instances are of revision 2. This pause was planned. It holds until 2026-12-06 10:00 UTC at most."}


class Asked(httpx.AsyncBaseTransport):
    """An API that takes controls, but the first `refused` of them."""

    def __init__(self, refused: int = 0) -> None:
        self.paths: list[str] = []
        self._refused = refused

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Answer one request."""
        self.paths.append(request.url.path)
        if len(self.paths) <= self._refused:
            body = {"Code": 4090, "Reason": "Conflict", "Message": "It is RUNNING already. See it: GET /v2/operations/op-1."}
            return httpx.Response(409, json=body)
        return httpx.Response(202, json={"OperationID": "op-1"})


def paused(*available: str) -> dict[str, Any]:
    """The record of a pause that holds."""
    return record("PAUSED", kind="app.upgrade", pause=PAUSE, available=list(available))


async def answered(typed: str, server: Asked, monkeypatch: pytest.MonkeyPatch, *available: str) -> tuple[bool, str]:
    """Whether it is left, and what was shown, when this is typed."""
    reading, writing = os.pipe()
    os.write(writing, typed.encode())
    os.close(writing)
    out = io.StringIO()
    with os.fdopen(reading) as stdin:
        monkeypatch.setattr(sys, "stdin", stdin)
        async with Api(Session("http://mooring.example", "t"), server) as api, asyncio.timeout(10):
            left = await pauses.ask(api, Console(file=out, width=200), paused(*available or ("resume", "promote", "rollback")))
    return left, out.getvalue()


@pytest.mark.parametrize(("typed", "verb"), [("r\n", "resume"), ("promote\n", "promote"), ("B\n", "rollback")])
async def test_the_answer_is_asked_of_the_operation(typed: str, verb: str, monkeypatch: pytest.MonkeyPatch) -> None:
    server = Asked()
    left, shown = await answered(typed, server, monkeypatch)
    assert (left, server.paths) == (False, [f"/v2/operations/op-1/{verb}"])
    assert PAUSE["message"] in shown
    assert "[r/p/b/l]" in shown


@pytest.mark.parametrize("typed", ["l\n", "leave\n", ""])
async def test_it_may_be_left_as_it_is_also_by_the_end_of_input(typed: str, monkeypatch: pytest.MonkeyPatch) -> None:
    server = Asked()
    assert (await answered(typed, server, monkeypatch))[0]
    assert server.paths == []


async def test_what_cannot_be_is_not_offered_and_asked_again(monkeypatch: pytest.MonkeyPatch) -> None:
    server = Asked()
    left, shown = await answered("p\nwhat\nr\n", server, monkeypatch, "resume")
    assert (left, server.paths) == (False, ["/v2/operations/op-1/resume"])
    assert shown.count("Type one of resume, leave") == 2
    assert "[r/l]" in shown


async def test_a_refusal_is_told_and_asked_again(monkeypatch: pytest.MonkeyPatch) -> None:
    server = Asked(refused=1)
    left, shown = await answered("r\nl\n", server, monkeypatch)
    assert left
    assert "It is RUNNING already. See it: mooring op show op-1." in shown


def test_in_a_pipe_the_commands_are_told() -> None:
    out = io.StringIO()
    pauses.tell(Console(file=out, width=80), paused("resume", "promote", "rollback"))
    for command in ("mooring op resume op-1", "mooring op promote op-1", "mooring op rollback op-1", "mooring op cancel op-1"):
        assert command in out.getvalue()
    assert f"app.upgrade shop/web is paused. {PAUSE['message']}" in out.getvalue()
    assert "It is watched until it has ended, as long as the pause holds." in out.getvalue()


async def test_who_stops_watching_is_told_the_id_and_what_can_be_done(monkeypatch: pytest.MonkeyPatch) -> None:
    out, told = io.StringIO(), asyncio.Event()
    monkeypatch.setattr(pauses, "tell", lambda *_: told.set())
    here = Terminal(Console(file=out, width=200), Console(file=out, width=200), as_json=False)
    async with Api(Session("http://mooring.example", "t"), Paused()) as api:
        watching = asyncio.create_task(operations.watch(api, here, "op-1"))
        await asyncio.wait_for(told.wait(), 10)
        watching.cancel()  # as asyncio.run does at Ctrl-C
        with pytest.raises(Interrupted, match="op-1 goes on") as stopped:
            await watching
    here.complain(stopped.value)
    assert stopped.value.exit_code == 130
    for command in ("mooring op watch op-1", "mooring op resume op-1", "mooring op cancel op-1"):
        assert command in out.getvalue()
