"""image.build: from a commit in a Git repository to an image with a tag (mission F)."""

from temporalio import workflow

from workflows.operation import Operation

with workflow.unsafe.imports_passed_through():
    from activities.builds import BuildActivities
    from model.builds import BuildImage
    from workflows.policies import WATCH


@workflow.defn(name="image.build")
class ImageBuild(Operation):
    """Fetch, build, push; then the tag moves. FAILED and CANCELLED leave no tag; the real build has ended by then.

    Retry starts with the fetch: a new commit pushed meanwhile is built, and what the builder's cache holds is not built again.
    """

    @workflow.run
    async def run(self, ask: BuildImage) -> None:
        """The four stages; once the image is in the registry the tag only goes forward."""
        async with self.recorded(ask, steps=4) as end:
            source = await self.step(
                "Fetch the source", BuildActivities.fetch_source, ask, undo=BuildActivities.clear_workspace, policy=WATCH
            )
            built = await self.step("Build the image", BuildActivities.build_image, source, policy=WATCH)
            pushed = await self.step(
                "Push the image", BuildActivities.push_image, built, undo=BuildActivities.withdraw_image, policy=WATCH
            )
            self.point_of_no_return()
            await self.step(f"Move the tag {pushed.tag}", BuildActivities.move_tag, pushed)
            end.result = {"image": f"{ask.image}:{pushed.tag}", "tag": pushed.tag, "digest": pushed.digest, "commit": pushed.commit}
