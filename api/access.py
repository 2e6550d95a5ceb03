"""Sign-in and permission, by one mechanism: every route states `allow(...)`, and a test finds those that do not."""

from dataclasses import dataclass
from typing import Annotated, Any
from urllib.parse import urlsplit

from fastapi import Depends, Request, WebSocket
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from api.services import Services, Using
from model.access import PLATFORM_PERMISSIONS, Actor
from model.errors import Forbidden, NotFound, Unauthenticated
from records.ids import token_hash

_bearer = HTTPBearer(auto_error=False, description="A platform token: `Authorization: Bearer mrg_…`")
_BEARER_PROTOCOL = "mooring.bearer."  # a browser can set no header on a WebSocket, but offer a subprotocol
_PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True)
class Signed:
    """Who asks, and the hash of the token that says so."""

    actor: Actor
    token: bytes


@dataclass(frozen=True)
class Caller(Signed):
    """Who asks, the project of the path, and the request."""

    project: str | None
    request: Request


async def _signed(services: Services, token: str | None) -> Signed:
    """Whose token it is; raises Unauthenticated."""
    hashed = token_hash(token) if token else b""
    actor = (await services.records.people.actors([hashed])).get(hashed) if token else None
    if actor is None:
        raise Unauthenticated("The token is unknown, expired or revoked." if token else "The request carries no token.")
    return Signed(actor, hashed)


async def signed_in(services: Using, given: Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)]) -> Signed:
    """The token's actor; raises Unauthenticated."""
    return await _signed(services, given.credentials if given else None)


SignedIn = Annotated[Signed, Depends(signed_in)]


def check(actor: Actor, permission: str | None, project: str | None) -> None:
    """Raise NotFound where the actor is not in `project`, as if it were not there, Forbidden where its role does not suffice."""
    if project is not None and not actor.sees(project):
        raise NotFound(f"There is no project {project!r}.")
    if permission is not None and not actor.may(permission, project):
        told = f"{actor.name!r} does not have the permission {permission} in"
        if permission in PLATFORM_PERMISSIONS:
            raise Forbidden(f"{told} the platform.", hint="Ask an administrator of the platform.")
        raise Forbidden(f"{told} the project {project!r}.")


def allow(permission: str | None) -> Any:
    """A route's dependency: the actor has `permission` in the path's `project`; None means that being signed in is enough.

    A project the actor is not in answers 404 as if it were not there; one where the role does not suffice answers 403.
    """

    async def caller(request: Request, signed: SignedIn) -> Caller:
        project = request.path_params.get("project")
        check(signed.actor, permission, project)
        return Caller(signed.actor, signed.token, project, request)

    caller.permission = permission  # type: ignore[attr-defined]  # read by the test over all routes
    return Depends(caller)


def allow_socket(permission: str) -> Any:
    """A WebSocket's dependency: as `allow`, before the upgrade; the token as header, or as the subprotocol mooring.bearer.<token>.

    A page of another origin than the platform's own is refused with 403 whatever it carries: a browser lets any page connect.
    """

    async def signed(client: WebSocket, services: Using) -> Signed:
        check_origin(client.headers.get("Origin"), services.settings.mooring_url)
        found = await _signed(services, _token_of(client))
        check(found.actor, permission, client.path_params["project"])
        return found

    signed.permission = permission  # type: ignore[attr-defined]  # read by the test over all routes
    return Depends(signed)


def check_origin(given: str | None, url: str) -> None:
    """Raise Forbidden for a page's origin (RFC 6454) that is not the platform's `url`; programs send none.

    >>> check_origin(None, "http://127.0.0.1:8000"), check_origin("https://x.example", "https://X.example:443/console")
    (None, None)
    """
    if given is not None and _origin(given) != _origin(url):
        raise Forbidden(
            f"A page of {given[:200]!r} may not open a connection to this platform.",
            hint="Open it from the platform's own address (MOORING_URL).",
        )


def _origin(url: str) -> tuple[str, str, int] | None:
    try:
        parts = urlsplit(url)
        port = parts.port or _PORTS.get(parts.scheme, 0)
    except ValueError:
        return None
    return (parts.scheme, parts.hostname, port) if parts.hostname else None


def _token_of(client: WebSocket) -> str | None:
    scheme, _, token = client.headers.get("Authorization", "").partition(" ")
    if scheme.lower() == "bearer" and token:
        return token
    offered = (word.removeprefix(_BEARER_PROTOCOL) for word in client.scope["subprotocols"] if word.startswith(_BEARER_PROTOCOL))
    return next(offered, None)
