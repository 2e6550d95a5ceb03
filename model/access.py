"""Who may do what: roles, and the permissions each has (mission M)."""

from enum import StrEnum
from typing import Annotated

from pydantic import Field

from model.base import Frozen, Input


class Role(StrEnum):
    """A member's role in one project; a platform admin needs none."""

    VIEWER = "viewer"
    DEVELOPER = "developer"
    ADMIN = "admin"


_READ = {"project:read", "app:read", "operation:read", "stack:read", "template:read", "build:read", "image:read", "config:read"}
_DEVELOP = _READ | {
    "app:write",
    "stack:write",
    "template:write",
    "build:write",
    "config:write",
    "secret:read",
    "operation:control",
    "instance:shell",
}
_ADMIN = _DEVELOP | {"project:write", "member:write"}

PERMISSIONS: dict[Role, frozenset[str]] = {
    Role.VIEWER: frozenset(_READ),
    Role.DEVELOPER: frozenset(_DEVELOP),
    Role.ADMIN: frozenset(_ADMIN),
}
PROJECT_PERMISSIONS = frozenset(_ADMIN)
PLATFORM_PERMISSIONS = frozenset({"platform:admin"})


class Actor(Frozen):
    """The person or program a token belongs to, with the roles it has by project."""

    name: str
    admin: bool = False
    roles: dict[str, Role] = {}
    project_ids: dict[str, str] = {}

    def sees(self, project: str) -> bool:
        """Whether the project exists for this actor at all."""
        return self.admin or project in self.roles

    def may(self, permission: str, project: str | None) -> bool:
        """Whether the actor has `permission`, in `project` where it is one of a project's."""
        if self.admin:
            return True
        return project in self.roles and permission in PERMISSIONS[self.roles[project]]


class NewProject(Input):
    """Body of POST /v2/projects."""

    name: str
    description: Annotated[str, Field(max_length=1000)] = ""


class NewMember(Input):
    """Body of PUT /v2/projects/{project}/members/{user}."""

    role: Role


class NewUser(Input):
    """Body of POST /v2/users."""

    name: str
    admin: bool = False


class NewToken(Input):
    """Body of POST /v2/tokens; `expiresAt` is RFC 3339 with a zone, none means it never expires."""

    user: str
    name: Annotated[str, Field(min_length=1, max_length=100)]
    expires_at: str | None = None
