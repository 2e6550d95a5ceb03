"""Pause, resume and what is refused, through HTTP on the real platform."""

from typing import Any

import pytest

from model.operations import OperationRecord, Status, Verb
from tests.e2e.test_stacks import SLEEPS, Stacks
from tests.platform import Platform, eventually

LINKED = f"a: {{{SLEEPS}}}\nb: {{{SLEEPS}, links: [a]}}\n"


@pytest.fixture(scope="module")
def stacks(platform: Platform, project: str) -> Stacks:
    return Stacks(platform, project)


async def control(platform: Platform, operation: str, verb: str, expect: int = 202) -> Any:
    return await platform.ask("POST", f"/v2/operations/{operation}/{verb}", expect=expect)


async def paused(platform: Platform, operation: str) -> OperationRecord:
    """The record once it is PAUSED."""

    async def holds() -> bool:
        return (await platform.operation(operation)).status is Status.PAUSED

    await eventually(holds, f"{operation} is PAUSED", 60)
    return await platform.operation(operation)


async def paused_stack(stacks: Stacks, platform: Platform) -> tuple[str, str]:
    """A stack of b after a that was told to pause at once; the stack and its operation, which holds."""
    name, operation = await stacks.deploy(LINKED)
    await control(platform, operation, "pause")
    await paused(platform, operation)
    return name, operation


async def test_a_paused_stack_says_why_and_goes_on_when_it_is_resumed(stacks: Stacks, platform: Platform) -> None:
    name, operation = await paused_stack(stacks, platform)
    record = await platform.operation(operation)
    assert record.pause is not None
    assert "admin asked for this pause" in record.pause.message
    assert "resume goes on" in record.pause.message
    assert record.available == [Verb.RESUME]
    assert "b" not in await stacks.children(operation)
    await control(platform, operation, "pause")  # asked for again, nothing changes

    await control(platform, operation, "resume")
    ended = await platform.wait(operation)
    assert [(c.verb, c.actor) for c in ended.controls or []] == [("pause", "admin"), ("resume", "admin")]
    assert await stacks.statuses(name) == {"a": "RUNNING", "b": "RUNNING"}
    (pause,) = [step for step in ended.steps or [] if step.name == "operation.hold"]
    assert pause.message == "admin resumed it"


async def test_cancel_and_delete_end_a_pause(stacks: Stacks, platform: Platform) -> None:
    _, first = await paused_stack(stacks, platform)
    await control(platform, first, "cancel")
    ended = await platform.wait(first, Status.CANCELLED)
    assert ended.error is not None
    assert ended.error.message == "It was cancelled by admin."
    name, second = await paused_stack(stacks, platform)
    await stacks.delete(name)
    await platform.wait(second, Status.CANCELLED)


async def test_a_control_that_makes_no_sense_is_refused_in_words(stacks: Stacks, platform: Platform) -> None:
    app = {"name": "plain", "imageRef": "busybox", "cmd": "httpd -f -p 8080"}
    created = await platform.submit("POST", f"/v2/applications/{stacks.project}", app)
    refused = await control(platform, created, "pause", expect=409)
    assert "app.create cannot be paused: it has no batches. Cancel it instead." in refused["Message"]
    await platform.wait(created)
    refused = await control(platform, created, "promote", expect=409)
    assert f"app.create {created} is SUCCEEDED already" in refused["Message"], "there is nothing to cancel any more"

    _, operation = await stacks.deploy(f"a: {{{SLEEPS}}}\n")
    refused = await control(platform, operation, "resume", expect=409)
    assert "no pause was asked for" in refused["Message"]
    refused = await control(platform, operation, "rollback", expect=409)
    assert "stack.deploy cannot be rolled back" in refused["Message"]
    await platform.wait(operation)
    refused = await control(platform, operation, "pause", expect=409)
    assert "is SUCCEEDED already" in refused["Message"]


async def test_a_viewer_may_not_control(stacks: Stacks, platform: Platform) -> None:
    viewer = await platform.user("viewer", stacks.project)
    name, operation = await paused_stack(stacks, platform)
    for verb in Verb:
        await viewer.ask("POST", f"/v2/operations/{operation}/{verb}", expect=403)
    await stacks.delete(name)
