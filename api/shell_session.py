"""One web shell between a person's WebSocket and a container: carried until the first of many ends.

Nothing is kept: a frame is read when the one before has been taken, in both directions, so that a container that writes
gigabytes, or a person who does not read, costs a frame of memory and holds up the other side.
"""

import asyncio
import contextlib
import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import WebSocket, WebSocketDisconnect
from pydantic import Field, ValidationError

from api.grants import Grant
from api.server import LARGEST_FRAME
from clients.shells import Shell
from model.base import Input
from model.errors import Invalid

_TO_TELL = 2.0
_GOING_AWAY = {1001: "Left", 1005: "Left", 1000: "Left", 1009: "FrameTooLarge", 1012: "Stopped"}
Side = Annotated[int, Field(ge=1, le=1000)]


class Size(Input):
    """A terminal's size in characters."""

    cols: Side
    rows: Side


class Resize(Input):
    """The control frame that sets the terminal's size."""

    resize: Size


@dataclass(frozen=True)
class End:
    """How a session ended: `reason` is one word of README's list, `code` the command's exit code where it has one."""

    reason: str
    message: str
    code: int | None = None


class Session:
    """A shell that is open on both sides."""

    def __init__(self, client: WebSocket, shell: Shell, idle_seconds: float, *, tty: bool = True) -> None:
        self._client = client
        self._tty = tty
        self._input_ended = False
        self._shell = shell
        self._idle_seconds = idle_seconds
        self._clock = asyncio.get_running_loop().time
        self._last = self._clock()

    async def carry(self, grant: Grant, instance_ended: Awaitable[End]) -> End:
        """Carry frames until the command, the instance, the person, their right or their attention has ended; how it ended."""
        ways: list[Awaitable[End]] = [self._output(), self._input(), self._idle(), _revoked(grant), instance_ended]
        tasks = [asyncio.ensure_future(way) for way in ways]
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        return next(task for task in tasks if task in done).result()

    async def tell(self, end: End) -> None:
        """Send the exit frame and close; a person who does not read is not waited for."""
        words = {"exit": {"code": end.code, "reason": end.reason, "message": end.message}}
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_TO_TELL):
                if await _reaches(self._client.send_text(json.dumps(words, ensure_ascii=False))):
                    await _reaches(self._client.close(1000, end.reason))

    async def _output(self) -> End:
        async for data in self._shell:
            if not await _reaches(self._client.send_bytes(data)):
                await asyncio.sleep(_TO_TELL)  # the reading side is told the person's own code, which a failed write never knows
                return _left(1006)
            self._last = self._clock()
        return _ended(self._shell)

    async def _input(self) -> End:
        while True:
            frame = await self._client.receive()
            if frame["type"] == "websocket.disconnect":
                return _left(frame.get("code", 1005))
            self._last = self._clock()
            await self._take(frame)

    async def _take(self, frame: dict[str, Any]) -> None:
        text = frame.get("text")
        if text is None:
            await self._shell.write(frame["bytes"])
            return
        if not self._tty and _is_end(text):
            self._input_ended = True
            await self._shell.end_input()
            return
        if not self._tty:
            await self._shell.write(text.encode())
            return
        try:
            asked = resize(text)
        except Invalid as error:
            # Whether it reaches the person or not, what is read next tells.
            await _reaches(self._client.send_text(json.dumps({"error": error.as_reply()}, ensure_ascii=False)))
            return
        if asked:
            await self._shell.resize(asked.cols, asked.rows)
        else:
            await self._shell.write(text.encode())

    async def _idle(self) -> End:
        """Nobody can type after the end of the input: then its end is the command's."""
        left = self._idle_seconds
        while left > 0:
            await asyncio.sleep(left)
            left = self._idle_seconds if self._input_ended else self._last + self._idle_seconds - self._clock()
        minutes = round(self._idle_seconds / 60, 1)
        return End(
            "Idle", f"Nothing was typed or written for {minutes:g} minutes, so the shell was closed. Open it again to go on."
        )


def resize(text: str) -> Size | None:
    """The size that a text frame asks for, None where it is no control frame but typed; raises Invalid for a size out of bounds.

    >>> resize('{"resize": {"cols": 80, "rows": 24}}')
    Size(cols=80, rows=24)
    >>> resize("ls") is resize('{"resize": 1, "more": 2}') is None
    True
    """
    read = _control(text)
    if not isinstance(read, dict) or read.keys() != {"resize"}:
        return None
    try:
        return Resize.model_validate(read).resize
    except ValidationError as error:
        raise Invalid("resize: cols and rows must be whole numbers from 1 to 1000.") from error


def _control(text: str) -> Any:
    """What a text frame says in JSON, None where it is no object of it but typed."""
    if not text.startswith("{"):
        return None
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def _is_end(text: str) -> bool:
    """Whether a text frame tells a command without a terminal that no more input comes."""
    read = _control(text)
    return isinstance(read, dict) and read.keys() == {"end"} and read["end"] is True


async def watched(changed: Callable[[], Awaitable[Any]], still_runs: Callable[[], Awaitable[bool]], name: str) -> End:
    """Wait until the container that the shell is in has ended, looking whenever something `changed`."""
    while await still_runs():
        await changed()
    return End("InstanceEnded", f"The container of the instance {name!r} has ended, and the shell with it.")


async def _reaches(write: Awaitable[None]) -> bool:
    """Whether the person was still there to be written to.

    The first write to one who is gone raises the one error; each after it, and each after the server itself broke off (a frame
    that is too large, a person who answers no ping), a RuntimeError (Starlette: WebSocket.send; uvicorn).
    """
    try:
        await write
    except (WebSocketDisconnect, RuntimeError):
        return False
    return True


async def _revoked(grant: Grant) -> End:
    await grant.lost.wait()
    assert grant.error is not None
    return End("Revoked", f"{grant.error.message} The shell was closed.")


def _left(code: int) -> End:
    reason = _GOING_AWAY.get(code, "Lost")
    told = {
        "Left": "The person closed it.",
        "FrameTooLarge": f"A frame exceeded {LARGEST_FRAME} bytes.",
        "Stopped": "The platform's API stopped.",
        "Lost": "The connection to the person broke.",
    }
    return End(reason, told[reason])


def _ended(shell: Shell) -> End:
    if shell.exit is None:
        return End("Lost", "The connection to the container broke. Open the shell again to go on.")
    if shell.exit.code is None:
        return End("NotStarted", f"The command could not be run: {shell.exit.message}. Name a program of the image with ?command=.")
    return End("Exited", f"The command ended with exit code {shell.exit.code}.", shell.exit.code)
