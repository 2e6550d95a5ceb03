"""stack.deploy and stack.delete: what starts when, and what is left when something fails or is cancelled."""

import asyncio
from collections.abc import Callable
from typing import Any

from temporalio.client import Client, WorkflowHandle

from activities.app_moves import AppMoves, Moved
from activities.apps import AppActivities
from activities.stack_plans import StackPlans
from activities.stacks import StackActivities
from model.apps import AppAsk, CreateApp, DeleteApp
from model.errors import Conflict, CrashLoop
from model.operations import Child, Status
from model.stacks import DeleteStack, DeployStack, Part, Plan
from records.ids import new_id
from tests.workflow.conftest import Run, StandIn, raising, returning, stand_in
from workflows.stacks import StackDelete, StackDeploy

CHAIN = {"store": (), "side": (), "api": ("store",), "web": ("api", "side")}


def deploy() -> DeployStack:
    return DeployStack(operation_id=new_id("op"), project="shop", target="s", actor="ann", stack_id="stk-1")


def child_of(part: Part, ask: type[AppAsk], kind: str) -> Child:
    """What accepting the part's child gives; the app's name stands for its id."""
    operation_id = new_id("op")
    fields = {"operation_id": operation_id, "project": "shop", "target": f"s-{part.service}", "actor": "ann"}
    made = ask(**fields, app_id=part.service, before=1, after=1)
    return Child(operation_id=operation_id, kind=kind, workflow_id=operation_id, ask=made.model_dump(mode="json"))


class World:
    """Stand-ins for a stack of `after`: apps get ready at once, but for those that `ends` says otherwise of."""

    def __init__(self, after: dict[str, tuple[str, ...]], ends: dict[str, Callable[[], Any]] | None = None) -> None:
        self.after = after
        self.ends = ends or {}
        self.holding: set[str] = set()
        self.seen: list[str] = []

    def stand_ins(self) -> list[StandIn]:
        return [
            stand_in(StackPlans.plan_deploy, returning(Plan(after=self.after))),
            stand_in(StackActivities.accept_app, self._accept),
            stand_in(AppActivities.resolve_images, returning({})),
            stand_in(AppMoves.move, self._ready),
        ]

    async def _accept(self, part: Part) -> Child | None:
        if part.service in self.holding:
            return None
        self.seen.append(f"start {part.service}")
        return child_of(part, CreateApp, "app.create")

    async def _ready(self, ask: AppAsk) -> Moved:
        if ask.app_id in self.ends:
            await self.ends[ask.app_id]()
        self.seen.append(f"ready {ask.app_id}")
        return Moved(instances=1)

    def order(self, first: str, second: str) -> bool:
        return self.seen.index(first) < self.seen.index(second)


async def test_each_starts_when_those_it_links_are_ready_and_independent_ones_at_once(run: Run) -> None:
    both = asyncio.Barrier(2)  # store and side only get ready together: one after the other would never end
    world = World(CHAIN, {"store": both.wait, "side": both.wait})
    ended = await run(StackDeploy, deploy(), *world.stand_ins())
    assert ended.outcome.status is Status.SUCCEEDED
    assert world.order("ready store", "start api")
    assert world.order("ready api", "start web")
    assert world.order("ready side", "start web")
    assert [child.status for child in ended.children] == [Status.SUCCEEDED] * 4


async def test_after_a_failure_siblings_finish_and_dependents_do_not_start(run: Run) -> None:
    failed = asyncio.Event()

    async def crash() -> None:
        failed.set()
        raise CrashLoop("It ends with exit code 3.")

    world = World(CHAIN, {"store": crash, "side": failed.wait})
    ended = await run(StackDeploy, deploy(), *world.stand_ins())
    assert ended.outcome.status is Status.FAILED
    error = ended.outcome.error
    assert error is not None
    assert (error.reason, error.fault) == ("CrashLoop", "user")
    assert "s-store" in error.message
    assert "exit code 3" in error.message
    assert "s-api, s-web" in error.message
    (broken,) = [child for child in ended.children if child.status is Status.FAILED]
    assert error.evidence[0].source == broken.operation_id
    assert world.seen == ["start store", "start side", "ready side"] or world.seen == ["start side", "start store", "ready side"]


