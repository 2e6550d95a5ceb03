"""The step that judges a batch's gates, against a cluster in memory."""

import asyncio
import dataclasses
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from temporalio.testing import ActivityEnvironment

from activities.gates import GateActivities, GateCheck
from model.apps import AppAsk
from model.errors import DeadlineExceeded, GateFailed
from model.gray import Gate
from model.layouts import Layout, first
from tests.standing import FakeCluster, FakeRecords, app_of

ASK = AppAsk(operation_id="op-1", project="shop", target="web", actor="ann", app_id="ab" * 32)


TWO = first("Deployment", 1, 2)


class Answering(FakeCluster):
    """Each instance that is there answers well, or as it is told to."""

    answer = (200, "")

    def __init__(self, *names: str) -> None:
        super().__init__()
        for name in names:
            self.add(name)

    def add(self, name: str) -> None:
        labels = {"mooring.io/app-id": ASK.app_id[:32], "mooring.io/track": "main"}
        ready = {"conditions": [{"type": "Ready", "status": "True"}]}
        self.objects["Pod", name] = {"metadata": {"name": name, "labels": labels}, "status": ready}

    async def ask_pod(self, *_: Any) -> tuple[int, str]:
        return self.answer


async def check(cluster: Answering, seconds: float, layout: Layout = TWO, **gates: Any) -> None:
    """The gates of a batch after which two instances are of the new version."""
    given: Any = (FakeRecords(app_of(layout), layout), cluster, None)
    environment = ActivityEnvironment()
    times = {"start_to_close_timeout": timedelta(seconds=3 + seconds), "scheduled_time": datetime.now(UTC)}
    environment.info = dataclasses.replace(environment.info, **times, schedule_to_close_timeout=None)
    wanted = GateCheck.model_validate({"ask": ASK, "at": 1, "revision": 1, "ready_seconds": 0, "gates": (), **gates})
    await environment.run(GateActivities(*given).check_gates, wanted)


GATES = [{"ready_seconds": 1}, {"gates": (Gate.model_validate({"http": {"port": 80}}),)}]


@pytest.mark.parametrize("gates", GATES)
async def test_a_new_instance_that_is_gone_is_not_judged_well(gates: dict[str, Any]) -> None:
    """As after an eviction that a full quota keeps from being made good."""
    with pytest.raises(DeadlineExceeded, match="1 of 2"):
        await check(Answering("web-a"), 1.5, **gates)


@pytest.mark.parametrize("gates", GATES)
async def test_one_that_comes_again_is_waited_for(gates: dict[str, Any]) -> None:
    cluster = Answering("web-a")
    asyncio.get_running_loop().call_later(0.5, cluster.add, "web-b")
    await check(cluster, 10, **gates)


@pytest.mark.parametrize(("answer", "told"), [((0, "no answer on port 80 (connection refused)"), True), ((503, "busy"), False)])
async def test_a_tapps_instance_that_does_not_answer_is_told_by_name_since_when_and_with_what_to_do(
    answer: tuple[int, str], *, told: bool
) -> None:
    cluster = Answering("web-0-0", "web-1-0")
    cluster.answer = answer
    for index in (0, 1):
        labels = {"mooring.io/app-id": ASK.app_id[:32], "mooring.io/app": "web", "mooring.io/track": str(index)}
        cluster.objects["Pod", f"web-{index}-0"]["metadata"]["labels"] = labels
    gate = Gate.model_validate({"http": {"port": 80, "failures": 2}})
    with pytest.raises(GateFailed) as raised:
        await check(cluster, 10, layout=first("TApp", 1, 2), gates=(gate,))
    since, why = raised.value.evidence[0].at, answer[1] if told else "503 busy"
    words = f"'web' did not answer 200 to 399, 2 times in a row since {since}: {why}."
    assert words in raised.value.message
    assert "'web-0' of" in raised.value.message or "'web-1' of" in raised.value.message
    assert ("listens on port 80" in raised.value.hint) is told
