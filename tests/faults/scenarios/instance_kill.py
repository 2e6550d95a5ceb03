"""One instance of a TApp is stopped; its index stays."""

from tests.faults.apps import instance
from tests.faults.apps import tapp as given
from tests.faults.apps import versions as then
from tests.platform import Platform

__all__ = ["given", "then", "when"]


async def when(platform: Platform, project: str) -> str:
    """Kill the one in the middle."""
    return await platform.submit("POST", instance(project, 1, "kill"))
