"""Reads whether the hosts report on which instances seem to stand still; model/hosts.py judges."""

import asyncio
from datetime import UTC, datetime

from clients.kubernetes import Cluster
from model.hosts import LEASES, doubtful_hosts, silence
from model.troubles import Seen


async def with_hosts(cluster: Cluster, seen: Seen) -> Seen:
    """Add which hosts of the pods do not report, two requests for each that is in doubt, mostly none; raises ClusterUnreachable."""
    now = datetime.now(UTC)

    async def words(host: str) -> str:
        node, lease = await asyncio.gather(cluster.find("Node", host), cluster.find("Lease", host, LEASES))
        return silence(host, node, lease, now)

    hosts = doubtful_hosts(seen.pods, now)
    told = dict(zip(hosts, await asyncio.gather(*map(words, hosts)), strict=True))
    silent = {host: said for host, said in told.items() if said}
    return seen.model_copy(update={"silent": silent}) if silent else seen
