"""What keeps instances from serving is told while it lasts and at the deadline, also where the cluster is too slow to say all."""

import asyncio
from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

import pytest

from activities.judging import Judge
from activities.patience import Patience
from activities.refusals import Refusal
from model.diagnosis import cause_at_deadline, dead_end, wanted_logs
from model.errors import ClusterUnreachable
from model.troubles import Seen
from tests.unit.test_diagnosis import recorded

Object = dict[str, Any]
_SIGHT: Any = SimpleNamespace(message="0 of 1 instances are ready", fresh=True)


class Answering:
    """A cluster that tells a recorded case; what is `slow` takes for ever, what is `away` cannot be asked."""

    def __init__(self, case: Seen, *, slow: tuple[str, ...] = (), away: tuple[str, ...] = ()) -> None:
        self._case = case
        self._slow = slow
        self._away = away
        self.asked: list[str] = []
        self.most_at_once = self._at_once = 0

    async def _answer(self, what: str) -> None:
        self.asked.append(what)
        self._at_once += 1
        self.most_at_once = max(self.most_at_once, self._at_once)
        if what in self._away:
            raise ClusterUnreachable("away")
        await asyncio.sleep(60 if what in self._slow else 0.01)
        self._at_once -= 1

    async def pods(self, _: Any) -> Sequence[Object]:
        await self._answer("Pod")
        return self._case.pods

    async def list(self, kind: str, namespace: str = "", **_: str) -> Object:
        await self._answer(kind)
        return {"items": self._case.events if kind == "Event" else []}

    async def find(self, kind: str, *_: str) -> Object:
        await self._answer(kind)
        return {"metadata": {"name": "node-1"}, "status": {"conditions": [{"type": "Ready", "status": "True"}]}}

    async def logs(self, *_: Any, **__: Any) -> str:
        await self._answer("log")
        return "its last words"


async def _no_refusal(_: Any) -> Refusal:
    return Refusal()


def judged(cluster: Answering, known: Seen | None = None) -> tuple[Judge, Any]:
    """The judge of a course whose pods that cluster tells, and the course."""

    async def veil(*_: Any) -> Any:
        return lambda text: text.replace("connection refused", "…")

    async def find(*_: Any) -> None:
        return None

    records: Any = SimpleNamespace(configs=SimpleNamespace(veil=veil, find=find))
    course = SimpleNamespace(
        app=SimpleNamespace(project="shop", project_id="prj-1"),
        judged=known,
        pods=cluster.pods,
        refusal=_no_refusal,
        wanted_logs=lambda seen: wanted_logs(seen.pods),
        dead_end=lambda _, seen: dead_end(seen),
        cause_at_deadline=lambda _, seen: cause_at_deadline(seen, 1),
    )
    return Judge(records, cluster), course  # type: ignore[arg-type]


async def at_the_deadline(cluster: Answering, known: Seen | None = None, seconds: float = 1) -> Any:
    judge, course = judged(cluster, known)
    clock = asyncio.get_running_loop().time
    began = clock()
    error = await judge.cause_at_deadline(course, _SIGHT, began + seconds)
    assert clock() - began < 20, "it is not waited for what is slow"
    return error


@pytest.mark.parametrize("slow", [("log",), ("Node", "Lease"), ("log", "Node", "Lease")])
async def test_what_is_slow_costs_its_evidence_and_not_the_cause(slow: tuple[str, ...]) -> None:
    error = await at_the_deadline(Answering(recorded("readiness"), slow=slow))
    assert (error.reason, "readiness probe failed (GET :8088/healthz)" in error.message) == ("ProbeFailing", True)
    assert {piece.type for piece in error.evidence} >= ({"event"} if "log" in slow else {"event", "log"})


@pytest.mark.parametrize("how", ["slow", "away"])
async def test_what_was_known_before_is_told_where_nothing_can_be_read_any_more(how: str) -> None:
    known = recorded("readiness")
    error = await at_the_deadline(Answering(known, **{how: ("Event", "log", "Node", "Lease")}), known)
    assert error.reason == "ProbeFailing"
    error = await at_the_deadline(Answering(known, slow=("Pod", "Event", "log", "Node", "Lease")), known)
    assert error.reason == "ProbeFailing"
    nothing = await at_the_deadline(Answering(known, slow=("Pod",)))
    assert (nothing.reason, "0 of 1 instances are ready" in nothing.message) == ("DeadlineExceeded", True)


async def test_what_is_read_for_the_cause_is_read_side_by_side() -> None:
    cluster = Answering(recorded("readiness"))
    await at_the_deadline(cluster)
    assert cluster.most_at_once >= 3  # events, a log, its host


async def test_the_step_names_the_failing_probe_while_it_is_waited_for() -> None:
    cluster = Answering(recorded("readiness"))
    judge, course = judged(cluster)
    ask: Any = SimpleNamespace(runs_to_end=False, on_unschedulable=None)
    words = await judge.check(course, _SIGHT, Patience(ask), back=False)
    assert "readiness probe failed (GET :8088/healthz)" in words
    assert "connection refused" not in words, "what a probe says may be a secret"
    assert cluster.asked.count("Event") == 1
    assert course.judged is not None
