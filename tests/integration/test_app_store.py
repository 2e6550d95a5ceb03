"""Apps on a real PostgreSQL: whose names stand in whose way, and what was in force."""

import asyncio

import pytest

from model.apps import App, AppSpec, ContainerSpec, MoveApp
from model.errors import Conflict
from model.layouts import AppType, Layout, at_revision
from model.operations import Outcome, Status, Target
from model.projects import Project
from records import Records
from records.ids import new_app_id, new_id
from records.operations import NewOperation
from tests.platform import unique

DIGESTS = {"web": "sha256:" + "1" * 64}


def spec(type: AppType = "Deployment") -> AppSpec:
    return AppSpec(type=type, containers=(ContainerSpec(name="web", image="busybox"),))


async def project(records: Records) -> Project:
    return await records.projects.add(unique("t"), "", "ann")


async def add(records: Records, place: Project, name: str, type: AppType = "Deployment") -> str:
    app_id = new_app_id()
    async with records.transaction() as tx:
        await tx.apps.add(app_id, place, name, spec(type), replicas=2, username="ann", actor="ann")
        await tx.apps.keep_layout(app_id, (await tx.apps.by_id(app_id)).layout)
    return app_id


@pytest.mark.parametrize(
    ("one", "other", "apart"),
    [
        (("web", "TApp"), ("web-0", "Deployment"), False),
        (("web-12", "Deployment"), ("web", "TApp"), False),
        (("web", "Deployment"), ("web-r2", "TApp"), False),
        (("web", "Deployment"), ("web-r2-2", "Deployment"), False),
        (("web", "Deployment"), ("web-0", "Deployment"), True),
        (("web", "TApp"), ("web-r2", "Deployment"), True),
        (("web", "TApp"), ("web-0-0", "TApp"), True),
    ],
)
async def test_names_that_one_app_gives_its_instances_are_not_another_apps(
    records: Records, one: tuple[str, AppType], other: tuple[str, AppType], apart: bool
) -> None:
    place = await project(records)
    await add(records, place, *one)
    if apart:
        await add(records, place, *other)
    else:
        with pytest.raises(Conflict, match="stand in each other's way"):
            await add(records, place, *other)


async def test_of_two_in_each_others_way_that_come_at_once_one_is_refused(records: Records) -> None:
    for _ in range(5):
        place = await project(records)
        tries = (add(records, place, "web", "TApp"), add(records, place, "web-0"), add(records, place, "web-1"))
        ends = await asyncio.gather(*tries, return_exceptions=True)
        live = {app.name for app in await records.apps.live(place.id)}
        assert live in ({"web"}, {"web-0", "web-1"}), ends


async def moved(
    records: Records, app: App, before: Layout, after: Layout, *, resolve: tuple[int, ...] = (), status: Status = Status.SUCCEEDED
) -> None:
    """An operation took the app from one layout to another, as its record tells."""
    layouts = {"before": await records.apps.keep_layout(app.id, before), "after": await records.apps.keep_layout(app.id, after)}
    ask = MoveApp(operation_id=new_id("op"), project=app.project, target=app.name, actor="ann", app_id=app.id, **layouts)
    ask = ask.model_copy(update={"resolve": resolve})
    await records.operations.accept(
        NewOperation(
            kind="app.upgrade",
            target=Target(kind="app", name=app.name, id=app.id),
            project_id=app.project_id,
            ask=ask,
            workflow_id=ask.operation_id,
            cancellable=True,
            preempts=False,
            request={},
        )
    )
    await records.operations.settle(Outcome(operation_id=ask.operation_id, attempt=1, status=status))


async def test_the_version_before_is_one_that_worked(records: Records) -> None:
    """Two rollouts failed, and one of these versions came up at another try."""
    app = await records.apps.by_id(await add(records, await project(records), "web"))
    for number in (1, 2, 3, 4):
        if number > 1:
            await records.apps.add_revision(app.id, spec("Deployment"), "ann", "")
        await records.apps.set_digests(app.id, number, DIGESTS)
    layouts = [at_revision(app.layout, number) for number in (1, 2, 3, 4)]
    for before, after, number in zip(layouts, layouts[1:], (2, 3, 4), strict=False):
        await moved(records, app, before, after, resolve=(number,), status=Status.FAILED)
    assert await number_before(records, app, 4) == 1
    passed_over = await records.apps.deployed_before(app, 4, worked=False)
    assert passed_over is not None
    assert passed_over.number == 3
    await moved(records, app, layouts[2], layouts[1], resolve=(2,))
    assert await number_before(records, app, 4) == 2
    await moved(records, app, layouts[2], layouts[2])  # it was scaled, say, and served then
    assert await number_before(records, app, 4) == 3


async def number_before(records: Records, app: App, number: int) -> int | None:
    found = await records.apps.deployed_before(app, number)
    return found.number if found else None


async def test_the_version_before_is_one_that_was_in_force(records: Records) -> None:
    """An instance was updated by itself in between, and a rollout failed at once: those versions were never the app's."""
    app = await records.apps.by_id(await add(records, await project(records), "web", "TApp"))
    for number in (1, 2, 3, 4):
        if number > 1:
            await records.apps.add_revision(app.id, spec("TApp"), "ann", "")
        await records.apps.set_digests(app.id, number, DIGESTS)
    singly = at_revision(app.layout, 2, ["1"])
    await moved(records, app, app.layout, singly)
    await moved(records, app, singly, at_revision(singly, 3))
    await moved(records, app, singly, at_revision(singly, 4))
    found = await records.apps.deployed_before(app, 4)
    assert found is not None
    assert found.number == 1
    assert await records.apps.deployed_before(app, 1) is None
