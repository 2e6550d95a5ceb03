"""P6: POST until accepted ÷ a bare start_workflow and one INSERT.

Both sides start a workflow that the platform's worker takes up at once, for on few cores its work is felt in the answer.
"""

import asyncio
import secrets
from collections.abc import Callable

import asyncpg
import httpx
from temporalio.client import Client

from bench.pairs import Figure, measure
from worker.main import CONTROL
from workflows.reconcile import Reconcile

RUNS = 10
_REST = 0.3  # seconds before each, on both sides: what the one before has started in the cluster is no longer felt


async def p6(http: httpx.AsyncClient, client: Client, database_url: str, pairs: int, say: Callable[[str], None]) -> Figure:
    """Measure P6 through the running API; ours is `project.create`, whose operations are removed afterwards."""
    figure = Figure("P6", f"POST until 202 ÷ start_workflow + INSERT, the sum of {RUNS}", 1.5)
    made: list[str] = []
    run = secrets.token_hex(3)  # a run that was cut off may have left its projects
    pool = await asyncpg.create_pool(database_url, min_size=1, max_size=2)
    await pool.execute("CREATE TABLE IF NOT EXISTS bench_reference (id text PRIMARY KEY, body jsonb NOT NULL)")

    async def ours(pair: int) -> float:
        taken = 0.0
        for number in range(RUNS):
            name = f"bench-{run}-{pair}-{number}"
            await asyncio.sleep(_REST)
            begun = asyncio.get_running_loop().time()
            accepted = (await http.post("/v2/projects", json={"name": name})).raise_for_status().json()
            taken += asyncio.get_running_loop().time() - begun
            # Only accepting is timed: what it started has ended before the next.
            await http.get(f"/v2/operations/{accepted['OperationID']}", params={"wait": 60})
            made.append(name)
        return taken

    async def reference(pair: int) -> float:
        taken = 0.0
        for number in range(RUNS):
            wid = f"bench-{run}/{pair}/{number}"
            await asyncio.sleep(_REST)
            begun = asyncio.get_running_loop().time()
            await pool.execute("INSERT INTO bench_reference VALUES ($1, '{}') ON CONFLICT DO NOTHING", wid)
            handle = await client.start_workflow(Reconcile.run, id=wid, task_queue=CONTROL)
            taken += asyncio.get_running_loop().time() - begun
            await handle.result()
        return taken

    try:
        return await measure(figure, ours, reference, pairs, say)
    finally:
        for name in made:
            (await http.delete(f"/v2/projects/{name}")).raise_for_status()
        await pool.execute("DROP TABLE bench_reference")
        await pool.close()
