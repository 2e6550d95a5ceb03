"""A Job is run again, at another image; the run before stays beside it."""

from tests.faults.apps import job as given
from tests.faults.apps import other_image, web
from tests.faults.apps import ran as then
from tests.platform import Platform

__all__ = ["given", "then", "when"]


async def when(platform: Platform, project: str) -> str:
    """Roll out the other image."""
    return await platform.submit("POST", web(project, "rollout"), {"image": await other_image()})
