"""A gray upgrade in two batches, each with a gate that its new instances pass."""

from tests.faults.apps import GATED, web
from tests.faults.apps import several as given
from tests.faults.apps import versions as then
from tests.platform import Platform

__all__ = ["given", "then", "when"]


async def when(platform: Platform, project: str) -> str:
    """One instance first, then the other."""
    return await platform.submit("POST", web(project, "rollout"), {"image": "busybox:1.35", "batches": [1], "gates": GATED})
