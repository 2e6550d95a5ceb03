"""A killed instance of a TApp runs again, at its version, under its index."""

from tests.faults.apps import instance, tapp
from tests.faults.apps import versions as then
from tests.platform import Platform

__all__ = ["given", "then", "when"]


async def given(platform: Platform) -> str:
    """A TApp whose middle instance is killed."""
    project = await tapp(platform)
    await platform.done("POST", instance(project, 1, "kill"))
    return project


async def when(platform: Platform, project: str) -> str:
    """Start it again."""
    return await platform.submit("POST", instance(project, 1, "start"))
