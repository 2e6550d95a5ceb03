"""What the end of an API process cuts off is told so."""

import asyncio
import json

import pytest
from starlette.types import Message, Receive, Scope, Send

from api.leaving import Leaving


@pytest.mark.parametrize("begun", [False, True])
async def test_a_request_that_is_cut_off_is_answered_503_unless_its_reply_has_begun(begun: bool) -> None:
    sent: list[Message] = []
    waits = asyncio.Event()

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if begun:
            await send({"type": "http.response.start", "status": 200, "headers": []})
        waits.set()
        await asyncio.Event().wait()

    async def receive() -> Message:
        return {"type": "http.request"}

    async def send(message: Message) -> None:
        sent.append(message)

    request = asyncio.create_task(Leaving(app)({"type": "http", "method": "GET", "headers": []}, receive, send))
    await asyncio.wait_for(waits.wait(), 5)
    request.cancel()
    await asyncio.wait([request], timeout=5)
    assert request.done()
    assert sent[0]["status"] == (200 if begun else 503)
    if not begun:
        assert json.loads(sent[1]["body"])["Reason"] == "PlatformUnavailable"
