"""image.build: the order of its stages and how it ends when one fails or it is cancelled (mission: the table of ends)."""

import asyncio

from temporalio.client import WorkflowHandle

from activities.builds import BuildActivities
from model.builds import BuildImage, Built, Checkout, Pushed
from model.errors import BuildFailed, PlatformUnavailable, PushRefused, RegistryUnavailable
from model.operations import Status
from records.ids import new_id
from tests.workflow.conftest import Run, StandIn, raising, returning, stand_in
from workflows.builds import ImageBuild

COMMIT = "0123456789abcdef0123456789abcdef01234567"
STAGES = ["Fetch the source", "Build the image", "Push the image", "Move the tag 0123456789ab"]


def build_ask(**fields: object) -> BuildImage:
    return BuildImage(
        operation_id=new_id("op"),
        project="shop",
        target="web",
        actor="ann",
        repository="https://git.example.com/team/shop.git",
        branch="main",
        dockerfile_path="Dockerfile",
        context_path=".",
        image="shop/web",
        **fields,  # type: ignore[arg-type]
    )


def fetches(ask: BuildImage) -> StandIn:
    return stand_in(BuildActivities.fetch_source, returning(Checkout(ask=ask, commit=COMMIT)))


def builds(ask: BuildImage, *errors: Exception | None) -> StandIn:
    built = Built(ask=ask, commit=COMMIT, image_id="sha256:1")
    return stand_in(BuildActivities.build_image, raising(*errors, None, then=built))


def pushes(ask: BuildImage) -> StandIn:
    return stand_in(BuildActivities.push_image, returning(Pushed(ask=ask, commit=COMMIT, digest="sha256:2")))


async def test_the_tag_moves_last_and_the_record_tells_the_digest(run: Run) -> None:
    ask = build_ask()
    ended = await run(ImageBuild, ask, fetches(ask), builds(ask, PlatformUnavailable("the builder is away")), pushes(ask))
    assert ended.outcome.status is Status.SUCCEEDED
    assert ended.titles == [STAGES[0], STAGES[1], STAGES[1], *STAGES[2:]]
    assert ended.outcome.result == {
        "image": "shop/web:0123456789ab",
        "tag": "0123456789ab",
        "digest": "sha256:2",
        "commit": COMMIT,
    }
    assert [step.title for step in ended.steps if step.forward] == STAGES[3:]


async def test_a_failed_build_removes_the_checkout_and_moves_no_tag(run: Run) -> None:
    ask = build_ask()
    ended = await run(ImageBuild, ask, fetches(ask), builds(ask, BuildFailed("Step 2 failed.")))
    assert ended.outcome.error is not None
    assert ended.outcome.error.reason == "BuildFailed"
    assert ended.titles == [*STAGES[:2], "Undo: Fetch the source"]


async def test_a_refused_push_is_withdrawn(run: Run) -> None:
    ask = build_ask()
    refused = stand_in(BuildActivities.push_image, raising(RegistryUnavailable("away"), PushRefused("no")))
    ended = await run(ImageBuild, ask, fetches(ask), builds(ask), refused)
    assert ended.outcome.status is Status.FAILED
    assert ended.titles == [*STAGES[:3], STAGES[2], "Undo: Push the image", "Undo: Fetch the source"]


async def test_a_cancelled_build_is_withdrawn_when_its_step_has_ended(run: Run) -> None:
    ask = build_ask()
    building, stopped = asyncio.Event(), asyncio.Event()

    async def build(_: object) -> None:
        building.set()
        try:
            await asyncio.sleep(60)
        finally:
            stopped.set()

    async def cancel(handle: WorkflowHandle[object, object]) -> None:
        await building.wait()
        await handle.cancel()

    ended = await run(ImageBuild, ask, fetches(ask), stand_in(BuildActivities.build_image, build), meanwhile=cancel)
    assert stopped.is_set()
    assert ended.outcome.status is Status.CANCELLED
    assert ended.titles == [*STAGES[:2], "Undo: Fetch the source"]
