"""`mooring logs` of an app: the lines of all its instances, whole and with their names, also of those that come later."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from cli import app_logs
from cli.api import Api
from cli.app_logs import Wanted
from cli.failures import Failure
from cli.session import Session


class Log(httpx.AsyncByteStream):
    """A log that comes in these pieces."""

    def __init__(self, *pieces: str) -> None:
        self._pieces = pieces

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for piece in self._pieces:
            yield piece.encode()
            await asyncio.sleep(0)


class Server(httpx.AsyncBaseTransport):
    """Instances of the app `web` by name, each with the pieces of its log or the refusal's Message."""

    def __init__(self, **logs: tuple[str, ...] | str) -> None:
        self.logs = logs
        self.asked: list[httpx.URL] = []

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Answer one request."""
        self.asked.append(request.url)
        words = request.url.path.split("/")[2:]
        if words[-1] == "lists":
            return httpx.Response(200, json={"total": len(self.logs), "instances": [_line(name) for name in self.logs]})
        if words[0] == "instances":
            return httpx.Response(200, json={**_line(words[2]), "appName": "web", "containers": [{"name": "web"}]})
        log = self.logs[words[2]]
        if isinstance(log, str):
            return httpx.Response(409, json={"Code": 4090, "Message": log, "Reason": "Conflict"})
        return httpx.Response(200, stream=Log(*log))


def _line(name: str) -> dict[str, Any]:
    return {"name": name, "status": "RUNNING"}


def wanted(**query: Any) -> Wanted:
    """The logs that are asked for."""
    return Wanted("shop", None, bool(query.pop("follow", False)), query)


async def heard(server: Server, **query: Any) -> list[tuple[str, str]]:
    """What is said of the app `web`."""
    said: list[tuple[str, str]] = []
    async with Api(Session("http://mooring.example", "t"), server) as api:
        await app_logs.of_app(api, wanted(**query), "web", lambda name, line: said.append((name, line)))
    return said


async def test_lines_of_all_instances_come_whole_with_their_names() -> None:
    said = await heard(Server(**{"web-a": ("one\ntw", "o\nth", "ree"), "web-b": ("uno\n",), "web-c": "It has not started yet."}))
    assert [line for name, line in said if name == "web-a"] == ["one", "two", "three"]
    assert [line for name, line in said if name == "web-b"] == ["uno"]


async def test_what_is_asked_for_is_asked_of_each() -> None:
    server = Server(**{"web-a": ("x\n",), "web-b": ("y\n",)})
    await heard(server, tail=5, since="2030-01-31T12:00:00Z", timestamps="true")
    logs = [url for url in server.asked if url.path.endswith("/logs")]
    assert len(logs) == 2
    assert all(dict(url.params) == {"tail": "5", "since": "2030-01-31T12:00:00Z", "timestamps": "true"} for url in logs)


async def test_an_instance_that_comes_later_is_followed_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(app_logs, "_LOOK_AGAIN", 0.0)
    server, said = Server(**{"web-a": ("one\n",)}), asyncio.Event()

    def say(name: str, line: str) -> None:
        server.logs["web-b"] = ("new\n",)
        if (name, line) == ("web-b", "new"):
            said.set()

    async with Api(Session("http://mooring.example", "t"), server) as api:
        following = asyncio.create_task(app_logs.of_app(api, wanted(follow=True), "web", say))
        await asyncio.wait_for(said.wait(), 5)
        following.cancel()


async def test_where_no_instance_has_a_log_it_says_why() -> None:
    with pytest.raises(
        Failure, match=r"No instance of web has a log. It has not started yet. See them: mooring instance ls shop web"
    ):
        await heard(Server(**{"web-a": "It has not started yet.", "web-b": "It has not started yet."}))


async def test_more_instances_than_may_be_read_at_once_are_refused_with_what_to_do() -> None:
    with pytest.raises(Failure, match="Name an instance: mooring instance ls shop web"):
        await heard(Server(**{f"web-{n}": ("x\n",) for n in range(21)}))
