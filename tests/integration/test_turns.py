"""Operations that wait for their turn, as who asked for them sees it: through the API, with a worker, on a cluster."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from model.operations import Status
from records import Records
from tests.platform import Platform, eventually

# A Job works as long as it runs.
LASTS: dict[str, Any] = {
    "type": "Job",
    "imageRef": "busybox",
    "cmd": ["sleep", "100000"],
    "resources": {"cpu": "0.01", "mem": "16Mi"},
    "terminationGracePeriodSeconds": 0,
}


@pytest.fixture
async def project(platform: Platform, records: Records) -> AsyncIterator[str]:
    """A project on a platform that carries out four operations at a time; the worker runs by now and has said its own number."""
    name = await platform.project()
    await records.admission.set_places({"control": 4})
    yield name
    await records.admission.set_places({"control": 1000})


async def test_what_waits_says_where_it_stands_can_be_cancelled_and_is_started_in_its_turn(
    platform: Platform, project: str
) -> None:
    # given more creations than one project may have at work at once
    path = f"/v2/applications/{project}"
    made = [await platform.submit("POST", path, LASTS | {"name": f"web-{n}"}) for n in range(6)]
    # then the first ones work, and the others say where they stand
    shown = [await platform.get(f"/v2/operations/{one}") for one in made]
    assert [one["status"] == "WAITING" for one in shown] == [False] * 3 + [True] * 3
    assert [one["line"] and one["line"]["before"] for one in shown] == [None] * 3 + [0, 1, 2]
    assert shown[3]["line"]["places"] == 4
    # when one that waits is cancelled, it ends at once and leaves nothing
    await platform.ask("POST", f"/v2/operations/{made[4]}/cancel", expect=202)
    await platform.wait(made[4], Status.CANCELLED, seconds=20)
    assert (await platform.get(f"{path}/web-4"))["Status"] == "STOPPED"
    # and when one that works ends, the next in line is started
    await platform.ask("POST", f"/v2/operations/{made[0]}/cancel", expect=202)
    await eventually(lambda: _all(platform, (made[3],), "RUNNING"), "the next in line works", seconds=60)
    assert (await platform.get(f"/v2/operations/{made[5]}"))["line"]["before"] == 0
    # when all are cancelled, all end
    left = [made[n] for n in (1, 2, 3, 5)]
    await asyncio.gather(*(platform.ask("POST", f"/v2/operations/{one}/cancel", expect=202) for one in left))
    for one in (made[0], *left):
        await platform.wait(one, Status.CANCELLED, seconds=60)


async def _all(platform: Platform, operations: tuple[str, ...], status: str) -> bool:
    return all([(await platform.get(f"/v2/operations/{one}"))["status"] == status for one in operations])
