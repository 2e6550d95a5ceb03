"""The terminal's side of a shell: a process of its own at a server that stands in for the platform."""

import asyncio
import contextlib
import fcntl
import json
import os
import struct
import sys
import termios
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest
from websockets.asyncio.server import ServerConnection, serve

import cli.attached

_ATTACHED = """
import asyncio, sys
from cli.attached import attach
from cli.session import Session
command = sys.argv[2] or None
end = asyncio.run(attach(Session(url=sys.argv[1], token="t"), "/shell", command, sys.stdout.buffer.write))
print(end["reason"])
"""


@contextlib.asynccontextmanager
async def attached(answer: Callable[[ServerConnection], Awaitable[None]], command: str = "") -> AsyncIterator[Any]:
    """The process, attached to a server that ends the shell once it has answered; its pipes are open."""

    async def serves(socket: ServerConnection) -> None:
        await answer(socket)
        await socket.send(json.dumps({"exit": {"code": 0, "reason": "Exited", "message": ""}}))

    pipes = {"stdin": asyncio.subprocess.PIPE, "stdout": asyncio.subprocess.PIPE, "stderr": asyncio.subprocess.PIPE}
    async with serve(serves, "127.0.0.1", 0) as server, asyncio.timeout(20):
        port = next(iter(server.sockets)).getsockname()[1]
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-c", _ATTACHED, f"http://127.0.0.1:{port}", command, **pipes
        )
        try:
            yield process
        finally:
            if process.returncode is None:
                process.kill()
            await process.communicate()


async def test_it_ends_with_the_command_although_its_input_stays_open() -> None:
    """As in a pipeline of CI, or under ssh: nobody closes the pipe."""

    async def echo_once(socket: ServerConnection) -> None:
        await socket.send(await socket.recv(decode=False))

    async with attached(echo_once) as process:
        process.stdin.write(b"hi ")
        assert await process.stdout.read() == b"hi Exited\n"
        assert await process.stderr.read() == b""
        await process.wait()


@pytest.mark.parametrize("given", [b"ls\n", b"ls", b""])
async def test_what_is_piped_in_comes_without_a_terminal_and_with_its_end(given: bytes) -> None:
    """A terminal's Ctrl-D is lost where nothing reads the terminal at that moment: the shell would wait for ever."""
    heard: list[bytes | str] = []

    async def listen(socket: ServerConnection) -> None:
        assert socket.request is not None
        assert socket.request.path.endswith("?tty=false")
        while (frame := await socket.recv()) != '{"end": true}':
            heard.append(frame)

    async with attached(listen) as process:
        process.stdin.write(given)
        process.stdin.close()
        assert await process.stdout.read() == b"Exited\n"
    assert b"".join(heard) == given  # type: ignore[arg-type]


@pytest.mark.parametrize(("window", "told"), [((0, 0), (80, 24)), ((132, 50), (132, 50)), ((9999, 0), (1000, 24))])
def test_a_window_without_a_size_is_one_of_80_to_24(
    window: tuple[int, int], told: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    master, slave = os.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", window[1], window[0], 0, 0))
    with os.fdopen(master), os.fdopen(slave) as terminal:
        monkeypatch.setattr(sys, "stdin", terminal)
        assert (cli.attached._size()["cols"], cli.attached._size()["rows"]) == told
