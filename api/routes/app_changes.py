"""Changes of a running app: rollout, rollback, scale, restart, and its revisions (manual, app接口; mission B)."""

from collections import Counter
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Response

from api.access import Caller, allow
from api.app_operations import (
    Place,
    Prepare,
    act,
    check_deadline,
    check_deployed,
    check_images,
    check_live,
    check_serves,
    invalid,
    moving,
    upgrading,
)
from api.aside import aside
from api.autoscaling import check_bounds, check_scaled, set_policy
from api.gray_upgrades import check_gates, upgrading_gray
from api.instances_found import app_meant, revisions_of
from api.parameters import AppId, DeadlineSeconds, Page, ShownAs, Size, body_of
from api.replies import counted
from api.rollbacks import back_before, check_can_go_back, earlier, half_done
from api.rollouts import changes_nothing, kept, named_again
from api.services import Services, Using
from api.submission import Prepared, Unchanged
from model.app_replies import revision_reply
from model.apps import MOST_INSTANCES, App, AppPhase, Revision, UpgradeApp
from model.autoscaling import Scale
from model.change_bodies import ManualScale, Rollback, Rollout, changed
from model.deadlines import start_notice
from model.errors import MooringError
from model.instances import serving_by_revision
from model.job_bodies import deadline_for
from model.layouts import fewer, restarted, scaled
from model.manifests import selector
from model.pod_templates import APP_ID, Object, app_label, track_of
from model.pods import leaves
from model.revisions import image_plan
from model.room_notices import growth_notice, upgrade_notice
from model.serving import left_behind
from records import Records
from records.ids import new_id
from records.pauses import scaling_in_pause
from workflows.apps import AppRestart, AppScale
from workflows.upgrades import AppUpgrade

router = APIRouter(prefix="/v2/applications", tags=["applications"])
Reader = Annotated[Caller, allow("app:read")]
Writer = Annotated[Caller, allow("app:write")]
OnFailure = Annotated[Literal["keep", "rollback"], Query(alias="onFailure")]


