"""Web shells and followed logs on the real cluster: what passes through, who is kept out, and what ends them (targets S4, S15)."""

import asyncio
import contextlib
import json
import os
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any
from urllib.parse import quote

import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from tests.e2e.revoking import revoke
from tests.platform import Platform, bearer, eventually

IMAGE = "public/busybox:latest"
# The goal is 5 s from the change to the end; what is measured here has the request and the test itself in it.
REVOKED_WITHIN = 5.0
WRITING = "sh -c 'while :; do echo \"#\"; usleep 1000; done'"
NEVER_READY = {"readinessProbe": {"tcpSocket": {"port": 8088}, "periodSeconds": 1}, "deadlineSeconds": 300}


def body(name: str, *command: str, **more: Any) -> dict[str, Any]:
    """A create body of a small app that stops at once."""
    small = {"instanceNum": 1, "resources": {"cpu": "0.05", "mem": "32Mi"}, "terminationGracePeriodSeconds": 1}
    return {"name": name, "imageRef": IMAGE, "cmd": list(command), **small, **more}


async def deployed(platform: Platform, project: str, name: str, *command: str) -> str:
    """A running app's only instance."""
    await platform.done("POST", f"/v2/applications/{project}", body(name, *command))
    listed = await platform.get(f"/v2/instances/{project}/{name}/lists")
    found: str = listed["instances"][0]["name"]
    return found


@pytest.fixture(scope="module")
async def instance(platform: Platform, project: str) -> str:
    """An instance of the app `box`."""
    return await deployed(platform, project, "box", "sleep", "100000")


class Terminal:
    """The person's side of a shell."""

    def __init__(self, socket: ClientConnection) -> None:
        self.socket = socket
        self.output = bytearray()
        self.controls: list[dict[str, Any]] = []

    async def sees(self, words: str, seconds: float = 20) -> None:
        """Read until the terminal shows the words."""
        looked = 0
        async with asyncio.timeout(seconds):
            while self.output.find(words.encode(), looked) < 0:
                looked = max(0, len(self.output) - len(words))
                await self._read()

    async def end(self, seconds: float = 20) -> dict[str, Any]:
        """Read until it closes; the exit frame."""
        with contextlib.suppress(ConnectionClosed):
            async with asyncio.timeout(seconds):
                while True:
                    await self._read()
        found: dict[str, Any] = self.controls[-1]["exit"]
        return found

    async def _read(self) -> None:
        frame = await self.socket.recv()
        if isinstance(frame, str):
            self.controls.append(json.loads(frame))
        else:
            self.output += frame


@contextlib.asynccontextmanager
async def shell(who: Platform, project: str, instance: str, container: str = "box", **how: Any) -> AsyncIterator[Terminal]:
    """A shell of this person; `query` as a string, the other options are the connection's."""
    url = os.environ["MOORING_URL"].replace("http", "ws", 1)
    query = how.pop("query", "")
    headers = how.pop("headers", {"Authorization": who.http.headers["Authorization"]})
    path = f"{url}/v2/instances/{project}/{instance}/{container}/shell{query}"
    async with connect(path, additional_headers=headers, **how) as socket:
        yield Terminal(socket)


async def refused(who: Platform, *place: str, **how: Any) -> tuple[int, str]:
    """The status and Reason with which a shell is refused before the upgrade."""
    with pytest.raises(InvalidStatus) as caught:
        async with shell(who, *place, **how):
            pass
    told = json.loads(caught.value.response.body or b"")
    return caught.value.response.status_code, told["Reason"]


async def test_what_is_typed_runs_and_the_size_follows(platform: Platform, project: str, instance: str) -> None:
    async with shell(platform, project, instance, query="?cols=100&rows=33") as terminal:
        await terminal.socket.send(b"echo he''llo; stty size\n")
        await terminal.sees("hello")
        await terminal.sees("33 100")
        await terminal.socket.send(json.dumps({"resize": {"cols": 132, "rows": 50}}))
        await terminal.socket.send("stty size\n")
        await terminal.sees("50 132")
        await terminal.socket.send(json.dumps({"resize": {"cols": 0, "rows": 50}}))
        await terminal.socket.send(b"exit 7\n")
        end = await terminal.end()
    assert (end["code"], end["reason"]) == (7, "Exited")
    assert terminal.controls[0]["error"]["Reason"] == "Invalid"


