"""stack.deploy and stack.delete: the apps of a document, each a child operation with its own record, in the order of links."""

from temporalio import workflow

from workflows.apps import AppCreate, AppDelete
from workflows.ending import why
from workflows.operation import ChildFailed, Operation
from workflows.upgrades import AppUpgrade

with workflow.unsafe.imports_passed_through():
    from activities.stacks import StackActivities
    from model.controls import STOPS
    from model.stacks import DeleteStack, DeployStack, Part, Plan, StackAsk, app_name, failure
    from workflows.planning.order import Order

_LONGEST_DEPLOY = 300  # seconds one app may take, where the stack's own deadline leaves that much
_DEPLOYS = {"app.create": AppCreate.run, "app.upgrade": AppUpgrade.run}
_DELETES = {"app.delete": AppDelete.run}


class _StackOperation(Operation):
    """What deploying and deleting share: the parts in their order, a pause before each, and what is told when some fail."""

    controls = STOPS

    def _part(self, ask: StackAsk, plan: Plan, service: str) -> Part:
        seconds = max(1, min(_LONGEST_DEPLOY, int(self._left().total_seconds())))
        addresses = {name: address for name, address in plan.addresses.items() if name in plan.after[service]}
        return Part(ask=ask, service=service, seconds=seconds, addresses=addresses)

    def _failure(self, ask: StackAsk, plan: Plan, failed: dict[str, Exception], order: Order) -> Exception:
        named = {
            app_name(ask.target, service): (error.child.operation_id, error.error)
            if isinstance(error, ChildFailed)
            else (None, why(error))
            for service, error in sorted(failed.items(), key=lambda item: list(plan.after).index(item[0]))
        }
        return failure(named, [app_name(ask.target, service) for service in order.waiting()])


@workflow.defn(name="stack.deploy")
class StackDeploy(_StackOperation):
    """Deploy a document's apps, each when those it links are ready, independent ones at once.

    FAILED: siblings that had started finish, dependents do not start, retry goes on from what failed. CANCELLED: running
    children are cancelled, finished ones stay.
    """

    @workflow.run
    async def run(self, ask: DeployStack) -> None:
        """One child operation an app."""
        async with self.recorded(ask, steps=0):
            plan = await self.step("Give linked apps an address", StackActivities.plan_deploy, ask)
            order = Order(plan.after)

            async def deploy(service: str) -> None:
                title = f"Start {app_name(ask.target, service)}"
                await self.child(title, StackActivities.accept_app, self._part(ask, plan, service), _DEPLOYS)

            if failed := await self.in_order(order, deploy):
                raise self._failure(ask, plan, failed, order)


@workflow.defn(name="stack.delete")
class StackDelete(_StackOperation):
    """Delete a stack's apps, those that depend on others first. Forward only: FAILED leaves where it got, retry goes on."""

    forward_only = True
    preempts = True

    @workflow.run
    async def run(self, ask: DeleteStack) -> None:
        """Take a running stack.deploy over, then one child operation an app, the links' addresses, the stack itself."""
        async with self.recorded(ask, steps=0):
            await self.take_over(ask)
            plan = await self.step("Find its apps", StackActivities.plan_delete, ask)
            order = Order(plan.after)

            async def delete(service: str) -> None:
                title = f"Delete {app_name(ask.target, service)}"
                await self.child(title, StackActivities.accept_removal, self._part(ask, plan, service), _DELETES)

            if failed := await self.in_order(order, delete):
                raise self._failure(ask, plan, failed, order)
            await self.step("Remove the links' addresses", StackActivities.remove_addresses, ask)
            await self.step("Close the stack", StackActivities.forget, ask)
