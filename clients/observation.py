"""Reads what model/diagnosis.py judges by, no more of it than the pods at hand call for."""

import contextlib
from collections.abc import Iterable

from clients.kubernetes import Cluster, Object
from model.diagnosis import wanted_logs, wants_nodes
from model.errors import Invalid, NotFound
from model.troubles import LogRef, Seen

_LOG_LINES = 20


async def with_nodes(cluster: Cluster, seen: Seen) -> Seen:
    """Add the nodes and all pods bound to them where a pod of `seen` finds no place; raises ClusterUnreachable."""
    if not wants_nodes(seen.pods):
        return seen
    nodes = (await cluster.list("Node"))["items"]
    bound = (await cluster.list("Pod", fieldSelector="spec.nodeName!="))["items"]
    return seen.model_copy(update={"nodes": nodes, "bound": bound})


async def with_events(cluster: Cluster, namespace: str, seen: Seen) -> Seen:
    """Add the events of the pods, in one read of the namespace's; raises ClusterUnreachable."""
    of_one = seen.pods[0]["metadata"]["name"] if len(seen.pods) == 1 else None
    return seen.model_copy(update={"events": await events_about(cluster, namespace, "Pod", of_one)})


async def events_about(cluster: Cluster, namespace: str, kind: str, name: str | None = None) -> list[Object]:
    """The events about objects of a kind, of one where it is named; raises ClusterUnreachable."""
    of_one = f",involvedObject.name={name}" if name else ""
    found: list[Object] = (await cluster.list("Event", namespace, fieldSelector=f"involvedObject.kind={kind}{of_one}"))["items"]
    return found


async def with_logs(cluster: Cluster, namespace: str, seen: Seen, wanted: Iterable[LogRef] | None = None) -> Seen:
    """Add the last lines of what failed, or of what is `wanted`; raises ClusterUnreachable."""
    logs: dict[LogRef, str] = {}
    for ref in wanted_logs(seen.pods) if wanted is None else wanted:
        with contextlib.suppress(NotFound, Invalid):  # it has not started, or is gone: then there is no log
            logs[ref] = await cluster.logs(namespace, ref.pod, ref.container, tail=_LOG_LINES, previous=ref.previous)
    return seen.model_copy(update={"logs": logs})
