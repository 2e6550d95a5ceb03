"""A TApp of three instances, each with a StatefulSet and a stable name of its own."""

from tests.faults.apps import TAPP
from tests.faults.apps import versions as then
from tests.platform import Platform

__all__ = ["given", "then", "when"]


async def given(platform: Platform) -> str:
    """An empty project."""
    return await platform.project("crash")


async def when(platform: Platform, project: str) -> str:
    """Create the app."""
    return await platform.submit("POST", f"/v2/applications/{project}", TAPP)
