"""A rolling upgrade to another image."""

from tests.faults.apps import running as given
from tests.faults.apps import shown as then
from tests.faults.apps import web
from tests.platform import Platform

__all__ = ["given", "then", "when"]


async def when(platform: Platform, project: str) -> str:
    """Roll out the other tag."""
    return await platform.submit("POST", web(project, "rollout"), {"image": "busybox:1.35"})