@pytest.mark.parametrize(
    ("command", "typed", "written"),
    [
        ("", b"sleep 1; echo he''llo; tty", b"hello\nnot a tty\n"),
        ("&command=wc%20-c", b"\x00\x04abc", b"5\n"),
    ],
    ids=["a command that runs while the input ends", "bytes"],
)
async def test_piped_input_reaches_it_whole_and_ends_it(
    platform: Platform, project: str, instance: str, command: str, typed: bytes, written: bytes
) -> None:
    async with shell(platform, project, instance, query=f"?tty=false{command}") as piped:
        await piped.socket.send(typed)
        await piped.socket.send(json.dumps({"end": True}))
        end = await piped.end()
    assert end["reason"] == "Exited"
    assert piped.output == written


async def test_each_session_is_recorded_without_its_contents(platform: Platform, project: str, instance: str) -> None:
    canary = "canary-in-the-shell"
    async with shell(platform, project, instance) as terminal:
        await terminal.socket.send(f"echo {canary}\nexit\n".encode())
        await terminal.end()
    async with shell(platform, project, instance, query="?command=cat%20/etc/hostname") as terminal:
        await terminal.end()
    assert instance.encode() in terminal.output
    listed: dict[str, Any] = {}

    async def ended() -> bool:
        listed.update(await platform.get(f"/v2/instances/{project}/{instance}/shells", size=2))
        return all(one["endedAt"] for one in listed["shells"])

    await eventually(ended, "the ends are on record, which the person hears of first")
    newest, before = listed["shells"]
    assert (newest["command"], newest["reason"], newest["exitCode"]) == ("cat /etc/hostname", "Exited", 0)
    assert (before["container"], before["actor"], before["command"]) == ("box", "admin", "")
    assert before["openedAt"] < before["endedAt"]
    assert canary not in json.dumps(listed)


async def test_a_command_that_is_not_there_is_told(platform: Platform, project: str, instance: str) -> None:
    async with shell(platform, project, instance, query="?command=/no/such") as terminal:
        end = await terminal.end()
    assert (end["code"], end["reason"]) == (None, "NotStarted")
    assert "/no/such" in end["message"]


async def test_who_does_not_belong_gets_no_shell(platform: Platform, project: str, instance: str) -> None:
    developer, viewer = await platform.user("developer", project), await platform.user("viewer", project)
    stranger, others = await platform.user(), await platform.project()
    assert await refused(platform, project, instance, headers={}) == (401, "Unauthenticated")
    assert await refused(platform, project, instance, headers=bearer("mrg_x")) == (401, "Unauthenticated")
    assert await refused(viewer, project, instance) == (403, "Forbidden")
    assert await refused(stranger, project, instance) == (404, "NotFound")
    assert await refused(developer, others, instance) == (404, "NotFound")
    assert await refused(platform, others, instance) == (404, "NotFound")
    assert await refused(platform, "kube-system", "coredns-0") == (404, "NotFound")
    assert await refused(developer, project, instance, "other") == (404, "NotFound")
    assert await refused(developer, project, "%24%28id%29") == (404, "NotFound")
    assert await refused(developer, project, instance, query="?cols=0") == (422, "Invalid")
    assert await refused(developer, project, instance, query="?command=%27") == (422, "Invalid")


@pytest.mark.parametrize("origin", ["https://evil.example", "null", "http://127.0.0.1:1", "file://"])
async def test_a_foreign_page_is_refused(platform: Platform, project: str, instance: str, origin: str) -> None:
    assert await refused(platform, project, instance, origin=origin) == (403, "Forbidden")


