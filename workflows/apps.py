"""An app's operations (mission A: how each ends, and B): create, start, upgrade, scale, kill, delete."""

from collections.abc import Awaitable, Callable
from typing import Any, Literal

from temporalio import workflow

from workflows.operation import Operation

with workflow.unsafe.imports_passed_through():
    from activities.app_readiness import AppReadiness
    from activities.apps import AppActivities
    from model.apps import AppAsk, AtRevision, CreateApp, DeleteApp, KillApp, ScaleApp, StartApp, UpgradeApp
    from workflows.policies import WATCH

AppStep = Callable[[Any, Any], Awaitable[None]]


class _AppOperation(Operation):
    """What app operations have in common."""

    on_failure: Literal["keep", "rollback"] = "keep"

    def _undoes(self, *, cancelled: bool) -> bool:
        """A failure stays where it got, unless the ask says to go back; a cancellation always goes back."""
        return cancelled or self.on_failure == "rollback"

    async def bring(
        self, ask: AtRevision, title: str, *, undo: AppStep | None = None, release: AppStep | None = None
    ) -> dict[str, Any]:
        """Bring the app to the ask's revision and wait until it serves; what the record shows of it.

        Digests first: what runs is exact whatever happens to the tag. `release` takes back that the name is taken.
        """
        digests = await self.step("Find the image", AppActivities.resolve_images, ask, undo=release)
        await self.step(title, AppActivities.apply, ask, undo=undo)
        return {"AppID": ask.app_id, "revision": ask.revision, "digests": digests, "instances": await self.ready(ask)}

    async def ready(self, ask: AppAsk) -> int:
        """The last step: how many instances serve."""
        return (await self.step("Wait until it serves", AppReadiness.wait_ready, ask, policy=WATCH)).instances

    async def remove(self, ask: AppAsk, last: AppStep) -> None:
        """Take a running operation over, remove the objects (every instance gets its termination grace), and write it down."""
        async with self.recorded(ask, steps=2):
            await self.take_over(ask)
            await self.step("Remove the objects", AppActivities.remove_objects, ask, policy=WATCH)
            await self.step("Close the books", last, ask)


@workflow.defn(name="app.create")
class AppCreate(_AppOperation):
    """Deploy an app. FAILED keeps the objects for inspection; CANCELLED leaves nothing in the cluster, the app STOPPED."""

    @workflow.run
    async def run(self, ask: CreateApp) -> None:
        """Three steps: the image, the objects, readiness."""
        async with self.recorded(ask, steps=3) as record:
            record.result = await self.bring(
                ask, "Create the objects", undo=AppActivities.take_down, release=AppActivities.mark_stopped
            )


@workflow.defn(name="app.start")
class AppStart(_AppOperation):
    """Make a stopped app's objects again, under its AppID. Forward only: FAILED keeps the objects, retry goes on."""

    forward_only = True

    @workflow.run
    async def run(self, ask: StartApp) -> None:
        """As create; the tag is looked up again, for the image may have been removed meanwhile."""
        async with self.recorded(ask, steps=3) as record:
            record.result = await self.bring(ask, "Create the objects")


@workflow.defn(name="app.upgrade")
class AppUpgrade(_AppOperation):
    """Roll an app to another revision, which a rollback is too.

    FAILED stays where it got (with onFailure=rollback it goes back); CANCELLED leaves the revision before.
    """

    @workflow.run
    async def run(self, ask: UpgradeApp) -> None:
        """Kubernetes replaces the instances by maxSurge and maxUnavailable; the same spec and digest changes nothing."""
        self.on_failure = ask.on_failure
        async with self.recorded(ask, steps=3) as record:
            record.result = await self.bring(ask, f"Roll to revision {ask.revision}", undo=AppActivities.return_revision)


@workflow.defn(name="app.scale")
class AppScale(_AppOperation):
    """Change the number of instances.

    FAILED stays where it got (with onFailure=rollback it goes back); CANCELLED leaves the count before.
    """

    @workflow.run
    async def run(self, ask: ScaleApp) -> None:
        """The whole object is applied, with its count: an apply that leaves the count out would reset it."""
        self.on_failure = ask.on_failure
        async with self.recorded(ask, steps=2) as record:
            await self.step(f"Set {ask.replicas} instances", AppActivities.set_count, ask, undo=AppActivities.return_count)
            record.result = {"AppID": ask.app_id, "instances": await self.ready(ask)}


@workflow.defn(name="app.kill")
class AppKill(_AppOperation):
    """Remove an app's objects and free its name; the spec stays for a start. Forward only; takes a running operation over."""

    forward_only = True
    preempts = True

    @workflow.run
    async def run(self, ask: KillApp) -> None:
        """The app ends STOPPED."""
        await self.remove(ask, AppActivities.mark_stopped)


@workflow.defn(name="app.delete")
class AppDelete(_AppOperation):
    """Remove an app's objects and take it out of the lists. Forward only; takes a running operation over."""

    forward_only = True
    preempts = True

    @workflow.run
    async def run(self, ask: DeleteApp) -> None:
        """The record keeps its row as history."""
        await self.remove(ask, AppActivities.forget)
