"""P3: what the record keeping costs: an operation whose steps do nothing ÷ a bare workflow with as many activities."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from temporalio.client import Client
from temporalio.worker import Worker

from activities.operations import OperationActivities
from bench.empty_steps import STEPS, Bare, Nothing, Recorded
from bench.pairs import Figure, measure
from clients.temporal import Operations, attributes_of
from model.operations import Ask, Target
from records import Records
from records.ids import new_id
from records.operations import NewOperation
from worker.interceptors import StepInterceptor
from worker.main import SANDBOX

RUNS = 10  # one pair is ten runs one after another, so that a single slow one does not make the figure
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
        interceptors=[StepInterceptor(records)],
        workflow_runner=SANDBOX,
    )
    bare = Worker(client, task_queue=_BARE_QUEUE, workflows=[Bare], activities=[Nothing().nothing], workflow_runner=SANDBOX)
    async with ours, bare:
        yield


async def p3(client: Client, records: Records, pairs: int, say: Callable[[str], None]) -> Figure:
    """Measure P3 on the running platform's Temporal and PostgreSQL."""
    figure = Figure("P3", f"operation of {STEPS} empty steps ÷ bare workflow of {STEPS} activities", 1.3)

    async def ours(_: int) -> float:
        asks = [Ask(operation_id=new_id("op"), project="bench", target=f"t{n}", actor="bench") for n in range(RUNS)]
        for ask in asks:
            async with records.transaction() as tx:
                await tx.operations.accept(_new(ask))
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


def _new(ask: Ask) -> NewOperation:
    return NewOperation(
        kind="bench.operation",
        target=Target(kind="bench", name=ask.target),
        project_id="bench",
        ask=ask,
        workflow_id=ask.operation_id,
        cancellable=True,
        preempts=False,
        request={},
    )