async def test_what_holds_is_not_run_again(run: Run) -> None:
    world = World(CHAIN)
    world.holding = {"store", "side"}
    ended = await run(StackDeploy, deploy(), *world.stand_ins())
    assert ended.outcome.status is Status.SUCCEEDED
    assert world.seen == ["start api", "ready api", "start web", "ready web"]


async def test_a_busy_app_fails_the_stack_without_a_child(run: Run) -> None:
    busy = stand_in(StackActivities.accept_app, raising(Conflict("app.kill op-1 is RUNNING on app 's-store'.")))
    world = World({"store": ()})
    ended = await run(StackDeploy, deploy(), *world.stand_ins(), busy)
    assert ended.outcome.error is not None
    assert ended.outcome.error.reason == "Conflict"
    assert ended.children == []


async def test_cancel_reaches_what_runs_and_leaves_what_is_ready(run: Run) -> None:
    running = asyncio.Event()

    async def hold() -> None:
        running.set()
        await asyncio.Event().wait()

    world = World({"store": (), "api": ("store",), "web": ("api",)}, {"api": hold})

    async def cancel(handle: WorkflowHandle[Any, Any]) -> None:
        await running.wait()
        await handle.cancel()

    ended = await run(StackDeploy, deploy(), *world.stand_ins(), meanwhile=cancel)
    assert ended.outcome.status is Status.CANCELLED
    assert [child.status for child in ended.children] == [Status.SUCCEEDED, Status.CANCELLED]
    assert "start web" not in world.seen


async def test_a_child_that_is_cancelled_alone_fails_the_stack_by_name(run: Run, client: Client) -> None:
    running = asyncio.Event()

    async def hold() -> None:
        running.set()
        await asyncio.Event().wait()

    world = World({"store": (), "api": ("store",)}, {"store": hold})
    accepted: list[Child] = []

    async def accept(part: Part) -> Child:
        accepted.append(child_of(part, CreateApp, "app.create"))
        return accepted[-1]

    async def cancel(_: WorkflowHandle[Any, Any]) -> None:
        await running.wait()
        child = client.get_workflow_handle(accepted[0].workflow_id)
        await child.cancel()

    plan, _, images, ready = world.stand_ins()
    ended = await run(StackDeploy, deploy(), plan, stand_in(StackActivities.accept_app, accept), images, ready, meanwhile=cancel)
    assert ended.outcome.status is Status.FAILED
    error = ended.outcome.error
    assert error is not None
    assert error.reason == "Cancelled"
    assert "s-store" in error.message
    assert error.evidence[0].source == accepted[0].operation_id
    assert len(accepted) == 1


async def test_deletion_goes_in_the_order_given_and_is_not_cancelled(run: Run) -> None:
    gone: list[str] = []
    removing = asyncio.Event()
    released = asyncio.Event()

    async def accept(part: Part) -> Child:
        return child_of(part, DeleteApp, "app.delete")

    async def remove(ask: AppAsk) -> None:
        removing.set()
        await released.wait()
        gone.append(ask.app_id)

    async def cancel(handle: WorkflowHandle[Any, Any]) -> None:
        await removing.wait()
        await handle.cancel()
        released.set()

    ask = DeleteStack(operation_id=new_id("op"), project="shop", target="s", actor="ann", stack_id="stk-1")
    ended = await run(
        StackDelete,
        ask,
        stand_in(StackPlans.plan_delete, returning(Plan(after={"web": (), "api": ("web",), "store": ("api",)}))),
        stand_in(StackActivities.accept_removal, accept),
        stand_in(AppActivities.remove_objects, remove),
        meanwhile=cancel,
    )
    assert ended.outcome.status is Status.SUCCEEDED
    assert gone == ["web", "api", "store"]
    assert ended.titles[-2:] == ["Remove the links' addresses", "Close the stack"]
