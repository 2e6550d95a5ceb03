"""One slot per test process."""

from collections.abc import AsyncIterator

import pytest

from tests.faults.slot import Slot, opened


@pytest.fixture(scope="session")
async def slot(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Slot]:
    """Where this process runs its scenarios."""
    async with opened(tmp_path_factory.mktemp("slot")) as found:
        yield found
