"""How long a move waits for room, and how long an app's end takes: what the steps say of it, and when they give up."""

import asyncio
import time
from types import SimpleNamespace
from typing import Any

import pytest

from activities import apps, move_loop, patience, progress
from activities.courses import DeploymentCourse
from activities.pace import Pace
from model.apps import App
from model.errors import MooringError
from model.layouts import first, scaled
from tests.standing import FakeCluster, Object
from tests.unit.test_app_moves import Stage
from tests.unit.test_causes import there, waiting
from tests.unit.test_instances import node
from tests.unit.test_move_loop import never_ready


@pytest.mark.parametrize(("how", "fails"), [(None, True), ("fail", True), ("wait", False)])
async def test_what_finds_no_room_fails_in_time_or_waits_as_its_caller_chose(
    how: Any, fails: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The step says it from its first message on, as the door did; going back never fails for it."""
    monkeypatch.setattr(patience, "_USUALLY", 0.6)
    monkeypatch.setattr(patience, "_AT_ONCE", 0.3)
    monkeypatch.setattr(move_loop, "Pace", lambda free, least: Pace(free, min(least, 0.1)))
    before = first("TApp", 1, 2)
    stage = Stage(before, scaled(before, 3))
    await stage.stand()
    lost = {"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": "0/1 nodes: 1 Insufficient cpu."}
    stage.cluster.broken.add("web-2")
    await stage.run(stage.moves.apply)
    stage.cluster.objects["Pod", "web-2-0"]["status"] = {"phase": "Pending", "conditions": [lost]}
    ask = stage.ask.model_copy(update={"on_unschedulable": how, "notice": "Now there is room for none."})
    said: list[str] = []

    async def write(message: str) -> None:
        said.append(message)

    told = progress.teller.set(progress.Teller(write))
    with pytest.raises(MooringError) as failure:
        await stage.run(stage.moves.move, ask, seconds=6)
    progress.teller.reset(told)
    assert said[0].endswith("; Now there is room for none.")
    assert any("'web-2' has no node" in message for message in said)
    assert failure.value.reason == "Unschedulable"
    assert ("No room came within" in failure.value.message) is fails
    assert ("onUnschedulable" in failure.value.hint) is fails


class Hurried(asyncio.SelectorEventLoop):
    """A loop that waits for nothing: where there is nothing to do its clock goes on to what is due next."""

    skipped = 0.0

    def time(self) -> float:
        return super().time() + self.skipped

    def _run_once(self) -> None:
        loop: Any = self
        if not loop._ready and loop._scheduled:
            self.skipped += max(0.0, loop._scheduled[0].when() - self.time())
        super()._run_once()  # type: ignore[misc]  # of the loop that asyncio makes, untyped


class Full(FakeCluster):
    """A cluster whose one node is taken: most of it by another app of the project."""

    async def list(self, kind: str, namespace: str = "", labelSelector: str = "", fieldSelector: str = "", **_: str) -> Object:
        if kind == "Node":
            return {"items": [node("a")]}
        if fieldSelector.startswith("spec.nodeName"):
            return {"items": [there("1.2", app="db"), there("0.5", app="payroll", project="bank")]}
        return await super().list(kind, namespace, labelSelector)


def test_what_says_nothing_of_it_fails_after_a_minute_with_who_has_the_room(monkeypatch: pytest.MonkeyPatch) -> None:
    """The bound as it is in production (faults: 40), on a clock that nobody waits for."""

    async def fails() -> tuple[float, str]:
        clock = asyncio.get_running_loop().time
        monkeypatch.setattr(move_loop, "time", SimpleNamespace(monotonic=clock))
        monkeypatch.setattr("tests.unit.test_app_moves.FakeCluster", Full)
        before = first("TApp", 1, 2)
        stage = Stage(before, scaled(before, 3))
        await stage.stand()
        stage.cluster.broken.add("web-2")
        await stage.run(stage.moves.apply)
        homeless = waiting("1")
        pod = stage.cluster.objects["Pod", "web-2-0"]
        pod["status"] = {"phase": "Pending", **homeless["status"]}
        pod["spec"]["containers"][0]["resources"] = homeless["spec"]["containers"][0]["resources"]
        pod["metadata"]["namespace"] = "shop"
        began = clock()
        with pytest.raises(MooringError) as failure:
            await stage.run(stage.moves.move, seconds=600)
        assert failure.value.reason == "Unschedulable"
        return clock() - began, f"{failure.value.message} {failure.value.hint}"

    with asyncio.Runner(loop_factory=Hurried) as runner:
        seconds, told = runner.run(fails())
    assert 60 <= seconds <= 65, "a minute from when it was seen, which takes some seconds"
    assert "insufficient cpu (asked 1, free 0.3); of cpu 'db' has 1.2, others outside the project 0.5" in told
    assert "No room came within 60 s." in told
    assert 'onUnschedulable "wait"' in told


async def test_a_program_that_ignores_sigterm_is_named_while_it_is_waited_for_and_after_it_was_killed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Its StatefulSet goes only when its pod has gone, which takes the whole grace."""
    monkeypatch.setattr(apps, "_STANDS_STILL", 0.05)
    layout = first("TApp", 1, 1)
    stage = Stage(layout, layout)
    await stage.stand()
    stage.cluster.objects["Pod", "web-0-0"]["spec"]["terminationGracePeriodSeconds"] = 0
    said, began = [], time.monotonic()

    async def drop(app: App, found: Object) -> None:
        """It is told to go."""

    async def write(message: str) -> None:
        said.append(message)
        await asyncio.sleep(0.02)
        if time.monotonic() - began > 0.2:
            stage.cluster.objects.pop(("StatefulSet", "web-0"), None)

    monkeypatch.setattr(stage.activities._workloads, "drop", drop)
    monkeypatch.setattr(apps, "tell", write)
    await stage.run(stage.activities.remove_objects)
    assert any("web-0 has been told to end (SIGTERM) and still runs" in message for message in said)
    assert "was killed: its program does not end at SIGTERM" in said[-1]


def without_room(monkeypatch: pytest.MonkeyPatch) -> Stage:
    """A move that stands still, since an instance finds no place; its minute is 6 s long, and nothing changes."""
    stage = never_ready(monkeypatch)
    for module, name, seconds in (
        (move_loop, "_TO_JUDGE_AGAIN", 0.05),
        (move_loop, "_TO_BE_PATIENT", 1.0),
        (patience, "_USUALLY", 6.0),
    ):
        monkeypatch.setattr(module, name, seconds)
    return stage


async def test_the_wait_for_room_is_suspended_and_its_time_runs_on(monkeypatch: pytest.MonkeyPatch) -> None:
    """An operation that waits out its minute holds no place (faults: 42)."""
    stage = without_room(monkeypatch)
    lost = {"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": "0/1 nodes: 1 Insufficient cpu."}

    async def pods(_: object, __: object) -> list[Object]:
        labels = stage.cluster.objects["Deployment", "web"]["spec"]["template"]["metadata"]["labels"]
        meta = {"name": "web-x", "namespace": "shop", "uid": "p", "labels": labels, "creationTimestamp": "2026-01-01T12:00:00Z"}
        return [{"metadata": meta, "spec": {"containers": []}, "status": {"phase": "Pending", "conditions": [lost]}}]

    monkeypatch.setattr(DeploymentCourse, "pods", pods)
    suspended = await stage.run(stage.moves.move, seconds=60)
    assert suspended.seconds < 6, "it is looked at when its time is over"
    no_room = stage.suspensions.without_room
    assert no_room is not None
    stage.suspensions.without_room = no_room.model_copy(update={"waited": 3.0})
    again = await stage.run(stage.moves.move, seconds=60, look=1)
    assert again.seconds < 3
    stage.suspensions.without_room = no_room.model_copy(update={"waited": 3.0, "told": "one of 2 fewer"})
    assert (await stage.run(stage.moves.move, seconds=60, look=1)).seconds > 5, "it got on meanwhile: its time begins anew"
    stage.suspensions.without_room = no_room.model_copy(update={"waited": 6.0})
    with pytest.raises(MooringError, match="No room came within 6 s") as failure:
        await stage.run(stage.moves.move, seconds=60, look=2)
    assert failure.value.reason == "Unschedulable"
