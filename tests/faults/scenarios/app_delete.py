"""A running app is deleted."""

from tests.faults.apps import running as given
from tests.faults.apps import shown as then
from tests.faults.apps import web
from tests.platform import Platform

__all__ = ["given", "then", "when"]


async def when(platform: Platform, project: str) -> str:
    """Delete it."""
    return await platform.submit("DELETE", web(project))
