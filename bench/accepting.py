"""P6: POST until accepted ÷ a bare start_workflow and one INSERT."""

import asyncio
import contextlib
from collections.abc import Callable
from typing import Any

import asyncpg
import httpx
from temporalio.client import Client

from bench.pairs import Figure, measure

RUNS = 10
_UNWATCHED = "bench-unwatched"  # no worker listens: only accepting is measured


async def p6(http: httpx.AsyncClient, client: Client, database_url: str, pairs: int, say: Callable[[str], None]) -> Figure:
    """Measure P6 through the running API; ours is `project.create`, whose operations are removed afterwards."""
    figure = Figure("P6", f"POST until 202 ÷ start_workflow + INSERT, {RUNS} one after another", 1.5)
    pool = await asyncpg.create_pool(database_url, min_size=1, max_size=2)
    await pool.execute("CREATE TABLE IF NOT EXISTS bench_reference (id text PRIMARY KEY, body jsonb NOT NULL)")
    made: list[str] = []

    async def ours(pair: int) -> float:
        names = [f"bench-p6-{pair}-{n}" for n in range(RUNS)]
        begun = asyncio.get_running_loop().time()
        for name in names:
            (await http.post("/v2/projects", json={"name": name})).raise_for_status()
        taken = asyncio.get_running_loop().time() - begun
        made.extend(names)
        await _removed(http, names)
        return taken

    async def reference(pair: int) -> float:
        handles: list[Any] = []
        begun = asyncio.get_running_loop().time()
        for number in range(RUNS):
            wid = f"bench-p6/{pair}/{number}"
            await pool.execute("INSERT INTO bench_reference VALUES ($1, '{}') ON CONFLICT DO NOTHING", wid)
            handles.append(await client.start_workflow("bench.bare", wid, id=wid, task_queue=_UNWATCHED))
        taken = asyncio.get_running_loop().time() - begun
        for handle in handles:
            await handle.terminate()
        return taken

    try:
        return await measure(figure, ours, reference, pairs, say)
    finally:
        await pool.execute("DROP TABLE bench_reference")
        await pool.close()


async def _removed(http: httpx.AsyncClient, names: list[str]) -> None:
    """Delete the projects and wait, so that the next figure finds an idle platform."""
    for name in names:
        with contextlib.suppress(httpx.HTTPStatusError):
            accepted = (await http.delete(f"/v2/projects/{name}")).raise_for_status().json()
            await http.get(f"/v2/operations/{accepted['OperationID']}", params={"wait": 60})
