"""A running app is stopped: its objects go, its record stays."""

from tests.faults.apps import running as given
from tests.faults.apps import shown as then
from tests.faults.apps import web
from tests.platform import Platform

__all__ = ["given", "then", "when"]


async def when(platform: Platform, project: str) -> str:
    """Kill it."""
    return await platform.submit("POST", web(project, "kill"))
