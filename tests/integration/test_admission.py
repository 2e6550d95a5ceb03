"""What works at once is bounded; the rest waits in a line that is fair between projects (records/admission.py)."""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from model.controls import Hold
from model.operations import Ask, Outcome, Status, Target
from records import Records
from records.ids import new_id
from records.operations import NewOperation
from tests.platform import unique

PLACES = 4


class Pool:
    """A pool of four places of the test's own, and its operations."""

    def __init__(self, records: Records) -> None:
        self.records = records
        self.name = unique("pool")

    async def accept(self, project: str, target: str | None = None, *, first: bool = False) -> str:
        """Have one accepted; its id."""
        operation_id, on = new_id("op"), target or unique("web")
        new = NewOperation(
            kind="app.delete" if first else "app.upgrade",
            target=Target(kind="app", name=on),
            project_id=project,
            ask=Ask(operation_id=operation_id, project=project, target=on, actor="ann"),
            workflow_id=f"app.upgrade/{project}/{on}/{operation_id}",
            cancellable=not first,
            preempts=first,
            request={},
            pool=self.name,
        )
        async with self.records.transaction() as tx:
            lodged = await tx.operations.accept(new)
        assert lodged.waits == (await self.status(operation_id) == Status.WAITING)
        return operation_id

    async def status(self, operation_id: str) -> Status:
        return Status((await self.records.operations.get(operation_id))["status"])

    async def waiting(self, operations: Sequence[str]) -> list[str]:
        """Those of them that wait."""
        return [one for one in operations if await self.status(one) == Status.WAITING]

    async def end(self, operation_id: str, attempt: int = 1) -> None:
        await self.records.operations.settle(Outcome(operation_id=operation_id, attempt=attempt, status=Status.FAILED))

    async def admit(self) -> list[str]:
        async with self.records.transaction() as tx:
            return [row["id"] for row in await tx.admission.admit()]


@pytest.fixture
async def pool(records: Records) -> Pool:
    found = Pool(records)
    await records.admission.set_places({found.name: PLACES})
    return found


async def test_one_project_leaves_a_place_to_others_and_the_rest_waits_in_order(pool: Pool) -> None:
    mine = [await pool.accept("a") for _ in range(6)]
    assert await pool.waiting(mine) == mine[3:]
    others = [await pool.accept("b") for _ in range(2)]
    assert await pool.waiting(others) == others[1:]
    line = await pool.records.admission.line(mine[5])
    assert line is not None
    assert dict(line) == {"before": 2, "waiting": 4, "running": 4, "places": 4}
    assert await pool.admit() == []
    await pool.end(mine[0])
    assert await pool.admit() == [others[1]]  # it holds one place, the other project two
    await pool.end(mine[1])
    assert await pool.admit() == [mine[3]]
    assert await pool.records.admission.line(mine[3]) is None


async def test_who_comes_later_overtakes_nobody_of_its_project(pool: Pool) -> None:
    mine = [await pool.accept("a") for _ in range(4)]
    await pool.end(mine[0])
    late = await pool.accept("a")
    assert await pool.waiting([*mine, late]) == [mine[3], late]
    assert await pool.admit() == [mine[3]]


async def test_what_removes_goes_first_and_has_places_of_its_own(pool: Pool) -> None:
    work = [await pool.accept(project) for project in "aaab"]
    assert not await pool.waiting(work)
    assert not await pool.waiting([await pool.accept("a", first=True)])
    waits, removal = await pool.accept("b"), await pool.accept("c", first=True)
    assert await pool.waiting([waits, removal]) == [waits, removal]
    await pool.end(work[0])
    assert await pool.admit() == [removal]


async def test_what_pauses_or_stands_still_gives_its_place_back_and_goes_on_without_asking(pool: Pool) -> None:
    mine = [await pool.accept("a") for _ in range(5)]
    place = {"operation_id": mine[0], "attempt": 1, "version": 0, "title": "Pause", "words": "", "because": "", "verbs": ()}
    await pool.records.controls.hold(Hold(**place), 1, "run", "paused", datetime.now(UTC) + timedelta(days=1))
    assert await pool.admit() == [mine[3]]
    await pool.records.suspensions.add(mine[1], 1, "workflow", "worker-1")
    assert await pool.admit() == [mine[4]]
    await pool.records.suspensions.resume(mine[1], 1)
    held: Any = await pool.records.operations.get(mine[1])
    assert held["has_place"]
    assert await pool.waiting([await pool.accept("a")])


async def test_a_retry_waits_for_its_turn_too(pool: Pool) -> None:
    failed = await pool.accept("a")
    await pool.end(failed)
    work = [await pool.accept("a") for _ in range(3)]
    async with pool.records.transaction() as tx:
        row = await tx.operations.reopen(failed, cancellable=True)
    assert row["status"] == Status.WAITING
    await pool.end(work[0])
    assert await pool.admit() == [failed]


async def test_what_is_cancelled_while_it_waits_is_not_admitted_and_two_who_admit_give_each_place_once(pool: Pool) -> None:
    mine = [await pool.accept("a") for _ in range(3)] + [await pool.accept("b")]
    later = [await pool.accept(project) for project in "abab"]
    assert await pool.waiting(later) == later
    await pool.records.operations.request_cancel(later[0])
    for one in mine[:2]:
        await pool.end(one)
    admitted = [one for found in await asyncio.gather(*(pool.admit() for _ in range(5))) for one in found]
    assert admitted == [later[1]]  # undoing has the other place
