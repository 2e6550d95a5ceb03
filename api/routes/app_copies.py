"""Copies of apps: the same spec under another name or in another project (mission B)."""

from datetime import UTC, datetime
from typing import Annotated, Any

from fastapi import APIRouter, Response

from api.access import Caller, allow, check
from api.app_operations import check_images, created, creating
from api.autoscaling import check_policy
from api.parameters import AppId
from api.services import Services, Using
from api.submission import Prepared, submit
from model.app_copies import CopyApp
from model.apps import App, AppSpec
from model.autoscaling import Scale, check_copied
from model.errors import Conflict, Forbidden
from model.images import PUBLIC, parse
from model.job_bodies import deadline_for
from records import Records
from workflows.apps import AppCreate

router = APIRouter(prefix="/v2/applications", tags=["applications"])


@router.post("/{project}/{name}/copy", status_code=202)
async def copy_app(
    services: Using,
    caller: Annotated[Caller, allow("app:write")],
    project: str,
    name: str,
    body: CopyApp,
    response: Response,
    app_id: AppId = None,
) -> dict[str, Any]:
    """Create an app of the same spec, the version in force of `name`, under another name or in another project.

    It takes app:write in both projects: a copy has the variables of its original. The images are those of the original by digest,
    whatever became of their tags. The
    autoscaling policy in force goes along (`scale` gives another one, null none); a query in it that names the app still does. What
    the spec refers to has to be there for the copy's project too: images that its members may use, configuration groups and entries
    of the same names (422 names what is missing), links within one project.
    """
    target = body.project or project
    check(caller.actor, "app:write", target)
    source = await services.records.apps.get((await services.records.projects.get(project)).id, name, app_id)
    copied = await services.records.apps.revision(source.id, source.revision)
    spec = copied.spec
    check_images(services, caller, spec, "image")
    if target != project:
        await check_references(services, source, spec, target)
    scale = await _policy(services, source, body, spec)
    replicas = source.replicas if body.instance_num is None else body.instance_num
    if scale:
        check_copied(scale, replicas, datetime.now(UTC))

    async def prepare(tx: Records) -> Prepared:
        return await creating(
            tx,
            target,
            body.name,
            spec,
            replicas=replicas,
            username=caller.actor.name,
            actor=caller.actor.name,
            scale=scale,
            deadline_seconds=deadline_for(body, spec),
            pinned=copied.digests,
        )

    request = {"app_id": source.id, **body.model_dump(by_alias=True, exclude_unset=True)}
    accepted = await submit(services, caller, AppCreate, request, prepare)
    return await created(services, accepted, response)


async def _policy(services: Services, source: App, body: CopyApp, spec: AppSpec) -> Scale | None:
    """The copy's autoscaling policy: the one given, else the original's; raises Invalid for one that cannot work."""
    if "scale" in body.model_fields_set:
        await check_policy(services, body.scale, spec, "scale.")
        return body.scale
    found = (await services.records.autoscaling.in_force([source.id])).get(source.id)
    return found.scale if found else None


async def check_references(services: Services, source: App, spec: AppSpec, target: str) -> None:
    """Raise where what the spec of another project's app refers to is not there for the project `target`.

    Forbidden for an image of a project that not all of its members may use, Conflict for links of a stack. Configuration is
    checked by `creating`, as it is for every new app.
    """
    await _check_members(services, spec, target)
    if spec.host_aliases:
        names = ", ".join(sorted({name for alias in spec.host_aliases for name in alias.hostnames}))
        raise Conflict(
            f"{source.name!r} is linked to apps of its stack in the project {source.project!r} ({names}), "
            f"which are not there in {target!r}.",
            hint="Deploy the stack in that project, or copy within the project.",
        )


async def _check_members(services: Services, spec: AppSpec, target: str) -> None:
    members = None
    for container in spec.containers:
        ref = parse(container.image, services.settings.mooring_registry)
        if not ref.own or ref.owner in (PUBLIC, target) or ref.owner.startswith("~"):
            continue
        owner = await services.records.projects.find(ref.owner)
        if owner is None:  # then there is no such image, as the operation will say
            continue
        if members is None:
            members = await _members(services, (await services.records.projects.get(target)).id)
        strangers = sorted(members - await _members(services, owner.id))
        if strangers:
            who = ", ".join(strangers[:5])
            raise Forbidden(
                f"The image {container.image!r} is the project {ref.owner!r}'s, which members of {target!r} are not in: {who}.",
                hint=f"Push it as an image of {target!r} or as a public one, and copy or create the app with that.",
            )


async def _members(services: Services, project_id: str) -> set[str]:
    return {member.user for member in await services.records.projects.members(project_id)}
