"""A running stack of two apps is deleted."""

from tests.faults.apps import STACK
from tests.faults.apps import shown as then
from tests.platform import Platform

__all__ = ["given", "then", "when"]


async def given(platform: Platform) -> str:
    """The project with the stack running."""
    project = await platform.project("crash")
    await platform.done("POST", f"/v2/composes/{project}", STACK)
    return project


async def when(platform: Platform, project: str) -> str:
    """Delete it."""
    return await platform.submit("DELETE", f"/v2/composes/{project}/shop")
