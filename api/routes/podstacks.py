"""Pod stacks: one app of several containers, described by a pod document (manual, pod编排接口; mission D)."""

from typing import Annotated, Any

from fastapi import APIRouter, Response

from api.access import Caller, allow
from api.app_operations import act, check_live, check_serves, creating, upgrading
from api.apps_shown import shown
from api.aside import aside
from api.autoscaling import check_policy, check_scaled
from api.documents import check_rollouts
from api.gray_upgrades import upgrading_gray
from api.parameters import AppId
from api.placed import check_cluster, usable
from api.rollouts import changes_nothing, of_document
from api.services import Services, Using
from api.submission import Prepared, Unchanged, reply, submit
from model.app_bodies import LONGEST_NAME
from model.apps import App
from model.documents import digest
from model.names import check_name
from model.pod_documents import NewPodStack, PodApp, PodStackChange, in_place_of, parse_pod
from model.stack_documents import Kind
from model.template_rollouts import Rollout
from records import Records
from workflows.apps import AppCreate
from workflows.upgrades import AppUpgrade

router = APIRouter(prefix="/v2/podstack", tags=["podstack"])
Writer = Annotated[Caller, allow("app:write")]


@router.post("/{project}", status_code=202)
async def create_pod_stack(services: Using, caller: Writer, project: str, body: NewPodStack, response: Response) -> dict[str, Any]:
    """Create an app of the containers that a pod document describes, and deploy it; the reply is the app's.

    422 lists every problem of the document with line and column. It is listed, scaled, rolled out, stopped and deleted as any app.
    """
    name = check_name(body.stack_instance_name, "stackInstanceName", longest=LONGEST_NAME)
    check_cluster(body.cluster)
    pod = await _read(services, caller, project, body.content)
    await check_policy(services, body.scale, pod.spec, "scale.")

    async def prepare(tx: Records) -> Prepared:
        return await creating(
            tx,
            project,
            name,
            pod.spec,
            replicas=1 if pod.replicas is None else pod.replicas,
            username=caller.actor.name,
            actor=caller.actor.name,
            deadline_seconds=body.deadline_seconds,
            scale=body.scale,
        )

    accepted = await submit(services, caller, AppCreate, _told(body), prepare)
    assert accepted.target.id is not None
    (made,) = await shown(services, project, [await services.records.apps.by_id(accepted.target.id)])
    return reply(response, accepted, **made)


@router.post("/{project}/{app_name}", status_code=202)
async def update_pod_stack(
    services: Using,
    caller: Writer,
    project: str,
    app_name: str,
    body: PodStackChange,
    response: Response,
    app_id: AppId = None,
) -> dict[str, Any]:
    """Upgrade an app to what a pod document says, all of it; without `replicas` in the document their number stays.

    It goes in batches where the document's `x-mooring.rollout` says so; `onFailure` in the body wins over the document's.
    """
    pod = await _read(services, caller, project, body.content)
    how = pod.rollout.how if pod.rollout else Rollout()
    given = body.model_fields_set
    on_failure = body.on_failure if "on_failure" in given else how.on_failure
    await check_policy(services, body.scale, pod.spec, "scale.")

    async def prepare(tx: Records, app: App) -> Prepared | Unchanged:
        check_live(app)
        check_serves(app, "it is not of a pod document, which describes what runs until it is stopped")
        before = await tx.apps.revision(app.id, app.revision)
        spec = in_place_of(before.spec, pod)
        same = body.scale is None and pod.replicas in (None, app.replicas)
        if same and (unchanged := await changes_nothing(tx, app, before, spec, {})):
            return unchanged
        if body.scale:
            await tx.autoscaling.set_policy(app.id, body.scale, caller.actor.name)
        await check_scaled(tx, app, spec)
        pinned = await of_document(tx, app, before, spec)
        made = await tx.apps.add_revision(app.id, spec, caller.actor.name, body.reason or "podstack", pinned)
        if how.gray:
            asked = body.deadline_seconds if "deadline_seconds" in given else None
            return await upgrading_gray(tx, app, made, how, on_failure=on_failure, deadline_seconds=asked, replicas=pod.replicas)
        fields = {"deadline_seconds": body.deadline_seconds, "replicas": pod.replicas}
        return await upgrading(tx, app, made, on_failure=on_failure, **fields)

    return await act(services, caller, AppUpgrade, (project, app_name, app_id), _told(body), prepare, response)


async def _read(services: Services, caller: Caller, project: str, content: str) -> PodApp:
    """What the document means; raises as `parse_pod` and `check_rollouts`, and Invalid for groups that the project lacks."""
    found = await services.records.projects.get(project)
    references = await services.records.configs.references(found.id, Kind.POD)
    pod = await aside(parse_pod, content, usable(services, caller), references)
    await check_rollouts(services, [pod.rollout])
    return pod


def _told(body: NewPodStack | PodStackChange) -> dict[str, Any]:
    """The body for the record: the document may hold secrets in its environment, so a digest stands for it."""
    return {
        **body.model_dump(by_alias=True, exclude_unset=True, exclude={"content"}),
        "contentSha256": digest(body.content),
    }
