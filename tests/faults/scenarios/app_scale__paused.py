"""Scaling in the pause of a gray upgrade: the versions keep the batch's share, and the upgrade goes on pausing."""

from tests.e2e.test_controls import paused
from tests.faults.apps import WEB, other_image, web
from tests.faults.apps import versions as then
from tests.platform import Platform

__all__ = ["given", "then", "when"]


async def given(platform: Platform) -> str:
    """Two instances, of which one is of the other image."""
    project = await platform.project("crash")
    await platform.done("POST", f"/v2/applications/{project}", WEB | {"instanceNum": 2})
    body = {"image": await other_image(), "batches": [1, "100%"], "pause": "first"}
    await paused(platform, await platform.submit("POST", web(project, "rollout"), body))
    return project


async def when(platform: Platform, project: str) -> str:
    """Four instances: two of each."""
    return await platform.submit("POST", web(project, "scale"), type="manual", scale=4)
