"""What is done for as long as the process lives goes on whatever it meets."""

import asyncio

import pytest
from structlog.testing import capture_logs

from model.errors import PlatformUnavailable
from records import connections
from records.connections import for_ever


async def test_it_goes_on_after_its_end_and_after_any_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "_AGAIN", 0.001)
    meets = [None, PlatformUnavailable("away"), None, TypeError("a fault of ours"), None]
    done = asyncio.Event()

    async def work() -> None:
        if not meets:
            done.set()
            await asyncio.Event().wait()
        if error := meets.pop():
            raise error

    with capture_logs() as told:
        task = asyncio.create_task(for_ever(work, "it cannot be done"))
        await asyncio.wait_for(done.wait(), 30)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    assert [line["event"] for line in told] == ["it cannot be done"]  # a database that is away is no fault of ours
