"""Slots: never more than there are, fair between projects, none lost."""

import asyncio
import contextlib
import random

from hypothesis import given
from hypothesis import strategies as st

from activities.slots import FairSlots


async def in_order(slots: FairSlots, projects: list[str]) -> list[str]:
    """The order in which the projects' holders get their slots when all ask at once and each holds for a moment."""
    got: list[str] = []

    async def one(project: str) -> None:
        async with slots.held(project):
            got.append(project)
            await asyncio.sleep(0)

    await asyncio.gather(*(one(project) for project in projects))
    return got


async def test_a_project_that_comes_late_does_not_wait_for_all_of_another() -> None:
    assert "b" in (await in_order(FairSlots(2), ["a"] * 20 + ["b"]))[:4]


async def test_projects_take_turns() -> None:
    # The first finds a free slot; then the three have waited about as long as one another.
    assert (await in_order(FairSlots(1), ["a", "a", "a", "b", "b", "c"]))[1:4] == ["a", "b", "c"]


@given(count=st.integers(1, 3), projects=st.lists(st.sampled_from("abc"), max_size=15), seed=st.integers(0, 2**16))
def test_none_is_lost_and_never_are_there_more(count: int, projects: list[str], seed: int) -> None:
    async def play() -> None:
        slots, chance = FairSlots(count), random.Random(seed)
        holding = most = 0

        async def one(project: str) -> None:
            nonlocal holding, most
            async with slots.held(project):
                holding += 1
                most = max(most, holding)
                try:
                    for _ in range(chance.randrange(4)):
                        await asyncio.sleep(0)
                finally:
                    holding -= 1

        tasks = [asyncio.create_task(one(project)) for project in projects]
        for task in tasks:
            for _ in range(chance.randrange(3)):
                await asyncio.sleep(0)
            if chance.random() < 0.3:
                task.cancel()
        for task in tasks:
            with contextlib.suppress(asyncio.CancelledError):
                await task
        assert most <= count
        assert not slots.full
        assert len(await in_order(slots, ["a"] * (count + 2))) == count + 2

    asyncio.run(play())
