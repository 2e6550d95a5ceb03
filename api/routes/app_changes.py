"""Changes of a running app: rollout, rollback, scale, restart, and its revisions (manual, app接口; mission B)."""

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Response

from api.access import Caller, allow
from api.app_operations import (
    Place,
    Prepare,
    act,
    check_deployed,
    check_images,
    check_live,
    check_serves,
    invalid,
    moving,
    upgrading,
)
from api.autoscaling import check_bounds, set_policy
from api.gray_upgrades import check_gates, upgrading_gray
from api.instances_found import app_meant
from api.parameters import AppId, Page, ShownAs, Size, body_of
from api.services import Services, Using
from api.submission import Prepared
from model.app_replies import revision_reply
from model.apps import MOST_INSTANCES, App, Revision, UpgradeApp
from model.autoscaling import Scale
from model.change_bodies import ManualScale, Rollback, Rollout, changed
from model.errors import Conflict
from model.job_bodies import deadline_for
from model.layouts import fewer, restarted, scaled
from model.manifests import selector
from model.operations import TERMINAL, Target
from model.pod_templates import APP_ID, Object, app_label, track_of
from model.pods import leaves
from records import Records
from records.ids import new_id
from records.operations import busy
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

    With `batches` it is gray: numbers and percentages are cumulative, a list names instances of a TApp; after each batch its
    gates have to pass, then it may pause. POST /v2/operations/{id}/pause, resume, promote and rollback control it.
    """
    await check_gates(services, body)

    async def prepare(tx: Records, app: App) -> Prepared:
        before = await tx.apps.revision(app.id, app.revision)
        spec = changed(before.spec, body)
        check_images(services, caller, spec, "image")
        made = await tx.apps.add_revision(app.id, spec, caller.actor.name, body.reason or "rollout")
        if body.gray:
            check_serves(app, "it has no batches, gates and pauses")
            asked = body.deadline_seconds if "deadline_seconds" in body.model_fields_set else None
            return await upgrading_gray(tx, app, made, body, on_failure=body.on_failure, deadline_seconds=asked)
        return await upgrading(tx, app, made, on_failure=body.on_failure, deadline_seconds=deadline_for(body, spec))

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
    """Go back to an earlier revision exactly, images by digest; by default to the newest that was in force before the one in force.

    After a rollout that stopped in the middle of its batches that is what was before it; after one that failed or was cancelled
    and left nothing there is nothing to take back (409): name the revision to go further. With `operation` back to exactly which
    instances had which version before that operation on the app.
    What a Job did is not taken back so: 409.
    """
    asked = body or Rollback()

    async def prepare(tx: Records, app: App) -> Prepared:
        check_serves(app, "what it did cannot be taken back by an earlier version")
        undone = asked.operation or (await _half_done(tx, app) if asked.revision is None else None)
        if undone is not None:
            return await _back_before(services, caller, tx, app, asked, undone)
        wanted = await _earlier(tx, app, asked.revision)
        check_images(services, caller, wanted.spec, "revision")
        reason = asked.reason or f"rollback to revision {wanted.number}"
        made = await tx.apps.add_revision(app.id, wanted.spec, caller.actor.name, reason, wanted.digests)
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

    With the body {"image": …} new instances get that image; with {"instances": [names]} and without `scale` exactly those go.
    A TApp loses its highest indices first and gets its lowest free ones. A Job cannot be scaled: 409.
    """
    if type == "auto":
        return await set_policy(services, caller, (project, name, app_id), body, response)
    asked = body_of(ManualScale, body)
    if (scale is None) == (not asked.instances):
        raise invalid("scale", "give either the number of instances wanted, or the body's instances to take away")
    pods = await _pods(services, (project, name, app_id)) if asked.instances else []

    async def prepare(tx: Records, app: App) -> Prepared:
        check_serves(app, "it cannot be scaled")
        await check_deployed(tx, app)
        if asked.instances:
            after = fewer(app.layout, _leavers(app, pods, asked.instances))
            await check_bounds(tx, app, after)
            named = {"gone": tuple(asked.instances), "marks": app.type == "Deployment"}
            return await moving(tx, app, after, replicas=after.total, on_failure=on_failure, **named)
        assert scale is not None
        new = await _version_of_new_ones(services, caller, tx, app, scale, asked)
        after = scaled(app.layout, scale, new)
        await check_bounds(tx, app, after)
        return await moving(tx, app, after, resolve=(new,) if new else (), replicas=scale, on_failure=on_failure)

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
) -> dict[str, Any]:
    """Start every running instance anew, a few at a time; each keeps its version. A Job is run again."""

    async def prepare(tx: Records, app: App) -> Prepared:
        await check_deployed(tx, app)
        return await moving(tx, app, restarted(app.layout, new_id("rs")), on_failure=on_failure)

    return await act(services, caller, AppRestart, (project, name, app_id), {}, prepare, response)


