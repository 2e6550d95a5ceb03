"""app.upgrade in batches: their order, gates and pauses, and what a failed one does (mission B: gray upgrade)."""

import asyncio
from typing import Any

import pytest
from temporalio.client import WorkflowHandle

from activities.app_moves import AppMoves, Batch, Moved
from activities.apps import AppActivities
from activities.controls import ControlActivities
from activities.gates import GateActivities, GateCheck
from model.apps import UpgradeApp
from model.controls import BATCHES, Controls, Hold
from model.errors import CrashLoop, GateFailed
from model.gray import Gate, GrayPlan, Stage
from model.operations import Status, Verb
from records.ids import new_id
from tests.workflow.conftest import Ended, Run, raising, returning, stand_in
from tests.workflow.test_controls import tell
from workflows.upgrades import AppUpgrade

STAGES = tuple(Stage(layout=number, moved=moved, total=20) for number, moved in ((11, 2), (12, 10), (13, 20)))
GATE = Gate.model_validate({"http": {"port": 80}})
MOVE = [f"Batch {n} of 3: {moved} of 20 instances to revision 2" for n, moved in ((1, 2), (2, 10), (3, 20))]
GATES = [f"Gates of batch {n} of 3" for n in (1, 2, 3)]


class World:
    """Stand-ins for an app and its record: what moved where, which gates were checked, which pauses held."""

    def __init__(self, *, gates: Any = None, move: Any = None, found: int = 0) -> None:
        self.seen: list[str] = []
        self.holds: list[Hold] = []
        self._held = asyncio.Event()
        self._gates = gates or returning(None)
        self._move = move or returning(Moved(instances=20))
        self._found = found

    async def _batch(self, batch: Batch) -> Moved:
        self.seen.append(f"to {batch.to}")
        moved: Moved = await self._move(batch)
        return moved

    async def _last(self, ask: UpgradeApp) -> Moved:
        self.seen.append(f"to {ask.after}")
        return Moved(instances=20)

    async def _check(self, check: GateCheck) -> None:
        self.seen.append(f"gates at {check.at}")
        await self._gates(check)

    async def _hold(self, hold: Hold) -> bool:
        self.holds.append(hold)
        self._held.set()
        return True

    async def _back(self, ask: UpgradeApp) -> None:
        self.seen.append(f"back to {ask.before}")

    async def held(self, count: int) -> None:
        """Wait until so many pauses have held."""
        async with asyncio.timeout(20):
            while len(self.holds) < count:
                await self._held.wait()
                self._held.clear()

    @property
    def stand_ins(self) -> list[Any]:
        return [
            stand_in(AppActivities.resolve_images, returning({"web": "sha256:1"})),
            stand_in(AppMoves.move_batch, self._batch),
            stand_in(AppMoves.move, self._last),
            stand_in(AppMoves.move_back, self._back),
            stand_in(AppMoves.find_batch, returning(self._found)),
            stand_in(GateActivities.check_gates, self._check),
            stand_in(ControlActivities.hold, self._hold),
        ]


def upgrade(*, gates: bool = True, pause: Any = "never", **fields: Any) -> UpgradeApp:
    plan = GrayPlan(stages=STAGES, pause=pause, gates=(GATE,) if gates else ())
    own = {"app_id": "ab" * 32, "before": 10, "after": 13, "resolve": (2,), "revision": 2, "gray": plan}
    return UpgradeApp(operation_id=new_id("op"), project="shop", target="web", actor="ann", **{**own, **fields})


async def controlled(run: Run, world: World, ask: UpgradeApp, *verbs: Controls) -> Ended:
    """The end of an upgrade of which each control is asked when one more pause has held."""

    async def act(handle: WorkflowHandle[Any, Any]) -> None:
        for count, controls in enumerate(verbs, 1):
            await world.held(count)
            await tell(handle, controls.model_copy(update={"attempt": ask.attempt, "version": count}))

    return await run(AppUpgrade, ask, *world.stand_ins, meanwhile=act)


RESUME, PROMOTE = Controls(attempt=1), Controls(attempt=1, promoted=True)


async def test_each_batch_is_moved_then_judged_in_order(run: Run) -> None:
    world = World()
    ended = await controlled(run, world, upgrade())
    assert ended.outcome.status is Status.SUCCEEDED
    assert ended.titles == ["Find the image", MOVE[0], GATES[0], MOVE[1], GATES[1], MOVE[2], GATES[2]]
    assert world.seen == ["to 11", "gates at 11", "to 12", "gates at 12", "to 13", "gates at 13"]
    assert world.holds == []


