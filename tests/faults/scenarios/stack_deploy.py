"""A stack of two apps, one of which waits for the other."""

from tests.faults.apps import STACK
from tests.faults.apps import shown as then
from tests.platform import Platform

__all__ = ["given", "then", "when"]


async def given(platform: Platform) -> str:
    """An empty project."""
    return await platform.project("crash")


async def when(platform: Platform, project: str) -> str:
    """Deploy it."""
    return await platform.submit("POST", f"/v2/composes/{project}", STACK)
