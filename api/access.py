"""Permission, by one mechanism: every route states `allow(...)`, and a test finds those that do not."""

from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import Depends, Request, WebSocket
from fastapi.requests import HTTPConnection

from api.parameters import known_only
from api.refusals import refused
from api.services import Services, Using
from api.sign_in import Signed
from model.access import PLATFORM_PERMISSIONS, Actor
from model.errors import Forbidden, NotFound


@dataclass(frozen=True)
class Caller(Signed):
    """Who asks, the project of the path, and the request."""

    project: str | None
    request: Request

    @property
    def services(self) -> Services:
        """The process's services; for routes that are asked most: one more dependency takes FastAPI a tenth of the request."""
        found: Services = self.request.app.state.services
        return found


async def signed_in(asked: HTTPConnection) -> Signed:
    """Who asks, as the sign-in found before; async, as `services` is."""
    found: Signed = asked.state.signed
    return found


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


async def _checked(services: Services, actor: Actor, permission: str | None, project: str | None) -> None:
    """As `check`; the refusal says which roles have it and who gives one."""
    try:
        check(actor, permission, project)
    except Forbidden:
        assert permission is not None
        raise await refused(services, actor, permission, project) from None


def allow(permission: str | None) -> Any:
    """A route's dependency: the actor has `permission` in the path's `project`; None means that being signed in is enough.

    A project the actor is not in answers 404 as if it were not there; one where the role does not suffice answers 403.
    """

    async def caller(request: Request) -> Caller:
        await known_only(request)
        project, signed = request.path_params.get("project"), request.state.signed
        await _checked(request.app.state.services, signed.actor, permission, project)
        return Caller(signed.actor, signed.token, project, request)

    caller.permission = permission  # type: ignore[attr-defined]  # read by the test over all routes
    return Depends(caller)


def allow_socket(permission: str) -> Any:
    """A WebSocket's dependency: as `allow`, before the upgrade."""

    async def allowed(services: Using, client: WebSocket, signed: SignedIn) -> Signed:
        await known_only(client)
        await _checked(services, signed.actor, permission, client.path_params["project"])
        return signed

    allowed.permission = permission  # type: ignore[attr-defined]  # read by the test over all routes
    return Depends(allowed)
