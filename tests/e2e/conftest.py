"""What tests through HTTP have in common."""

from collections.abc import AsyncIterator

import pytest

from tests.platform import Platform


@pytest.fixture(autouse=True)
async def room(platform: Platform) -> AsyncIterator[None]:
    """What a test has made is on its way out when the next begins, as a module's own project is after it."""
    known = platform.projects
    yield
    for project in platform.projects - known:
        await platform.discard(project)
