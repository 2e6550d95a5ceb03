"""stack.upgrade with an app that goes in batches: its own time, and what a failed gate, a rollback, a cancel and a pause do."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from temporalio.client import Client, WorkflowHandle

from activities.app_moves import AppMoves, Batch, Moved
from activities.apps import AppActivities
from activities.controls import ControlActivities
from activities.gates import GateActivities, GateCheck
from activities.stack_plans import StackPlans
from activities.stacks import StackActivities
from model.apps import AppAsk, CreateApp, UpgradeApp
from model.controls import Controls, Hold, Stop
from model.errors import GateFailed
from model.gray import Gate, GrayPlan, OnFailure, PauseAfter, Stage
from model.operations import Child, Status, Verb
from model.stack_changes import Action
from model.stacks import Part, StackMove, UpgradeStack
from records.ids import new_id
from tests.workflow.conftest import Ended, Run, nothing, raising, returning, stand_in
from tests.workflow.test_controls import tell
from tests.workflow.test_stack_upgrades import plan
from tests.workflow.test_stacks import child_of
from workflows.stacks import StackUpgrade

Handle = WorkflowHandle[Any, Any]
FORTH = {"store": Action.UPDATE, "api": Action.UPDATE, "web": Action.UPDATE}
GATES = (Gate.model_validate({"http": {"port": 80}}),)


class World:
    """Stand-ins for a stack whose `api` goes in two batches with a gate; the way back to version 1 is at once."""

    def __init__(self, *, pause: PauseAfter = "first", on_failure: OnFailure = "keep", gate: Any = None) -> None:
        self.seen: list[str] = []
        self.gray = ""
        self.asked: Controls | None = None
        self.meanwhile: Controls | None = None
        self.holds: asyncio.Queue[Hold] = asyncio.Queue()
        self._plan = GrayPlan(stages=tuple(Stage(layout=n, moved=n, total=2) for n in (1, 2)), pause=pause, gates=GATES)
        self._on_failure: OnFailure = on_failure
        self._gate = gate or returning(None)

    def stand_ins(self) -> list[Any]:
        return [
            stand_in(StackPlans.plan_upgrade, self._planned),
            stand_in(StackActivities.accept_app, self._accept),
            stand_in(AppActivities.resolve_images, returning({})),
            stand_in(AppMoves.move_batch, self._batch),
            stand_in(AppMoves.move, self._ready),
            stand_in(AppMoves.move_back, self._back),
            stand_in(GateActivities.check_gates, self._judged),
            stand_in(ControlActivities.hold, self._hold),
            stand_in(ControlActivities.asked, self._asked_so_far),
        ]

    async def _planned(self, move: StackMove) -> Any:
        self.seen.append(f"to version {move.version}")
        return plan(FORTH).model_copy(update={"at_once": move.goes_back})

    async def _accept(self, part: Part) -> Child:
        if part.service != "api" or part.at_once:
            return child_of(part, CreateApp, "app.create")
        self.gray = new_id("op")
        ask = UpgradeApp(
            operation_id=self.gray,
            project="shop",
            target="s-api",
            actor="ann",
            app_id="api",
            before=1,
            after=2,
            revision=2,
            on_failure=self._on_failure,
            gray=self._plan,
        )
        told = self.asked.model_dump() if self.asked else None
        return Child(operation_id=self.gray, kind="app.upgrade", workflow_id=self.gray, ask=ask.model_dump(mode="json"), asked=told)

    async def _asked_so_far(self, operation_id: str) -> Controls:
        assert operation_id == self.gray
        return self.meanwhile or self.asked or Controls(attempt=1)

    async def _batch(self, batch: Batch) -> Moved:
        self.seen.append(f"batch {batch.to}")
        return Moved(instances=2)

    async def _ready(self, ask: AppAsk) -> Moved:
        self.seen.append(f"ready {ask.app_id}")
        return Moved(instances=2)

    async def _back(self, ask: AppAsk) -> None:
        self.seen.append(f"back {ask.app_id}")

    async def _judged(self, check: GateCheck) -> None:
        await self._gate(check)

    async def _hold(self, hold: Hold) -> bool:
        self.holds.put_nowait(hold)
        return True


async def upgraded(run: Run, world: World, meanwhile: Callable[[Handle], Awaitable[None]] = nothing, **fields: Any) -> Ended:
    base = {"operation_id": new_id("op"), "project": "shop", "target": "s", "actor": "ann", "stack_id": "stk-1"}
    ask = UpgradeStack.model_validate({**base, "version": 2, "before": 1, "gray": True, **fields})
    return await run(StackUpgrade, ask, *world.stand_ins(), meanwhile=meanwhile)


async def test_a_gray_child_has_its_own_time_however_long_it_waits(run: Run, client: Client) -> None:
    world, deadline = World(), 10

    async def resume_late(handle: Handle) -> None:
        hold = await asyncio.wait_for(world.holds.get(), 20)
        assert hold.operation_id == world.gray
        over = (await handle.describe()).start_time + timedelta(seconds=deadline + 0.5)
        await asyncio.sleep(max(0.0, (over - datetime.now(UTC)).total_seconds()))  # the deadline itself is what has to pass
        await tell(client.get_workflow_handle(world.gray), Controls(attempt=1, version=1))

    ended = await upgraded(run, world, resume_late, deadline_seconds=deadline)
    assert ended.outcome.status is Status.SUCCEEDED, ended.outcome.error
    assert world.seen == ["to version 2", "ready store", "batch 1", "batch 2", "ready web"]


async def test_a_failed_gate_brings_the_app_and_the_whole_stack_back(run: Run) -> None:
    world = World(pause="never", on_failure="rollback", gate=raising(GateFailed("The answers are wrong.")))
    ended = await upgraded(run, world, on_failure="rollback")
    assert ended.outcome.status is Status.FAILED
    assert ended.outcome.error is not None
    assert ended.outcome.error.reason == "GateFailed"
    assert "The whole stack was brought back to version 1." in ended.outcome.error.message
    assert world.seen == [
        *("to version 2", "ready store", "batch 1", "back api"),
        *("to version 1", "ready store", "ready api", "ready web"),
    ]


async def test_a_rollback_while_it_waits_brings_the_whole_stack_back(run: Run) -> None:
    world = World()

    async def roll_back(handle: Handle) -> None:
        await asyncio.wait_for(world.holds.get(), 20)
        await handle.cancel(reason=Stop(verb=Verb.ROLLBACK, actor="ann").model_dump_json())

    ended = await upgraded(run, world, roll_back)
    assert ended.outcome.status is Status.CANCELLED
    assert ended.outcome.error is not None
    assert ended.outcome.error.reason == "RolledBack"
    assert world.seen[3:] == ["back api", "to version 1", "ready store", "ready api", "ready web"]
    assert [step.forward for step in ended.steps if step.title.startswith("Plan")] == [False, True]


async def test_a_cancel_while_it_waits_takes_back_what_runs_only(run: Run) -> None:
    world = World()

    async def cancel(handle: Handle) -> None:
        await asyncio.wait_for(world.holds.get(), 20)
        await handle.cancel(reason=Stop(verb="cancel", actor="ann").model_dump_json())

    ended = await upgraded(run, world, cancel, on_failure="rollback")
    assert ended.outcome.status is Status.CANCELLED
    assert world.seen == ["to version 2", "ready store", "batch 1", "back api"]


async def test_a_rollback_before_anything_was_done_ends_rolled_back_too(run: Run) -> None:
    world, planning = World(), asyncio.Event()

    async def slow(move: StackMove) -> Any:
        if not move.goes_back and not planning.is_set():
            planning.set()
            await asyncio.Event().wait()
        return plan(dict.fromkeys(FORTH, Action.UNCHANGED))

    async def roll_back(handle: Handle) -> None:
        await asyncio.wait_for(planning.wait(), 20)
        await handle.cancel(reason=Stop(verb=Verb.ROLLBACK, actor="ann").model_dump_json())

    world._planned = slow  # type: ignore[method-assign]
    ended = await upgraded(run, world, roll_back)
    assert ended.outcome.status is Status.CANCELLED
    assert ended.outcome.error is not None
    assert ended.outcome.error.reason == "RolledBack"


async def test_a_child_begins_with_what_was_asked_of_its_parent_before(run: Run) -> None:
    world = World(gate=raising(GateFailed("nobody asks")))
    world.asked = Controls(attempt=1, version=1, promoted=True)
    ended = await upgraded(run, world)
    assert ended.outcome.status is Status.SUCCEEDED, ended.outcome.error
    assert world.seen == ["to version 2", "ready store", "batch 1", "batch 2", "ready web"]
    assert world.holds.empty()


async def test_a_pause_between_a_childs_record_and_its_start_reaches_it_at_once(run: Run, client: Client) -> None:
    """given a pause that came when the child could not be told yet, then it holds after its first batch (faults: 12)."""
    world = World(pause="never")
    world.meanwhile = Controls(attempt=1, version=1, paused=True)

    async def resume(_: Handle) -> None:
        hold = await asyncio.wait_for(world.holds.get(), 20)
        assert (hold.operation_id, hold.title) == (world.gray, "Pause after batch 1 of 2")
        assert world.seen[-1] == "batch 1"
        await tell(client.get_workflow_handle(world.gray), Controls(attempt=1, version=2))

    ended = await upgraded(run, world, resume)
    assert ended.outcome.status is Status.SUCCEEDED, ended.outcome.error
    assert world.holds.empty()


def test_without_a_gray_app_there_is_nothing_to_promote() -> None:
    assert Verb.PROMOTE not in StackUpgrade.controls_of({"gray": False})
    assert Verb.PROMOTE in StackUpgrade.controls_of({"gray": True})


async def test_a_rollback_of_a_stack_that_is_paused_itself_does_not_pause_on_the_way_back(run: Run) -> None:
    world = World(pause="never")

    async def roll_back(handle: Handle) -> None:
        await tell(handle, Controls(attempt=1, version=1, paused=True))
        await asyncio.wait_for(world.holds.get(), 20)
        await handle.cancel(reason=Stop(verb=Verb.ROLLBACK, actor="ann").model_dump_json())

    ended = await asyncio.wait_for(upgraded(run, world, roll_back), 30)
    assert ended.outcome.status is Status.CANCELLED
    assert world.seen[-4:] == ["to version 1", "ready store", "ready api", "ready web"]
    assert world.holds.empty()


async def test_a_pause_while_a_gray_child_runs_stops_the_clock_once(run: Run, client: Client) -> None:
    world, side_by_side, lefts, go_on = World(), {"store": (), "api": (), "web": ("store",)}, dict[str, int](), asyncio.Event()
    accept = world._accept

    async def planned(_: StackMove) -> Any:
        return plan(FORTH).model_copy(update={"after": side_by_side})

    async def accepted(part: Part) -> Child:
        lefts[part.service] = part.left
        return await accept(part)

    async def ready(ask: AppAsk) -> Moved:
        if ask.app_id == "store":
            await go_on.wait()
        return Moved(instances=2)

    async def pause_both(handle: Handle) -> None:
        assert (await asyncio.wait_for(world.holds.get(), 20)).operation_id == world.gray
        await tell(handle, Controls(attempt=1, version=1, paused=True))
        go_on.set()
        assert (await asyncio.wait_for(world.holds.get(), 20)).operation_id != world.gray
        await asyncio.sleep(3)  # the time that must not count twice
        await tell(handle, Controls(attempt=1, version=2))
        await tell(client.get_workflow_handle(world.gray), Controls(attempt=1, version=1))

    world._planned, world._accept, world._ready = planned, accepted, ready  # type: ignore[method-assign]
    ended = await upgraded(run, world, pause_both, deadline_seconds=60)
    assert ended.outcome.status is Status.SUCCEEDED, ended.outcome.error
    assert lefts["web"] <= 60
