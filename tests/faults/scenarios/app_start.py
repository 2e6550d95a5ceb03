"""A stopped app runs again."""

from tests.faults.apps import running, web
from tests.faults.apps import shown as then
from tests.platform import Platform

__all__ = ["given", "then", "when"]


async def given(platform: Platform) -> str:
    """The project with the app stopped."""
    project = await running(platform)
    await platform.done("POST", web(project, "kill"))
    return project


async def when(platform: Platform, project: str) -> str:
    """Start it."""
    return await platform.submit("POST", web(project, "start"))
