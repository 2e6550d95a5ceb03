"""Scaling in the pause of a gray upgrade: what may be scaled to what, and that the upgrade keeps to it on every way (faults: 6)."""

from collections.abc import Sequence
from typing import Any

import pytest

from activities.app_moves import Batch
from activities.pause_scaling import let_scaling_end
from model.batches import planned
from model.errors import DeadlineExceeded
from model.layouts import Layout, beside, first, scaled
from records.pauses import scaling_in_pause
from tests.standing import FakeRecords, Object, app_of
from tests.unit.test_app_moves import Stage


def layouts() -> list[Layout]:
    """Before an upgrade of four instances, after its first batch of one, and after it."""
    before = first("Deployment", 1, 4)
    return [before, *planned(before, beside(before, 2), [1])]


def scaling(to: int, status: str = "SUCCEEDED", **more: Any) -> Object:
    found = {"id": "op-2", "kind": "app.scale", "actor": "zoe", "workflow_id": "wf-2", "status": status, "preempted_by": None}
    return {**found, "ask": {"within": "op-1", "replicas": to}, **more}


class Pausing(FakeRecords):
    """An app of which an upgrade pauses."""

    def __init__(self, stages: Sequence[Layout], batch: int | None, app_id: str = "ab" * 32) -> None:
        super().__init__(app_of(stages[1]), *stages)
        gray = {"stages": [{"layout": 2}, {"layout": 3}]}
        self.paused = {"id": "op-1", "ask": {"app_id": app_id, "revision": 2, "gray": gray}, "pause": {"batch": batch}}

    async def paused_upgrade(self, project: str, app: str) -> Object:
        return self.paused


async def found(records: Pausing, total: int) -> Any:
    tx: Any = records
    return await scaling_in_pause(tx, records.app, total)


async def test_after_a_batch_that_holds_the_versions_keep_their_share() -> None:
    free = await found(Pausing(layouts(), 1), 8)
    assert free.after.versions == {2: 2, 1: 6}
    assert free.words == "2 of 8 instances are to be of revision 2"
    assert free.fields(4) == {"within": "op-1", "came_from": 4}


async def test_after_a_batch_that_failed_the_new_version_gets_none() -> None:
    free = await found(Pausing(layouts(), None), 8)
    assert free.after.versions == {2: 1, 1: 7}
    assert (await found(Pausing(layouts(), None), 3)).after.versions == {1: 3}


async def test_another_life_of_the_app_is_not_scaled() -> None:
    assert await found(Pausing(layouts(), 1, "cd" * 32), 8) is None


def paused() -> Stage:
    """An upgrade in its first pause."""
    before, batch, after = layouts()
    stage = Stage(before, after)
    stage.records.layouts = {1: before, 2: after, 3: batch}
    stage.ask = stage.ask.model_copy(update={"resolve": (2,)})
    return stage


@pytest.mark.parametrize(("to", "versions"), [(8, {2: 2, 1: 6}), (2, {2: 1, 1: 1})])
async def test_the_batches_to_come_and_the_way_back_keep_to_the_number(to: int, versions: dict[int, int]) -> None:
    stage = paused()
    await stage.stand()
    stage.records.within = [scaling(to)]
    moved = await stage.run(stage.moves.move_batch, Batch(ask=stage.ask, to=3))
    assert stage.records.app.layout.versions == versions
    assert (moved.of_new, moved.total) == (versions[2], to)
    moved = await stage.run(stage.moves.move_batch, Batch(ask=stage.ask, to=2))
    assert stage.records.app.layout.versions == {2: to}
    assert (moved.instances, moved.of_new, moved.total) == (to, to, to)
    await stage.run(stage.moves.move_back)
    assert stage.records.app.layout.versions == {1: to}


@pytest.mark.parametrize(("status", "number"), [("FAILED", 8), ("SUCCEEDED", 8), ("CANCELLED", 4)])
async def test_a_scale_that_was_cancelled_is_none(status: str, number: int) -> None:
    stage = paused()
    await stage.stand()
    stage.records.within = [scaling(8, status)]
    await stage.run(stage.moves.move_batch, Batch(ask=stage.ask, to=2))
    assert stage.records.app.layout.versions == {2: number}


async def test_the_newest_number_counts() -> None:
    stage = paused()
    await stage.stand()
    stage.records.within = [scaling(6, id="op-3"), scaling(8)]
    await stage.run(stage.moves.move_batch, Batch(ask=stage.ask, to=2))
    assert stage.records.app.layout.versions == {2: 6}


async def test_going_back_takes_over_what_is_being_scaled_with_its_number() -> None:
    stage = paused()
    await stage.stand()
    stage.records.within = [scaling(8, "RUNNING")]
    await stage.run(stage.moves.move_back)
    assert stage.cancelled == ["wf-2"]
    assert stage.records.within[0]["preempted_by"] == "op-1"
    assert stage.records.app.layout == scaled(layouts()[0], 8)


async def test_the_next_batch_waits_for_what_is_being_scaled() -> None:
    stage = paused()
    stage.records.within = [scaling(8, "RUNNING")]
    records: Any = stage.records
    with pytest.raises(DeadlineExceeded, match=r"app\.scale op-2, which began in the pause"):
        await stage.run(lambda ask: let_scaling_end(records, ask, 0.1))
