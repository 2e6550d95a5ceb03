"""Operations on one instance of a TApp (manual: instance接口, 终止实例, 启动实例, 升级实例); their target is the app."""

from temporalio import workflow

from workflows.apps import AppOperation

with workflow.unsafe.imports_passed_through():
    from model.apps import KillInstance, StartInstance, UpdateInstance


@workflow.defn(name="instance.kill")
class InstanceKill(AppOperation):
    """Stop one instance; its index, name, version and what belongs to it are kept.

    FAILED stays where it got (with onFailure=rollback it goes back); CANCELLED starts it again.
    """

    @workflow.run
    async def run(self, ask: KillInstance) -> None:
        """It has its termination grace to end."""
        async with self.recorded(ask, steps=2) as record:
            record.result = await self.change(ask, f"Stop instance {ask.index}")


@workflow.defn(name="instance.start")
class InstanceStart(AppOperation):
    """Start a killed instance again: the same index and name, at the version it had.

    FAILED stays where it got (with onFailure=rollback it goes back); CANCELLED kills it again.
    """

    @workflow.run
    async def run(self, ask: StartInstance) -> None:
        """Ends when it serves."""
        async with self.recorded(ask, steps=2) as record:
            record.result = await self.change(ask, f"Start instance {ask.index}")


@workflow.defn(name="instance.update")
class InstanceUpdate(AppOperation):
    """Bring one instance to another image; the others keep their versions.

    In place, with the same pod and address, where only images differ; the record says which. Where the image is the one it runs
    already nothing is done and its version stays: `unchanged` says so. FAILED stays where it got (with
    onFailure=rollback it goes back); CANCELLED leaves the version before.
    """

    @workflow.run
    async def run(self, ask: UpdateInstance) -> None:
        """The new image has to exist before anything is touched."""
        async with self.recorded(ask, steps=3) as record:
            record.result = await self.change(ask, f"Bring instance {ask.index} to revision {ask.revision}")
