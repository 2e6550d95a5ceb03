"""Apps: create, read, delete, rollout, rollback, scale, kill, start, revisions (manual, app接口; mission B)."""

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Response

from api.access import Caller, allow
from api.apps_shown import shown
from api.autoscaling import check_bounds, check_policy, set_policy
from api.parameters import Page, Size
from api.placed import check_cluster
from api.services import Services, Using
from api.submission import Accepted, Prepared, reply, submit
from model.app_bodies import NewApp, Rollback, Rollout, changed, spec_of
from model.app_replies import revision_reply
from model.apps import MOST_INSTANCES, App, AppPhase, AppSpec, Revision
from model.errors import Conflict, Forbidden, Invalid, NotImplementedYet, Problem
from model.images import check_use, parse
from model.operations import Target
from records import Records
from records.ids import new_app_id
from workflows.apps import AppCreate, AppDelete, AppKill, AppScale, AppStart, AppUpgrade
from workflows.operation import Operation

router = APIRouter(prefix="/v2/applications", tags=["applications"])
Reader = Annotated[Caller, allow("app:read")]
Writer = Annotated[Caller, allow("app:write")]
AppId = Annotated[str | None, Query(pattern=r"^[0-9a-f]{64}$", description="One life of the app; by default the live one")]
_TO_STOP = 300  # seconds a removal may take beyond the instances' own termination grace


@router.post("/{project}", status_code=202)
async def create_app(services: Using, caller: Writer, project: str, body: NewApp, response: Response) -> dict[str, Any]:
    """Create an app and deploy it; the reply is the app's, its Status PENDING until it serves."""
    spec = spec_of(body)
    await check_policy(services, body.scale, spec, "scale.")
    _check_images(services, caller, spec, "imageRef")
    username = body.user_name or caller.actor.name
    if username != caller.actor.name and not caller.actor.admin:
        raise Forbidden(f"userName: only a platform admin creates apps in the name of {username!r}.", hint="Leave userName out.")
    check_cluster(body.cluster)

    async def prepare(tx: Records) -> Prepared:
        found = await tx.projects.hold(project)
        await tx.apps.hold(found.id, body.name)
        app_id = new_app_id()
        await tx.apps.add(app_id, found, body.name, spec, replicas=body.instance_num, username=username, actor=caller.actor.name)
        if body.scale:
            await tx.autoscaling.set_policy(app_id, body.scale, caller.actor.name)
        target = Target(kind="app", name=body.name, id=app_id)
        return Prepared(
            project=project,
            project_id=found.id,
            target=target,
            fields={"app_id": app_id, "revision": 1},
            deadline_seconds=body.deadline_seconds,
        )

    accepted = await submit(services, caller, AppCreate, body.model_dump(by_alias=True, exclude_unset=True), prepare)
    assert accepted.target.id is not None
    app = await services.records.apps.by_id(accepted.target.id)
    (made,) = await shown(services, project, [app])
    return reply(response, accepted, **made)


@router.get("/{project}")
async def list_apps(services: Using, caller: Reader, project: str, size: Size = 10, page: Page = 0) -> dict[str, Any]:
    """List the project's apps, live and stopped, by name."""
    found = await services.records.projects.get(project)
    total, apps = await services.records.apps.page(found.id, size, page * size)
    return {"total": total, "page": page, "size": size, "applications": await shown(services, project, apps)}


@router.get("/{project}/{name}")
async def get_app(services: Using, caller: Reader, project: str, name: str, app_id: AppId = None) -> dict[str, Any]:
    """Read one app: that of the AppID, else the live one, else the newest stopped one."""
    (found,) = await shown(services, project, [await _app(services, project, name, app_id)])
    return found


@router.delete("/{project}/{name}", status_code=202)
async def delete_app(
    services: Using, caller: Writer, project: str, name: str, response: Response, app_id: AppId = None
) -> dict[str, Any]:
    """Delete an app, running or stopped; an operation that runs on it is cancelled first."""
    return await _act(services, caller, AppDelete, (project, name, app_id), {}, _stopping, response)


@router.post("/{project}/{name}/kill", status_code=202)
async def kill_app(
    services: Using, caller: Writer, project: str, name: str, response: Response, app_id: AppId = None
) -> dict[str, Any]:
    """Stop an app: its objects go, its name is free, its spec is kept for a start. A running operation is cancelled first."""

    async def prepare(tx: Records, app: App) -> Prepared:
        _check_live(app)
        return await _stopping(tx, app)

    return await _act(services, caller, AppKill, (project, name, app_id), {}, prepare, response)


