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


def roles_with(permission: str) -> list[Role]:
    """The roles of a project that have it, the least first.

    >>> [str(role) for role in roles_with("app:write")]
    ['developer', 'admin']
    """
    return [role for role in Role if permission in PERMISSIONS[role]]


PROJECT_PERMISSIONS = frozenset(_ADMIN)
PLATFORM_PERMISSIONS = frozenset({"platform:admin"})


class Actor(Frozen):
    """The person or program a token belongs to, with the roles it has by project.

    `deleted_projects` are the ids of those that it was in when they were deleted, within the last week.
    """

    name: str
    admin: bool = False
    roles: dict[str, Role] = {}
    project_ids: dict[str, str] = {}
    deleted_projects: frozenset[str] = frozenset()

    def sees(self, project: str) -> bool:
        """Whether the project exists for this actor at all."""
        return self.admin or project in self.roles

    def reads(self, project_id: str) -> bool:
        """Whether it may read what the project's records tell: that of one that was deleted, too, how its deletion ended."""
        return self.admin or project_id in self.project_ids.values() or project_id in self.deleted_projects

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
    """Body of POST /v2/tokens; `expiresAt` is RFC 3339 with a zone, none means that it ends with the token it is made with."""

    user: str
    name: Annotated[str, Field(min_length=1, max_length=100)]
    expires_at: str | None = None
