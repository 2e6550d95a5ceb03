"""object.release: a platform admin ends a deletion that a finalizer holds."""

from temporalio import workflow

from workflows.operation import Operation

with workflow.unsafe.imports_passed_through():
    from activities.releases import ReleaseActivities
    from model.held import ReleaseObject


@workflow.defn(name="object.release")
class ObjectRelease(Operation):
    """Take named finalizers off a deleted object. Forward only; what the finalizer's owner would have tidied up stays undone."""

    forward_only = True

    @workflow.run
    async def run(self, ask: ReleaseObject) -> None:
        """One step; the record keeps who asked, for which object and which finalizers."""
        async with self.recorded(ask, steps=1) as record:
            taken = await self.step(f"Take finalizers off {ask.object}", ReleaseActivities.take_finalizers, ask)
            record.result = {"object": ask.object, "finalizers": taken}