@router.post("/{project}/{name}/start", status_code=202)
async def start_app(
    services: Using, caller: Writer, project: str, name: str, response: Response, app_id: AppId = None
) -> dict[str, Any]:
    """Start a stopped app again, under its AppID; 409 when another live app has its name."""

    async def prepare(tx: Records, app: App) -> Prepared:
        live = await tx.apps.find(app.project_id, app.name)
        if live and live.phase is AppPhase.LIVE:
            whose = "it" if live.id == app.id else f"another app of that name ({live.id[:12]}…)"
            raise Conflict(f"{name!r} cannot be started: {whose} is live.", hint="Kill or delete that one first.")
        # The tag is resolved anew: who starts it must be one who may deploy that image now.
        _check_images(services, caller, (await tx.apps.revision(app.id, app.revision)).spec, "image")
        await tx.apps.set_phase(app.id, AppPhase.LIVE)
        return _prepared(app, revision=app.revision)

    return await _act(services, caller, AppStart, (project, name, app_id), {}, prepare, response)


@router.post("/{project}/{name}/rollout", status_code=202)
async def rollout_app(
    services: Using, caller: Writer, project: str, name: str, body: Rollout, response: Response, app_id: AppId = None
) -> dict[str, Any]:
    """Upgrade an app to another image, or change other fields with it; what the body does not name stays."""

    async def prepare(tx: Records, app: App) -> Prepared:
        _check_live(app)
        before = await tx.apps.revision(app.id, app.revision)
        spec = changed(before.spec, body)
        _check_images(services, caller, spec, "image")
        made = await tx.apps.add_revision(app.id, spec, caller.actor.name, body.reason or "rollout")
        return _to_revision(made, app, body.on_failure, body.deadline_seconds)

    request = body.model_dump(by_alias=True, exclude_unset=True)
    return await _act(services, caller, AppUpgrade, (project, name, app_id), request, prepare, response)


@router.post("/{project}/{name}/rollback", status_code=202)
async def rollback_app(
    services: Using,
    caller: Writer,
    project: str,
    name: str,
    response: Response,
    body: Rollback | None = None,
    app_id: AppId = None,
) -> dict[str, Any]:
    """Go back to an earlier revision exactly, images by digest; by default to the newest before the one in force."""
    asked = body or Rollback()

    async def prepare(tx: Records, app: App) -> Prepared:
        _check_live(app)
        wanted = await _earlier(tx, app, asked.revision)
        _check_images(services, caller, wanted.spec, "revision")
        reason = asked.reason or f"rollback to revision {wanted.number}"
        made = await tx.apps.add_revision(app.id, wanted.spec, caller.actor.name, reason, wanted.digests)
        return _to_revision(made, app, asked.on_failure, asked.deadline_seconds)

    request = asked.model_dump(by_alias=True, exclude_unset=True)
    return await _act(services, caller, AppUpgrade, (project, name, app_id), request, prepare, response)


@router.post("/{project}/{name}/scale", status_code=202)
async def scale_app(
    services: Using,
    caller: Writer,
    project: str,
    name: str,
    response: Response,
    type: Literal["manual", "auto"],
    scale: Annotated[int | None, Query(ge=0, le=MOST_INSTANCES)] = None,
    app_id: AppId = None,
    body: dict[str, Any] | None = None,
    on_failure: Annotated[Literal["keep", "rollback"], Query(alias="onFailure")] = "keep",
) -> dict[str, Any]:
    """Set the number of instances: `type=manual&scale=N`; or, `type=auto` with the policy as the body, have it set by use."""
    if type == "auto":
        return await set_policy(services, caller, (project, name, app_id), body, response)
    if body:
        named = ", ".join(body)
        raise NotImplementedYet(f"The body ({named}) is not carried out by this version of the platform.", hint="Leave it out.")
    if scale is None:
        raise _invalid("scale", "is required with type=manual: the number of instances wanted")

    async def prepare(tx: Records, app: App) -> Prepared:
        _check_live(app)
        if not (await tx.apps.revision(app.id, app.revision)).digests:
            raise Conflict(
                f"{app.name!r} cannot be scaled: its image was never found, so nothing of it runs.",
                hint="Roll it out with an image that exists, or retry its creation; then scale it.",
            )
        await check_bounds(tx, app, scale)
        return _prepared(app, replicas=scale, before=app.replicas, on_failure=on_failure)

    return await _act(services, caller, AppScale, (project, name, app_id), {"scale": scale}, prepare, response)


