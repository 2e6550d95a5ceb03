"""P7: how many reads of operations one process of the API answers in a second ÷ how often plain asyncpg asks the same query.

Both over 16 connections, in turn, on a database of the bench's own with ten thousand operations.
"""

import asyncio
import contextlib
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any
from urllib.parse import urlsplit

import aiosql
import asyncpg

from bench.pairs import Figure, measure
from bench.platform import ROOT, answers, running
from bench.unowned import TOKEN, opened_at
from model.errors import CrashLoop, Evidence
from model.operations import Ask, Outcome, Status, StepNote, StepStatus, Target
from records import Records
from records.ids import new_id
from records.operation_pages import page_query
from records.operations import NewOperation

CONNECTIONS = 16
SECONDS = 3.0
OPERATIONS = 10_000
SIZE = 50
_API = "127.0.0.1:8098"
_QUERIES = aiosql.from_path(ROOT / "records" / "sql" / "operations.sql", "asyncpg", mandatory_parameters=False)
_REQUEST = {
    **{"name": "web", "imageRef": "shop/web:12", "instanceNum": 3, "cmd": "exec python -m web --port 8080", "networkType": 2},
    **{"resources": {"cpu": "0.5", "mem": "256Mi"}, "portMappings": [{"protocol": "tcp", "containerPort": 8080}]},
    **{"dockerEnv": [{"name": f"SETTING_{n}"} for n in range(8)], "terminationGracePeriodSeconds": 30},
}
Once = Callable[[], Awaitable[None]]


async def p7(env: dict[str, str], which: str, pairs: int, say: Callable[[str], None]) -> Figure:
    """Measure one of P7's two: `one` operation with its steps, or the `list` of the newest 50."""
    what, goal = ("GET operation", 0.3) if which == "one" else (f"GET list of {SIZE} operations", 0.5)
    figure = Figure("P7", f"{what} ÷ its query by asyncpg, {CONNECTIONS} connections", goal, unit="/s")
    url = urlsplit(env["DATABASE_URL"])._replace(path="/mooring_bench_reads").geturl()
    operation = await _filled(url)
    if which == "one":
        path, query = f"/v2/operations/{operation}", (_QUERIES.get_operation_with_steps.sql, [operation])
    else:
        path, query = f"/v2/operations?size={SIZE}", page_query({}, None, None, SIZE)
    own = env | {"DATABASE_URL": url, "MOORING_LISTEN": _API, "MOORING_URL": f"http://{_API}", "MOORING_API_PROCESSES": "1"}
    async with running("api", own):
        await answers(own["MOORING_URL"])
        return await measure(figure, lambda _: _asked(path), lambda _: _queried(url, *query), pairs, say)


async def _asked(path: str) -> float:
    """Requests a second."""
    async with contextlib.AsyncExitStack() as opened:
        return await _rate([await opened.enter_async_context(_requests(path)) for _ in range(CONNECTIONS)])


@contextlib.asynccontextmanager
async def _requests(path: str) -> AsyncIterator[Once]:
    """One connection that asks for the path: by hand, for a client's library would take more time than the API."""
    host, _, port = _API.partition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    request = f"GET {path} HTTP/1.1\r\nHost: {_API}\r\nAuthorization: Bearer {TOKEN}\r\n\r\n".encode()

    async def once() -> None:
        writer.write(request)
        head = await reader.readuntil(b"\r\n\r\n")
        length = re.search(rb"content-length: (\d+)", head)
        if not head.startswith(b"HTTP/1.1 200") or length is None:
            raise RuntimeError(f"GET {path} answered {head.decode()}")
        await reader.readexactly(int(length[1]))

    try:
        yield once
    finally:
        writer.close()


async def _queried(url: str, query: str, params: list[Any]) -> float:
    """Queries a second."""
    connections = [await asyncpg.connect(url) for _ in range(CONNECTIONS)]

    def of(connection: Any) -> Once:
        async def once() -> None:
            await connection.fetch(query, *params)

        return once

    try:
        return await _rate([of(connection) for connection in connections])
    finally:
        for connection in connections:
            await connection.close()


async def _rate(works: list[Once]) -> float:
    """How often all of them together are done in a second."""
    clock = asyncio.get_running_loop().time
    began = clock()

    async def again(once: Once) -> int:
        done = 0
        while clock() < began + SECONDS:
            await once()
            done += 1
        return done

    done = sum(await asyncio.gather(*(again(once) for once in works)))
    return done / (clock() - began)


async def _filled(url: str) -> str:
    """Make the database, with so many operations, where it is not there yet; the id of one that runs, in its fourth step."""
    records = await opened_at(url)
    total, _ = await records.operations.page({}, None, None, 1)
    if total == 0:
        for number in range(2 * SIZE):
            await _operation(records, f"web-{number}", ended=number % 5 != 0)
        connection = await asyncpg.connect(url)
        await connection.execute(_COPIES, OPERATIONS // (2 * SIZE) - 1)
        await connection.execute("VACUUM ANALYZE")
        await connection.close()
    _, running_now = await records.operations.page({"status": Status.RUNNING}, None, None, 1)
    await records.close()
    return str(running_now[0]["id"])


async def _operation(records: Records, name: str, *, ended: bool) -> None:
    """An app's upgrade with its steps, as the worker leaves them: one in five runs, one in five of the others has failed."""
    ask = Ask(operation_id=new_id("op"), project="shop", target=name, actor="ann")
    target = Target(kind="app", name=name, id=new_id("app"))
    new = NewOperation(
        kind="app.upgrade",
        target=target,
        project_id="prj-bench",
        ask=ask,
        workflow_id=f"app.upgrade/shop/{name}/{ask.operation_id}",
        cancellable=True,
        preempts=False,
        request=_REQUEST,
    )
    async with records.transaction() as tx:
        await tx.operations.accept(new)
    for seq, title in enumerate(("Find the image", "Apply the objects", "Wait until it serves", "Take the old ones away"), 1):
        note = StepNote(operation_id=ask.operation_id, attempt=1, title=title, total=4)
        await records.operations.step_started(note, seq, "app.step", "01995c4e-run")
        if ended or seq < 4:
            await records.operations.step_finished(note, seq, StepStatus.SUCCEEDED, "3 of 3 instances serve")
    if ended:
        await records.operations.settle(_outcome(ask.operation_id, failed=name.endswith("7")))


def _outcome(operation_id: str, *, failed: bool) -> Outcome:
    if not failed:
        return Outcome(operation_id=operation_id, attempt=1, status=Status.SUCCEEDED, result={"revision": 2})
    evidence = [Evidence(type="log", source="web-1/web", text="KeyError: 'PAGE_TITLE'")]
    error = CrashLoop("The container 'web' ended 3 times, the last time with exit code 1.", evidence=evidence)
    return Outcome(operation_id=operation_id, attempt=1, status=Status.FAILED, error=error.as_error())


# The same operations again, older than they are.
_COPIES = """
INSERT INTO operations (id, kind, project, project_id, target_kind, target_name, target_id, actor, status, attempt, cancellable,
    total, done, error, request, ask, result, workflow_id, run_id, created_at, started_at, finished_at)
SELECT 'op-0' || lpad(round::text, 8, '0') || right(id, 17), kind, project, project_id, target_kind, target_name, target_id, actor,
    'SUCCEEDED', attempt, cancellable, total, total, error, request, ask, result, workflow_id, run_id,
    created_at - make_interval(days => round), started_at, COALESCE(finished_at, created_at)
FROM operations, generate_series(1, $1::integer) AS round
"""
