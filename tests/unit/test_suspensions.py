"""Suspended steps are woken by what may decide them: not seldomer, not much oftener, and whatever goes wrong on the way."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any

import pytest

from activities import suspensions
from activities.suspensions import Suspensions
from clients.watch import Changed
from model.errors import PlatformUnavailable
from model.operations import Ask
from tests.platform import eventually

Event = dict[str, Any]
ASK = Ask(operation_id="op-1", project="shop", target="web", actor="ann")


class Stage:
    """Stands for the watches, the records and Temporal; `told` are the workflows that were woken."""

    def __init__(self) -> None:
        self.heard: dict[str, list[Changed]] = {}
        self.told: list[str] = []
        self.rows: dict[str, str] = {}
        self.left_behind: list[Event] = []
        self.away = 0
        self.over = False
        self.open = True

    @property
    def suspensions(self) -> "Stage":
        return self

    @contextlib.asynccontextmanager
    async def subscribed(self, kind: str, namespace: str, app: str, *, changed: Changed) -> AsyncIterator[Changed]:
        self.heard.setdefault(kind, []).append(changed)
        yield changed
        self.heard[kind].remove(changed)

    async def add(self, operation_id: str, attempt: int, workflow_id: str, worker: str, no_room: object = None) -> bool:
        if not self.over:
            self.rows[operation_id] = worker
        return not self.over

    async def remove(self, operation_id: str) -> None:
        self.rows.pop(operation_id, None)

    async def seen(self, worker: str) -> None:
        pass

    async def gone(self, worker: str) -> None:
        pass

    async def take_over(self, worker: str, *, after: float, size: int) -> list[Event]:
        taken, self.left_behind = self.left_behind, []
        return taken

    async def wake(self, workflow_id: str) -> bool:
        if self.away:
            self.away -= 1
            raise PlatformUnavailable("away")
        self.told.append(workflow_id)
        return self.open

    def change(self, kind: str, ready: int | None = 0) -> None:
        """Have an object of that kind change; None: some changes may have passed unseen."""
        status = {"readyReplicas": ready}
        item = {"kind": kind, "metadata": {"name": "web", "generation": 1}, "status": status}
        for changed in self.heard.get(kind, ()):
            changed.set(None if ready is None else {"type": "MODIFIED", "object": item})


@pytest.fixture
async def stage() -> Stage:
    return Stage()


@pytest.fixture
async def care(stage: Stage) -> AsyncIterator[Suspensions]:
    given: Any = stage
    found = Suspensions(given, given, given, "worker-1")
    async with found.running():
        yield found


async def suspend(care: Suspensions, look: int = 0) -> None:
    assert await care.suspend(ASK, "workflow of op-1", ("shop", "web"), ("Deployment", "Pod"), look)


async def woken(stage: Stage, times: int = 1, seconds: float = 2) -> None:
    async def told() -> bool:
        return len(stage.told) >= times

    await eventually(told, f"it is woken {times} times", seconds)


async def calm() -> None:
    """Long enough for all tasks that could run to have run."""
    for _ in range(50):
        await asyncio.sleep(0)


async def test_a_change_of_the_workload_wakes_at_once_and_the_step_is_heard_of_no_more(stage: Stage, care: Suspensions) -> None:
    await suspend(care)
    stage.change("Deployment", ready=1)
    await woken(stage)
    stage.change("Deployment", ready=2)
    await calm()
    assert stage.told == ["workflow of op-1"]
    assert stage.heard == {"Deployment": [], "Pod": []}


async def test_what_is_looked_at_already_is_not_woken(stage: Stage, care: Suspensions) -> None:
    await suspend(care)
    await care.forget("op-1")
    stage.change("Deployment", ready=1)
    await calm()
    assert stage.told == []


async def test_changes_that_may_have_passed_unseen_wake(stage: Stage, care: Suspensions) -> None:
    await suspend(care)
    stage.change("Deployment", ready=None)
    await woken(stage)


async def test_pods_that_come_and_go_wake_once_it_was_calm_for_a_time(
    stage: Stage, care: Suspensions, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(suspensions, "calm_seconds", lambda look: 0.2)
    await suspend(care)
    clock = asyncio.get_running_loop().time
    began = clock()
    for ready in range(5):
        stage.change("Pod", ready)
    await woken(stage)
    assert clock() - began >= 0.15
    assert len(stage.told) == 1


async def test_a_wake_that_cannot_be_told_is_told_again(stage: Stage, care: Suspensions, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(suspensions, "_AGAIN", 0.01)
    stage.away = 3
    await suspend(care)
    stage.change("Deployment", ready=1)
    await woken(stage)


async def test_what_a_dead_worker_left_behind_is_woken(stage: Stage) -> None:
    given: Any = stage
    stage.left_behind = [{"operation_id": f"op-{n}", "workflow_id": f"wf-{n}"} for n in range(30)]
    async with Suspensions(given, given, given, "worker-2").running():
        await woken(stage, 30)
    assert sorted(stage.told) == sorted(f"wf-{n}" for n in range(30))


async def test_what_a_dead_worker_left_behind_is_woken_however_long_temporal_is_away(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    given: Any = stage
    monkeypatch.setattr(suspensions, "net_seconds", lambda look: 0.01)
    monkeypatch.setattr(suspensions, "_SEEN_EVERY", 0.02)
    monkeypatch.setattr(suspensions, "_AGAIN", 0.05)
    stage.left_behind = [{"operation_id": f"op-{n}", "workflow_id": f"wf-{n}"} for n in range(3)]
    stage.away = 12
    async with Suspensions(given, given, given, "worker-2").running():
        await woken(stage, 3)
    assert sorted(stage.told) == ["wf-0", "wf-1", "wf-2"]


async def test_a_fault_of_ours_does_not_end_the_waking(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    given: Any = stage
    monkeypatch.setattr(suspensions, "_SEEN_EVERY", 0.02)
    faults = [RuntimeError("a fault")]

    async def seen(_: str) -> None:
        if faults:
            raise faults.pop()

    monkeypatch.setattr(stage, "seen", seen)
    stage.left_behind = [{"operation_id": "op-9", "workflow_id": "wf-9"}]
    async with Suspensions(given, given, given, "worker-2").running():
        await woken(stage)
    assert stage.told == ["wf-9"]


async def test_nothing_is_kept_of_an_attempt_that_is_over_or_of_a_workflow_that_is_gone(stage: Stage, care: Suspensions) -> None:
    stage.over = True
    assert await care.suspend(ASK, "workflow of op-1", ("shop", "web"), ("Deployment",), 0) is None
    assert stage.heard == {"Deployment": []}
    stage.over, stage.open = False, False
    await suspend(care)
    stage.change("Deployment", ready=1)
    await woken(stage)
    await calm()
    assert stage.rows == {}
