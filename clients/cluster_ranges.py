"""The cluster's own addresses: of its nodes, pods and services, which what tenants name may not lead to from outside of them."""

import asyncio
import ipaddress
from collections.abc import Iterator

from clients.addresses import Address, Network
from clients.kubernetes import Cluster, Object
from model.errors import NotFound

_KNOWN_SECONDS = 60.0


class ClusterRanges:
    """What is the cluster's, read at most once a minute; every call may raise ClusterUnreachable."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        self._known: tuple[float, frozenset[Network]] | None = None

    async def have(self, address: Address) -> bool:
        """Whether it is a node's, a service's or a pod's, also where the network plugin tells no node its pods' range."""
        if any(address in network for network in await self._networks()):
            return True
        return bool((await self._cluster.list("Pod", fieldSelector=f"status.podIP={address}", limit="1"))["items"])

    async def _networks(self) -> frozenset[Network]:
        now = asyncio.get_running_loop().time()
        if self._known is None or now - self._known[0] > _KNOWN_SECONDS:
            nodes = (await self._cluster.list("Node"))["items"]
            self._known = now, frozenset([*_of_nodes(nodes), *await self._of_services()])
        return self._known[1]

    async def _of_services(self) -> list[Network]:
        try:
            listed = (await self._cluster.list("ServiceCIDR"))["items"]
        except NotFound:  # before Kubernetes 1.33 the range is told nowhere: each service is asked
            services = (await self._cluster.list("Service"))["items"]
            return [ipaddress.ip_network(ip) for one in services for ip in one["spec"].get("clusterIPs", []) if ip != "None"]
        return [ipaddress.ip_network(cidr) for one in listed for cidr in one["spec"]["cidrs"]]


def _of_nodes(nodes: list[Object]) -> Iterator[Network]:
    for node in nodes:
        yield from map(ipaddress.ip_network, node["spec"].get("podCIDRs", []))
        for address in node.get("status", {}).get("addresses", []):
            if address["type"] in ("InternalIP", "ExternalIP"):
                yield ipaddress.ip_network(address["address"])
