"""What a crash between record and workflow leaves is brought together again (targets F4)."""

from model.app_bodies import NewApp, spec_of
from model.apps import AppPhase, CreateApp
from model.operations import Status, Target, workflow_id
from records import Records
from records.ids import new_app_id, new_id
from records.operations import NewOperation
from tests.platform import Platform


async def test_a_creation_cancelled_before_it_was_started_gives_its_name_back(platform: Platform, records: Records) -> None:
    project = await records.projects.get(await platform.project("early"))
    body = {"name": "web", "imageRef": "public/busybox:latest", "resources": {"cpu": "0.01", "mem": "32Mi"}, "instanceNum": 1}
    spec, app_id, operation_id = spec_of(NewApp.model_validate(body)), new_app_id(), new_id("op")
    ask = CreateApp(
        operation_id=operation_id, project=project.name, target="web", actor="admin", app_id=app_id, before=1, after=1, resolve=(1,)
    )
    new = NewOperation(
        kind="app.create",
        target=Target(kind="app", name="web", id=app_id),
        project_id=project.id,
        ask=ask,
        workflow_id=workflow_id("app.create", project.name, "web", operation_id),
        cancellable=True,
        preempts=False,
        request={},
    )
    async with records.transaction() as tx:
        await tx.apps.add(app_id, project, "web", spec, replicas=1, username="admin", actor="admin")
        await tx.operations.accept(new)
    cancelled = await platform.http.post(f"/v2/operations/{operation_id}/cancel")
    assert cancelled.status_code == 202
    await platform.wait(operation_id, Status.CANCELLED)
    assert (await records.apps.by_id(app_id)).phase is AppPhase.STOPPED
