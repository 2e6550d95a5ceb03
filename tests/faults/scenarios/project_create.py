"""A project that nothing stands in the way of."""

from tests.platform import Platform, unique


async def given(platform: Platform) -> str:
    """A free name."""
    return platform.will_have(unique("crash"))


async def when(platform: Platform, project: str) -> str:
    """Create it."""
    return await platform.submit("POST", "/v2/projects", {"name": project})
