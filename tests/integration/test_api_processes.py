"""Several processes of the API at one address: what one of them does the others tell, and what dies is replaced."""

import asyncio
import contextlib
import re
import signal
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import psutil
import pytest

from api.server import LONGEST_SILENCE
from tests.instance import TOKEN, Instance
from tests.platform import Platform, bearer, eventually, over_network, unique
from tests.processes import Api, Process

ROUTE = "/v2/operations/{operation_id}"


class Pair(Api):
    """An API of two processes."""

    def __init__(self, log: Path) -> None:
        super().__init__(log, MOORING_API_PROCESSES="2")

    @property
    def answering(self) -> list[psutil.Process]:
        """The processes that answer: those that have the address, without the one that looks after them."""
        port = int(self.url.rpartition(":")[2])
        return [
            one
            for one in psutil.Process(self.pid).children()
            if any(c.laddr.port == port and c.status == psutil.CONN_LISTEN for c in one.net_connections("tcp"))
        ]

    @contextlib.asynccontextmanager
    async def through_each(self, token: str = TOKEN) -> AsyncIterator[dict[int, httpx.AsyncClient]]:
        """A client for each process, which keeps one connection to it; by the process's id."""
        async with contextlib.AsyncExitStack() as opened:
            found: dict[int, httpx.AsyncClient] = {}

            async def both() -> bool:
                limits = httpx.Limits(max_connections=1, keepalive_expiry=None)
                http = httpx.AsyncClient(base_url=self.url, headers=bearer(token), timeout=30, limits=limits)
                await opened.enter_async_context(http)
                reply = await http.get("/healthz")
                port = reply.extensions["network_stream"].get_extra_info("client_addr")[1]
                found.setdefault(self._that_answers(port), http)
                return len(found) == 2

            await eventually(both, "connections reach both processes")
            yield found

    def _that_answers(self, port: int) -> int:
        """The process that has the other end of a connection from that port."""
        (pid,) = [p.pid for p in self.answering if any(c.raddr and c.raddr.port == port for c in p.net_connections("tcp"))]
        return pid


@pytest.fixture(scope="module")
async def pair(instance: Instance, logs: Path) -> AsyncIterator[Pair]:
    """Two processes, answering."""
    found = Pair(logs / "pair.log")
    try:
        await found.up()
        yield found
    finally:
        found.terminate()
        await found.died(20)


@pytest.fixture
async def held_project(platform: Platform, worker: Process) -> AsyncIterator[str]:
    """A project, and then no worker: what is submitted stays as it is accepted, but for what the test does."""
    name = await platform.project("pair")
    await worker.kill()
    yield name
    worker.start()


async def submitted(platform: Platform, project: str) -> str:
    body = {"name": unique("web"), "imageRef": "public/busybox:latest", "resources": {"cpu": "0.01", "mem": "32Mi"}}
    return await platform.submit("POST", f"/v2/applications/{project}", body)


async def test_what_changes_through_one_process_is_told_by_a_stream_of_the_other(
    pair: Pair, platform: Platform, held_project: str
) -> None:
    operation = await submitted(platform, held_project)
    async with pair.through_each() as clients:
        here, there = clients.values()
        async with here.stream("GET", f"/v2/operations/{operation}/events") as stream, asyncio.timeout(20):
            assert (await there.post(f"/v2/operations/{operation}/cancel")).status_code == 202
            async for line in stream.aiter_lines():
                if "CANCELLING" in line:
                    break
            else:
                raise AssertionError("the stream ended without telling it")


