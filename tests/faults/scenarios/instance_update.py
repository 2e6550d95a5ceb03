"""One instance of a TApp goes over to another image on its running pod."""

from tests.faults.apps import instance, other_image
from tests.faults.apps import tapp as given
from tests.faults.apps import versions as then
from tests.platform import Platform

__all__ = ["given", "then", "when"]


async def when(platform: Platform, project: str) -> str:
    """Bring the one in the middle to the other image."""
    return await platform.submit("POST", instance(project, 1, "update"), {"image": await other_image()})