async def test_a_browser_signs_in_by_subprotocol(platform: Platform, project: str, instance: str) -> None:
    token = platform.http.headers["Authorization"].split()[1]
    how = {"headers": {}, "origin": os.environ["MOORING_URL"], "subprotocols": ["mooring.shell", f"mooring.bearer.{token}"]}
    async with shell(platform, project, instance, **how) as terminal:
        assert terminal.socket.subprotocol == "mooring.shell"
        await terminal.socket.send(b"exit\n")
        assert (await terminal.end())["reason"] == "Exited"
    wrong = how | {"subprotocols": ["mooring.shell", "mooring.bearer.mrg_x"]}
    assert await refused(platform, project, instance, **wrong) == (401, "Unauthenticated")


@pytest.mark.parametrize(
    ("how", "ends"), [("role", {"shell"}), ("membership", {"shell", "log", "events"}), ("token", {"shell", "log", "events"})]
)
async def test_what_is_open_ends_within_five_seconds_of_the_revocation(
    platform: Platform, project: str, instance: str, how: str, ends: set[str]
) -> None:
    """given a shell in use, a followed log and an operation's stream, when the right to them goes, then they end in time."""
    developer = await platform.user("developer", project)
    operation = await platform.submit("POST", f"/v2/applications/{project}", body(f"slow-{how}", "sleep", "1000", **NEVER_READY))
    paths = {"log": f"/v2/containers/{project}/{instance}/box/logs?follow=true", "events": f"/v2/operations/{operation}/events"}
    async with contextlib.AsyncExitStack() as opened:
        terminal = await opened.enter_async_context(shell(developer, project, instance))
        children = "sleep 4321 & env -i /bin/sleep 4322 & setsid sleep 4323 & (env -i /bin/sleep 4324 &)"
        await terminal.socket.send(f"{children}; while true; do date; sleep 0.1; done\n".encode())
        await terminal.sees(":")
        streams = {what: await opened.enter_async_context(developer.http.stream("GET", path)) for what, path in paths.items()}
        began = time.monotonic()
        ending = {what: asyncio.create_task(rest(reply)) for what, reply in streams.items()} | {
            "shell": asyncio.create_task(rest_of_shell(terminal))
        }
        await revoke(platform, project, developer, how)
        told = {what: await asyncio.wait_for(ending[what], 20) for what in ends}
        assert not [what for what, task in ending.items() if what not in ends and task.done()]
    took = {what: round(moment - began, 2) for what, (moment, _) in told.items()}
    assert max(took.values()) < REVOKED_WITHIN, took
    assert "Revoked" in told["shell"][1]
    assert "log" not in ends or "--- mooring: " in told["log"][1]
    await platform.done("DELETE", f"/v2/applications/{project}/slow-{how}")

    async def nothing_left() -> bool:
        async with shell(platform, project, instance, query="?command=ps") as look:
            await look.end()
        return b"sleep 432" not in look.output

    await eventually(nothing_left, "what the revoked shell ran is gone", seconds=90)


async def test_a_command_of_ones_own_is_hung_up_when_its_person_leaves(platform: Platform, project: str, instance: str) -> None:
    async def running() -> bool:
        async with shell(platform, project, instance, query="?command=ps") as look:
            await look.end()
        return b"sleep 5432" in look.output

    command = "sh%20-c%20%27sleep%205432%20%26%20echo%20on-its-way;%20wait%27"
    async with shell(platform, project, instance, query=f"?command={command}") as own:
        await own.sees("on-its-way")
        assert await running()
    await eventually(lambda: not_so(running), "what the command ran is gone", seconds=60)


async def not_so(is_so: Callable[[], Awaitable[bool]]) -> bool:
    return not await is_so()


async def rest(reply: Any) -> tuple[float, str]:
    """When a stream ended, and what it still said."""
    text = "".join([chunk async for chunk in reply.aiter_text()])
    return time.monotonic(), text


async def rest_of_shell(terminal: Terminal) -> tuple[float, str]:
    end = await terminal.end()
    return time.monotonic(), end["reason"]


