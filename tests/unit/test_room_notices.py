"""What is said at once of room and time, before anything is deployed: pure, and how seldom the cluster is asked for it."""

import asyncio
from typing import Any

import pytest

from clients.room import Rooms
from model.apps import AppSpec, ContainerSpec, Resources
from model.deadlines import least_seconds, start_notice
from model.errors import ClusterUnreachable
from model.room import Room
from model.room_notices import growth_notice, upgrade_notice
from model.scheduling import Probe, ReadinessProbe, TcpSocket
from tests.unit.test_causes import there
from tests.unit.test_instances import node


def spec(cpu: str = "0.1", **fields: Any) -> AppSpec:
    return AppSpec(containers=(ContainerSpec(name="web", image="x", resources=Resources(cpu=cpu)),), **fields)


def test_what_does_not_fit_is_told_with_how_many_do_and_who_has_the_room() -> None:
    room = Room([node("a")], [there("0.5", app="db"), there("0.3", app="bank", project="other")])
    told = growth_notice(spec(), 499, room, "shop", None)
    assert told == (
        "Now there is room for 12 of 499 more instances: then no cpu is left ('db' has 0.5, others outside the project 0.3). "
        'It fails when none comes within 60 s; with onUnschedulable "wait" it waits until its deadline.'
    )
    assert growth_notice(spec(), 12, room, "shop", None) == ""
    assert growth_notice(spec(), 0, room, "shop", None) == ""


@pytest.mark.parametrize(("how", "words"), [("wait", "waits for more until its deadline"), ("fail", "within 5 s")])
def test_it_says_what_the_caller_has_chosen(how: Any, words: str) -> None:
    assert words in growth_notice(spec("1.5"), 2, Room([node("a")], []), "shop", how)


def test_what_no_node_can_ever_take_is_told_as_that() -> None:
    told = growth_notice(spec("64"), 1, Room([node("a")], []), "shop", None)
    assert told == (
        "Now there is no room for the instance: 0 of 1 nodes fit: insufficient cpu (asked 64, free 2). "
        "It fails as soon as the cluster has said so."
    )
    assert "no label disk=ssd" in growth_notice(spec(node_labels={"disk": "ssd"}), 3, Room([node("a")], []), "shop", None)


def test_simulated_nodes_take_who_asks_for_them() -> None:
    taints = [{"key": "mooring.io/simulated", "value": "true", "effect": "NoSchedule"}]
    room = Room([node("s", labels={"mooring.io/simulated": "true"}, taints=taints)], [])
    assert growth_notice(spec(node_labels={"mooring.io/simulated": "true"}), 5, room, "shop", None) == ""
    assert "no room for any of the 5 instances" in growth_notice(spec(), 5, room, "shop", None)


def test_an_upgrade_without_room_beside_itself_is_told_how_it_needs_none() -> None:
    room = Room([node("a")], [there("1.5")])
    assert "With maxSurge 0 it needs none" in upgrade_notice(spec("1.5"), 1, room, "shop", None)
    shared = Room([node("a")], [there("1.5"), there("0.4", app="dns", project="kube-system")])
    assert "('web' has 1.5, others outside the project 0.4)." in upgrade_notice(spec("1.5"), 1, shared, "shop", None)
    assert upgrade_notice(spec("1.5", max_surge=0), 1, room, "shop", None) == ""
    assert upgrade_notice(spec("0.4"), 1, room, "shop", None) == ""
    assert upgrade_notice(spec("1.5"), 10, room, "shop", None) == "", "some of ten may go first"


def probed(**probes: Probe) -> AppSpec:
    return AppSpec(containers=(ContainerSpec(name="web", image="x", **probes),), min_ready_seconds=0)  # type: ignore[arg-type]


def probe(**fields: int) -> Probe:
    return Probe(tcp_socket=TcpSocket(port=80), **fields)  # type: ignore[arg-type]


def test_a_startup_window_longer_than_the_deadline_is_told_when_it_is_asked_for() -> None:
    slow = probed(startup_probe=probe(period_seconds=10, failure_threshold=60))
    assert "gives it 600 s to start, but the operation waits for 300 s only" in start_notice(slow, 300)
    assert "deadlineSeconds over 600" in start_notice(slow, 300)
    assert start_notice(slow, 600) == ""
    assert least_seconds(slow)[0] == 0
    assert least_seconds(probed(readiness_probe=ReadinessProbe(tcp_socket=TcpSocket(port=80), initial_delay_seconds=400))) == (
        400,
        "readinessProbe",
    )


class Counted:
    """A cluster of one node that counts who asks, and is away where told."""

    def __init__(self) -> None:
        self.asked = 0
        self.away = False
        self.gate = asyncio.Event()
        self.gate.set()

    async def list(self, kind: str, **query: str) -> dict[str, Any]:
        self.asked += 1
        await self.gate.wait()
        if self.away:
            raise ClusterUnreachable("away")
        more = {"continue": "c"} if kind == "Pod" and "continue" not in query else {}
        return {"metadata": more, "items": [node("a")] if kind == "Node" else [there("0.1")]}


async def test_many_who_ask_at_once_cost_one_read_page_by_page() -> None:
    cluster = Counted()
    rooms = Rooms(cluster)  # type: ignore[arg-type]
    found = await asyncio.gather(*(rooms.known() for _ in range(50)))
    assert cluster.asked == 3
    assert all(room is found[0] for room in found)
    assert found[0] is not None
    assert len(found[0].bound) == 2
    await rooms.close()


async def test_nobody_waits_for_a_cluster_that_does_not_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("clients.room._WITHIN", 0.05)
    cluster = Counted()
    cluster.gate.clear()
    hung = Rooms(cluster)  # type: ignore[arg-type]
    assert await hung.known() is None
    await hung.close()
    cluster.gate.set()
    cluster.away = True
    gone = Rooms(cluster)  # type: ignore[arg-type]
    assert await gone.known() is None
    assert await gone.known() is None, "and it is not asked again at once"
    assert cluster.asked == 2
