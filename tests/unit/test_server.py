"""How the server is told that a WebSocket was refused."""

import pytest
from starlette.types import Message, Receive, Scope, Send
from uvicorn.protocols.utils import ClientDisconnected

from api.server import refusing


@pytest.mark.parametrize(("kind", "ends"), [("websocket.http.response.start", True), ("websocket.accept", False)])
async def test_a_refused_websocket_is_no_forgotten_handshake(kind: str, ends: bool) -> None:
    sent: list[Message] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": kind})

    async def send(message: Message) -> None:
        sent.append(message)

    async def receive() -> Message:
        return {"type": "websocket.connect"}

    called = refusing(app)({"type": "websocket"}, receive, send)
    if ends:
        with pytest.raises(ClientDisconnected):
            await called
    else:
        await called
    assert [message["type"] for message in sent] == [kind]