async def test_a_token_revoked_through_one_process_ends_what_the_other_holds_open(
    pair: Pair, platform: Platform, held_project: str
) -> None:
    operation = await submitted(platform, held_project)
    viewer = await platform.user("viewer", held_project)
    token = viewer.http.headers["Authorization"].removeprefix("Bearer ")
    name = (await viewer.get("/v2/users/me"))["name"]
    (made,) = (await platform.get("/v2/tokens", user=name))["tokens"]
    async with pair.through_each() as admins, pair.through_each(token) as clients:
        pid, http = clients.popitem()
        (other,) = [admin for at, admin in admins.items() if at != pid]
        async with http.stream("GET", f"/v2/operations/{operation}/events") as stream:
            assert stream.status_code == 200
            assert (await other.delete(f"/v2/tokens/{made['id']}")).status_code == 200
            async with asyncio.timeout(10):  # 5 s are promised, and the machine may be busy
                async for _ in stream.aiter_lines():
                    pass


async def test_the_figures_are_of_both_processes(pair: Pair, platform: Platform) -> None:
    operation = (await platform.get("/v2/operations", size=1))["operations"][0]["id"]
    async with pair.through_each() as clients:
        here, there = clients.values()
        before = await figures(here)
        for http, times in ((here, 3), (there, 4)):
            for _ in range(times):
                assert (await http.get(f"/v2/operations/{operation}")).status_code == 200
        for http in (here, there):
            now = await figures(http)
            assert count(now) - count(before) == 7
            assert now["mooring_api_processes"] == 2
            assert now["process_resident_memory_bytes"] > 2 * 40 * 2**20


async def test_a_process_that_dies_is_replaced_and_what_it_counted_stays(pair: Pair, platform: Platform) -> None:
    operation = (await platform.get("/v2/operations", size=1))["operations"][0]["id"]
    async with pair.through_each() as clients:
        for http in clients.values():
            await http.get(f"/v2/operations/{operation}")
        before = await figures(http)
    victim = pair.answering[0]
    victim.kill()

    async def replaced() -> bool:
        pids = {one.pid for one in pair.answering}
        return len(pids) == 2 and victim.pid not in pids

    async with over_network(pair.url)(TOKEN) as http:
        assert (await http.get("/healthz")).status_code == 200  # the other goes on answering
        # One that dies while its answer is waited for is missed after the time that it has for that.
        await eventually(replaced, "the process is replaced", LONGEST_SILENCE + 40)
        async with pair.through_each():
            now = await figures(http)
    assert count(now) >= count(before)
    assert now["mooring_api_processes"] == 2


async def test_one_key_through_both_is_one_operation(pair: Pair, platform: Platform) -> None:
    body = {"name": platform.will_have(unique("pair"))}
    headers = {"Idempotency-Key": unique("key")}
    async with pair.through_each() as clients:
        posts = [http.post("/v2/projects", json=body, headers=headers) for http in clients.values() for _ in range(10)]
        replies = await asyncio.gather(*posts)
    assert {reply.status_code for reply in replies} == {202}
    (operation,) = {reply.json()["OperationID"] for reply in replies}
    await platform.wait(operation)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL], ids=["told to end", "killed"])
async def test_none_outlives_the_one_that_looks_after_them(instance: Instance, logs: Path, number: signal.Signals) -> None:
    """Left behind, they would hold the address, and its next owner could not have it."""
    found = Pair(logs / f"pair-{number.name}.log")
    try:
        await found.up()
        family = [psutil.Process(found.pid), *found.answering]
        family[0].send_signal(number)

        async def gone() -> bool:
            return not found.runs() and not any(alive(one) for one in family)

        await eventually(gone, "all of them have ended", 20)
        await found.up()
    finally:
        await found.kill()


def alive(process: psutil.Process) -> bool:
    """Whether it runs: one that has ended may still be waiting for somebody to take note of it."""
    try:
        return process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


async def figures(http: httpx.AsyncClient) -> dict[str, float]:
    """What /metrics tells, by name and labels."""
    text = (await http.get("/metrics")).text
    return {name: float(value) for name, value in re.findall(r"^(\w+(?:\{.*\})?) (\S+)$", text, re.MULTILINE)}


def count(told: dict[str, float]) -> float:
    """How many single operations were read."""
    return told.get(f'mooring_api_request_seconds_count{{method="GET",route="{ROUTE}",status="200"}}', 0)