@pytest.mark.parametrize(("pause", "after"), [("first", [1]), ("each", [1, 2])])
async def test_it_pauses_where_the_plan_says(run: Run, pause: str, after: list[int]) -> None:
    world = World()
    ended = await controlled(run, world, upgrade(pause=pause), *[RESUME] * len(after))
    assert ended.outcome.status is Status.SUCCEEDED
    assert [hold.title for hold in world.holds] == [f"Pause after batch {n} of 3" for n in after]
    assert world.holds[0].words == "2 of 20 instances are of revision 2."
    assert set(world.holds[0].verbs) == BATCHES


async def test_promote_skips_the_pauses_and_gates_that_are_left(run: Run) -> None:
    world = World()
    ended = await controlled(run, world, upgrade(pause="each"), PROMOTE)
    assert ended.outcome.status is Status.SUCCEEDED
    assert world.seen == ["to 11", "gates at 11", "to 12", "to 13"]
    assert len(world.holds) == 1


async def test_promote_ends_a_gate_that_is_being_judged(run: Run) -> None:
    judged = asyncio.Event()

    async def never(_: GateCheck) -> None:
        judged.set()
        await asyncio.Event().wait()

    world = World(gates=never)

    async def promote(handle: WorkflowHandle[Any, Any]) -> None:
        await judged.wait()
        await tell(handle, Controls(attempt=1, version=1, promoted=True))

    ended = await run(AppUpgrade, upgrade(), *world.stand_ins, meanwhile=promote)
    assert ended.outcome.status is Status.SUCCEEDED
    assert world.seen == ["to 11", "gates at 11", "to 12", "to 13"]


async def test_cancel_ends_a_gate_that_is_being_judged_and_goes_back(run: Run) -> None:
    judged = asyncio.Event()

    async def never(_: GateCheck) -> None:
        judged.set()
        await asyncio.Event().wait()

    world = World(gates=never)

    async def cancel(handle: WorkflowHandle[Any, Any]) -> None:
        await judged.wait()
        await handle.cancel()

    ended = await run(AppUpgrade, upgrade(), *world.stand_ins, meanwhile=cancel)
    assert ended.outcome.status is Status.CANCELLED
    assert world.seen == ["to 11", "gates at 11", "back to 10"]


FAILS = raising(GateFailed("The error rate has not been < 0.05 for 30 s, last 0.3."))


@pytest.mark.parametrize(("on_failure", "left"), [("keep", []), ("rollback", ["back to 10"])])
async def test_a_failed_gate_ends_it_as_on_failure_says(run: Run, on_failure: str, left: list[str]) -> None:
    world = World(gates=FAILS)
    ended = await controlled(run, world, upgrade(on_failure=on_failure))
    assert ended.outcome.status is Status.FAILED
    assert ended.outcome.error is not None
    assert (ended.outcome.error.reason, "last 0.3" in ended.outcome.error.message) == ("GateFailed", True)
    assert world.seen == ["to 11", "gates at 11", *left]


async def test_with_on_failure_pause_a_failed_batch_waits_and_is_tried_again(run: Run) -> None:
    world = World(
        gates=raising(GateFailed("bad"), None, None, None), move=raising(None, CrashLoop("It ends."), then=Moved(instances=1))
    )
    ended = await controlled(run, world, upgrade(on_failure="pause"), RESUME, RESUME)
    assert ended.outcome.status is Status.SUCCEEDED, ended.outcome.error
    assert [hold.words for hold in world.holds] == ["Batch 1 of 3 failed: bad", "Batch 1 of 3 failed: It ends."]
    assert world.seen[:5] == ["to 11", "gates at 11", "to 11", "to 11", "gates at 11"]


async def test_a_promoted_batch_that_fails_pauses_all_the_same(run: Run) -> None:
    moves = raising(None, CrashLoop("It ends."), then=Moved(instances=1))
    world = World(move=moves)
    ended = await controlled(run, world, upgrade(pause="first", on_failure="pause"), PROMOTE, PROMOTE)
    assert ended.outcome.status is Status.SUCCEEDED, ended.outcome.error
    assert [hold.title for hold in world.holds] == ["Pause after batch 1 of 3", "Pause in batch 2 of 3"]


async def test_a_retry_goes_on_where_it_stopped_and_does_not_pause_again(run: Run) -> None:
    world = World(found=1)
    ended = await controlled(run, world, upgrade(pause="first", attempt=2))
    assert ended.outcome.status is Status.SUCCEEDED
    assert world.seen == ["to 12", "gates at 12", "to 13", "gates at 13"]
    assert world.holds == []


def test_a_plain_upgrade_has_no_point_to_pause_at() -> None:
    assert AppUpgrade.controls_of(upgrade(gray=None).model_dump()) == {Verb.ROLLBACK}
    once = GrayPlan(stages=STAGES[:1], gates=(GATE,))
    assert AppUpgrade.controls_of(upgrade(gray=once).model_dump()) == {Verb.PROMOTE, Verb.ROLLBACK}
    assert AppUpgrade.controls_of(upgrade(gray=once, on_failure="pause").model_dump()) == BATCHES
