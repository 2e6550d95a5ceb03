"""An app's operations but upgrades (mission A: how each ends, and B): create, start, scale, restart, kill, delete."""

from collections.abc import Awaitable, Callable
from typing import Any

from temporalio import workflow

from workflows.operation import Operation

with workflow.unsafe.imports_passed_through():
    from activities.app_moves import AppMoves, Moved
    from activities.apps import AppActivities
    from model.apps import AppAsk, CreateApp, DeleteApp, KillApp, MoveApp, RestartApp, ScaleApp, StartApp
    from model.gray import OnFailure
    from workflows.policies import WATCH

AppStep = Callable[[Any, Any], Awaitable[None]]


class AppOperation(Operation):
    """What app operations have in common."""

    on_failure: OnFailure = "keep"

    def _undoes(self, *, cancelled: bool) -> bool:
        """A failure stays where it got, unless the ask says to go back; a cancellation always goes back."""
        return cancelled or self.on_failure == "rollback"

    async def bring(
        self, ask: MoveApp, title: str, *, undo: AppStep | None = None, release: AppStep | None = None
    ) -> dict[str, Any]:
        """Bring the app to the layout `after` and wait until it serves; what the record shows of it.

        Digests first: what runs is exact whatever happens to the tag. `release` takes back that the name is taken.
        """
        shown: dict[str, Any] = {"AppID": ask.app_id}
        if ask.resolve:
            digests = await self.step("Find the image", AppActivities.resolve_images, ask, undo=release)
            shown |= {"revision": max(ask.resolve), "digests": digests}
        same = await self.step(title, AppMoves.apply, ask, undo=undo, policy=WATCH)  # a thousand instances are not made in 30 s
        if same:
            return {"AppID": ask.app_id, "unchanged": same}
        title = "Wait until it has run" if ask.runs_to_end else "Wait until it serves"
        return {**shown, **result_of(await self.step(title, AppMoves.move, ask, policy=WATCH))}

    async def change(self, ask: MoveApp, title: str) -> dict[str, Any]:
        """A change of a running app: what runs on it already is taken over, and undone it comes back to the layout before."""
        await self.begin(ask)
        return await self.bring(ask, title, undo=AppMoves.move_back)

    async def begin(self, ask: MoveApp) -> None:
        """Have the app to itself before anything of it is looked at or touched."""
        self.on_failure = ask.on_failure
        await self.take_over(ask)

    async def remove(self, ask: AppAsk, last: AppStep) -> None:
        """Take a running operation over, remove the objects (every instance gets its termination grace), and write it down."""
        async with self.recorded(ask, steps=2):
            await self.take_over(ask)
            await self.step("Remove the objects", AppActivities.remove_objects, ask, policy=WATCH)
            await self.step("Close the books", last, ask)


def result_of(moved: Moved) -> dict[str, Any]:
    """What the record shows of a move; how instances were changed where that is known (TApp)."""
    ways = {"inPlace": moved.in_place, "recreated": moved.recreated}
    return {"instances": moved.instances, **(ways if moved.in_place or moved.recreated else {})}


@workflow.defn(name="app.create")
class AppCreate(AppOperation):
    """Deploy an app. FAILED keeps the objects for inspection; CANCELLED leaves nothing in the cluster, the app STOPPED."""

    @workflow.run
    async def run(self, ask: CreateApp) -> None:
        """Three steps: the image, the objects, readiness."""
        async with self.recorded(ask, steps=3) as record:
            record.result = await self.bring(
                ask, "Create the objects", undo=AppActivities.take_down, release=AppActivities.mark_stopped
            )


@workflow.defn(name="app.start")
class AppStart(AppOperation):
    """Make a stopped app's objects again, under its AppID. Forward only: FAILED keeps the objects, retry goes on."""

    forward_only = True

    @workflow.run
    async def run(self, ask: StartApp) -> None:
        """As create; the images, kept by digest, are looked for again: they may have been removed meanwhile."""
        async with self.recorded(ask, steps=3) as record:
            record.result = await self.bring(ask, "Create the objects")


@workflow.defn(name="app.scale")
class AppScale(AppOperation):
    """Change the number of instances, or take named ones away.

    FAILED stays where it got (with onFailure=rollback it goes back); CANCELLED leaves the count and versions before.
    """

    @workflow.run
    async def run(self, ask: ScaleApp) -> None:
        """Named instances of a Deployment app are marked first, so that exactly those go."""
        async with self.recorded(ask, steps=2 + bool(ask.resolve) + 2 * bool(ask.marks)) as record:
            await self.begin(ask)
            if ask.marks:
                names = ", ".join(ask.gone)[:150]
                await self.step(f"Choose {names}", AppActivities.choose_leavers, ask, undo=AppActivities.keep_leavers)
            record.result = await self.bring(ask, f"Set {ask.replicas} instances", undo=AppMoves.move_back)
            if ask.marks:
                await self.step("Check who went", AppActivities.check_leavers, ask)


@workflow.defn(name="app.restart")
class AppRestart(AppOperation):
    """Start every running instance anew, a few at a time, each at its own version.

    FAILED stays where it got (with onFailure=rollback it goes back, starting those anew once more); CANCELLED goes back.
    """

    @workflow.run
    async def run(self, ask: RestartApp) -> None:
        """As many at once as maxSurge and maxUnavailable allow."""
        async with self.recorded(ask, steps=2) as record:
            record.result = await self.change(ask, "Restart the instances")


@workflow.defn(name="app.kill")
class AppKill(AppOperation):
    """Remove an app's objects and free its name; the spec stays for a start. Forward only; takes a running operation over."""

    forward_only = True
    preempts = True

    @workflow.run
    async def run(self, ask: KillApp) -> None:
        """The app ends STOPPED."""
        await self.remove(ask, AppActivities.mark_stopped)


@workflow.defn(name="app.delete")
class AppDelete(AppOperation):
    """Remove an app's objects and take it out of the lists. Forward only; takes a running operation over."""

    forward_only = True
    preempts = True

    @workflow.run
    async def run(self, ask: DeleteApp) -> None:
        """The record keeps its row as history."""
        await self.remove(ask, AppActivities.forget)
