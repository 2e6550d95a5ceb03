"""A right that is refused to a member of a project: which roles have it, and who can give one."""

from api.services import Services
from model.access import PLATFORM_PERMISSIONS, Actor, Role, roles_with
from model.errors import Forbidden

_NAMED = 5


async def refused(services: Services, actor: Actor, permission: str, project: str | None, doing: str = "") -> Forbidden:
    """The refusal of a permission in a project that the actor is a member of, or of one of the platform's.

    `doing` is what needs it, where the route does not say so. The project's admins are named: who is no member gets no such reply.
    """
    message = f"{actor.name!r} does not have the permission {permission} in "
    if project is None or permission in PLATFORM_PERMISSIONS:
        return Forbidden(f"{message}the platform.", hint="It is for platform admins: ask one.")
    members = await services.records.projects.members(actor.project_ids[project])
    admins = [member.user for member in members if member.role == Role.ADMIN]
    named = ", ".join(admins[:_NAMED]) + (f" and {len(admins) - _NAMED} more" if len(admins) > _NAMED else "")
    who = f"an admin of the project ({named})" if admins else "a platform admin, as the project has no admin,"
    roles = " or ".join(roles_with(permission))
    needed = f", which {doing} needs" if doing else ""
    return Forbidden(
        f"{message}the project {project!r}{needed}: the role {actor.roles[project]} has it not.",
        hint=f"It takes the role {roles}; ask {who} for it: PUT /v2/projects/{project}/members/{actor.name}.",
    )