@router.post("/{project}/{name}/rollout", status_code=202)
async def rollout_app(
    services: Using, caller: Writer, project: str, name: str, body: Rollout, response: Response, app_id: AppId = None
) -> dict[str, Any]:
    """Upgrade an app to another image, or change other fields with it; what the body does not name stays.

    An image that it does not name stays what it is, by digest; one that it names is looked up, the tag that it has already too.
    The reply's `images` tell for each container {image, digest, before}, where a digest of null is looked up by the operation.
    Where nothing would differ there is no operation and no revision: 200 with `unchanged`, and the OperationID of what brought it.

    With `batches` it is gray: numbers and percentages are cumulative, a list names instances of a TApp; after each batch its
    gates have to pass, then it may pause. POST /v2/operations/{id}/pause, resume, promote and rollback control it.
    """
    await check_gates(services, body)
    named = await named_again(services, caller, (project, name, app_id), body)
    room, how = await services.rooms.known(), body.on_unschedulable

    async def prepare(tx: Records, app: App) -> Prepared | Unchanged:
        before = await tx.apps.revision(app.id, app.revision)
        spec = changed(before.spec, body)
        check_images(services, caller, spec, "image")
        deadline = deadline_for(body, spec)
        check_deadline(spec, deadline)
        notices = (
            upgrade_notice(spec, app.layout.running, room, project, how) if room else "",
            start_notice(spec, deadline),
            *left_behind(before.spec, spec),
        )
        more = {"on_unschedulable": how, "notice": " ".join(filter(None, notices))}
        if body.gray:
            check_serves(app, "it has no batches, gates and pauses")
        if unchanged := await changes_nothing(tx, app, before, spec, named):
            return unchanged
        await check_scaled(tx, app, spec)
        made = await tx.apps.add_revision(app.id, spec, caller.actor.name, body.reason or "rollout", kept(before, spec, body))
        if body.gray:
            asked = body.deadline_seconds if "deadline_seconds" in body.model_fields_set else None
            return await upgrading_gray(tx, app, made, body, on_failure=body.on_failure, deadline_seconds=asked, **more)
        return await upgrading(tx, app, made, on_failure=body.on_failure, deadline_seconds=deadline, **more)

    return await _upgraded(services, caller, (project, name, app_id), body, prepare, response)


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
    """Go back to an earlier revision exactly, images by digest; by default to the newest before that worked.

    That was in force, and not only by operations that FAILED or were CANCELLED; from what is itself a rollback it is the newest
    before what that went to. After a rollout that stopped in the middle of its batches it is what was before it; after one that
    failed or was cancelled and left nothing there is nothing to take back (409): name the revision to go further. With `operation`
    back to exactly which instances had which version before that operation on the app.
    What a Job did is not taken back so: 409.
    """
    asked = body or Rollback()

    async def prepare(tx: Records, app: App) -> Prepared:
        check_can_go_back(app)
        undone = asked.operation or (await half_done(tx, app) if asked.revision is None else None)
        if undone is not None:
            return await back_before(services, caller, tx, app, asked, undone)
        wanted = await earlier(tx, app, asked.revision)
        check_images(services, caller, wanted.spec, "revision")
        reason = asked.reason or f"rollback to revision {wanted.number}"
        actor = caller.actor.name
        made = await tx.apps.add_revision(app.id, wanted.spec, actor, reason, wanted.digests, copy_of=wanted.origin)
        return await upgrading(
            tx, app, made, on_failure=asked.on_failure, deadline_seconds=asked.deadline_seconds, restores=wanted.number
        )

    return await _upgraded(services, caller, (project, name, app_id), asked, prepare, response)


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
    body: Annotated[dict[str, Any] | None, ShownAs(ManualScale | Scale | None)] = None,
    on_failure: OnFailure = "keep",
) -> dict[str, Any]:
    """Set the number of instances: `type=manual&scale=N`; or, `type=auto` with the policy as the body, have it set by use.

    With the body {"image": …} new instances get that image; with {"instances": [names]} and without `scale` exactly those go;
    `deadlineSeconds` is how long it may take.
    A TApp loses its highest indices first and gets its lowest free ones. A Job cannot be scaled: 409. While a gray upgrade pauses a
    number may be set too: the versions keep the batch's share of it, and what is left of the upgrade, or its way back, keeps to it.
    """
    if type == "auto":
        return await set_policy(services, caller, (project, name, app_id), body, response)
    asked = body_of(ManualScale, body)
    if (scale is None) == (not asked.instances):
        raise invalid("scale", "give either the number of instances wanted, or the body's instances to take away")
    pods = await _pods(services, (project, name, app_id)) if asked.instances else []
    room, how = await services.rooms.known(), asked.on_unschedulable

    async def prepare(tx: Records, app: App) -> Prepared:
        check_serves(app, "it cannot be scaled")
        await check_deployed(tx, app)
        if asked.instances:
            after = fewer(app.layout, _leavers(app, pods, asked.instances))
            await check_bounds(tx, app, after)
            named = {"gone": tuple(asked.instances), "marks": app.type == "Deployment", "deadline_seconds": asked.deadline_seconds}
            return await moving(tx, app, after, replicas=after.total, on_failure=on_failure, **named)
        assert scale is not None
        new = await _version_of_new_ones(services, caller, tx, app, scale, asked)
        free = None if new else await scaling_in_pause(tx, app, scale)
        after = free.after if free else scaled(app.layout, scale, new)
        await check_bounds(tx, app, after)
        fields = {"deadline_seconds": asked.deadline_seconds, **(free.fields(app.layout.total) if free else {})}
        if free:
            await tx.operations.tell_scaling(free.upgrade, caller.actor.name, f"by {caller.actor.name}, {free.words}")
        spec = (await tx.apps.revision(app.id, after.revision)).spec
        fields |= {
            "on_unschedulable": how,
            "notice": growth_notice(spec, after.running - app.layout.running, room, project, how) if room else "",
        }
        return await moving(tx, app, after, resolve=(new,) if new else (), replicas=scale, on_failure=on_failure, **fields)

    request = {**({} if scale is None else {"scale": scale}), **asked.model_dump(by_alias=True, exclude_unset=True)}
    return await act(services, caller, AppScale, (project, name, app_id), request, prepare, response)


@router.post("/{project}/{name}/restart", status_code=202)
async def restart_app(
    services: Using,
    caller: Writer,
    project: str,
    name: str,
    response: Response,
    app_id: AppId = None,
    on_failure: OnFailure = "keep",
    deadline_seconds: DeadlineSeconds = None,
) -> dict[str, Any]:
    """Start every running instance anew, a few at a time; each keeps its version. A Job is run again."""

    async def prepare(tx: Records, app: App) -> Prepared:
        await check_deployed(tx, app)
        after = restarted(app.layout, new_id("rs"))
        return await moving(tx, app, after, on_failure=on_failure, deadline_seconds=deadline_seconds)

    return await act(services, caller, AppRestart, (project, name, app_id), {}, prepare, response)