@router.get("/{project}/{name}/revisions")
async def list_revisions(
    services: Using, caller: Reader, project: str, name: str, app_id: AppId = None, size: Size = 10, page: Page = 0
) -> dict[str, Any]:
    """List the app's revisions, newest first: who, when, why, the images, and what changed."""
    app = await _app(services, project, name, app_id)
    total, found = await services.records.apps.revisions(app.id, size + 1, page * size)
    before: list[Revision | None] = [*found[1:], None]
    lines = [revision_reply(r, b, app.revision) for r, b in zip(found, before, strict=True)][:size]
    return {"total": total, "page": page, "size": size, "revisions": lines}


async def _app(services: Services, project: str, name: str, app_id: str | None) -> App:
    found = await services.records.projects.get(project)
    return await services.records.apps.get(found.id, name, app_id)


async def _act(
    services: Services,
    caller: Caller,
    workflow: type[Operation],
    place: tuple[str, str, str | None],
    request: dict[str, Any],
    prepare: Any,
    response: Response,
) -> dict[str, Any]:
    """Submit an operation on an existing app; `prepare(tx, app)` runs with what is submitted on its name serialised."""
    project, name, app_id = place

    async def prepared(tx: Records) -> Prepared:
        found = await tx.projects.hold(project)
        await tx.apps.hold(found.id, name)
        app = await tx.apps.get(found.id, name, app_id)
        running = await tx.apps.running_on(project, name)
        if running and running["target_id"] != app.id:
            raise Conflict(
                f"{running['kind']} {running['id']} is {running['status']} on another life of {name!r}.",
                operation_id=running["id"],
            )
        made: Prepared = await prepare(tx, app)
        return made

    query = {"app_id": app_id} if app_id else {}
    accepted: Accepted = await submit(services, caller, workflow, {**query, **request}, prepared)
    return reply(response, accepted, AppID=accepted.target.id)


def _prepared(app: App, deadline_seconds: int | None = None, **fields: Any) -> Prepared:
    return Prepared(
        project=app.project,
        project_id=app.project_id,
        target=Target(kind="app", name=app.name, id=app.id),
        fields={"app_id": app.id, **fields},
        deadline_seconds=deadline_seconds,
    )


def _to_revision(made: Revision, app: App, on_failure: str, deadline_seconds: int) -> Prepared:
    return _prepared(app, deadline_seconds, revision=made.number, before=app.revision, on_failure=on_failure)


async def _stopping(tx: Records, app: App) -> Prepared:
    grace = (await tx.apps.revision(app.id, app.revision)).spec.termination_grace_period_seconds
    return _prepared(app, _TO_STOP + grace)


async def _earlier(tx: Records, app: App, number: int | None) -> Revision:
    """The revision to go back to: the one named, or the newest before the one in force; it must have been deployed."""
    if number is not None:
        wanted = await tx.apps.revision(app.id, number)
        if not wanted.digests:
            raise _invalid("revision", f"revision {number} was never deployed: its images were not found")
        return wanted
    found = await tx.apps.deployed_before(app.id, app.revision)
    if found is None:
        raise Conflict(f"{app.name!r} has no revision before {app.revision} to go back to.", hint="See its revisions.")
    return found


def _check_live(app: App) -> None:
    if app.phase is not AppPhase.LIVE:
        raise Conflict(f"{app.name!r} is stopped.", hint="Start it first.")


def _check_images(services: Services, caller: Caller, spec: AppSpec, field: str) -> None:
    """Raise Invalid naming `field` for a reference that cannot be read, Forbidden for one that is not the caller's to use."""
    for container in spec.containers:
        try:
            ref = parse(container.image, services.settings.mooring_registry)
        except ValueError as error:
            raise _invalid(field, f"{container.image!r}: {error}") from error
        check_use(ref, container.image, caller.actor)


def _invalid(field: str, rule: str) -> Invalid:
    return Invalid(f"{field}: {rule}.", problems=[Problem(field=field, message=rule)])
