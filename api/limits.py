"""A body is refused by size before it is parsed or kept (targets F13, S14)."""

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.errors import refusal
from model.errors import TooLarge

LARGEST_BODY = 2 * 1024 * 1024


class BodyLimit:
    """ASGI middleware: 413 as soon as a request's body exceeds LARGEST_BODY bytes, whatever Content-Length says."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Read the body up to the limit, then hand it on."""
        if scope["type"] != "http" or scope["method"] in ("GET", "HEAD", "DELETE", "OPTIONS"):
            await self._app(scope, receive, send)
            return
        body, more = bytearray(), True
        while more:
            message = await receive()
            if message["type"] == "http.disconnect":
                return
            body += message.get("body", b"")
            more = message.get("more_body", False)
            if len(body) > LARGEST_BODY:
                await refusal(TooLarge(f"The body exceeds {LARGEST_BODY // 2**20} MiB."))(scope, receive, send)
                return
        handed = False

        async def whole() -> Message:
            nonlocal handed
            if handed:
                return await receive()
            handed = True
            return {"type": "http.request", "body": bytes(body), "more_body": False}

        await self._app(scope, whole, send)
