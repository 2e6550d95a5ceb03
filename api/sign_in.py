"""The token first: who asks is known before a body is read or a field is judged, so that nobody else has either done."""

from dataclasses import dataclass

from starlette.requests import HTTPConnection
from starlette.types import ASGIApp, Receive, Scope, Send

from api.errors import refusal
from api.origins import check_origin
from api.services import Services
from model.access import Actor
from model.errors import MooringError, Unauthenticated
from records.ids import token_hash

_BEARER_PROTOCOL = "mooring.bearer."  # a browser can set no header on a WebSocket, but offer a subprotocol


@dataclass(frozen=True)
class Signed:
    """Who asks, and the hash of the token that says so."""

    actor: Actor
    token: bytes


class SignIn:
    """ASGI middleware: what is below /v2 answers 401 without a valid token; else `state.signed` says who asks.

    A WebSocket of a page of another origin is refused with 403 whatever it carries: a browser lets any page connect.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Sign in, then hand on."""
        if scope["type"] in ("http", "websocket") and scope["path"].startswith("/v2/"):
            asked = HTTPConnection(scope)
            try:
                asked.state.signed = await _signed(asked.app.state.services, asked)
            except MooringError as error:
                await refusal(error)(scope, receive, send)
                return
        await self._app(scope, receive, send)


async def _signed(using: Services, asked: HTTPConnection) -> Signed:
    """Whose token it is; raises Unauthenticated, and Forbidden for a foreign page."""
    socket = asked.scope["type"] == "websocket"
    if socket:
        check_origin(asked.headers.get("Origin"), using.settings.mooring_url)
    token = _token_of(asked, socket=socket)
    hashed = token_hash(token) if token else b""
    actor = await using.actors.get(hashed) if token else None
    if actor is None:
        raise Unauthenticated("The token is unknown, expired or revoked." if token else "The request carries no token.")
    return Signed(actor, hashed)


def _token_of(asked: HTTPConnection, *, socket: bool) -> str | None:
    scheme, _, token = asked.headers.get("Authorization", "").partition(" ")
    if scheme.lower() == "bearer" and token:
        return token
    offered = asked.scope["subprotocols"] if socket else ()
    return next((word.removeprefix(_BEARER_PROTOCOL) for word in offered if word.startswith(_BEARER_PROTOCOL)), None)
