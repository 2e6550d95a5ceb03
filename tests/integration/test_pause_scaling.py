"""Scaling in the pause of an upgrade, on a real PostgreSQL: one at a time, beside the upgrade's lock, and never in its place."""

from datetime import UTC, datetime
from typing import Any

import pytest

from model.apps import App, AppSpec, ContainerSpec, DeleteApp, ScaleApp, UpgradeApp
from model.batches import stages
from model.controls import Hold
from model.errors import Conflict
from model.gray import GrayPlan
from model.operations import AUTOSCALER, Outcome, Status, Target, Verb
from records import Records
from records.ids import new_app_id, new_id
from records.operations import NewOperation
from records.pauses import scaling_in_pause
from tests.platform import unique

UNTIL = datetime(2100, 1, 1, tzinfo=UTC)


def operation(kind: str, app: App, ask: Any) -> NewOperation:
    target = Target(kind="app", name=app.name, id=app.id)
    fields = {"kind": kind, "target": target, "project_id": app.project_id, "ask": ask, "workflow_id": ask.operation_id}
    return NewOperation(**fields, cancellable=True, preempts=False, request={})


async def upgrading(records: Records) -> tuple[App, str]:
    """An app of four instances, of which an upgrade has brought one to the new version; the upgrade."""
    project = await records.projects.add(unique("pause"), "", "ann")
    spec, app_id, upgrade = AppSpec(containers=(ContainerSpec(name="web", image="a:1"),)), new_app_id(), new_id("op")
    async with records.transaction() as tx:
        await tx.apps.add(app_id, project, "web", spec, replicas=4, username="ann", actor="ann")
        app = await tx.apps.by_id(app_id)
        layouts = stages(app.layout, 2, [1])
        kept = await tx.apps.keep_stages(app_id, layouts, 2)
        before = await tx.apps.keep_layout(app_id, app.layout)
        place = {
            "project": app.project,
            "target": "web",
            "actor": "ann",
            "app_id": app_id,
            "before": before,
            "after": kept[-1].layout,
        }
        ask = UpgradeApp(operation_id=upgrade, **place, resolve=(2,), revision=2, gray=GrayPlan(stages=kept))
        await tx.apps.set_layout(app_id, layouts[0])
        await tx.operations.accept(operation("app.upgrade", app, ask))
    return await records.apps.by_id(app_id), upgrade


async def hold(records: Records, upgrade: str) -> None:
    told = {"operation_id": upgrade, "attempt": 1, "version": 0, "title": "Pause", "words": "It waits.", "verbs": (Verb.RESUME,)}
    assert await records.controls.hold(Hold(**told, batch=1), 9, "run-1", "1 of 4 are new.", UNTIL)


async def scale(records: Records, app: App, to: int, actor: str = "zoe") -> str | None:
    """What is accepted in the pause, None where there is none."""
    async with records.transaction() as tx:
        free = await scaling_in_pause(tx, app, to)
        if free is None:
            return None
        place = {"project": app.project, "target": app.name, "actor": actor, "app_id": app.id, "before": 1, "after": 1}
        ask = ScaleApp(operation_id=new_id("op"), **place, replicas=to, **free.fields(app.layout.total))
        await tx.operations.tell_scaling(free.upgrade, actor, f"by {actor}, {free.words}")
        await tx.operations.accept(operation("app.scale", app, ask))
        return ask.operation_id


async def test_there_is_room_in_a_pause_only_for_one_at_a_time_and_people_go_first(records: Records) -> None:
    app, upgrade = await upgrading(records)
    assert await scale(records, app, 8) is None
    await hold(records, upgrade)
    own = await scale(records, app, 6, AUTOSCALER)
    assert own is not None
    by_hand = await scale(records, app, 8)
    assert by_hand is not None
    taken = await records.operations.get(own)
    assert (taken["status"], taken["preempted_by"]) == (Status.CANCELLING, by_hand)
    with pytest.raises(Conflict, match=f"app.scale {by_hand} is ACCEPTED on app 'web'") as busy:
        await scale(records, app, 9)
    assert busy.value.operation_id == by_hand
    row = await records.operations.with_steps(upgrade)
    assert row["status"] == Status.PAUSED
    assert row["pause"]["message"] == "1 of 4 are new. Scaled since: by zoe, 2 of 8 instances are to be of revision 2."
    assert [(c["actor"], c["words"]) for c in row["controls"]] == [
        (AUTOSCALER, f"from 4 to 6: {own}"),
        ("zoe", f"from 4 to 8: {by_hand}"),
    ]


async def test_what_is_scaled_in_a_pause_does_not_take_the_upgrades_place(records: Records) -> None:
    """given a scale in its pause, then the upgrade stays what the app is at, and can be retried when it failed later."""
    app, upgrade = await upgrading(records)
    await hold(records, upgrade)
    scaling = await scale(records, app, 8)
    assert scaling is not None
    assert (await records.apps.newest_operations(app.project, [app.id]))[app.id]["id"] == upgrade
    assert [row["id"] for row in await records.operations.scalings(app.project, app.name, upgrade)] == [scaling]
    assert await records.operations.settle(Outcome(operation_id=scaling, attempt=1, status=Status.SUCCEEDED))
    assert (await records.operations.get(upgrade))["status"] == Status.PAUSED
    assert await records.operations.holder(app.project, "app", app.name) == upgrade
    last = await scale(records, app, 5)
    assert last is not None
    assert await records.operations.settle(Outcome(operation_id=upgrade, attempt=1, status=Status.FAILED))
    with pytest.raises(Conflict, match=f"app.scale {last} is ACCEPTED on app 'web'"):
        async with records.transaction() as tx:
            await tx.operations.reopen(upgrade, cancellable=True)
    assert await records.operations.settle(Outcome(operation_id=last, attempt=1, status=Status.SUCCEEDED))
    assert await records.operations.holder(app.project, "app", app.name) is None
    assert (await records.operations.reopen(upgrade, cancellable=True))["attempt"] == 2


async def test_a_scaling_that_outlives_its_upgrade_has_the_app_then(records: Records) -> None:
    """Nothing else is done to the app beside it, and a deletion takes the app over from it."""
    app, upgrade = await upgrading(records)
    await hold(records, upgrade)
    scaling = await scale(records, app, 8)
    assert await records.operations.settle(Outcome(operation_id=upgrade, attempt=1, status=Status.FAILED))
    assert await records.operations.holder(app.project, "app", app.name) == scaling
    ask = DeleteApp(operation_id=new_id("op"), project=app.project, target=app.name, actor="ann", app_id=app.id)
    async with records.transaction() as tx:
        victim = (await tx.operations.accept(operation("app.delete", app, ask).model_copy(update={"preempts": True}))).preempts
    assert victim == scaling
    assert (await records.operations.get(scaling))["status"] == Status.CANCELLING
