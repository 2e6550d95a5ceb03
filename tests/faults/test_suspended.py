"""The worker dies while a step of its stands still, before what that waits for comes: another one sees it through (issue 12)."""

import os
from collections.abc import AsyncIterator

import asyncpg
import pytest

from tests.faults.scenarios import SCENARIOS
from tests.faults.slot import Slot
from tests.platform import eventually

SLOW = SCENARIOS["app_create__suspended"]
# For a moment already: the activity that left it has ended.
_SUSPENDED = "SELECT count(*) FROM suspended_steps WHERE operation_id = $1 AND since < clock_timestamp() - interval '1 s'"


@pytest.fixture
async def database(slot: Slot) -> AsyncIterator[asyncpg.Connection]:
    """The slot's database."""
    found = await asyncpg.connect(os.environ["DATABASE_URL"])
    yield found
    await found.close()


@pytest.mark.parametrize("another_at_once", [True, False], ids=["another goes on at once", "another comes when it is over"])
async def test_what_was_waited_for_is_not_missed(slot: Slot, database: asyncpg.Connection, another_at_once: bool) -> None:
    project = await SLOW.given(slot.platform)
    operation = await SLOW.when(slot.platform, project)

    async def suspended() -> bool:
        return bool(await database.fetchval(_SUSPENDED, operation))

    await eventually(suspended, "its step stands still", seconds=60)
    await slot.worker.kill()
    if not another_at_once:

        async def serves() -> bool:
            (item,) = (await slot.cluster.list("Deployment", project))["items"]
            return bool(item["status"].get("readyReplicas"))

        await eventually(serves, "its app serves while no worker is there", seconds=60)
    slot.worker.start()
    record = await slot.platform.wait(operation, seconds=90)
    (step,) = [step for step in record.steps or [] if step.title == "Wait until it serves"]
    assert step.attempt <= 2, "it is one try, however often it was looked at, and another where the worker died in a look"
    assert not await suspended()
    await slot.discard(project)
