"""project.create and project.delete: a tenant's namespace, made and removed."""

from temporalio import workflow

from workflows.operation import Operation

with workflow.unsafe.imports_passed_through():
    from activities.operations import OperationActivities
    from activities.projects import ProjectActivities
    from model.projects import CreateProject, DeleteProject
    from workflows.policies import WATCH


@workflow.defn(name="project.create")
class ProjectCreate(Operation):
    """Make the project's namespace. FAILED and CANCELLED leave nothing in the cluster and the name free."""

    @workflow.run
    async def run(self, ask: CreateProject) -> None:
        """Namespace, then the record; each idempotent."""
        async with self.recorded(ask, steps=2):
            await self.step(
                "Create the namespace",
                ProjectActivities.make_namespace,
                ask,
                undo=ProjectActivities.remove_namespace,
            )
            await self.step("Open the project", ProjectActivities.mark_active, ask)


@workflow.defn(name="project.delete")
class ProjectDelete(Operation):
    """Remove the project's namespace with all in it, and its images. Forward only: FAILED leaves where it got, retry goes on."""

    forward_only = True
    preempts = True

    @workflow.run
    async def run(self, ask: DeleteProject) -> None:
        """Take a running project.create over, stop what runs in the project, remove the namespace and the images, free the name."""
        images = workflow.patched("project.delete removes images")
        async with self.recorded(ask, steps=4 if images else 3):
            await self.take_over(ask)
            await self.step("Stop what runs in it", OperationActivities.stop_others, ask, policy=WATCH)
            await self.step("Remove the namespace", ProjectActivities.remove_namespace, ask, policy=WATCH)
            if images:
                await self.step("Remove its images", ProjectActivities.remove_images, ask, policy=WATCH)
            await self.step("Close the project", ProjectActivities.forget, ask)
