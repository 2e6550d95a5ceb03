"""Operations on one instance of a TApp, as the manual has them (instance接口: 终止实例, 启动实例, 升级实例)."""

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Path, Query, Response
from pydantic import WithJsonSchema

from api.access import Caller, allow
from api.app_operations import act, check_deployed, check_images, check_serves, invalid, moving
from api.parameters import AppId, DeadlineSeconds
from api.services import Services, Using
from api.submission import Prepared
from model.apps import App, AppPhase
from model.change_bodies import InstanceUpdateBody, Rollout, changed, chosen_container
from model.errors import Conflict, NotFound
from model.instances import instances_of, tapp_instance_id
from model.layouts import Workload, at_revision, with_running
from model.manifests import selector, workload_name
from model.revisions import pins
from records import Records
from workflows.instances import InstanceKill, InstanceStart, InstanceUpdate

router = APIRouter(prefix="/v2/instances", tags=["instances"])
Writer = Annotated[Caller, allow("app:write")]
# Taken as text: of a Deployment's instance, which has none, it is told what that is, and not that this is no number.
Index = Annotated[
    str,
    Path(alias="tAppInstanceID", description="The instance's index, from 0"),
    WithJsonSchema({"type": "integer", "minimum": 0, "maximum": 9999}),
]
OfInstance = Annotated[str | None, Query(description="The instance's id; by default the one of that index")]
_MOST_NAMED = 20
_MOST_PARTS = 4  # <app>-r<revision>-<number>-<template>-<pod>
OnFailure = Annotated[Literal["keep", "rollback"], Query(alias="onFailure")]


@router.post("/{project}/{instance}/{tAppInstanceID}/kill", status_code=202)
async def kill_instance(
    services: Using,
    caller: Writer,
    project: str,
    instance: str,
    index: Index,
    response: Response,
    app_id: AppId = None,
    instance_id: OfInstance = None,
    on_failure: OnFailure = "keep",
    deadline_seconds: DeadlineSeconds = None,
) -> dict[str, Any]:
    """Stop one instance of a TApp; its index, version and what belongs to it are kept for a start."""

    how = {"on_failure": on_failure, "deadline_seconds": deadline_seconds}
    return await _switch(services, caller, (project, instance, index, app_id, instance_id), how, response, running=False)


@router.post("/{project}/{instance}/{tAppInstanceID}/start", status_code=202)
async def start_instance(
    services: Using,
    caller: Writer,
    project: str,
    instance: str,
    index: Index,
    response: Response,
    app_id: AppId = None,
    instance_id: OfInstance = None,
    on_failure: OnFailure = "keep",
    deadline_seconds: DeadlineSeconds = None,
) -> dict[str, Any]:
    """Start a killed instance of a TApp again: the same index, name and version."""

    how = {"on_failure": on_failure, "deadline_seconds": deadline_seconds}
    return await _switch(services, caller, (project, instance, index, app_id, instance_id), how, response, running=True)


@router.post("/{project}/{instance}/{tAppInstanceID}/update", status_code=202)
async def update_instance(
    services: Using,
    caller: Writer,
    project: str,
    instance: str,
    index: Index,
    body: InstanceUpdateBody,
    response: Response,
    app_id: AppId = None,
    instance_id: OfInstance = None,
) -> dict[str, Any]:
    """Bring one instance of a TApp to another image; the others keep theirs.

    In place (same pod, same address) where only images differ, by a new pod otherwise; the operation's result says which.
    """

    async def prepare(tx: Records, app: App) -> Prepared:
        workload = await _instance(tx, app, instance, index, instance_id)
        before = await tx.apps.revision(app.id, workload.revision)
        spec = changed(before.spec, Rollout(image=body.image, container=body.container))
        check_images(services, caller, spec, "image")
        kept = pins(before.spec, before.digests, spec, [chosen_container(before.spec, body.container)])
        made = await tx.apps.add_revision(app.id, spec, caller.actor.name, body.reason or f"update of {instance}", kept)
        after = at_revision(app.layout, made.number, [workload.track])
        return await moving(
            tx,
            app,
            after,
            resolve=(made.number,),
            deadline_seconds=body.deadline_seconds,
            index=workload.track,
            revision=made.number,
            on_failure=body.on_failure,
        )

    app = await _owner(services, project, instance, index)
    request = {"instance": instance, **body.model_dump(by_alias=True, exclude_unset=True)}
    return await act(services, caller, InstanceUpdate, (project, app, app_id), request, prepare, response)


