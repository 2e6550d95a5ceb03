"""The workflows P3 and P5 compare, in a module that imports little: the sandbox imports it anew for every run."""

from datetime import timedelta

from temporalio import activity, workflow

with workflow.unsafe.imports_passed_through():
    from model.operations import Ask
    from workflows.operation import Operation

STEPS = 3


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


@workflow.defn(name="bench.bare_one")
class BareOne:
    """One activity, and nothing else."""

    @workflow.run
    async def run(self, ask: Ask) -> None:
        """The activity."""
        await workflow.execute_activity_method(Nothing.nothing, ask, start_to_close_timeout=timedelta(seconds=30))
