"""A step that stands still: the workflow waits for it without an activity, and goes on from a wake, a timer or its end."""

import asyncio
import contextlib
from typing import Any

from activities.app_moves import AppMoves, Moved
from activities.apps import AppActivities
from model.apps import CreateApp
from model.errors import CrashLoop
from model.operations import Status, StepStatus
from model.suspension import Suspended
from records.ids import new_id
from tests.platform import eventually
from tests.workflow.conftest import Run, returning, stand_in
from workflows.apps import AppCreate

FOUND = stand_in(AppActivities.resolve_images, returning({"web": "sha256:1"}))
TITLES = ["Find the image", "Create the objects", "Wait until it serves"]


def create(**fields: Any) -> CreateApp:
    place = {"project": "shop", "target": "web", "actor": "ann", "app_id": "ab" * 32, "before": 1, "after": 2, "resolve": (1,)}
    return CreateApp(operation_id=new_id("op"), **{**place, **fields})


class Waits:
    """Stands for `app.move`: suspended until `serves`; `looks` is how often it was asked."""

    def __init__(self, seconds: float = 600) -> None:
        self.seconds = seconds
        self.serves = False
        self.looks = 0

    async def __call__(self, _: Any) -> Moved | Suspended:
        self.looks += 1
        return Moved(instances=1) if self.serves else Suspended(seconds=self.seconds)

    async def looked(self, times: int) -> None:
        async def often_enough() -> bool:
            return self.looks >= times

        await eventually(often_enough, f"it is looked at {times} times")


async def test_it_goes_on_when_it_is_woken_and_stays_one_step(run: Run) -> None:
    waits = Waits()

    async def wake(handle: Any) -> None:
        await waits.looked(1)
        waits.serves = True
        await handle.signal("wake")

    ended = await run(AppCreate, create(), FOUND, stand_in(AppMoves.move, waits), meanwhile=wake)
    assert (ended.outcome.status, ended.outcome.result and ended.outcome.result["instances"]) == (Status.SUCCEEDED, 1)
    assert ended.titles == TITLES
    assert [step.status for step in ended.steps] == [StepStatus.SUCCEEDED] * 3
    assert waits.looks == 2


async def test_it_is_looked_at_again_although_nobody_woke_it(run: Run) -> None:
    waits = Waits(seconds=0.2)

    async def serve(_: Any) -> None:
        await waits.looked(3)
        waits.serves = True

    ended = await run(AppCreate, create(), FOUND, stand_in(AppMoves.move, waits), meanwhile=serve)
    assert ended.outcome.status is Status.SUCCEEDED


async def test_before_its_time_is_over_it_is_looked_at_once_more_to_say_why(run: Run) -> None:
    waits = Waits()

    async def late(ask: Any) -> Any:
        if waits.looks:
            raise CrashLoop("It ends again and again.")
        return await waits(ask)

    ended = await run(AppCreate, create(deadline_seconds=16), FOUND, stand_in(AppMoves.move, late))
    assert ended.outcome.error is not None
    assert (ended.outcome.status, ended.outcome.error.reason) == (Status.FAILED, "CrashLoop")


async def test_cancelled_while_it_is_suspended_it_is_undone_at_once(run: Run) -> None:
    waits = Waits()

    async def cancel(handle: Any) -> None:
        await waits.looked(1)
        await handle.cancel()

    ended = await run(AppCreate, create(), FOUND, stand_in(AppMoves.move, waits), meanwhile=cancel)
    assert ended.outcome.status is Status.CANCELLED
    assert [step.title for step in ended.steps if step.undo] == ["Undo: Create the objects", "Undo: Find the image"]


async def test_a_wake_that_comes_before_the_suspension_is_not_lost(run: Run) -> None:
    waits, told = Waits(), asyncio.Event()

    async def slow(ask: Any) -> Any:
        found = await waits(ask)
        await told.wait()
        waits.serves = True
        return found

    async def wake(handle: Any) -> None:
        await waits.looked(1)
        await handle.signal("wake")
        told.set()

    ended = await run(AppCreate, create(), FOUND, stand_in(AppMoves.move, slow), meanwhile=wake)
    assert ended.outcome.status is Status.SUCCEEDED


async def test_a_cancellation_that_comes_as_the_activity_ends_is_heard(run: Run) -> None:
    waits, cancelled = Waits(), asyncio.Event()

    async def ends_all_the_same(ask: Any) -> Any:
        found = await waits(ask)
        with contextlib.suppress(asyncio.CancelledError):
            await cancelled.wait()
            await asyncio.sleep(10)
        return found

    async def cancel(handle: Any) -> None:
        await waits.looked(1)
        await handle.cancel()
        cancelled.set()

    ended = await run(AppCreate, create(), FOUND, stand_in(AppMoves.move, ends_all_the_same), meanwhile=cancel)
    assert ended.outcome.status is Status.CANCELLED
    assert waits.looks == 1
