"""Reads what model/diagnosis.py judges by, no more of it than the pods at hand call for."""

import asyncio
import contextlib
from collections.abc import Awaitable, Iterable

import structlog

from clients.kubernetes import Cluster, Object
from model.diagnosis import wanted_logs, wants_nodes, wants_platforms
from model.errors import ClusterUnreachable, Invalid, NotFound
from model.troubles import LogRef, Seen

log = structlog.get_logger()
_LOG_LINES = 20


async def read_together(seen: Seen, *readings: Awaitable[Seen], until: float | None = None) -> Seen:
    """`seen` with what each of the readings adds to it.

    `until`, by the loop's clock, what is not there is left out, for the cause is told without its evidence rather than not at all;
    without that it raises ClusterUnreachable.
    """
    found = await asyncio.gather(*(_in_time(reading, seen, until) for reading in readings))
    return seen.model_copy(update={field: value for one in found for field, value in one if value is not getattr(seen, field)})


async def _in_time(reading: Awaitable[Seen], seen: Seen, until: float | None) -> Seen:
    try:
        async with asyncio.timeout_at(until):
            return await reading
    except (ClusterUnreachable, TimeoutError) as error:
        if until is None:
            raise
        log.warning("evidence could not be read in time", error=str(error))
        return seen


async def with_nodes(cluster: Cluster, seen: Seen) -> Seen:
    """Add the nodes and all pods bound to them where a pod of `seen` finds no place; raises ClusterUnreachable."""
    if not wants_nodes(seen.pods):
        return seen
    nodes, bound = await asyncio.gather(cluster.list("Node"), cluster.list("Pod", fieldSelector="spec.nodeName!="))
    return seen.model_copy(update={"nodes": nodes["items"], "bound": bound["items"]})


async def with_platforms(cluster: Cluster, seen: Seen) -> Seen:
    """Add the nodes where the logs call for their platform; raises ClusterUnreachable."""
    return seen.model_copy(update={"nodes": (await cluster.list("Node"))["items"]}) if wants_platforms(seen) else seen


async def with_events(cluster: Cluster, namespace: str, seen: Seen) -> Seen:
    """Add the events of the pods, in one read of the namespace's; raises ClusterUnreachable."""
    of_one = seen.pods[0]["metadata"]["name"] if len(seen.pods) == 1 else None
    return seen.model_copy(update={"events": await events_about(cluster, namespace, "Pod", of_one)})


async def events_about(cluster: Cluster, namespace: str, kind: str, name: str | None = None) -> list[Object]:
    """The events about objects of a kind, of one where it is named; raises ClusterUnreachable."""
    of_one = f",involvedObject.name={name}" if name else ""
    found: list[Object] = (await cluster.list("Event", namespace, fieldSelector=f"involvedObject.kind={kind}{of_one}"))["items"]
    return found


async def with_logs(
    cluster: Cluster, namespace: str, seen: Seen, wanted: Iterable[LogRef] | None = None, *, until: float | None = None
) -> Seen:
    """Add the last lines of what failed, or of what is `wanted`, side by side; `until` and what it raises as `read_together`."""
    logs = dict(seen.logs)

    async def read(ref: LogRef) -> Seen:
        with contextlib.suppress(NotFound, Invalid):  # it has not started, or is gone: then there is no log
            logs[ref] = await cluster.logs(namespace, ref.pod, ref.container, tail=_LOG_LINES, previous=ref.previous)
        return seen

    refs = wanted_logs(seen.pods) if wanted is None else wanted
    await read_together(seen, *map(read, refs), until=until)
    return seen.model_copy(update={"logs": logs})
