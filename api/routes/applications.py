"""Apps: create, list, read, delete, kill, start (manual, app接口; mission B). Changes of a running app: app_changes.py."""

from typing import Annotated, Any

from fastapi import APIRouter, Response

from api.access import Caller, allow
from api.app_operations import act, check_deadline, check_images, created, creating, moving, stopping
from api.apps_shown import shown
from api.autoscaling import check_policy
from api.parameters import AppId, DeadlineSeconds, Page, Size
from api.placed import check_cluster
from api.services import Services, Using
from api.submission import Prepared, submit
from model.app_bodies import NewApp, spec_of
from model.app_replies import without_values
from model.apps import App, AppPhase
from model.deadlines import start_notice
from model.errors import Conflict, Forbidden
from model.job_bodies import deadline_for
from model.room_notices import growth_notice
from records import Records
from workflows.apps import AppCreate, AppDelete, AppKill, AppStart

router = APIRouter(prefix="/v2/applications", tags=["applications"])
Reader = Annotated[Caller, allow("app:read")]
Writer = Annotated[Caller, allow("app:write")]


@router.post("/{project}", status_code=202)
async def create_app(services: Using, caller: Writer, project: str, body: NewApp, response: Response) -> dict[str, Any]:
    """Create an app and deploy it; the reply is the app's, its Status PENDING until it serves."""
    spec = spec_of(body)
    await check_policy(services, body.scale, spec, "scale.")
    check_images(services, caller, spec, "imageRef")
    username = body.user_name or caller.actor.name
    if username != caller.actor.name and not caller.actor.admin:
        raise Forbidden(f"userName: only a platform admin creates apps in the name of {username!r}.", hint="Leave userName out.")
    check_cluster(body.cluster)
    deadline = deadline_for(body, spec)
    check_deadline(spec, deadline)
    room, how = await services.rooms.known(), body.on_unschedulable
    notices = (growth_notice(spec, body.instance_num, room, project, how) if room else "", start_notice(spec, deadline))

    async def prepare(tx: Records) -> Prepared:
        return await creating(
            tx,
            project,
            body.name,
            spec,
            replicas=body.instance_num,
            username=username,
            actor=caller.actor.name,
            scale=body.scale,
            deadline_seconds=deadline,
            on_unschedulable=how,
            notice=" ".join(filter(None, notices)),
        )

    request = body.model_dump(by_alias=True, exclude_unset=True)
    accepted = await submit(services, caller, AppCreate, request, prepare, told=without_values(request))
    return await created(services, accepted, response)


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
    return await act(services, caller, AppDelete, (project, name, app_id), {}, stopping, response)


@router.post("/{project}/{name}/kill", status_code=202)
async def kill_app(
    services: Using, caller: Writer, project: str, name: str, response: Response, app_id: AppId = None
) -> dict[str, Any]:
    """Stop an app: its objects go, its name is free, its spec is kept for a start. A running operation is cancelled first."""

    async def prepare(tx: Records, app: App) -> Prepared:
        if app.phase is not AppPhase.LIVE:
            raise Conflict(
                f"{name!r} is stopped already: nothing of it runs.",
                hint=f"Start it to have it again: POST {app.path}/start. Delete it to be rid of it: DELETE {app.path}.",
            )
        return await stopping(tx, app)

    return await act(services, caller, AppKill, (project, name, app_id), {}, prepare, response)


@router.post("/{project}/{name}/start", status_code=202)
async def start_app(
    services: Using,
    caller: Writer,
    project: str,
    name: str,
    response: Response,
    app_id: AppId = None,
    deadline_seconds: DeadlineSeconds = None,
) -> dict[str, Any]:
    """Start a stopped app again, under its AppID; 409 when another live app has its name."""

    async def prepare(tx: Records, app: App) -> Prepared:
        live = await tx.apps.find(app.project_id, app.name)
        if live and live.phase is AppPhase.LIVE:
            if live.id == app.id:
                anew = f"Have its instances started anew: POST {app.path}/restart. See how they are: GET {app.path}."
                raise Conflict(f"{name!r} is started already.", hint=anew)
            other = f"another app of that name ({live.id[:12]}…) is live"
            raise Conflict(f"{name!r} cannot be started: {other}.", hint="Kill or delete that one first.")
        # Who starts it must be one who may deploy its images now; they are those that it ran, whatever became of their tags.
        for number in app.layout.revisions:
            check_images(services, caller, (await tx.apps.revision(app.id, number)).spec, "image")
        await tx.apps.check_names(app.project_id, app.name, app.type)
        await tx.apps.set_phase(app.id, AppPhase.LIVE)
        await tx.apps.pin(app.id, app.layout.revisions)
        return await moving(tx, app, app.layout, resolve=app.layout.revisions, deadline_seconds=deadline_seconds)

    return await act(services, caller, AppStart, (project, name, app_id), {}, prepare, response)


async def _app(services: Services, project: str, name: str, app_id: str | None) -> App:
    found = await services.records.projects.get(project)
    return await services.records.apps.get(found.id, name, app_id)
