"""stack.deploy, stack.upgrade and stack.delete: apps and groups of a document, each a child operation of its own, in order."""

import asyncio
from collections.abc import Callable, Mapping
from typing import Any

from temporalio import workflow
from temporalio.exceptions import ActivityError

from workflows.apps import AppCreate, AppDelete, AppScale, AppStart
from workflows.configs import ConfigApply
from workflows.ending import ChildFailed, why
from workflows.operation import Operation
from workflows.upgrades import AppUpgrade

with workflow.unsafe.imports_passed_through():
    from activities.stack_plans import StackPlans
    from activities.stacks import StackActivities
    from model.blueprints import is_group
    from model.controls import BATCHES, STOPS, is_rollback, stopped
    from model.errors import MooringError, OperationError
    from model.operations import Verb
    from model.stack_changes import Action
    from model.stacks import (
        DeleteStack,
        DeployStack,
        Part,
        Plan,
        StackAsk,
        StackAt,
        StackMove,
        UpgradeStack,
        brought_back,
        failed_twice,
        failure,
    )
    from workflows.planning.order import Order

_LONGEST_DEPLOY = 300  # seconds one app may take, where the stack's own deadline leaves that much
_DEPLOYS: Mapping[str, Callable[..., Any]] = {
    "app.create": AppCreate.run,
    "app.start": AppStart.run,
    "app.upgrade": AppUpgrade.run,
    "app.scale": AppScale.run,
    "config.apply": ConfigApply.run,
}
_FAILURES = (MooringError, ActivityError)  # what a child or a step that failed raises; anything else is a slip of the platform's
_DELETES: Mapping[str, Callable[..., Any]] = {"app.delete": AppDelete.run, "config.apply": ConfigApply.run}


class _StackOperation(Operation):
    """What the stack operations share: the parts in their order, a pause before each, and what is told when some fail."""

    controls = STOPS

    async def deploy(self, ask: StackAsk, plan: Plan, version: int | None = None) -> None:
        """Bring each part to the version as soon as those it comes after are ready; raises why when some fail."""
        order = Order(plan.after)

        async def bring(name: str) -> None:
            planned = plan.changes.get(name)
            if planned and planned.action is Action.UNCHANGED:
                return
            if planned and planned.action is Action.RECREATE:
                await self.remove(ask, plan, name)
            verb = "Write" if is_group(name) else "Update" if planned and planned.action is Action.UPDATE else "Start"
            title = f"{verb} {plan.app(ask.target, name)}"
            await self.child(title, StackActivities.accept_app, self._part(ask, plan, name, version), _DEPLOYS)

        if failed := await self.in_order(order, bring):
            raise self._failure(ask, plan, failed, order)

    async def open(self, plan: Plan, at: StackAt) -> None:
        """Bring the stack's Ingresses to the document, when what they lead to is ready and before what they led to goes."""
        if plan.entrances:
            await self.step("Set the Ingresses", StackPlans.set_entrances, at)

    async def clear(self, ask: StackAsk, plan: Plan, after: Mapping[str, tuple[str, ...]], version: int | None = None) -> None:
        """Delete parts, each when those it is deleted after have gone; raises why when some fail.

        Of groups that `version` has, only what it does not have of them is removed.
        """
        order = Order(after)

        async def remove(name: str) -> None:
            await self.remove(ask, plan, name, version)

        if failed := await self.in_order(order, remove):
            raise self._failure(ask, plan, failed, order)

    async def remove(self, ask: StackAsk, plan: Plan, name: str, version: int | None = None) -> None:
        """Delete one part's app or group, or of a group that stays what the version no longer has."""
        kept = version if is_group(name) and name in plan.after else None
        title = f"{'Remove old entries of' if kept else 'Delete'} {plan.app(ask.target, name)}"
        await self.child(title, StackActivities.accept_removal, self._part(ask, plan, name, kept), _DELETES)

    def _part(self, ask: StackAsk, plan: Plan, name: str, version: int | None) -> Part:
        left = int(self._left().total_seconds())
        place = {"service": name, "version": version, "at_once": plan.at_once}
        return Part(ask=ask, seconds=max(1, min(_LONGEST_DEPLOY, left)), left=left, addresses=plan.addresses, **place)

    def _failure(self, ask: StackAsk, plan: Plan, failed: dict[str, Exception], order: Order) -> Exception:
        parts = [*plan.after, *plan.removals]
        named: dict[str, tuple[str | None, OperationError]] = {
            plan.app(ask.target, name): (error.child.operation_id, error.error)
            if isinstance(error, ChildFailed)
            else (None, why(error))
            for name, error in sorted(failed.items(), key=lambda item: parts.index(item[0]))
        }
        return failure(named, [plan.app(ask.target, name) for name in order.waiting()])


