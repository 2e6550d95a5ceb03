"""A Job of two instances that runs to its end."""

from tests.faults.apps import JOB
from tests.faults.apps import ran as then
from tests.platform import Platform

__all__ = ["given", "then", "when"]


async def given(platform: Platform) -> str:
    """An empty project."""
    return await platform.project("crash")


async def when(platform: Platform, project: str) -> str:
    """Create the app, which runs it."""
    return await platform.submit("POST", f"/v2/applications/{project}", JOB)
