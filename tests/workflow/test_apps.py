"""How each app operation ends (mission A: the table), with stand-ins for what it does to the world."""

import asyncio
import contextlib
from typing import Any

import pytest
from temporalio.client import Client, WorkflowFailureError

from activities.app_moves import AppMoves, Moved
from activities.apps import AppActivities
from activities.operations import OperationActivities
from clients.temporal import Operations
from model.apps import (
    CreateApp,
    DeleteApp,
    KillApp,
    KillInstance,
    RestartApp,
    ScaleApp,
    StartApp,
    StartInstance,
    UpdateInstance,
    UpgradeApp,
)
from model.errors import ClusterUnreachable, Conflict, CrashLoop, ImageNotFound
from model.operations import Ask, Status
from records.ids import new_id
from tests.workflow.conftest import Ended, Run, Seen, StandIn, raising, returning, stand_in, worker_with
from workflows.apps import AppCreate, AppDelete, AppKill, AppRestart, AppScale, AppStart
from workflows.instances import InstanceKill, InstanceStart, InstanceUpdate
from workflows.operation import Operation
from workflows.registry import QUEUES
from workflows.upgrades import AppUpgrade

DIGESTS = {"web": "sha256:" + "1" * 64}
FOUND = stand_in(AppActivities.resolve_images, returning(DIGESTS))
SERVES = stand_in(AppMoves.move, returning(Moved(instances=2)))
CRASHES = stand_in(AppMoves.move, raising(CrashLoop("It ended 3 times.")))

MOVES = {"before": 1, "after": 2}
OPERATIONS: dict[type[Operation], tuple[type[Ask], dict[str, Any]]] = {
    AppCreate: (CreateApp, {"before": 1, "after": 1, "resolve": (1,)}),
    AppStart: (StartApp, {**MOVES, "resolve": (1,)}),
    AppUpgrade: (UpgradeApp, {**MOVES, "resolve": (2,), "revision": 2}),
    AppScale: (ScaleApp, {**MOVES, "replicas": 3}),
    AppRestart: (RestartApp, MOVES),
    InstanceKill: (KillInstance, {**MOVES, "index": "1"}),
    InstanceStart: (StartInstance, {**MOVES, "index": "1"}),
    InstanceUpdate: (UpdateInstance, {**MOVES, "resolve": (2,), "index": "1", "revision": 2}),
    AppKill: (KillApp, {}),
    AppDelete: (DeleteApp, {}),
}
CHANGES = [AppUpgrade, AppScale, AppRestart, InstanceKill, InstanceStart, InstanceUpdate]


def ask(workflow: type[Operation], **fields: Any) -> Ask:
    made, own = OPERATIONS[workflow]
    return made(operation_id=new_id("op"), project="shop", target="web", actor="ann", **{"app_id": "ab" * 32, **own, **fields})


async def test_who_goes_is_chosen_when_the_app_is_its_own(run: Run) -> None:
    """The autoscaler's operation, which it took over, may still be moving instances until then."""
    named = ask(AppScale, gone=("web-a",), marks=True, preempts="op-2")
    ended = await run(AppScale, named, SERVES)
    steps = ["operation.take_over", "app.choose_leavers", "app.apply", "app.move", "app.check_leavers"]
    assert done(ended) == steps


async def cancelled_while_waiting(run: Run, workflow: type[Operation], **fields: Any) -> Ended:
    """The end of an operation that is cancelled while it waits for its instances."""
    waits = asyncio.Event()

    async def hold(_: Any) -> Any:
        waits.set()
        await asyncio.sleep(60)

    async def cancel(handle: Any) -> None:
        await waits.wait()
        await handle.cancel()

    return await run(workflow, ask(workflow, **fields), FOUND, stand_in(AppMoves.move, hold), meanwhile=cancel)


async def test_a_step_that_fails_as_it_is_told_to_stop_is_cancelled_all_the_same(run: Run) -> None:
    """As with a cluster that does not answer: the step ends with that, not with having been stopped."""
    waits = asyncio.Event()

    async def fail_when_stopped(_: Any) -> Any:
        waits.set()
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            raise ClusterUnreachable("away") from None

    async def cancel(handle: Any) -> None:
        await waits.wait()
        await handle.cancel()

    failing = stand_in(AppMoves.move, fail_when_stopped)
    ended = await run(AppCreate, ask(AppCreate), FOUND, failing, meanwhile=cancel)
    assert ended.outcome.status is Status.CANCELLED
    assert undone(ended) == ["app.take_down", "app.mark_stopped"]


async def test_what_is_cancelled_before_it_begins_still_undoes_what_its_acceptance_wrote(client: Client) -> None:
    """The app's name was taken when it was accepted; the reconciler starts and cancels what was cancelled before its start."""
    asked, seen, operations = ask(AppCreate), Seen(), Operations(client, QUEUES)
    await operations.start("app.create", asked.operation_id, asked)
    await operations.cancel(asked.operation_id)
    async with worker_with(client, "control", seen):
        with contextlib.suppress(WorkflowFailureError):
            await client.get_workflow_handle(asked.operation_id).result()
    assert [outcome.status for outcome in seen.outcomes] == [Status.CANCELLED]
    assert [step.name for step in seen.steps] == ["app.mark_stopped"]


def done(ended: Ended) -> list[str]:
    return [step.name for step in ended.steps if not step.undo]


def undone(ended: Ended) -> list[str]:
    return [step.name for step in ended.steps if step.undo]


