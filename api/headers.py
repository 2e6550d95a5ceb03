"""What every reply tells browsers and caches: no guessing of types, and nothing of the API is kept (RFC 9111; Fetch: nosniff)."""

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

_PLAIN = {"X-Content-Type-Options": "nosniff"}
PRIVATE = _PLAIN | {"Cache-Control": "no-store"}


class ReplyHeaders:
    """ASGI middleware: nosniff everywhere, and below /v2, where replies may hold tokens and secrets, no-store."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Hand on, and add the headers to what is answered."""
        added = PRIVATE if scope.get("path", "").startswith("/v2/") else _PLAIN

        async def told(message: Message) -> None:
            if message["type"] in ("http.response.start", "websocket.http.response.start"):
                MutableHeaders(scope=message).update(added)
            await send(message)

        await self._app(scope, receive, told)
