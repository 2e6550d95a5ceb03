"""A rolling restart: the same version in new pods."""

from tests.faults.apps import running as given
from tests.faults.apps import versions as then
from tests.faults.apps import web
from tests.platform import Platform

__all__ = ["given", "then", "when"]


async def when(platform: Platform, project: str) -> str:
    """Restart it."""
    return await platform.submit("POST", web(project, "restart"))
