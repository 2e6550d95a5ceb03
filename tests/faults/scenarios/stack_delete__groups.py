"""A stack with a ConfigMap and a Secret of its own is deleted."""

from tests.faults.configs import deploy, template
from tests.faults.configs import stack_shown as then
from tests.platform import Platform

__all__ = ["given", "then", "when"]


async def given(platform: Platform) -> str:
    """The project with the template deployed."""
    project = await template(platform)
    await platform.wait(await deploy(platform, project))
    return project


async def when(platform: Platform, project: str) -> str:
    """Delete it."""
    return await platform.submit("DELETE", f"/v2/stacks/{project}/d")
