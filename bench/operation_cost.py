"""P3: what the record keeping costs: an operation whose steps do nothing ÷ a bare workflow with as many activities."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import timedelta

from temporalio import activity, workflow
from temporalio.client import Client
from temporalio.worker import Worker
from temporalio.worker.workflow_sandbox import SandboxedWorkflowRunner, SandboxRestrictions

from activities.operations import OperationActivities
from bench.pairs import Figure, measure
from clients.temporal import Operations, attributes_of
from model.operations import Ask, Target
from records import Records
from records.ids import new_id
from records.operations import NewOperation
from worker.interceptors import StepInterceptor
from worker.main import PASSTHROUGH
from workflows.operation import Operation

STEPS = 3
RUNS = 10  # one pair is ten runs one after another, so that a single slow one does not make the figure
_QUEUE, _BARE_QUEUE = "bench-operation", "bench-bare"


class Nothing:
    """Activities that do nothing, so that only the mechanism is measured."""

    @activity.defn(name="bench.nothing")
    async def nothing(self, ask: Ask) -> None:
        """Do nothing."""


@workflow.defn(name="bench.operation")
class Recorded(Operation):
    """An operation with STEPS steps."""

    @workflow.run
    async def run(self, ask: Ask) -> None:
        """The steps, one after another."""
        async with self.recorded(ask, steps=STEPS):
            for number in range(STEPS):
                await self.step(f"Step {number}", Nothing.nothing, ask)


@workflow.defn(name="bench.bare")
class Bare:
    """The same activities without a record."""

    @workflow.run
    async def run(self, ask: Ask) -> None:
        """The activities, one after another."""
        for _ in range(STEPS):
            await workflow.execute_activity_method(Nothing.nothing, ask, start_to_close_timeout=timedelta(seconds=30))


@asynccontextmanager
async def workers(client: Client, records: Records) -> AsyncIterator[None]:
    """One worker of each sort, in this process: what differs is the mechanism only."""
    runner = SandboxedWorkflowRunner(restrictions=SandboxRestrictions.default.with_passthrough_modules(*PASSTHROUGH, "bench"))
    settle = OperationActivities(records, Operations(client, {})).settle
    ours = Worker(
        client,
        task_queue=_QUEUE,
        workflows=[Recorded],
        activities=[Nothing().nothing, settle],
        interceptors=[StepInterceptor(records)],
        workflow_runner=runner,
    )
    bare = Worker(client, task_queue=_BARE_QUEUE, workflows=[Bare], activities=[Nothing().nothing], workflow_runner=runner)
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
