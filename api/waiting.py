"""Waiting for an operation's end within a request."""

import asyncio

from api.notifications import woken
from api.services import Services
from model.operations import TERMINAL
from records.store import Row


async def ended(services: Services, operation_id: str, seconds: float) -> Row:
    """The operation's row once it has ended, or after so many seconds."""
    give_up = asyncio.get_running_loop().time() + seconds
    with services.notifications.subscribed(operation_id) as moved:
        while True:
            row = await services.records.operations.get(operation_id)
            left = give_up - asyncio.get_running_loop().time()
            if row["status"] in TERMINAL or left <= 0:
                return row
            await woken(moved, left)
