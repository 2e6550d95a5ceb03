"""A running stack is brought to another document: one app is changed, one is new, one goes."""

from tests.faults.apps import STACK
from tests.faults.apps import shown as then
from tests.platform import Platform

__all__ = ["given", "then", "when"]
_CHANGED = STACK["content"].replace("web:\n", "front:\n").replace("api:\n", "api:\n  replicas: 2\n  environment: {A: b}\n")


async def given(platform: Platform) -> str:
    """The project with the stack running."""
    project = await platform.project("crash")
    await platform.done("POST", f"/v2/composes/{project}", STACK)
    return project


async def when(platform: Platform, project: str) -> str:
    """Upgrade it."""
    return await platform.submit("POST", f"/v2/stacks/{project}/shop/upgrade", {"content": _CHANGED})