@pytest.mark.parametrize(
    ("workflow", "steps"),
    [
        (AppCreate, ["app.resolve_images", "app.apply", "app.move"]),
        (AppStart, ["app.resolve_images", "app.apply", "app.move"]),
        (AppUpgrade, ["app.resolve_images", "app.apply", "app.move"]),
        (AppScale, ["app.apply", "app.move"]),
        (AppRestart, ["app.apply", "app.move"]),
        (InstanceKill, ["app.apply", "app.move"]),
        (InstanceStart, ["app.apply", "app.move"]),
        (InstanceUpdate, ["app.resolve_images", "app.apply", "app.move"]),
        (AppKill, ["app.remove_objects", "app.mark_stopped"]),
        (AppDelete, ["app.remove_objects", "app.forget"]),
    ],
)
async def test_what_holds_ends_succeeded_in_few_steps(run: Run, workflow: type[Operation], steps: list[str]) -> None:
    ended = await run(workflow, ask(workflow), FOUND, SERVES)
    assert ended.outcome.status is Status.SUCCEEDED
    assert (done(ended), undone(ended)) == (steps, [])


async def test_the_result_names_what_runs(run: Run) -> None:
    ended = await run(AppUpgrade, ask(AppUpgrade), FOUND, SERVES)
    versions = {"fromRevision": None, "toRevision": 2}
    assert ended.outcome.result == {"AppID": "ab" * 32, "revision": 2, "digests": DIGESTS, "instances": 2, **versions}


@pytest.mark.parametrize("workflow", [AppCreate, AppStart, *CHANGES])
async def test_a_failure_stays_where_it_got_with_its_cause(run: Run, workflow: type[Operation]) -> None:
    ended = await run(workflow, ask(workflow), FOUND, CRASHES)
    assert ended.outcome.status is Status.FAILED
    assert ended.outcome.error is not None
    assert (ended.outcome.error.reason, ended.outcome.error.message) == ("CrashLoop", "It ended 3 times.")
    assert undone(ended) == []


async def test_a_missing_image_touches_nothing(run: Run) -> None:
    missing: StandIn = stand_in(AppActivities.resolve_images, raising(ImageNotFound("There is no image 'x'.")))
    ended = await run(AppCreate, ask(AppCreate), missing)
    assert ended.outcome.status is Status.FAILED
    assert (done(ended), undone(ended)) == (["app.resolve_images"], [])


@pytest.mark.parametrize("workflow", CHANGES)
async def test_a_failure_goes_back_where_the_caller_asked_for_it(run: Run, workflow: type[Operation]) -> None:
    ended = await run(workflow, ask(workflow, on_failure="rollback"), FOUND, CRASHES)
    assert ended.outcome.status is Status.FAILED
    assert ended.outcome.error is not None
    assert ended.outcome.error.reason == "CrashLoop"
    assert undone(ended) == ["app.move_back"]


@pytest.mark.parametrize(
    ("workflow", "back"),
    [
        (AppCreate, ["app.take_down", "app.mark_stopped"]),
        *((change, ["app.move_back"]) for change in CHANGES),
    ],
)
async def test_a_cancellation_goes_back(run: Run, workflow: type[Operation], back: list[str]) -> None:
    ended = await cancelled_while_waiting(run, workflow)
    assert ended.outcome.status is Status.CANCELLED
    assert undone(ended) == back


async def test_what_cannot_be_taken_back_is_told(run: Run) -> None:
    stuck = stand_in(AppMoves.move_back, raising(CrashLoop("Going back is not done.")))
    ended = await run(AppUpgrade, ask(AppUpgrade, on_failure="rollback"), FOUND, CRASHES, stuck)
    assert ended.outcome.status is Status.FAILED
    assert ended.outcome.error is not None
    assert "Going back is not done." in ended.outcome.error.message


@pytest.mark.parametrize("workflow", [AppStart, AppKill, AppDelete])
async def test_what_goes_forward_only_says_so_from_its_first_step(run: Run, workflow: type[Operation]) -> None:
    ended = await run(workflow, ask(workflow), FOUND, SERVES)
    assert all(step.forward for step in ended.steps)


@pytest.mark.parametrize("workflow", [AppKill, AppDelete])
async def test_a_removal_waits_for_what_it_takes_over_and_goes_on_through_an_outage(run: Run, workflow: type[Operation]) -> None:
    away = stand_in(AppActivities.remove_objects, raising(ClusterUnreachable("away"), None))
    settled = stand_in(OperationActivities.take_over, returning(None))
    ended = await run(workflow, ask(workflow, preempts="op-1"), settled, away)
    assert ended.outcome.status is Status.SUCCEEDED
    assert done(ended)[:3] == ["operation.take_over", "app.remove_objects", "app.remove_objects"]


async def test_instances_that_are_named_are_chosen_before_and_checked_after(run: Run) -> None:
    ended = await run(AppScale, ask(AppScale, gone=("web-1",), marks=True), SERVES)
    assert done(ended) == ["app.choose_leavers", "app.apply", "app.move", "app.check_leavers"]


async def test_a_named_one_that_stays_is_told_and_taken_back_where_asked_for(run: Run) -> None:
    stayed = stand_in(AppActivities.check_leavers, raising(Conflict("web-1 stayed.")))
    ended = await run(AppScale, ask(AppScale, gone=("web-1",), marks=True, on_failure="rollback"), SERVES, stayed)
    assert ended.outcome.status is Status.FAILED
    assert undone(ended) == ["app.move_back", "app.keep_leavers"]


async def test_a_change_waits_for_the_autoscalers_operation_that_it_takes_over(run: Run) -> None:
    settled = stand_in(OperationActivities.take_over, returning(None))
    ended = await run(AppScale, ask(AppScale, preempts="op-1"), SERVES, settled)
    assert done(ended)[0] == "operation.take_over"
