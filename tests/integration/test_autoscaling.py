"""The autoscaler's pass on real records, with stand-ins for what it measures: accepted once, never against an operation."""

import asyncio
import dataclasses
import math
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest
from temporalio.testing import ActivityEnvironment

from activities import autoscaling
from activities.autoscaling import AutoscalingActivities, Passed
from model.app_bodies import NewApp, spec_of
from model.apps import App, AppPhase
from model.autoscaling import Scale
from model.errors import MetricsUnavailable, PlatformUnavailable
from model.layouts import AppType, with_running
from model.operations import AUTOSCALER, Ask, Outcome, Status, Target, workflow_id
from model.projects import ProjectStatus
from records import Records, connect
from records.ids import new_app_id, new_id
from records.operations import NewOperation
from tests.instance import database
from tests.platform import unique

QUERY = "sum(requests)"
POLICY = {"minReplicas": 1, "maxReplicas": 10, "metrics": [{"query": QUERY, "target": 100}]}


@pytest.fixture(scope="module")
async def own() -> AsyncIterator[Records]:
    """Records that no worker's autoscaler looks at."""
    async with database() as url:
        found = await connect(url, size=5)
        yield found
        await found.close()


class World:
    """Cluster, metrics and Temporal at the activity's seam; every query has `value`, and `meanwhile` happens while it is asked."""

    def __init__(self, value: float | None = 500.0, meanwhile: Callable[[], Awaitable[None]] | None = None) -> None:
        self.value = value
        self.meanwhile = meanwhile
        self.asked = 0
        self.started: list[str] = []
        self.temporal_is_away = False

    async def list(self, kind: str, **_: str) -> Any:
        self.asked += 1
        return {"items": []}

    async def usage(self) -> Any:
        self.asked += 1
        raise MetricsUnavailable("There is no metrics-server.")

    async def query(self, promql: str, project: str) -> float | None:
        self.asked += 1
        if self.meanwhile:
            await self.meanwhile()
        return self.value

    async def start(self, kind: str, workflow_id: str, ask: Ask) -> bool:
        if self.temporal_is_away:
            raise PlatformUnavailable("away")
        self.started.append(workflow_id)
        return True


async def run_pass(own: Records, world: World, run: str | None = None) -> Passed:
    """One try of the activity in the workflow run `run`, by default a run of its own."""
    stand_in: Any = world
    environment = ActivityEnvironment()
    environment.info = dataclasses.replace(environment.info, workflow_run_id=run or new_id("run"))
    passes = AutoscalingActivities(own, stand_in, stand_in, stand_in, stand_in)
    found: Passed = await environment.run(passes.run_pass)
    return found


async def _app(own: Records, type: AppType, count: int) -> App:
    name = unique("shop")
    await own.projects.add(name, "", "zoe")
    await own.projects.set_status(name, ProjectStatus.ACTIVE)
    project, app_id = await own.projects.get(name), new_app_id()
    body = {"name": "web", "imageRef": "busybox", "type": type, "resources": {"cpu": "0.1"}}
    async with own.transaction() as tx:
        spec = spec_of(NewApp.model_validate(body))
        await tx.apps.add(app_id, project, "web", spec, replicas=count, username="zoe", actor="zoe")
        await tx.autoscaling.set_policy(app_id, Scale.model_validate(POLICY), "zoe")
    return await own.apps.by_id(app_id)


@pytest.fixture
async def app(own: Records) -> AsyncIterator[App]:
    """A live app of two instances with POLICY in force; out of the autoscaler's sight afterwards."""
    made = await _app(own, "Deployment", 2)
    yield made
    await own.apps.set_phase(made.id, AppPhase.DELETED)


@pytest.fixture
async def general(own: Records) -> AsyncIterator[App]:
    """A general service of four instances, the last of them killed, with POLICY in force."""
    made = await _app(own, "TApp", 4)
    await own.apps.set_layout(made.id, with_running(made.layout, "3", False))
    yield await own.apps.by_id(made.id)
    await own.apps.set_phase(made.id, AppPhase.DELETED)