@pytest.mark.parametrize("command", ["kill 1", "delete"])
async def test_a_shell_ends_with_its_instance(platform: Platform, project: str, command: str) -> None:
    name = f"ends-{command.split()[0]}"
    instance = await deployed(platform, project, name, "sh", "-c", "trap 'exit 3' TERM; while true; do sleep 0.1; done")
    async with shell(platform, project, instance, name) as terminal:
        await terminal.sees("#")
        if command == "delete":
            await platform.submit("DELETE", f"/v2/applications/{project}/{name}")
        else:
            await terminal.socket.send(b"kill 1\n")
        end = await terminal.end(seconds=60)
    assert end["reason"] == "InstanceEnded", end


async def test_a_container_that_writes_without_end_waits_for_its_reader(platform: Platform, project: str, instance: str) -> None:
    """given a person who does not read, when the container writes, then it is held up; read on, and nothing is missing."""
    step = "echo line-$i-$x; i=$((i+1)); [ $((i % 10)) != 0 ] || echo $i > /tmp/at"
    count = f"i=0; x=$(printf %01000d 0); while [ ! -f /tmp/enough ]; do {step}; done; echo counted-$i-"
    stands_still = 'sh -c \'while at=$(cat /tmp/at); [ "$at" != "$before" ]; do before=$at; sleep 3; done; touch /tmp/enough\''
    async with shell(platform, project, instance, max_queue=1) as terminal:
        await terminal.sees("#")
        await terminal.socket.send(f"stty -echo; {count}\n".encode())
        await terminal.sees("line-0-")
        async with shell(platform, project, instance, query=f"?command={quote(stands_still)}") as look:
            assert (await look.end(seconds=120))["code"] == 0, "the container was not held up"
        await terminal.sees("counted-", seconds=240)
        await terminal.sees("-\r\n")
    written = terminal.output[terminal.output.index(b"line-0-") :].split(b"\r\n")
    lines = int(written[-2].split(b"-")[1])
    assert [line.split(b"-")[1] for line in written[:lines]] == [b"%d" % number for number in range(lines)]
    assert {len(line.split(b"-")[2]) for line in written[:lines]} == {1000}


@pytest.mark.parametrize("query", ["", f"?command={quote(WRITING)}"], ids=["still", "writing"])
async def test_a_frame_that_is_too_large_ends_the_shell(platform: Platform, project: str, instance: str, query: str) -> None:
    async with shell(platform, project, instance, query=query) as terminal:
        await terminal.sees("#")
        with contextlib.suppress(ConnectionClosed):
            await terminal.socket.send(b"x" * 70_000)
            async for _ in terminal.socket:
                pass
        assert terminal.socket.close_code == 1009

    async def recorded() -> bool:
        newest = (await platform.get(f"/v2/instances/{project}/{instance}/shells", size=1))["shells"][0]
        return bool(newest["reason"] == "FrameTooLarge")

    await eventually(recorded, "the session's end is recorded")


async def test_a_log_is_followed_until_the_container_ends(platform: Platform, project: str) -> None:
    count = "i=0; while [ $i -lt 30 ]; do echo line $i; i=$((i+1)); sleep 0.2; done; exit 3"
    instance = await deployed(platform, project, "ending", "sh", "-c", count)
    path = f"/v2/containers/{project}/{instance}/ending/logs"
    async with platform.http.stream("GET", path, params={"follow": "true", "timestamps": "true"}) as reply:
        lines = (await rest(reply))[1].splitlines()
    assert lines[-2].endswith(" line 29")
    assert lines[-2][:4].isdigit()
    assert lines[-1].startswith("--- mooring: The container 'ending' ended with exit code 3"), lines[-1]
    refused = await platform.ask("GET", path, follow="true", previous="true", expect=422)
    assert refused["problems"][0]["field"] == "previous"
    assert (await platform.http.get(path, params={"since": "2999-01-01T00:00:00Z"})).text == ""
    assert (await platform.http.get(path, params={"since": "0001-01-02T00:00:00Z"})).status_code == 200
