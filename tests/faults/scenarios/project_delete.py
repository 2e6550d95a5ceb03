"""A project without apps."""

from tests.platform import Platform


async def given(platform: Platform) -> str:
    """The project."""
    return await platform.project("crash")


async def when(platform: Platform, project: str) -> str:
    """Delete it."""
    return await platform.submit("DELETE", f"/v2/projects/{project}")
