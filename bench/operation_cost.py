"""P3 and P5: what the record keeping costs, one by one and many at once: operations of empty steps ÷ bare workflows."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import timedelta

from temporalio.client import Client
from temporalio.worker import Worker

from activities.operations import OperationActivities
from bench.empty_steps import STEPS, Bare, BareOne, Nothing, Recorded
from bench.pairs import Figure, measure
from bench.unowned import unowned
from clients.temporal import Operations, attributes_of
from model.operations import Ask
from records import Records
from records.ids import new_id
from worker.interceptors import StepInterceptor
from worker.main import SANDBOX

MANY, IN_FLIGHT = 100, 50
RUNS = 10  # one pair is ten runs one after another, so that a single slow one does not make the figure
_HEARTBEAT = timedelta(seconds=5)
_QUEUE, _BARE_QUEUE = "bench-operation", "bench-bare"


@asynccontextmanager
async def workers(client: Client, records: Records) -> AsyncIterator[None]:
    """One worker of each sort, in this process: what differs is the mechanism only."""
    settle = OperationActivities(records, Operations(client, {})).settle
    ours = Worker(
        client,
        task_queue=_QUEUE,
        workflows=[Recorded],
        activities=[Nothing().nothing, settle],
        interceptors=[StepInterceptor(records, _HEARTBEAT)],
        workflow_runner=SANDBOX,
    )
    bare = Worker(
        client, task_queue=_BARE_QUEUE, workflows=[Bare, BareOne], activities=[Nothing().nothing], workflow_runner=SANDBOX
    )
    async with ours, bare:
        yield


async def p3(client: Client, records: Records, pairs: int, say: Callable[[str], None]) -> Figure:
    """Measure P3 on the running platform's Temporal and PostgreSQL."""
    figure = Figure("P3", f"operation of {STEPS} empty steps ÷ bare workflow of {STEPS} activities", 1.15)

    async def ours(_: int) -> float:
        asks = [Ask(operation_id=new_id("op"), project="bench", target=f"t{n}", actor="bench") for n in range(RUNS)]
        for ask in asks:
            async with records.transaction() as tx:
                await tx.operations.accept(unowned(ask))
        begun = asyncio.get_running_loop().time()
        for ask in asks:
            await client.execute_workflow(
                Recorded.run,
                ask,
                id=ask.operation_id,
                task_queue=_QUEUE,
                search_attributes=attributes_of("bench.operation", ask, "RUNNING"),
            )
        return asyncio.get_running_loop().time() - begun

    async def reference(_: int) -> float:
        asks = [Ask(operation_id=new_id("op"), project="bench", target=f"t{n}", actor="bench") for n in range(RUNS)]
        begun = asyncio.get_running_loop().time()
        for ask in asks:
            await client.execute_workflow(Bare.run, ask, id=ask.operation_id, task_queue=_BARE_QUEUE)
        return asyncio.get_running_loop().time() - begun

    async with workers(client, records):
        return await measure(figure, ours, reference, pairs, say)


async def p5(client: Client, records: Records, pairs: int, say: Callable[[str], None]) -> Figure:
    """Measure P5: operations per second ÷ bare workflows of one activity per second, as the time of as many."""
    figure = Figure("P5", f"{MANY} operations of {STEPS} empty steps at once ÷ {MANY} bare workflows of one activity", 2.0)

    async def ours(_: int) -> float:
        places = asyncio.Semaphore(IN_FLIGHT)

        async def one(ask: Ask) -> None:
            async with places:
                async with records.transaction() as tx:
                    await tx.operations.accept(unowned(ask))
                attributes = attributes_of("bench.operation", ask, "RUNNING")
                await client.execute_workflow(
                    Recorded.run, ask, id=ask.operation_id, task_queue=_QUEUE, search_attributes=attributes
                )

        return await _timed(one)

    async def reference(_: int) -> float:
        places = asyncio.Semaphore(IN_FLIGHT)

        async def one(ask: Ask) -> None:
            async with places:
                await client.execute_workflow(BareOne.run, ask, id=ask.operation_id, task_queue=_BARE_QUEUE)

        return await _timed(one)

    async with workers(client, records):
        return await measure(figure, ours, reference, pairs, say)


async def _timed(one: Callable[[Ask], Awaitable[None]]) -> float:
    asks = [Ask(operation_id=new_id("op"), project="bench", target=f"t{n}", actor="bench") for n in range(MANY)]
    begun = asyncio.get_running_loop().time()
    await asyncio.gather(*map(one, asks))
    return asyncio.get_running_loop().time() - begun
