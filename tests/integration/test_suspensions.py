"""Suspended steps in the records: in one worker's care, taken over when that is gone, forgotten when their operation ends."""

import pytest

from model.errors import StaleAttempt
from model.operations import Status
from model.suspension import NoRoom
from records import Records
from tests.integration.test_operation_store import accept, new, settle
from tests.platform import unique


async def test_the_steps_of_a_worker_that_is_gone_are_taken_over_once(records: Records) -> None:
    gone, here, other = (unique("worker") for _ in range(3))
    for worker in (gone, here, other):
        await records.suspensions.seen(worker)
    mine = [await accept(records, new(unique("web"))) for _ in range(3)]
    for operation_id in mine:
        assert await records.suspensions.add(operation_id, 1, "workflow", gone)
    assert not {row["operation_id"] for row in await records.suspensions.take_over(here, after=60, size=50)} & {*mine}
    await records.suspensions.gone(gone)
    taken = [
        row["operation_id"] for worker in (here, other) for row in await records.suspensions.take_over(worker, after=60, size=50)
    ]
    assert sorted(one for one in taken if one in mine) == sorted(mine)


async def test_a_step_is_resumed_by_its_attempt_only(records: Records) -> None:
    operation_id = await accept(records, new(unique("web")))
    assert not await records.suspensions.add(operation_id, 2, "workflow", "worker-1")
    assert await records.suspensions.add(operation_id, 1, "workflow", "worker-1")
    assert await records.suspensions.resume(operation_id, 1) == Status.ACCEPTED
    await settle(records, operation_id)
    with pytest.raises(StaleAttempt):
        await records.suspensions.resume(operation_id, 1)
    assert not await records.suspensions.add(operation_id, 1, "workflow", "worker-1")


async def test_what_was_waited_for_room_runs_on(records: Records) -> None:
    operation_id = await accept(records, new(unique("web")))
    assert await records.suspensions.no_room(operation_id) is None
    assert await records.suspensions.add(operation_id, 1, "workflow", "worker-1", NoRoom(waited=20, told="1 of 2"))
    found = await records.suspensions.no_room(operation_id)
    assert found is not None
    assert 20 <= found.waited < 25
    assert found.told == "1 of 2"
    assert await records.suspensions.add(operation_id, 1, "workflow", "worker-1")
    assert await records.suspensions.no_room(operation_id) is None, "it waits for something else"