@router.get("/{project}/{name}/revisions")
async def list_revisions(
    services: Using, caller: Reader, project: str, name: str, app_id: AppId = None, size: Size = 10, page: Page = 0
) -> dict[str, Any]:
    """List the app's revisions, newest first: who, when, why, the images, how many instances have it, and what changed."""
    place: Place = (project, name, app_id)
    app = await services.records.apps.get((await services.records.projects.get(place[0])).id, place[1], place[2])
    total, found = await services.records.apps.revisions(app.id, size + 1, page * size)
    before: list[Revision | None] = [*found[1:], None]
    lines = [revision_reply(r, b, app.layout) for r, b in zip(found, before, strict=True)][:size]
    return {"total": total, "page": page, "size": size, "revisions": lines}


async def _upgraded(
    services: Services, caller: Caller, place: Place, asked: Rollout | Rollback, prepare: Prepare, response: Response
) -> dict[str, Any]:
    """Submit what `prepare` makes of a live app and the body; its reply names the revisions, also where a key is used again."""

    async def on_live(tx: Records, app: App) -> Prepared:
        check_live(app)
        return await prepare(tx, app)

    told = await act(services, caller, AppUpgrade, place, asked.model_dump(by_alias=True, exclude_unset=True), on_live, response)
    accepted = await services.records.operations.get(told["OperationID"])
    return {**told, **UpgradeApp.model_validate(accepted["ask"]).shown}


async def _half_done(tx: Records, app: App) -> str | None:
    """The newest rollout, where it stopped in its batches before its revision was in force; None where it is in force.

    Raises Conflict where nothing of it is left: who asks to go back means that one, not the version that serves.
    """
    newest = await tx.apps.newest_upgrade(app)
    if newest is None or newest["ask"]["revision"] <= app.revision:
        return None
    if newest["status"] not in TERMINAL:
        raise busy(newest, Target(kind="app", name=app.name, id=app.id))
    if app.layout.versions.get(newest["ask"]["revision"]):
        return str(newest["id"])
    before = await tx.apps.deployed_before(app, app.revision)
    raise Conflict(
        f"Nothing is to be rolled back: {newest['id']}, the rollout of {app.name!r} to revision {newest['ask']['revision']}, is "
        f"{newest['status']} and left nothing; revision {app.revision} is in force.",
        hint=f'To go further back say so: POST {app.path}/rollback {{"revision": {before.number}}}.'
        if before
        else "There is no revision before it.",
    )


async def _back_before(services: Services, caller: Caller, tx: Records, app: App, asked: Rollback, operation: str) -> Prepared:
    """What is submitted to return to the layout that an operation on the app started from; raises Invalid where it has none."""
    known = await tx.operations.find(operation)
    if known is None or known["target_id"] != app.id:
        raise invalid("operation", f"{app.name!r} has no operation {operation!r}; see its operations")
    if "before" not in known["ask"] or known["kind"] == "app.create":
        raise invalid("operation", f"nothing of {app.name!r} ran before {known['kind']} {known['id']}")
    after = await tx.apps.layout(known["ask"]["before"])
    for number in after.revisions:
        revision = await tx.apps.revision(app.id, number)
        check_images(services, caller, revision.spec, "operation")
        if not revision.digests:
            raise invalid("operation", f"before {known['id']} nothing ran: the images of revision {number} were not found")
    return await moving(
        tx,
        app,
        after,
        deadline_seconds=asked.deadline_seconds,
        revision=after.revision,
        leaves=app.revision,
        on_failure=asked.on_failure,
        undoes=known["id"],
    )


async def _earlier(tx: Records, app: App, number: int | None) -> Revision:
    """The revision to go back to: the one named, which must have been deployed, or the newest in force before the one in force."""
    if number is not None:
        wanted = await tx.apps.revision(app.id, number)
        if not wanted.digests:
            raise invalid("revision", f"revision {number} was never deployed: its images were not found")
        return wanted
    found = await tx.apps.deployed_before(app, app.revision)
    if found is None:
        raise Conflict(
            f"{app.name!r} has no revision before {app.revision} to go back to.", hint=f"See them: GET {app.path}/revisions."
        )
    return found


async def _version_of_new_ones(
    services: Services, caller: Caller, tx: Records, app: App, scale: int, asked: ManualScale
) -> int | None:
    """The number of a new revision with the image asked for, None where new instances get the one in force."""
    if asked.image is None:
        return None
    if scale <= app.layout.total:
        raise invalid("image", f"is for new instances, but {app.name!r} has {app.layout.total} and shall have {scale}")
    before = await tx.apps.revision(app.id, app.revision)
    spec = changed(before.spec, Rollout(image=asked.image, container=asked.container))
    check_images(services, caller, spec, "image")
    return (await tx.apps.add_revision(app.id, spec, caller.actor.name, "scale: new instances")).number


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