@router.get("/{project}/{name}/revisions")
async def list_revisions(
    services: Using, caller: Reader, project: str, name: str, app_id: AppId = None, size: Size = 10, page: Page = 0
) -> dict[str, Any]:
    """List the app's revisions, newest first: who, when, why, the images, how many instances have it, and what changed.

    `instances` is how many shall have it, `ready` how many serve with it (null of a Job, of what is stopped, and while the cluster
    cannot be asked). `outcome` tells how the operation ended that rolled it out: one that FAILED or was CANCELLED never worked as
    a whole.
    """
    place: Place = (project, name, app_id)
    app = await services.records.apps.get((await services.records.projects.get(place[0])).id, place[1], place[2])
    total, found = await services.records.apps.revisions(app.id, size + 1, page * size)
    before: list[Revision | None] = [*found[1:], None][: len(found)]
    ended = await services.records.apps.outcomes(app, [r.number for r in found])
    ready = await _ready(services, app)
    lines = [
        revision_reply(r, b, app.layout, None if ready is None else ready[r.number], ended.get(r.number))
        for r, b in zip(found, before, strict=True)
    ][:size]
    return {**counted(total), "page": page, "size": size, "revisions": lines}


async def _ready(services: Services, app: App) -> Counter[int] | None:
    """How many instances serve with each revision; None of what does not serve, and while the cluster cannot be asked."""
    if app.phase is not AppPhase.LIVE or app.type == "Job":
        return None
    try:
        pods = (await services.cluster.list("Pod", app.project, labelSelector=selector(app.id)))["items"]
    except MooringError:
        return None
    revisions = await revisions_of(services, app)
    return await aside(serving_by_revision, app, pods, revisions, services.settings.mooring_registry)


async def _upgraded(
    services: Services, caller: Caller, place: Place, asked: Rollout | Rollback, prepare: Prepare, response: Response
) -> dict[str, Any]:
    """Submit what `prepare` makes of a live app and the body; its reply names the revisions, also where a key is used again."""

    async def on_live(tx: Records, app: App) -> Prepared | Unchanged:
        check_live(app)
        return await prepare(tx, app)

    request, back = asked.model_dump(by_alias=True, exclude_unset=True), isinstance(asked, Rollback)
    told = await act(services, caller, AppUpgrade, place, request, on_live, response, always=back)
    row = await services.records.operations.get(told["OperationID"])
    if told.get("unchanged") or row["kind"] != "app.upgrade":  # or a key that stands for such a request, used again
        number = (await services.records.apps.by_id(told["AppID"])).revision
        return {**told, "fromRevision": number, "toRevision": number, "revision": number, "images": []}
    ask = UpgradeApp.model_validate(row["ask"])
    found = await services.records.apps.numbered(ask.app_id, {ask.revision, ask.leaves or ask.revision})
    return {**told, **ask.shown, "images": image_plan(found[ask.leaves or ask.revision], found[ask.revision])}


async def _version_of_new_ones(
    services: Services, caller: Caller, tx: Records, app: App, scale: int, asked: ManualScale
) -> int | None:
    """The number of a new revision with the image asked for, None where new instances get the one in force."""
    if asked.image is None:
        return None
    if scale <= app.layout.total:
        raise invalid("image", f"is for new instances, but {app.name!r} has {app.layout.total} and shall have {scale}")
    before = await tx.apps.revision(app.id, app.revision)
    body = Rollout(image=asked.image, container=asked.container)
    spec = changed(before.spec, body)
    check_images(services, caller, spec, "image")
    pinned = kept(before, spec, body)
    return (await tx.apps.add_revision(app.id, spec, caller.actor.name, "scale: new instances", pinned)).number


async def _pods(services: Services, place: Place) -> list[Object]:
    """A Deployment app's pods, read before anything is held: a cluster that hangs must not keep the database from others."""
    app = await app_meant(services, *place)
    if app.type == "TApp":
        return []
    found: list[Object] = (await services.cluster.list("Pod", app.project, labelSelector=selector(app.id)))["items"]
    return found


def _leavers(app: App, pods: list[Object], names: list[str]) -> dict[str, int]:
    """By track how many of the named instances go; raises Invalid naming one the app does not have."""
    if app.type == "TApp":
        track_by_name = {f"{app.name}-{w.track}": w.track for w in app.layout.workloads}
    else:
        of_app = {pod["metadata"]["name"]: pod["metadata"]["labels"] for pod in pods if not leaves(pod)}
        track_by_name = {name: track_of(labels) for name, labels in of_app.items() if labels[APP_ID] == app_label(app.id)}
    gone: dict[str, int] = {}
    for place, name in enumerate(names):
        if name not in track_by_name:
            raise invalid(
                f"instances.{place}",
                f"{app.name!r} has no instance {name!r}; list them: GET /v2/instances/{app.project}/{app.name}/lists",
            )
        gone[track_by_name[name]] = gone.get(track_by_name[name], 0) + 1
    return gone
