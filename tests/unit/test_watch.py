"""F7: a watch that is dropped, expired, fed twice or out of order never costs a waiter its completion."""

import asyncio
import random
from collections.abc import AsyncGenerator
from typing import Any

import pytest

from clients import watch
from clients.kubernetes import Expired
from clients.watch import APP_LABEL, Changed, Watches
from model.errors import ClusterUnreachable

Event = dict[str, Any]


class FakeCluster:
    """Objects of one app whose count grows; every event of the stream may meet a fault from `faults`."""

    def __init__(self, faults: list[str] | None = None, seed: int = 0) -> None:
        self.count = 0
        self.log: list[Event] = []
        self.faults = list(faults or [])
        self.random = random.Random(seed)
        self.lists = self.streams = self.open = 0
        self.grown = asyncio.Condition()

    async def grow(self, namespace: str = "shop", app: str = "web") -> None:
        async with self.grown:
            self.count += 1
            metadata = {"namespace": namespace, "name": "p", "labels": {APP_LABEL: app}, "resourceVersion": str(len(self.log) + 1)}
            self.log.append({"type": "MODIFIED", "object": {"metadata": metadata}})
            self.grown.notify_all()

    async def head(self, kind: str, selector: str) -> str:
        self.lists += 1
        if self._fault() == "no list":
            raise ClusterUnreachable("away")
        return str(len(self.log))

    async def watch(self, kind: str, selector: str, version: str, seconds: int, *, whole: bool) -> AsyncGenerator[Event, None]:
        self.streams += 1
        self.open += 1
        at = int(version)
        try:
            while True:
                async with self.grown:
                    while len(self.log) <= at:
                        await self.grown.wait()
                fresh = self.log[at:]
                at = len(self.log)
                match self._fault():
                    case "dropped":
                        raise ClusterUnreachable("cut")
                    case "lost and closed":
                        return
                    case "expired":
                        raise Expired
                    case "duplicated":
                        fresh = [event for event in fresh for _ in range(2)]
                    case "reordered":
                        fresh = self.random.sample(fresh, len(fresh))
                for event in fresh:
                    yield event
        finally:
            self.open -= 1

    def _fault(self) -> str | None:
        return self.faults.pop(0) if self.faults else None


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watch, "_SLOWEST_RECONNECT", 0.01)


async def until_count(cluster: FakeCluster, changed: Changed, wanted: int) -> bool:
    """What every waiting step does; whether hints alone brought it to its end."""
    while cluster.count < wanted:
        if not await changed.wait(2):
            return False
    return True


@pytest.mark.parametrize("fault", ["dropped", "lost and closed", "expired", "duplicated", "reordered"])
@pytest.mark.parametrize("lists_fail", [0, 2])
async def test_one_fault_misses_no_completion(fault: str, lists_fail: int) -> None:
    cluster = FakeCluster(["no list"] * lists_fail + [None, fault, fault])
    watches = Watches(cluster)
    async with watches.subscribed("Pod", "shop", "web") as changed:
        waiting = asyncio.create_task(until_count(cluster, changed, 5))
        for _ in range(5):
            await asyncio.sleep(0.002)
            await cluster.grow()
        assert await waiting
    await watches.close()
    assert cluster.open == 0


@pytest.mark.parametrize("seed", range(20))
async def test_a_storm_of_faults_misses_no_completion(seed: int) -> None:
    dice = random.Random(seed)
    kinds = ["no list", "dropped", "lost and closed", "expired", "duplicated", "reordered", None]
    cluster = FakeCluster(dice.choices(kinds, k=15), seed)
    watches = Watches(cluster)
    async with watches.subscribed("Pod", "shop", "web") as changed:
        waiting = asyncio.create_task(until_count(cluster, changed, 12))
        for _ in range(12):
            await asyncio.sleep(dice.choice([0, 0.001, 0.004]))
            await cluster.grow()
        assert await waiting
    await watches.close()


async def test_one_watch_serves_all_and_wakes_only_whom_it_concerns() -> None:
    cluster = FakeCluster()
    watches = Watches(cluster)
    async with (
        watches.subscribed("Pod", "shop", "web") as web,
        watches.subscribed("Pod", "shop", "api") as api,
        watches.subscribed("Pod", "shop") as every,
    ):
        for changed in (web, api, every):
            assert await changed.wait(1)  # the watch has started: read again
        await cluster.grow("shop", "web")
        assert await web.wait(1)
        assert await every.wait(1)
        assert not await api.wait(0.01)
    assert (cluster.lists, cluster.streams) == (1, 1)
    await watches.close()


async def test_it_ends_when_unused_and_resumes_without_a_list() -> None:
    cluster = FakeCluster()
    watches = Watches(cluster, unused_seconds=0.01)
    async with watches.subscribed("Pod", "shop", "web") as changed:
        assert await changed.wait(1)
    await asyncio.sleep(0.05)
    assert cluster.open == 0
    await cluster.grow()
    async with watches.subscribed("Pod", "shop", "web") as changed:
        assert await changed.wait(1), "it goes on from what it saw last, so what changed meanwhile is told"
        await cluster.grow()
        assert await changed.wait(1)
    assert (cluster.lists, cluster.streams) == (1, 2)
    await watches.close()


async def test_a_subscriber_in_the_moment_of_ending_gets_a_new_watch() -> None:
    cluster = FakeCluster()
    watches = Watches(cluster, unused_seconds=0)
    for _ in range(20):
        async with watches.subscribed("Pod", "shop", "web") as changed:
            await cluster.grow()
            assert await changed.wait(1)
        await asyncio.sleep(0)
    await watches.close()
    assert cluster.open == 0


async def test_an_api_server_that_is_away_is_asked_ever_more_slowly(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watch, "_SLOWEST_RECONNECT", 10)
    cluster = FakeCluster(["no list"] * 1000)
    watches = Watches(cluster)
    async with watches.subscribed("Pod", "shop", "web") as changed:
        assert not await changed.wait(0.5)
    assert 2 <= cluster.lists <= 4
    await watches.close()
