"""Projects and their members (mission, API conventions)."""

from typing import Annotated, Any

from fastapi import APIRouter, Response

from api.access import Caller, allow
from api.parameters import Page, Size
from api.services import Using
from api.submission import Prepared, reply, submit
from model.access import NewMember, NewProject
from model.errors import Conflict, Forbidden, Invalid, NotFound, Problem
from model.held import Release
from model.names import check_project_name
from model.operations import Target
from model.projects import ProjectStatus
from records import Records
from workflows.projects import ProjectCreate, ProjectDelete
from workflows.releases import ObjectRelease

router = APIRouter(prefix="/v2/projects", tags=["projects"])


@router.post("", status_code=202)
async def create_project(
    services: Using, caller: Annotated[Caller, allow("platform:admin")], body: NewProject, response: Response
) -> dict[str, Any]:
    """Create a project: a tenant, and a Kubernetes namespace of the same name."""
    check_project_name(body.name)

    async def prepare(tx: Records) -> Prepared:
        project = await tx.projects.add(body.name, body.description, caller.actor.name)
        target = Target(kind="project", name=project.name, id=project.id)
        return Prepared(project=project.name, project_id=project.id, target=target)

    accepted = await submit(services, caller, ProjectCreate, body.model_dump(by_alias=True), prepare)
    return reply(response, accepted, name=body.name, id=accepted.target.id)


@router.get("")
async def list_projects(services: Using, caller: Annotated[Caller, allow(None)], size: Size = 10, page: Page = 0) -> dict[str, Any]:
    """List the projects the caller is in; a platform admin sees all."""
    ids = None if caller.actor.admin else list(caller.actor.project_ids.values())
    total, projects = await services.records.projects.page(ids, size, page * size)
    shown = [project.model_dump(by_alias=True, mode="json") for project in projects]
    return {"total": total, "page": page, "size": size, "projects": shown}


@router.get("/{project}")
async def get_project(services: Using, caller: Annotated[Caller, allow("project:read")], project: str) -> dict[str, Any]:
    """Read one project with its members."""
    found = await services.records.projects.get(project)
    members = await services.records.projects.members(found.id)
    return {**found.model_dump(by_alias=True, mode="json"), "members": [m.model_dump(by_alias=True) for m in members]}


@router.delete("/{project}", status_code=202)
async def delete_project(
    services: Using,
    caller: Annotated[Caller, allow("project:write")],
    project: str,
    response: Response,
    cascade: bool = False,
) -> dict[str, Any]:
    """Delete a project with its namespace; refused while apps live in it unless `cascade=true`."""

    async def prepare(tx: Records) -> Prepared:
        found = await tx.projects.get(project)
        await tx.projects.set_status(project, ProjectStatus.DELETING)  # from here no app can be created in it
        live = [app.name for app in await tx.apps.live(found.id)]
        if live and not cascade:
            raise Conflict(
                f"The project {project!r} has {len(live)} live app{'s' if len(live) > 1 else ''}: {', '.join(live[:10])}.",
                hint=f"Delete or kill them first, or the project with them: DELETE /v2/projects/{project}?cascade=true.",
            )
        target = Target(kind="project", name=project, id=found.id)
        return Prepared(project=project, project_id=found.id, target=target, fields={"cascade": cascade})

    accepted = await submit(services, caller, ProjectDelete, {"cascade": cascade}, prepare)
    return reply(response, accepted)


@router.post("/{project}/release", status_code=202)
async def release_object(
    services: Using, caller: Annotated[Caller, allow("platform:admin")], project: str, body: Release, response: Response
) -> dict[str, Any]:
    """Take finalizers off an object that was deleted and stays, where nobody is there any more to do so; on record with who did."""

    async def prepare(tx: Records) -> Prepared:
        found = await tx.projects.get(project)
        kind, _, name = body.object.partition("/")
        if kind == "namespaces" and name != project:
            rule = f"must be an object in the project's namespace, or namespaces/{project}"
            raise Invalid(f"object: {rule}.", problems=[Problem(field="object", message=rule)])
        target = Target(kind="object", name=body.object)
        fields = {"object": body.object, "finalizers": body.finalizers}
        return Prepared(project=project, project_id=found.id, target=target, fields=fields)

    accepted = await submit(services, caller, ObjectRelease, body.model_dump(by_alias=True), prepare)
    return reply(response, accepted)


@router.get("/{project}/members")
async def list_members(services: Using, caller: Annotated[Caller, allow("project:read")], project: str) -> dict[str, Any]:
    """List the project's members."""
    found = await services.records.projects.get(project)
    members = [m.model_dump(by_alias=True) for m in await services.records.projects.members(found.id)]
    return {"total": len(members), "page": 0, "size": len(members), "members": members}


@router.put("/{project}/members/{user}")
async def put_member(
    services: Using, caller: Annotated[Caller, allow("member:write")], project: str, user: str, body: NewMember
) -> dict[str, Any]:
    """Give a user a role in the project; idempotent.

    A project's admin adds people that are in a project with them already; a platform admin adds anybody. So nobody learns by this
    which names exist.
    """
    found = await services.records.projects.get(project)
    if not caller.actor.admin and not await services.records.people.known_to(caller.actor.name, user):
        raise Forbidden(
            f"{user!r} is in no project with you.",
            hint="Have an administrator of the platform add them to this project; from then on you give them their role.",
        )
    if await services.records.people.user(user) is None:
        rule = f"there is no user {user!r}"
        raise Invalid(
            f"user: {rule}.", hint="Create the user first: POST /v2/users.", problems=[Problem(field="user", message=rule)]
        )
    await services.records.projects.put_member(found.id, user, body.role)
    return {"Code": 0, "Message": "", "user": user, "role": body.role}


@router.delete("/{project}/members/{user}")
async def delete_member(
    services: Using, caller: Annotated[Caller, allow("member:write")], project: str, user: str
) -> dict[str, Any]:
    """Take a member out of the project; its sessions end with the next request."""
    found = await services.records.projects.get(project)
    if not await services.records.projects.delete_member(found.id, user):
        raise NotFound(f"{user!r} is not a member of {project!r}.")
    return {"Code": 0, "Message": ""}
