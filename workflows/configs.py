"""Configuration groups in the cluster (manual: 配置管理; mission E)."""

from temporalio import workflow

from workflows.operation import Operation

with workflow.unsafe.imports_passed_through():
    from activities.configs import ConfigActivities
    from model.configs import ApplyConfig
    from workflows.policies import WATCH


@workflow.defn(name="config.apply")
class ConfigApply(Operation):
    """Bring a group's object in the cluster to what the record says: made, changed, put back or removed.

    Forward only: the record holds the change already. FAILED leaves the cluster with what it had; retry, or the platform itself
    when the cluster is back, brings it there.
    """

    forward_only = True

    @workflow.run
    async def run(self, ask: ApplyConfig) -> None:
        """The object, then the instances that have it as files; no content passes through here."""
        async with self.recorded(ask, steps=2) as record:
            version = await self.step("Write the object", ConfigActivities.write_object, ask, policy=WATCH)
            woken = await self.step("Wake the instances that have it as files", ConfigActivities.wake_instances, ask, policy=WATCH)
            record.result = {"version": version, "instances": woken}
