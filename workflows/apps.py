"""An app's operations (mission A: how each ends, and B): create, start, upgrade, scale, kill, delete."""

from typing import Literal

from temporalio import workflow

from workflows.operation import Operation

with workflow.unsafe.imports_passed_through():
    from activities.app_readiness import AppReadiness
    from activities.apps import AppActivities
    from model.apps import AppAsk, AtRevision, CreateApp, DeleteApp, KillApp, ScaleApp, StartApp, UpgradeApp
    from workflows.policies import WATCH


class _Reversible(Operation):
    """A change that stays where it got when it fails, unless the ask's `on_failure` says to go back; cancelled it goes back."""

    def __init__(self) -> None:
        super().__init__()
        self._on_failure: Literal["keep", "rollback"] = "keep"

    def _undoes(self, *, cancelled: bool) -> bool:
        return cancelled or self._on_failure == "rollback"


@workflow.defn(name="app.create")
class AppCreate(Operation):
    """Deploy an app. FAILED keeps the objects for inspection; CANCELLED leaves nothing in the cluster, the app STOPPED."""

    keeps_failed = True

    @workflow.run
    async def run(self, ask: CreateApp) -> None:
        """Digests first: what runs is exact whatever happens to the tag."""
        async with self.recorded(ask, steps=3) as record:
            digests = await self.step("Find the image", AppActivities.resolve_images, ask, undo=AppActivities.mark_stopped)
            await self.step("Create the objects", AppActivities.apply, ask, undo=AppActivities.take_down)
            record.result = await _ready(self, ask, digests)


@workflow.defn(name="app.start")
class AppStart(Operation):
    """Make a stopped app's objects again, under its AppID. Forward only: FAILED keeps the objects, retry goes on."""

    forward_only = True

    @workflow.run
    async def run(self, ask: StartApp) -> None:
        """As create; the tag is looked up again, for the image may have been removed meanwhile."""
        async with self.recorded(ask, steps=3) as record:
            digests = await self.step("Find the image", AppActivities.resolve_images, ask)
            await self.step("Create the objects", AppActivities.apply, ask)
            record.result = await _ready(self, ask, digests)


@workflow.defn(name="app.upgrade")
class AppUpgrade(_Reversible):
    """Roll an app to another revision, which a rollback is too.

    FAILED stays where it got (with onFailure=rollback it goes back); CANCELLED leaves the revision before.
    """

    @workflow.run
    async def run(self, ask: UpgradeApp) -> None:
        """Kubernetes replaces the instances by maxSurge and maxUnavailable; the same spec and digest changes nothing."""
        self._on_failure = ask.on_failure
        async with self.recorded(ask, steps=3) as record:
            digests = await self.step("Find the image", AppActivities.resolve_images, ask)
            await self.step(f"Roll to revision {ask.revision}", AppActivities.apply, ask, undo=AppActivities.return_revision)
            record.result = await _ready(self, ask, digests)


@workflow.defn(name="app.scale")
class AppScale(_Reversible):
    """Change the number of instances.

    FAILED stays where it got (with onFailure=rollback it goes back); CANCELLED leaves the count before.
    """

    @workflow.run
    async def run(self, ask: ScaleApp) -> None:
        """The whole object is applied, with its count: an apply that leaves the count out would reset it."""
        self._on_failure = ask.on_failure
        async with self.recorded(ask, steps=2) as record:
            await self.step(f"Set {ask.replicas} instances", AppActivities.set_count, ask, undo=AppActivities.return_count)
            ready = await self.step("Wait until it serves", AppReadiness.wait_ready, ask, policy=WATCH)
            record.result = {"AppID": ask.app_id, "instances": ready.instances}


@workflow.defn(name="app.kill")
class AppKill(Operation):
    """Remove an app's objects and free its name; the spec stays for a start. Forward only; takes a running operation over."""

    forward_only = True
    preempts = True

    @workflow.run
    async def run(self, ask: KillApp) -> None:
        """Every instance gets its termination grace."""
        async with self.recorded(ask, steps=2):
            await self.take_over(ask)
            await self.step("Remove the objects", AppActivities.remove_objects, ask, policy=WATCH)
            await self.step("Close the books", AppActivities.mark_stopped, ask)


@workflow.defn(name="app.delete")
class AppDelete(Operation):
    """Remove an app's objects and take it out of the lists. Forward only; takes a running operation over."""

    forward_only = True
    preempts = True

    @workflow.run
    async def run(self, ask: DeleteApp) -> None:
        """Every instance gets its termination grace."""
        async with self.recorded(ask, steps=2):
            await self.take_over(ask)
            await self.step("Remove the objects", AppActivities.remove_objects, ask, policy=WATCH)
            await self.step("Close the books", AppActivities.forget, ask)


async def _ready(operation: Operation, ask: AtRevision, digests: dict[str, str]) -> dict[str, object]:
    """The last step, and what the record shows of it."""
    arg: AppAsk = ask
    ready = await operation.step("Wait until it serves", AppReadiness.wait_ready, arg, policy=WATCH)
    return {"AppID": ask.app_id, "revision": ask.revision, "digests": digests, "instances": ready.instances}
