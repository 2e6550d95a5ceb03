"""app.upgrade: every instance of an app comes to another revision, at once or gray, in batches with gates and pauses."""

import asyncio
from collections.abc import Mapping
from typing import Any

from temporalio import workflow
from temporalio.exceptions import ActivityError, is_cancelled_exception

from workflows.apps import AppOperation, result_of
from workflows.ending import why

with workflow.unsafe.imports_passed_through():
    from activities.app_moves import AppMoves, Batch, Moved
    from activities.apps import AppActivities
    from activities.gates import GateActivities, GateCheck
    from model.apps import UpgradeApp
    from model.controls import BATCHES
    from model.gray import GrayPlan
    from model.operations import Verb
    from workflows.policies import WATCH


@workflow.defn(name="app.upgrade")
class AppUpgrade(AppOperation):
    """Bring every instance of an app to another revision, which a rollback is too.

    FAILED stays where it got (with onFailure=rollback it goes back, with onFailure=pause a failed batch is PAUSED instead);
    CANCELLED, also by a rollback, leaves the versions before, exactly.
    """

    controls = BATCHES

    @classmethod
    def controls_of(cls, ask: Mapping[str, Any]) -> frozenset[Verb]:
        """A plain one goes at once: it has no point to pause at and no gate."""
        gray = ask.get("gray")
        if gray is None:
            return frozenset({Verb.ROLLBACK})
        once = len(gray["stages"]) == 1 and ask["on_failure"] != "pause"
        return BATCHES - {Verb.PAUSE, Verb.RESUME} if once else BATCHES

    @workflow.run
    async def run(self, ask: UpgradeApp) -> None:
        """Instances are replaced as maxSurge and maxUnavailable allow; the same spec and digest changes nothing."""
        plan = ask.gray
        steps = 3 if plan is None else 1 + len(plan.stages) * (1 + plan.measures)
        async with self.recorded(ask, steps=steps) as record:
            if plan is None:
                record.result = {**await self.change(ask, ask.title), **ask.shown}
            else:
                record.result = await self._in_batches(ask, plan)

    async def _in_batches(self, ask: UpgradeApp, plan: GrayPlan) -> dict[str, Any]:
        """Batch for batch, each with its gates and its pause; a retry goes on at the batch where it stopped."""
        self.on_failure = ask.on_failure
        await self.take_over(ask)
        self.on_end(f"the batches to revision {ask.revision}", AppMoves.move_back, ask)
        digests = await self.step("Find the image", AppActivities.resolve_images, ask)
        first = await self.step("Find where it stopped", AppMoves.find_batch, ask) if ask.attempt > 1 else 0
        for number in range(first + 1, len(plan.stages) + 1):
            moved = await self._batch(ask, plan, number)
        return {"AppID": ask.app_id, **ask.shown, "digests": digests, **result_of(moved)}

    async def _batch(self, ask: UpgradeApp, plan: GrayPlan, number: int) -> Moved:
        """One batch to where it holds: moved, its gates passed, its pause over."""
        name, stage = f"batch {number} of {len(plan.stages)}", plan.stages[number - 1]
        while True:
            try:
                moved = await self._move(ask, plan, number, name)
                await self._pass_gates(ask, plan, number, name)
                break
            except ActivityError as error:
                if self.on_failure != "pause" or is_cancelled_exception(error) or workflow.cancellation_reason() is not None:
                    raise
                self.renew_deadline()
                told = f"{name.capitalize()} failed: {why(error).message}"
                because = "onFailure is pause; resume tries the batch again with the whole deadline."
                await self.checkpoint(f"Pause in {name}", told, because=because, always=True)
        if number < len(plan.stages):
            new, total = moved.of_new or stage.moved, moved.total or stage.total
            words = f"{new} of {total} instances are of revision {ask.revision}."
            because = "This pause was planned." if plan.pauses_after(number) else ""
            await self.checkpoint(f"Pause after {name}", words, because=because, batch=number)
        return moved

    async def _move(self, ask: UpgradeApp, plan: GrayPlan, number: int, name: str) -> Moved:
        stage = plan.stages[number - 1]
        title = f"{name.capitalize()}: {stage.moved} of {stage.total} instances to revision {ask.revision}"
        to = stage.layout if number < len(plan.stages) else ask.after
        return await self.step(title, AppMoves.move_batch, Batch(ask=ask, to=to), policy=WATCH)

    async def _pass_gates(self, ask: UpgradeApp, plan: GrayPlan, number: int, name: str) -> None:
        """Wait for the batch's gates, unless it is promoted, also meanwhile."""
        if not plan.measures or self.promoted:
            return
        check = GateCheck(
            ask=ask,
            at=plan.stages[number - 1].layout,
            revision=ask.revision,
            ready_seconds=plan.ready_seconds,
            gates=plan.gates,
        )
        passing = asyncio.create_task(self.step(f"Gates of {name}", GateActivities.check_gates, check, policy=WATCH))
        try:
            await workflow.wait_condition(lambda: passing.done() or self.promoted)
        finally:
            passing.cancel()
            (ended,) = await self.finished(passing)
        if workflow.cancellation_reason() is not None:
            raise asyncio.CancelledError
        if isinstance(ended, BaseException) and not (self.promoted and is_cancelled_exception(ended)):
            raise ended
