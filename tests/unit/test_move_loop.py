"""The loop of a move that stands still: it is suspended, nothing is missed meanwhile, and its end is seen through."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

import pytest

from activities import move_loop
from activities.courses import DeploymentCourse
from activities.refusals import Refusal
from clients.watch import Changed
from model.errors import DeadlineExceeded
from model.layouts import first
from model.suspension import Suspended
from tests.platform import eventually
from tests.unit.test_app_moves import Stage


class Quiet(Changed):
    """Nothing is told; `pending` is whether something was that nobody asked for yet."""

    waits = False

    @property
    def pending(self) -> bool:
        return self.waits

    async def wait(self, seconds: float) -> bool:
        await asyncio.sleep(min(seconds, 0.01))
        return False


class QuietWatches:
    def __init__(self, *, pending: bool) -> None:
        self.pending = pending

    @contextlib.asynccontextmanager
    async def subscribed(self, *_: str) -> AsyncIterator[Changed]:
        quiet = Quiet()
        quiet.waits = self.pending
        yield quiet


def never_ready(monkeypatch: pytest.MonkeyPatch, *, pending: bool = False) -> Stage:
    """An app none of whose instances gets ready, where nothing changes any more."""
    for name in ("_ACTIVE", "_TO_JUDGE"):
        monkeypatch.setattr(move_loop, name, 0.05)
    stage = Stage(first("Deployment", 1, 2), first("Deployment", 1, 2))
    stage.cluster.broken.add("web")
    stage.moves._watches = QuietWatches(pending=pending)  # type: ignore[assignment]
    return stage


async def test_what_stands_still_is_suspended_and_what_is_reached_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    stage = never_ready(monkeypatch)
    assert await stage.run(stage.moves.move, seconds=60) == Suspended(seconds=10)
    assert (stage.suspensions.suspended, stage.suspensions.released) == (["op-1"], [])
    assert stage.cluster.names("Deployment") == ["web"]


async def test_a_change_while_it_is_being_suspended_is_not_missed(monkeypatch: pytest.MonkeyPatch) -> None:
    stage = never_ready(monkeypatch, pending=True)
    running = asyncio.create_task(stage.run(stage.moves.move, seconds=60))

    async def released() -> bool:
        return bool(stage.suspensions.released)

    await eventually(released, "it is not suspended after all")
    assert not running.done()
    stage.cluster.broken.clear()
    stage.cluster.control()
    assert (await running).instances == 2


async def test_near_its_end_it_is_seen_through_to_say_what_it_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    stage = never_ready(monkeypatch)
    with pytest.raises(DeadlineExceeded):
        await stage.run(stage.moves.move, seconds=3)
    assert stage.suspensions.suspended == []


async def test_what_is_ready_and_only_has_to_stay_so_is_seen_through(monkeypatch: pytest.MonkeyPatch) -> None:
    stage = never_ready(monkeypatch)
    stage.cluster.broken.clear()
    began = asyncio.get_running_loop().time()
    monkeypatch.setattr(move_loop, "has_settled", lambda *_: asyncio.get_running_loop().time() > began + 0.5)
    assert (await stage.run(stage.moves.move, seconds=60)).instances == 2
    assert stage.suspensions.suspended == []


async def test_who_was_asked_to_refuse_again_is_given_the_time_to(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(move_loop, "_TO_BE_REFUSED_AGAIN", 1.0)
    looks: list[bool] = []

    async def refused(*_: object) -> Refusal:
        looks.append(True)
        return Refusal(words='admission webhook "a" denied the request')

    monkeypatch.setattr(DeploymentCourse, "refusal", refused)
    stage = never_ready(monkeypatch)
    began = asyncio.get_running_loop().time()
    assert isinstance(await stage.run(stage.moves.move, seconds=60), Suspended)
    assert asyncio.get_running_loop().time() - began > 1
    assert len(looks) > 1, "it has been judged again"