async def by_a_person(own: Records, app: App, kind: str = "app.upgrade") -> str:
    """Have a person's operation accepted on the app; its id."""
    operation_id = new_id("op")
    new = NewOperation(
        kind=kind,
        target=Target(kind="app", name=app.name, id=app.id),
        project_id=app.project_id,
        ask=Ask(operation_id=operation_id, project=app.project, target=app.name, actor="zoe"),
        workflow_id=workflow_id(kind, app.project, app.name, operation_id),
        cancellable=True,
        preempts=False,
        request={},
    )
    async with own.transaction() as tx:
        await tx.operations.accept(new)
    return operation_id


async def settle(own: Records, operation_id: str, status: Status) -> None:
    assert await own.operations.settle(Outcome(operation_id=operation_id, attempt=1, status=status))


async def evaluation(own: Records, app: App) -> Any:
    return (await own.autoscaling.in_force([app.id]))[app.id].evaluation


async def test_what_is_due_is_accepted_once_although_the_activity_is_tried_twice(own: Records, app: App) -> None:
    world, run = World(), new_id("run")
    assert (await run_pass(own, world, run)).started == 1
    (accepted,) = await own.autoscaling.decisions(app.id, 10)
    await settle(own, accepted["id"], Status.SUCCEEDED)  # not even when it has ended meanwhile
    assert (await run_pass(own, world, run)).looked == 0
    assert len(await own.autoscaling.decisions(app.id, 10)) == len(world.started) == 1
    record = await own.operations.get(accepted["id"])
    assert (record["actor"], record["kind"], record["target_id"]) == (AUTOSCALER, "app.scale", app.id)
    assert record["request"]["scale"] == 5
    assert record["request"]["autoscaling"]["metrics"][0]["replicas"] == 5


async def test_two_tries_at_the_same_time_accept_it_once(own: Records, app: App) -> None:
    run, later = new_id("run"), World()

    async def overtaken() -> None:
        await run_pass(own, later, run)

    assert (await run_pass(own, World(meanwhile=overtaken), run)).looked == 1
    assert len(await own.autoscaling.decisions(app.id, 10)) == len(later.started) == 1


async def test_while_a_persons_operation_runs_it_is_suspended_and_says_so(own: Records, app: App) -> None:
    running = await by_a_person(own, app)
    assert (await run_pass(own, World())).started == 0
    told = await evaluation(own, app)
    assert told["suspended"] == {"reason": f"app.upgrade {running} by zoe is ACCEPTED", "OperationID": running}
    assert told["decision"]["wanted"] == 5
    await settle(own, running, Status.FAILED)
    assert (await run_pass(own, World())).started == 0  # the failed upgrade is somebody's to mend
    assert (await own.operations.get(running))["status"] == Status.FAILED


async def test_a_person_who_is_quicker_wins(own: Records, app: App) -> None:
    quicker: list[str] = []

    async def meanwhile() -> None:
        quicker.append(await by_a_person(own, app))

    world = World(meanwhile=meanwhile)
    await run_pass(own, world)
    assert not world.started
    assert not await own.autoscaling.decisions(app.id, 10)
    assert (await evaluation(own, app))["suspended"]["OperationID"] == quicker[0]


async def test_an_app_that_was_changed_since_it_was_judged_is_left_for_the_next_pass(own: Records, app: App) -> None:
    async def meanwhile() -> None:
        await own.apps.set_phase(app.id, AppPhase.STOPPED)

    world = World(meanwhile=meanwhile)
    await run_pass(own, world)
    assert not world.started
    assert "was changed a moment ago" in (await evaluation(own, app))["message"]


async def test_a_policy_that_was_set_anew_meanwhile_is_not_decided_by_the_old_one(own: Records, app: App) -> None:
    async def meanwhile() -> None:
        await own.autoscaling.set_policy(app.id, Scale.model_validate({**POLICY, "maxReplicas": 3}), "zoe")

    await run_pass(own, World(meanwhile=meanwhile))
    assert not await own.autoscaling.decisions(app.id, 10)
    assert await evaluation(own, app) is None
    await run_pass(own, World())
    (accepted,) = await own.autoscaling.decisions(app.id, 10)
    assert accepted["request"]["scale"] == 3


