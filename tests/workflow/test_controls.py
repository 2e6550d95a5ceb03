"""Pause, resume, promote, rollback: where a pause holds, what ends it, and what a cancellation is told as."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from temporalio.client import Client, WorkflowHandle

from activities.controls import ControlActivities
from clients.temporal import CONTROL_SIGNAL, Operations
from model.controls import Controls, Hold, Stop
from model.operations import Status, Verb
from tests.workflow.conftest import Run, Seen, stand_in, worker_with
from tests.workflow.test_stacks import CHAIN, World, deploy
from workflows.registry import QUEUES
from workflows.stacks import StackDeploy

Handle = WorkflowHandle[Any, Any]


def asked(version: int, *, attempt: int = 1, paused: bool = False, promoted: bool = False) -> Controls:
    return Controls(attempt=attempt, version=version, paused=paused, promoted=promoted)


async def tell(handle: Handle, controls: Controls) -> None:
    await handle.signal(CONTROL_SIGNAL, controls)


class Pauses:
    """Stands for the record where pauses are written: keeps the holds, and says whether they were written."""

    def __init__(self, *, newest: int | None = None) -> None:
        self.holds: list[Hold] = []
        self._newest = newest
        self._moved = asyncio.Event()

    async def hold(self, hold: Hold) -> bool:
        self.holds.append(hold)
        self._moved.set()
        return self._newest is None or hold.version >= self._newest

    async def seen(self, count: int = 1) -> None:
        async with asyncio.timeout(20):
            while len(self.holds) < count:
                await self._moved.wait()
                self._moved.clear()

    @property
    def stand_in(self) -> Any:
        return stand_in(ControlActivities.hold, self.hold)


async def paused_stack(
    run: Run, meanwhile: Callable[[Handle, World, Pauses], Awaitable[None]], pauses: Pauses, **fields: Any
) -> tuple[Any, World]:
    """A stack told to pause while store, its first app, gets ready."""
    begun, go_on = asyncio.Event(), asyncio.Event()

    async def store() -> None:
        begun.set()
        await go_on.wait()

    world = World({"store": (), "api": ("store",), "web": ("api",)}, {"store": store})

    async def act(handle: Handle) -> None:
        await begun.wait()
        await tell(handle, asked(1, paused=True))
        go_on.set()
        await pauses.seen()
        await meanwhile(handle, world, pauses)

    ask = deploy().model_copy(update=fields)
    return await run(StackDeploy, ask, *world.stand_ins(), pauses.stand_in, meanwhile=act), world


async def test_a_pause_lets_what_runs_finish_and_starts_nothing_further_until_it_is_resumed(run: Run) -> None:
    async def resume(handle: Handle, world: World, pauses: Pauses) -> None:
        assert world.seen == ["start store", "ready store"]
        (hold,) = pauses.holds
        assert (hold.title, hold.version, hold.because, hold.verbs) == (
            "Pause before api",
            1,
            "",
            (Verb.PAUSE, Verb.RESUME),
        )
        await tell(handle, asked(2))

    ended, world = await paused_stack(run, resume, Pauses())
    assert ended.outcome.status is Status.SUCCEEDED
    assert world.seen[-2:] == ["start web", "ready web"]
    assert "Pause before api" not in ended.titles, "its row is the record's own, not the interceptor's"


async def test_a_pause_can_be_asked_for_again_at_the_next_point(run: Run) -> None:
    async def resume_and_pause(handle: Handle, _: World, pauses: Pauses) -> None:
        await tell(handle, asked(3, paused=True))
        await pauses.seen(2)
        assert [hold.version for hold in pauses.holds] == [1, 3]
        await tell(handle, asked(4))

    ended, _ = await paused_stack(run, resume_and_pause, Pauses())
    assert ended.outcome.status is Status.SUCCEEDED


async def test_what_is_told_late_or_of_an_earlier_attempt_changes_nothing(run: Run) -> None:
    async def late(handle: Handle, _: World, pauses: Pauses) -> None:
        await tell(handle, asked(4))
        await tell(handle, asked(3, paused=True))
        await tell(handle, asked(9, attempt=0, paused=True))

    ended, _ = await paused_stack(run, late, Pauses())
    assert ended.outcome.status is Status.SUCCEEDED


async def test_a_pause_that_was_overtaken_by_a_resume_does_not_hold(run: Run) -> None:
    """The record has the resume already, which the workflow is told only after it wanted to hold."""

    async def resume(handle: Handle, _: World, pauses: Pauses) -> None:
        await tell(handle, asked(2))

    pauses = Pauses(newest=2)
    ended, _ = await paused_stack(run, resume, pauses)
    assert ended.outcome.status is Status.SUCCEEDED
    assert len(pauses.holds) == 1


async def test_cancel_is_heard_while_paused_and_tells_who(run: Run, client: Client) -> None:
    async def cancel(handle: Handle, _: World, __: Pauses) -> None:
        await Operations(client, QUEUES).cancel(handle.id, Stop(verb="cancel", actor="bea"))

    ended, world = await paused_stack(run, cancel, Pauses())
    assert ended.outcome.status is Status.CANCELLED
    assert ended.outcome.error is not None
    assert ended.outcome.error.message == "It was cancelled by bea."
    assert "start api" not in world.seen


async def test_a_rollback_is_told_as_such(run: Run, client: Client) -> None:
    async def go_back(handle: Handle, _: World, __: Pauses) -> None:
        await Operations(client, QUEUES).cancel(handle.id, Stop(verb=Verb.ROLLBACK, actor="bea"))

    ended, _ = await paused_stack(run, go_back, Pauses())
    assert ended.outcome.error is not None
    assert (ended.outcome.status, ended.outcome.error.reason) == (Status.CANCELLED, "RolledBack")
    assert "bea rolled it back" in ended.outcome.error.message


async def test_the_clock_of_the_deadline_stands_while_it_is_paused(run: Run) -> None:
    async def wait_beyond_the_deadline(handle: Handle, _: World, __: Pauses) -> None:
        await asyncio.sleep(6)
        await tell(handle, asked(2))

    ended, _ = await paused_stack(run, wait_beyond_the_deadline, Pauses(), deadline_seconds=6)
    assert ended.outcome.status is Status.SUCCEEDED, ended.outcome.error


async def test_a_worker_that_dies_while_it_is_paused_changes_nothing(client: Client) -> None:
    pauses, seen = Pauses(), Seen()
    world, ask = World(CHAIN), deploy()
    queue = QUEUES["stack.deploy"]
    handle: Handle = client.get_workflow_handle(ask.operation_id)
    async with worker_with(client, queue, seen, *world.stand_ins(), pauses.stand_in):
        await Operations(client, QUEUES).start("stack.deploy", ask.operation_id, ask)
        await tell(handle, asked(1, paused=True))
        await pauses.seen()
    await tell(handle, asked(2))
    async with worker_with(client, queue, seen, *world.stand_ins(), pauses.stand_in):
        await handle.result()
    assert seen.outcomes[-1].status is Status.SUCCEEDED
    assert world.order("ready store", "start api")
