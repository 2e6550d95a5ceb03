"""A body is refused by size and shape before it is kept or judged (targets F13, S14)."""

import re

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.aside import aside
from api.errors import refusal
from api.json_bodies import check_json
from model.errors import Invalid, TooLarge

LARGEST_BODY = 2 * 1024 * 1024
# Routes that take what they are sent as it comes, within a bound of their own.
_STREAMED = re.compile(r"/v2/builds/[^/]+/sources")
_READ_ASIDE = 64 * 1024  # what is longer is looked through beside the event loop


class BodyLimit:
    """ASGI middleware: 413 as soon as a request's body exceeds LARGEST_BODY bytes, whatever Content-Length says.

    422 for JSON that no route takes (`check_json`).
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Read the body up to the limit, look at it, then hand it on."""
        if (
            scope["type"] != "http"
            or scope["method"] in ("GET", "HEAD", "DELETE", "OPTIONS")
            or (scope["method"] == "POST" and _STREAMED.fullmatch(scope["path"]))
        ):
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
        if body and _is_json(scope):
            try:
                if len(body) > _READ_ASIDE:
                    await aside(check_json, bytes(body))
                else:
                    check_json(bytes(body))
            except Invalid as error:
                await refusal(error)(scope, receive, send)
                return
        handed = False

        async def whole() -> Message:
            nonlocal handed
            if handed:
                return await receive()
            handed = True
            return {"type": "http.request", "body": bytes(body), "more_body": False}

        await self._app(scope, whole, send)


def _is_json(scope: Scope) -> bool:
    """Whether FastAPI reads the body as JSON (RFC 6838: the suffix +json)."""
    kind = Headers(scope=scope).get("Content-Type", "").partition(";")[0].strip().lower()
    return kind == "application/json" or (kind.startswith("application/") and kind.endswith("+json"))
