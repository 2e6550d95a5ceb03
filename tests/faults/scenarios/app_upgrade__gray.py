"""A gray upgrade of a Deployment app: one instance first, then the others; the Deployment of the old version goes."""

from tests.faults.apps import WEB, other_image, web
from tests.faults.apps import versions as then
from tests.platform import Platform

__all__ = ["given", "then", "when"]


async def given(platform: Platform) -> str:
    """Three instances."""
    project = await platform.project("crash")
    await platform.done("POST", f"/v2/applications/{project}", WEB | {"instanceNum": 3})
    return project


async def when(platform: Platform, project: str) -> str:
    """Roll out the other image in two batches."""
    return await platform.submit("POST", web(project, "rollout"), {"image": await other_image(), "batches": [1, "100%"]})
