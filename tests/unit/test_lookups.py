"""Who asks at once is answered by one query, and by none that began before they asked."""

import asyncio
from collections.abc import Collection

from api.lookups import Lookups
from model.errors import PlatformUnavailable


class Read:
    """A query that ends when told; what each was asked for."""

    def __init__(self) -> None:
        self.asked: list[set[str]] = []
        self.known = {"a": 1, "b": 2}
        self.failure: Exception | None = None
        self.begun, self.ends = asyncio.Event(), asyncio.Event()

    async def __call__(self, keys: Collection[str]) -> dict[str, int]:
        self.asked.append(set(keys))
        self.begun.set()
        found = {key: self.known[key] for key in keys if key in self.known}
        await self.ends.wait()
        if self.failure:
            raise self.failure
        return found


async def test_many_at_once_are_one_query() -> None:
    read = Read()
    read.ends.set()
    lookups = Lookups(read)
    assert await asyncio.gather(*(lookups.get(key) for key in "aabbc")) == [1, 1, 2, 2, None]
    assert read.asked == [{"a", "b", "c"}]


async def test_who_asks_while_one_is_read_is_told_what_was_read_after() -> None:
    """A token that was revoked meanwhile must not go through by an older look."""
    read = Read()
    lookups = Lookups(read)
    first = asyncio.create_task(lookups.get("a"))
    await read.begun.wait()
    del read.known["a"]
    second = asyncio.create_task(lookups.get("a"))
    await asyncio.sleep(0)
    read.ends.set()
    assert (await first, await second) == (1, None)
    assert read.asked == [{"a"}, {"a"}]


async def test_a_failure_is_told_to_those_who_were_read_for_and_to_nobody_after() -> None:
    read = Read()
    read.failure = PlatformUnavailable("away")
    read.ends.set()
    lookups = Lookups(read)
    for one in await asyncio.gather(lookups.get("a"), lookups.get("b"), return_exceptions=True):
        assert isinstance(one, PlatformUnavailable)
    read.failure = None
    assert await lookups.get("b") == 2
    assert read.asked == [{"a", "b"}, {"b"}]


async def test_a_query_that_hangs_holds_up_nobody_else() -> None:
    read = Read()
    lookups = Lookups(read)
    first = asyncio.create_task(lookups.get("a"))
    await read.begun.wait()
    read.ends, hangs = asyncio.Event(), read.ends
    read.ends.set()
    assert await asyncio.wait_for(lookups.get("b"), 5) == 2
    assert not first.done()
    hangs.set()
    assert await first == 1


async def test_who_goes_away_leaves_the_answer_to_the_others() -> None:
    read = Read()
    lookups = Lookups(read)
    leaving, staying = (asyncio.create_task(lookups.get("a")) for _ in range(2))
    await read.begun.wait()
    leaving.cancel()
    read.ends.set()
    assert await staying == 1
    assert leaving.cancelled()
