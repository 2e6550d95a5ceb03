"""Requests that the end of this process cuts off: they are told so, to be sent again."""

import asyncio

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.errors import refusal
from model.errors import PlatformUnavailable


class Leaving:
    """ASGI, outside of all else: what uvicorn cancels when its time to end is over is answered 503, not 500.

    A request that waits for an operation's end may have been at it for a minute; sent again it is answered by another process.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Hand on; answer where the request is cancelled before its reply began."""
        begun = False

        async def told(message: Message) -> None:
            nonlocal begun
            begun = True
            await send(message)

        try:
            await self._app(scope, receive, told)
        except asyncio.CancelledError:
            if begun or scope["type"] != "http":
                raise
            error = PlatformUnavailable("This process of the API ends.", hint="Send the request again.")
            await refusal(error)(scope, receive, send)