async def _switch(
    services: Services,
    caller: Caller,
    place: tuple[str, str, str, str | None, str | None],
    how: dict[str, Any],
    response: Response,
    *,
    running: bool,
) -> dict[str, Any]:
    """Submit the kill or the start of one instance; raises Conflict where it is so already."""
    project, instance, index, app_id, instance_id = place

    async def prepare(tx: Records, app: App) -> Prepared:
        workload = await _instance(tx, app, instance, index, instance_id)
        if running and workload.replicas:
            raise Conflict(
                f"The instance {instance!r} is not killed.",
                hint=f"To start it anew, kill it first: POST /v2/instances/{project}/{instance}/{index}/kill.",
            )
        if not running and not workload.replicas:
            raise Conflict(
                f"The instance {instance!r} is killed already.",
                hint=f"Start it to have it again: POST /v2/instances/{project}/{instance}/{index}/start.",
            )
        after = with_running(app.layout, workload.track, running)
        return await moving(tx, app, after, index=workload.track, **how)

    app = await _owner(services, project, instance, index)
    workflow = InstanceStart if running else InstanceKill
    request = {"instance": instance}
    return await act(services, caller, workflow, (project, app, app_id), request, prepare, response, always=not running)


async def _owner(services: Services, project: str, instance: str, index: str) -> str:
    """The name of the app whose instance this is; raises NotFound, and Invalid where name and index do not agree."""
    found = await services.records.projects.get(project)
    # A Deployment's pod is told too, as what it is: its name has at most so many parts after the app's.
    for end in reversed([place for place, letter in enumerate(instance) if letter == "-"][-_MOST_PARTS:]):
        app = await services.records.apps.find(found.id, instance[:end])
        if app and app.type == "TApp" and instance[end + 1 :] != index:
            rule = f"{index!r} is not the index of {instance!r}: of {app.name}-0 it is 0, of {app.name}-1 it is 1"
            raise invalid("tAppInstanceID", rule)
        if app:
            if app.type == "Deployment":
                await _check_there(services, app, instance)
            return app.name
    raise NotFound(
        f"There is no instance {instance!r} in the project {project!r}.",
        hint=f"A TApp's instances are named <app>-<index>, as db-0. List the project's apps: GET /v2/applications/{project}.",
    )


async def _check_there(services: Services, app: App, instance: str) -> None:
    """Raise NotFound, naming some that there are, for a Deployment app's instance that is not there."""
    pods = (await services.cluster.list("Pod", app.project, labelSelector=selector(app.id)))["items"]
    names = [found.name for found in instances_of(app, pods)]
    if instance not in names:
        there = f"it has: {', '.join(names[:_MOST_NAMED])}" if names else "it has none now"
        hint = f"List them: GET /v2/instances/{app.project}/{app.name}/lists."
        raise NotFound(f"{app.name!r} has no instance {instance!r}; {there}.", hint=hint)


async def _instance(tx: Records, app: App, instance: str, index: str, instance_id: str | None) -> Workload:
    """The TApp's instance of that index; raises Conflict for another type of app, NotFound for an index it does not have."""
    check_serves(app, "its instances are not killed, started or updated alone")
    if app.type != "TApp":
        raise Conflict(
            f"{app.name!r} is a Deployment app: its instances are alike, and {instance!r} is not killed, started or updated alone.",
            hint=f'Take it away: POST {app.path}/scale?type=manual {{"instances": ["{instance}"]}}; have all started anew: '
            f"POST {app.path}/restart; bring all to another image: POST {app.path}/rollout. In an app of the type TApp each "
            "instance is one of its own.",
        )
    if app.phase is not AppPhase.LIVE:
        raise Conflict(
            f"{app.name!r} is stopped: none of its instances runs.",
            hint=f"Start the app to have {instance!r} again: POST {app.path}/start.",
        )
    await check_deployed(tx, app)
    workload = app.layout.by_track.get(index)
    if workload is None:
        there = ", ".join(w.track for w in app.layout.workloads[:_MOST_NAMED]) or "none"
        raise NotFound(
            f"{app.name!r} has no instance {index}; it has: {there}.",
            hint=f"List them: GET /v2/instances/{app.project}/{app.name}/lists.",
        )
    if instance_id not in (None, tapp_instance_id(app.id, index)):
        raise NotFound(
            f"The instance {workload_name(app.name, workload.track)!r} does not have the id {instance_id}.",
            hint=f"List the instances for their ids: GET /v2/instances/{app.project}/{app.name}/lists.",
        )
    return workload
