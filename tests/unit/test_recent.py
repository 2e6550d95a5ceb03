"""What many ask for at once is read once, and anew when it is old."""

import asyncio

import pytest

from api.recent import Recent


async def test_many_who_ask_at_once_are_one_read() -> None:
    reads, known = [], Recent[int](60)

    async def read() -> int:
        reads.append(1)
        await asyncio.sleep(0)
        return len(reads)

    assert await asyncio.gather(*(known.get("a", read) for _ in range(50))) == [1] * 50
    assert await known.get("b", read) == 2
    assert await known.get("a", read) == 1


async def test_what_is_old_is_read_anew() -> None:
    known, again = Recent[bool](0), asyncio.Event()

    async def read() -> bool:
        return again.is_set()

    assert await known.get("a", read) is False
    asyncio.get_running_loop().call_later(0.01, again.set)
    await again.wait()
    assert await known.get("a", read) is True


async def test_who_goes_away_takes_it_from_nobody_and_a_failure_is_not_kept() -> None:
    gate, known = asyncio.Event(), Recent[int](60)

    async def read() -> int:
        await gate.wait()
        return 1

    async def fails() -> int:
        raise ValueError("away")

    first, second = (asyncio.create_task(known.get("a", read)) for _ in range(2))
    await asyncio.sleep(0)
    first.cancel()
    gate.set()
    assert await second == 1
    with pytest.raises(ValueError, match="away"):
        await known.get("b", fails)
    assert await known.get("b", read) == 1
