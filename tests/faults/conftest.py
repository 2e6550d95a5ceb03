"""One slot per test process."""

from collections.abc import AsyncIterator

import pytest

from tests.faults.slot import Slot, opened

# What a death costs is to wait until it is noticed. Autoscaling, of which no scenario makes use, is not to take time.
QUICK = {"MOORING_HEARTBEAT_SECONDS": "2", "MOORING_STICKY_SECONDS": "1", "MOORING_AUTOSCALING_SECONDS": "300"}


@pytest.fixture(scope="session")
async def slot(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Slot]:
    """Where this process runs its scenarios."""
    async with opened(tmp_path_factory.mktemp("slot"), **QUICK) as found:
        yield found
