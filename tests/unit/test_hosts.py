"""A host that stops reporting is named on what runs there, with since when; one that reports is not blamed."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from clients.hosts import with_hosts
from model.diagnosis import cause_at_deadline, dead_end, instance_state
from model.errors import DeletionHeld, HostUnreachable
from model.held import held
from model.hosts import doubtful_hosts, silence
from model.pod_templates import APP
from model.troubles import Seen

NOW = datetime(2026, 1, 1, 16, 0, 0, tzinfo=UTC)
Object = dict[str, Any]


def ago(seconds: float) -> str:
    return (NOW - timedelta(seconds=seconds)).isoformat().replace("+00:00", "Z")


def node(status: str, heard: float, message: str = "") -> Object:
    ready = {"type": "Ready", "status": status, "lastHeartbeatTime": ago(heard), "lastTransitionTime": ago(5), "message": message}
    return {"metadata": {"name": "node-1"}, "status": {"conditions": [ready]}}


def lease(heard: float) -> Object:
    return {"spec": {"renewTime": ago(heard), "leaseDurationSeconds": 40}}


def pod(placed: float, *, ready: str | None = None, leaves: float | None = None) -> Object:
    conditions = [{"type": "PodScheduled", "status": "True", "lastTransitionTime": ago(placed)}]
    conditions += [{"type": "Ready", "status": ready, "lastTransitionTime": ago(placed)}] if ready else []
    metadata = {"name": "web-1", "uid": "1", "labels": {APP: "web"}, "creationTimestamp": ago(placed)}
    metadata |= {} if leaves is None else {"deletionTimestamp": ago(leaves)}
    spec = {"nodeName": "node-1", "containers": [{"name": "web", "image": "x"}]}
    return {"metadata": metadata, "spec": spec, "status": {"phase": "Pending", "conditions": conditions}}


@pytest.mark.parametrize(
    ("read", "told"),
    [
        (node("True", 3), (lease(3), "")),
        (node("True", 290), (lease(9), "")),  # conditions are written every five minutes only
        (node("True", 290), (lease(62), "the host 'node-1' has not reported since 2026-01-01T15:58:58Z")),
        (node("Unknown", 290), (lease(62), "the host 'node-1' has not reported since 2026-01-01T15:58:58Z")),
        (node("Unknown", 90), (None, "the host 'node-1' has not reported since 2026-01-01T15:58:30Z")),
        (node("False", 3, "container runtime is down."), (lease(3), f"not ready since {ago(5)}: container runtime is down")),
        (None, (None, "the host 'node-1' is not in the cluster any more")),
    ],
)
def test_a_host_is_told_silent_with_since_when(read: Object | None, told: tuple[Object | None, str]) -> None:
    held, words = told
    found = silence("node-1", read, held, NOW)
    assert (words in found) if words else (found == "")


def test_only_hosts_of_what_stands_still_are_looked_at() -> None:
    assert doubtful_hosts([pod(5), pod(300, ready="True"), pod(5, leaves=1)], NOW) == []
    for still in (pod(30), pod(300, ready="False"), pod(300, ready="True", leaves=30)):
        assert doubtful_hosts([still], NOW) == ["node-1"]


def test_operation_instance_and_one_that_is_to_end_name_the_host_and_since_when() -> None:
    words = silence("node-1", node("Unknown", 290), lease(62), NOW)
    still, ending = pod(60), pod(300, leaves=30)
    seen = Seen(pods=[still, ending], silent={"node-1": words})
    assert dead_end(seen) is None  # it may come back
    error = cause_at_deadline(seen, 1)
    assert isinstance(error, HostUnreachable)
    for told in (error.message, instance_state(still, seen).message, instance_state(ending, seen).message):
        assert words in told
    assert instance_state(still, seen).reason == "HostUnreachable"
    assert instance_state(ending, seen).status == "TERMINATING"
    assert isinstance(cause_at_deadline(Seen(pods=[ending], silent={"node-1": words}), 1), HostUnreachable)


class FakeCluster:
    def __init__(self) -> None:
        self.asked: list[str] = []

    async def find(self, kind: str, name: str, namespace: str | None = None) -> Object | None:
        self.asked.append(kind)
        return {"Node": node("Unknown", 1000), "Lease": None}[kind]


async def test_a_deploy_that_moves_asks_nothing_about_hosts() -> None:
    cluster: Any = FakeCluster()
    fresh = pod(0)
    fresh["status"]["conditions"][0]["lastTransitionTime"] = datetime.now(UTC).isoformat()
    assert (await with_hosts(cluster, Seen(pods=[fresh]))).silent == {}
    assert cluster.asked == []
    assert "node-1" in (await with_hosts(cluster, Seen(pods=[pod(30)]))).silent
    assert sorted(cluster.asked) == ["Lease", "Node"]


def test_a_next_life_that_waits_for_a_held_pod_says_by_what_it_is_held() -> None:
    ending = pod(300, leaves=30)
    ending["metadata"] |= {"namespace": "shop", "finalizers": ["example.com/held"]}
    seen = Seen(pods=[ending], held=held("pods", [ending], NOW))
    error = cause_at_deadline(seen, 1)
    assert isinstance(error, DeletionHeld)
    assert f"pods/web-1 is held since {ago(30)} by the finalizer 'example.com/held'" in error.message
