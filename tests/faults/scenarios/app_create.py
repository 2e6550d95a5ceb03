"""An app of one instance with a port."""

from tests.faults.apps import WEB
from tests.faults.apps import shown as then
from tests.platform import Platform

__all__ = ["given", "then", "when"]


async def given(platform: Platform) -> str:
    """An empty project."""
    return await platform.project("crash")


async def when(platform: Platform, project: str) -> str:
    """Create the app."""
    return await platform.submit("POST", f"/v2/applications/{project}", WEB)
