"""Where what tenants name may not lead, in whatever form it is written (S10)."""

import ipaddress
from typing import Any

import pytest

from clients.addresses import is_out_of_bounds
from clients.cluster_ranges import ClusterRanges
from clients.git import Git
from model.errors import NotFound, SourceUnreachable

V4 = [
    "127.0.0.1", "127.9.9.9", "0.0.0.0", "0.1.2.3", "169.254.169.254", "169.254.170.2", "168.63.129.16", "100.100.100.200",
    "192.0.0.192", "224.0.0.1", "240.0.0.1", "255.255.255.255",
]  # fmt: skip
V6 = [
    "::", "::1", "fe80::1", "ff02::1", "fec0::1", "fd00:ec2::254", "fd00:ec2::23", "fd20:ce::254", "64:ff9b:1::1",
    "64:ff9b:1:ffff::a9fe:a9fe",
]  # fmt: skip
FINE = [
    "10.0.0.7",
    "192.168.1.1",
    "140.82.112.3",
    "2606:50c0:8000::153",
    "fd12:3456::1",
    "64:ff9b::140.82.112.3",
    "2002:8c52:7003::1",
]


def forms(v4: str) -> list[str]:
    number = int(ipaddress.IPv4Address(v4))
    hexed = f"{number >> 16:x}:{number & 0xFFFF:x}"
    client = number ^ 0xFFFFFFFF
    return [
        v4, f"::ffff:{v4}", f"64:ff9b::{v4}", f"2002:{hexed}::1", f"fd00:1::5efe:{hexed}", f"fd00:1::200:5efe:{hexed}",
        f"2001:0:{hexed}::1", f"2001:0:808:808:0:0:{client >> 16:x}:{client & 0xFFFF:x}", *([f"::{v4}"] if number > 1 else []),
    ]  # fmt: skip


@pytest.mark.parametrize("text", [*(form for v4 in V4 for form in forms(v4)), *V6])
def test_what_is_no_tenants_is_out_of_bounds_in_every_form(text: str) -> None:
    assert is_out_of_bounds(ipaddress.ip_address(text))


@pytest.mark.parametrize("text", FINE)
def test_other_machines_are_in_bounds(text: str) -> None:
    assert not is_out_of_bounds(ipaddress.ip_address(text))


class Cluster:
    """Lists what it was told; counts how often its nodes are read."""

    def __init__(self, *, old: bool = False) -> None:
        self.old = old
        self.reads = 0

    async def list(self, kind: str, namespace: str | None = None, **query: str) -> dict[str, Any]:
        if kind == "ServiceCIDR" and self.old:
            raise NotFound("the server could not find the requested resource")
        self.reads += kind == "Node"
        addresses = [{"type": "InternalIP", "address": "192.168.7.7"}, {"type": "Hostname", "address": "node-1"}]
        found: dict[str, list[Any]] = {
            "Node": [{"spec": {"podCIDRs": ["10.244.0.0/24", "fd00:244::/64"]}, "status": {"addresses": addresses}}, {"spec": {}}],
            "ServiceCIDR": [{"spec": {"cidrs": ["10.96.0.0/12"]}}],
            "Service": [{"spec": {"clusterIPs": ["10.96.0.1"]}}, {"spec": {"clusterIPs": ["None"]}}, {"spec": {}}],
            "Pod": [{}] if query.get("fieldSelector") == "status.podIP=10.9.9.9" else [],
        }
        return {"items": found[kind]}


@pytest.mark.parametrize("address", ["10.244.0.9", "fd00:244::9", "192.168.7.7", "10.96.0.1", "10.9.9.9"])
@pytest.mark.parametrize("old", [False, True])
async def test_the_clusters_own_addresses_are_out_of_reach(address: str, old: bool) -> None:
    cluster: Any = Cluster(old=old)
    ranges = ClusterRanges(cluster)
    assert await ranges.have(ipaddress.ip_address(address))
    assert not await ranges.have(ipaddress.ip_address("10.1.1.1"))
    assert cluster.reads == 1
    url = f"http://[{address}]:1/a.git" if ":" in address else f"http://{address}:1/a.git"
    with pytest.raises(SourceUnreachable, match="may not reach"):
        await Git(taken=ranges.have).branches(url)


@pytest.mark.parametrize(
    "host", ["[::ffff:10.96.0.1]", "[::ffff:127.0.0.1]", "[2002:7f00:1::1]", "[64:ff9b::a9fe:a9fe]", "0x7f.1", "2130706433"]
)
async def test_no_form_of_a_refused_address_is_reached(host: str) -> None:
    cluster: Any = Cluster()
    with pytest.raises(SourceUnreachable):
        await Git(taken=ClusterRanges(cluster).have).branches(f"http://{host}:1/a.git")
