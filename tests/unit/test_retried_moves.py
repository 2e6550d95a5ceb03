"""A retry of a move: what failed before it is made anew, for it would tell of the past and is held back for minutes."""

from typing import Any

import pytest

from activities import move_loop
from activities.pace import Pace
from model.errors import ImageNotFound
from model.layouts import first, scaled
from tests.unit.test_app_moves import Stage
from tests.unit.test_causes import ended

_PULL = {"reason": "ImagePullBackOff", "message": "Back-off pulling image: code = NotFound desc = not found"}


@pytest.fixture(autouse=True)
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is wrong is looked for at once."""
    monkeypatch.setattr(move_loop, "Pace", lambda free, least: Pace(free, min(least, 0.1)))


async def failed_before(state: dict[str, Any], made_at: str) -> Stage:
    """An app of two instances of which the newer one failed when its first attempt waited for it."""
    before = first("TApp", 1, 1)
    stage = Stage(before, scaled(before, 2))
    await stage.stand()
    await stage.run(stage.moves.apply)
    pod = stage.cluster.objects["Pod", "web-1-0"]
    pod["metadata"]["creationTimestamp"] = made_at
    status = {"name": "web", "ready": False, "restartCount": 2, "state": state}
    pod["status"] = {"phase": "Pending", "containerStatuses": [status], "conditions": [{"type": "PodScheduled", "status": "True"}]}
    delete = stage.cluster.delete

    async def controlled(kind: str, name: str, namespace: str, *, uid: str | None = None) -> bool:
        gone = await delete(kind, name, namespace, uid=uid)
        stage.cluster.control()
        return gone

    stage.cluster.delete = controlled  # type: ignore[method-assign]
    return stage


@pytest.mark.parametrize("state", [{"waiting": _PULL}, ended(1)], ids=["pull", "crash"])
async def test_what_failed_before_a_retry_begins_anew(state: dict[str, Any]) -> None:
    stage = await failed_before(state, "2026-01-01T00:00:00Z")
    moved = await stage.run(stage.moves.move, stage.ask.model_copy(update={"attempt": 2}))
    assert moved.instances == 2
    assert stage.cluster.objects["Pod", "web-0-0"]["metadata"]["uid"]


async def test_what_fails_in_the_first_attempt_or_since_the_retry_is_judged() -> None:
    for attempt, made_at in ((1, "2026-01-01T00:00:00Z"), (2, "2100-01-01T00:00:00Z")):
        stage = await failed_before({"waiting": _PULL}, made_at)
        with pytest.raises(ImageNotFound):
            await stage.run(stage.moves.move, stage.ask.model_copy(update={"attempt": attempt}))
