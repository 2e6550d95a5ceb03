"""From one instance to two."""

from tests.faults.apps import running as given
from tests.faults.apps import shown as then
from tests.faults.apps import web
from tests.platform import Platform

__all__ = ["given", "then", "when"]


async def when(platform: Platform, project: str) -> str:
    """Ask for two instances."""
    return await platform.submit("POST", web(project, "scale"), type="manual", scale=2)