@workflow.defn(name="stack.deploy")
class StackDeploy(_StackOperation):
    """Deploy a document's apps, each when those it depends on are ready, independent ones at once.

    FAILED: siblings that had started finish, dependents do not start, retry goes on from what failed. CANCELLED: running
    children are cancelled, finished ones stay.
    """

    @workflow.run
    async def run(self, ask: DeployStack) -> None:
        """One child operation an app."""
        async with self.recorded(ask, steps=0):
            plan = await self.step("Give linked apps an address", StackPlans.plan_deploy, ask)
            await self.deploy(ask, plan)
            await self.open(plan, StackAt(ask=ask, version=ask.version))
            await self.clear(ask, plan, plan.removals, ask.version)


@workflow.defn(name="stack.upgrade")
class StackUpgrade(_StackOperation):
    """Bring a stack to another version of its document, which a rollback is too; only what differs is touched.

    FAILED: siblings that had started finish, dependents do not start, nothing is deleted, retry goes on; with
    onFailure=rollback the whole stack is brought back to the version before, images and all. CANCELLED: running children are
    cancelled and go back, finished ones stay; by a rollback they all go back. An app whose template says so goes in batches, which
    have their own time; a way back goes at once.
    """

    controls = BATCHES

    @classmethod
    def controls_of(cls, ask: Mapping[str, Any]) -> frozenset[Verb]:
        """Without an app that may go in batches there is nothing to promote."""
        return BATCHES if ask.get("gray") else BATCHES - {Verb.PROMOTE}

    @workflow.run
    async def run(self, ask: UpgradeStack) -> None:
        """What is created or changed in the order of its dependencies, then, last, what left the document."""
        async with self.recorded(ask, steps=0) as record:
            try:
                record.result = await self._move(StackMove(ask=ask, version=ask.version, before=ask.before))
            except (asyncio.CancelledError, *_FAILURES) as error:
                stop = workflow.cancellation_reason()
                if stop is None and ask.on_failure == "rollback":
                    record.left = await self._go_back(ask, why(error))
                    raise brought_back(why(error), ask.before) from error
                if stop is not None and is_rollback(stop):
                    record.left = await self._go_back(ask, stopped(stop).as_error())
                    raise asyncio.CancelledError from error  # what failed while it was stopped is nobody's question any more
                raise

    async def _go_back(self, ask: UpgradeStack, because: OperationError) -> dict[str, Any]:
        """The undo of a whole stack: it has its whole time again, and only goes forward. What it did, by the parts."""
        self.point_of_no_return()
        self.renew_deadline()
        try:
            return await self._move(StackMove(ask=ask, version=ask.before, before=ask.version))
        except _FAILURES as error:
            raise failed_twice(because, why(error), ask.before) from error

    async def _move(self, move: StackMove) -> dict[str, Any]:
        ask = move.ask
        plan = await self.step(f"Plan the way to version {move.version}", StackPlans.plan_upgrade, move)
        await self.deploy(ask, plan, move.version)
        await self.open(plan, StackAt(ask=ask, version=move.version))
        await self.clear(ask, plan, plan.removals, move.version)
        await self.step("Remove addresses of links that are gone", StackPlans.prune_addresses, move)
        return {"version": move.version, **{action: plan.named(action) for action in Action}}


@workflow.defn(name="stack.delete")
class StackDelete(_StackOperation):
    """Delete a stack's apps, those that depend on others first. Forward only: FAILED leaves where it got, retry goes on."""

    forward_only = True
    preempts = True

    @workflow.run
    async def run(self, ask: DeleteStack) -> None:
        """Take a running operation on it over, then one child operation an app, the links' addresses, the stack itself."""
        async with self.recorded(ask, steps=0):
            await self.take_over(ask)
            plan = await self.step("Find its apps", StackPlans.plan_delete, ask)
            await self.clear(ask, plan, plan.after)
            await self.step("Remove the links' addresses", StackPlans.remove_addresses, ask)
            await self.step("Close the stack", StackActivities.forget, ask)
