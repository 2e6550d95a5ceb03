"""What the server, uvicorn, has to be told beside the application."""

from starlette.types import ASGIApp, Message, Receive, Scope, Send
from uvicorn.protocols.utils import ClientDisconnected


def refusing(app: ASGIApp) -> ASGIApp:
    """The application, with its refusals of WebSockets by an HTTP response told to uvicorn as an end.

    Else it takes them for handshakes that were forgotten, and logs an error for each (ASGI: Websocket Denial Response).
    """

    async def called(scope: Scope, receive: Receive, send: Send) -> None:
        refused = False

        async def sent(message: Message) -> None:
            nonlocal refused
            refused = refused or message["type"] == "websocket.http.response.start"
            await send(message)

        await app(scope, receive, sent)
        if refused:
            raise ClientDisconnected

    return called
