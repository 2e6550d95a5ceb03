"""Waiting for an operation's end within a request."""

import asyncio
import contextlib
from collections.abc import Iterator

from fastapi import Request

from api.notifications import woken
from api.services import Services
from model.operations import TERMINAL
from records.store import Row


async def ended(services: Services, operation_id: str, seconds: float, request: Request) -> Row:
    """The operation's row once it has ended, or after so many seconds, or when nobody is there any more to be answered."""
    give_up = asyncio.get_running_loop().time() + seconds
    with services.notifications.subscribed(operation_id) as moved, _left(request, moved) as gone:
        while True:
            row = await services.records.operations.get(operation_id)
            left = give_up - asyncio.get_running_loop().time()
            if row["status"] in TERMINAL or left <= 0 or gone.done():
                return row
            await woken(moved, left)


@contextlib.contextmanager
def _left(request: Request, moved: asyncio.Event) -> Iterator["asyncio.Task[None]"]:
    """A task that is done when the client has gone away; `moved` is set then."""

    async def leave() -> None:
        while (await request.receive())["type"] != "http.disconnect":
            pass
        moved.set()

    leaving = asyncio.create_task(leave())
    try:
        yield leaving
    finally:
        leaving.cancel()
