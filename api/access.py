"""Sign-in and permission, by one mechanism: every route states `allow(...)`, and a test finds those that do not."""

from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import Depends, Request
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from api.services import Using
from model.access import PLATFORM_PERMISSIONS, Actor
from model.errors import Forbidden, NotFound, Unauthenticated

_bearer = HTTPBearer(auto_error=False, description="A platform token: `Authorization: Bearer mrg_…`")


@dataclass(frozen=True)
class Caller:
    """Who asks, the project of the path, and the request."""

    actor: Actor
    project: str | None
    request: Request


async def signed_in(services: Using, given: Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)]) -> Actor:
    """The token's actor; raises Unauthenticated."""
    actor = await services.records.people.actor(given.credentials) if given else None
    if actor is None:
        raise Unauthenticated("The request carries no token." if given is None else "The token is unknown, expired or revoked.")
    return actor


SignedIn = Annotated[Actor, Depends(signed_in)]


def allow(permission: str | None) -> Any:
    """A route's dependency: the actor has `permission` in the path's `project`; None means that being signed in is enough.

    A project the actor is not in answers 404 as if it were not there; one where the role does not suffice answers 403.
    """

    async def caller(request: Request, actor: SignedIn) -> Caller:
        project = request.path_params.get("project")
        if project is not None and not actor.sees(project):
            raise NotFound(f"There is no project {project!r}.")
        if permission is not None and not actor.may(permission, project):
            scope = "the platform" if permission in PLATFORM_PERMISSIONS else f"the project {project!r}"
            raise Forbidden(f"{actor.name!r} does not have the permission {permission} in {scope}.")
        return Caller(actor, project, request)

    caller.permission = permission  # type: ignore[attr-defined]  # read by the test over all routes
    return Depends(caller)
