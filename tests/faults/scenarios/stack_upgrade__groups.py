"""A running document's configuration changes: entries come, change and go, a Secret goes and another one comes."""

from tests.faults.configs import CHANGED, deploy, template
from tests.faults.configs import stack_shown as then
from tests.platform import Platform

__all__ = ["given", "then", "when"]


async def given(platform: Platform) -> str:
    """The project with the template deployed, and edited since."""
    project = await template(platform)
    await platform.wait(await deploy(platform, project))
    await platform.ask("PUT", f"/v2/templates/{project}/shop", {"content": CHANGED})
    return project


async def when(platform: Platform, project: str) -> str:
    """Upgrade it to that."""
    return await platform.submit("POST", f"/v2/stacks/{project}/d/upgrade")
