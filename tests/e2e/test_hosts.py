"""A host that stops reporting in the middle of a deploy is named, with since when, wherever one looks."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest

from clients.kubernetes import Cluster
from model.operations import Status
from tests.platform import Platform, eventually, unique


@pytest.fixture
async def host(cluster: Cluster) -> AsyncIterator[str]:
    """A host that reports, made by hand: nothing runs there, and nobody else's pods go there."""
    name = unique("host")
    taints = [{"key": "test", "value": name, "effect": "PreferNoSchedule"}]
    labels = {"kubernetes.io/hostname": name, "host": name}
    meta = {"apiVersion": "v1", "kind": "Node", "metadata": {"name": name, "labels": labels}}
    await cluster.ask("POST", "/api/v1/nodes", {**meta, "spec": {"taints": taints}})
    await report(cluster, name, "True", datetime.now(UTC))
    try:
        yield name
    finally:
        await cluster.delete("Node", name)
        for pod in (await cluster.list("Pod", fieldSelector=f"spec.nodeName={name}"))["items"]:
            await cluster.delete("Pod", pod["metadata"]["name"], pod["metadata"]["namespace"], grace_seconds=0)


async def report(cluster: Cluster, host: str, ready: str, at: datetime) -> None:
    """Write the host's Node as its kubelet, or for want of that the control plane, does."""
    time = at.isoformat(timespec="seconds").replace("+00:00", "Z")
    condition = {"type": "Ready", "status": ready, "reason": "Test", "lastHeartbeatTime": time, "lastTransitionTime": time}
    amounts = {"cpu": "4", "memory": "4Gi", "pods": "20", "ephemeral-storage": "10Gi"}
    status = {"conditions": [condition], "capacity": amounts, "allocatable": amounts}
    change = {"status": status}
    await cluster.ask("PATCH", f"/api/v1/nodes/{host}/status", change, content_type="application/strategic-merge-patch+json")


async def test_it_is_named_on_operation_instance_and_app(platform: Platform, cluster: Cluster, project: str, host: str) -> None:
    app, path = unique("app"), f"/v2/applications/{project}"
    body = {"name": app, "imageRef": "busybox", "cmd": "sleep 600", "nodeLabels": {"host": host}, "deadlineSeconds": 60}
    operation = await platform.submit("POST", path, body)

    async def placed() -> bool:
        return bool((await cluster.list("Pod", fieldSelector=f"spec.nodeName={host}"))["items"])

    await eventually(placed, f"the app's pod is on {host}")
    since = datetime.now(UTC) - timedelta(seconds=60)
    await report(cluster, host, "Unknown", since)
    words = f"the host '{host}' has not reported since {since:%Y-%m-%dT%H:%M:%SZ}"

    async def told() -> bool:
        return any(words in step.message for step in (await platform.operation(operation)).steps or [])

    await eventually(told, "its step names the host", seconds=45)
    (instance,) = (await platform.get(f"/v2/instances/{project}/{app}/lists"))["instances"]
    detail = await platform.get(f"/v2/instances/{project}/{instance['name']}")
    listed = [one for one in (await platform.get(path))["applications"] if one["Name"] == app]
    for message in (instance["message"], detail["message"], listed[0]["message"], (await platform.get(f"{path}/{app}"))["message"]):
        assert words in message
    assert instance["reason"] == "HostUnreachable"
    record = await platform.wait(operation, Status.FAILED)
    assert record.error is not None
    assert (record.error.reason, record.error.fault) == ("HostUnreachable", "cluster")
    assert words in record.error.message
    assert host in record.error.hint