async def test_with_temporal_away_it_is_accepted_all_the_same(own: Records, app: App) -> None:
    world = World()
    world.temporal_is_away = True
    await run_pass(own, world)
    (accepted,) = await own.autoscaling.decisions(app.id, 10)
    assert accepted["status"] == Status.ACCEPTED  # the reconciler starts it


async def test_without_policies_nothing_is_asked_of_anybody(own: Records, app: App) -> None:
    world = World()
    assert await own.autoscaling.turn_off(app.id, "zoe")
    assert not await own.autoscaling.turn_off(app.id, "zoe")
    assert await run_pass(own, world) == Passed()
    assert world.asked == 0
    assert [row["policy"] is None for row in await own.autoscaling.changes(app.id, 10)] == [True, False]


async def test_what_cannot_be_measured_is_told_and_changes_nothing(own: Records, app: App) -> None:
    cpu = Scale.model_validate({**POLICY, "targetCPUUtilization": 50})
    await own.autoscaling.set_policy(app.id, cpu, "zoe")
    world = World(value=None)
    await run_pass(own, world)
    assert world.asked == 3  # the pods, what they use, the query
    told = await evaluation(own, app)
    assert [m["message"] for m in told["metrics"]] == ["There is no metrics-server.", "no series answers the query"]
    assert not world.started


async def test_a_query_without_end_or_number_is_told_on_its_own_app_and_holds_up_no_other(
    own: Records, app: App, general: App, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(autoscaling, "_TO_ASK", 1.0)
    slow = [{"query": f"slow {number}", "target": 1} for number in range(10)]
    for hostile, metrics in ((app, slow), (await _app(own, "Deployment", 2), [{"query": "1/0", "target": 1}])):
        await own.autoscaling.set_policy(hostile.id, Scale.model_validate({**POLICY, "metrics": metrics}), "zoe")

    class Store(World):
        async def query(self, promql: str, project: str) -> float | None:
            if promql.startswith("slow"):
                await asyncio.Event().wait()
            return math.inf if promql == "1/0" else 500.0

    assert await run_pass(own, Store()) == Passed(looked=3, started=1)
    assert (await own.autoscaling.decisions(general.id, 10))[0]["request"]["scale"] == 5
    assert "slow 0: the metrics store did not answer within 1 s" in (await evaluation(own, app))["message"]
    assert "inf ÷ 1 is no number of instances" in (await evaluation(own, hostile))["message"]
    await own.apps.set_phase(hostile.id, AppPhase.DELETED)


@pytest.mark.parametrize(("value", "tracks"), [(500.0, ["0", "1", "2", "3", "4", "5"]), (150.0, ["0", "1", "3"])])
async def test_a_killed_instance_is_left_alone_and_does_not_count(
    own: Records, general: App, value: float, tracks: list[str]
) -> None:
    await own.autoscaling.set_policy(general.id, Scale.model_validate({**POLICY, "stabilizationSeconds": 0}), "zoe")
    await run_pass(own, World(value))
    (accepted,) = await own.autoscaling.decisions(general.id, 10)
    after = await own.apps.layout((await own.operations.get(accepted["id"]))["ask"]["after"])
    assert [w.track for w in after.workloads] == tracks
    assert after.by_track["3"].replicas == 0
    assert after.running == accepted["request"]["scale"]


async def test_what_a_person_asks_for_takes_over_an_operation_of_its_own(own: Records, app: App) -> None:
    await run_pass(own, World())
    (accepted,) = await own.autoscaling.decisions(app.id, 10)
    theirs = await by_a_person(own, app)
    assert (await own.operations.get(accepted["id"]))["status"] == Status.CANCELLING
    await settle(own, accepted["id"], Status.CANCELLED)
    await run_pass(own, World())
    assert (await evaluation(own, app))["suspended"]["OperationID"] == theirs
    await settle(own, theirs, Status.SUCCEEDED)
    await run_pass(own, World())  # it left 5 and finds 2: what they asked for is the base
    assert "which holds for" in (await evaluation(own, app))["message"]
    assert len(await own.autoscaling.decisions(app.id, 10)) == 1
