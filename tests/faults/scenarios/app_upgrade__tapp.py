"""Every instance of a TApp goes over to another image, within maxUnavailable."""

from tests.faults.apps import other_image, web
from tests.faults.apps import tapp as given
from tests.faults.apps import versions as then
from tests.platform import Platform

__all__ = ["given", "then", "when"]


async def when(platform: Platform, project: str) -> str:
    """Roll out the other image."""
    return await platform.submit("POST", web(project, "rollout"), {"image": await other_image()})
