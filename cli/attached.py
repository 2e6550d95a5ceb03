"""This terminal attached to a shell of the platform: raw, resized with its window, restored at the end. Or a pipe, as a pipe."""

import asyncio
import contextlib
import json
import os
import signal
import sys
import termios
import threading
import tty
from collections.abc import Callable, Iterator
from concurrent.futures import CancelledError
from typing import Any
from urllib.parse import urlencode

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidStatus

from cli.failures import Foreign, Refused, Unreachable
from cli.session import Session

_PIECE = 16 * 1024  # the API takes frames up to 64 KiB
_END_OF_INPUT = json.dumps({"end": True})
Write = Callable[[bytes], object]


async def attach(session: Session, path: str, command: str | None, write: Write) -> dict[str, Any]:
    """Open the shell, carry keys and output until it ends; its exit: {code, reason, message}. Raises Refused, Unreachable."""
    query = {**(_size() if os.isatty(sys.stdin.fileno()) else {"tty": "false"}), **({"command": command} if command else {})}
    url = f"{session.url.replace('http', 'ws', 1)}{path}?{urlencode(query)}"
    try:
        async with connect(url, additional_headers={"Authorization": f"Bearer {session.token}"}) as socket:
            with _raw(), _resizes(socket):
                typing = asyncio.create_task(_type(socket))
                try:
                    return await _show(socket, write)
                finally:
                    typing.cancel()
    except InvalidStatus as error:
        raise _refused(session, error) from error
    except (OSError, TimeoutError, InvalidHandshake, ConnectionClosed) as error:
        raise Unreachable(f"{session.url} does not carry the shell on ({error}). Open it again to go on.") from error


async def _show(socket: ClientConnection, write: Write) -> dict[str, Any]:
    async for frame in socket:
        if isinstance(frame, bytes):
            write(frame)
        elif "exit" in (told := json.loads(frame)):
            found: dict[str, Any] = told["exit"]
            return found
    raise Unreachable("The connection ended without a word. Open the shell again to go on.")


async def _type(socket: ClientConnection) -> None:
    """Send what is typed, or the whole of what is piped in and then that it has ended."""
    loop = asyncio.get_running_loop()
    keys: asyncio.Queue[bytes] = asyncio.Queue()
    file = sys.stdin.fileno()
    if not os.isatty(file):
        pieces: asyncio.Queue[bytes] = asyncio.Queue(1)
        threading.Thread(target=_read, args=(file, pieces, loop), daemon=True).start()
        while data := await pieces.get():
            await socket.send(data)
        await socket.send(_END_OF_INPUT)
        return
    loop.add_reader(file, lambda: keys.put_nowait(os.read(file, _PIECE)))
    try:
        while data := await keys.get():
            await socket.send(data)
    finally:
        loop.remove_reader(file)


def _read(file: int, pieces: asyncio.Queue[bytes], loop: asyncio.AbstractEventLoop) -> None:
    """Hand the loop what is piped in, at last nothing; in a thread that the program need not wait for: a pipe may stay open."""
    data = b" "
    with contextlib.suppress(RuntimeError, CancelledError):  # the shell has ended first
        while data:
            data = os.read(file, _PIECE)
            asyncio.run_coroutine_threadsafe(pieces.put(data), loop).result()


@contextlib.contextmanager
def _raw() -> Iterator[None]:
    """Every key goes to the container as it is; the terminal is as before at the end."""
    file = sys.stdin.fileno()
    if not os.isatty(file):
        yield
        return
    before = termios.tcgetattr(file)
    tty.setraw(file)
    try:
        yield
    finally:
        termios.tcsetattr(file, termios.TCSADRAIN, before)


@contextlib.contextmanager
def _resizes(socket: ClientConnection) -> Iterator[None]:
    """The container's terminal, where it has one, follows the window's size."""
    if not os.isatty(sys.stdin.fileno()):
        yield
        return
    loop = asyncio.get_running_loop()
    telling: set[asyncio.Task[None]] = set()

    def changed() -> None:
        task = loop.create_task(socket.send(json.dumps({"resize": _size()})))
        telling.add(task)
        task.add_done_callback(telling.discard)

    loop.add_signal_handler(signal.SIGWINCH, changed)
    try:
        yield
    finally:
        loop.remove_signal_handler(signal.SIGWINCH)


def _size() -> dict[str, int]:
    """The window's size in characters, within what the API takes; 80 × 24 where there is no window, or one of no size.

    The terminal itself is asked: the environment's COLUMNS and LINES stay as they were when the window changes.
    """
    try:
        size = os.get_terminal_size(sys.stdin.fileno())
    except OSError:
        size = os.terminal_size((0, 0))
    return {"cols": min(size.columns or 80, 1000), "rows": min(size.lines or 24, 1000)}


def _refused(session: Session, error: InvalidStatus) -> Refused | Foreign:
    try:
        return Refused(error.response.status_code, json.loads(error.response.body or b""))
    except (ValueError, KeyError, TypeError):
        return Foreign(f"{session.url} answers {error.response.status_code}, but not as Mooring does. Check the url.")
