"""How long a move waits for room, and how long an app's end takes: what the steps say of it, and when they give up."""

import asyncio
import time
from typing import Any

import pytest

from activities import apps, move_loop, patience, progress
from activities.pace import Pace
from model.apps import App
from model.errors import MooringError
from model.layouts import first, scaled
from tests.standing import Object
from tests.unit.test_app_moves import Stage


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
