"""The machine's side of the pod network: the node's address, the builders' bridge, forwarding and masquerading."""

import subprocess
from pathlib import Path

from deploy.local import command
from deploy.local.layout import (
    BUILD_BRIDGE,
    BUILD_GATEWAY,
    BUILD_NETWORK,
    NODE_ADDRESS,
    NODE_INTERFACE,
    POD_BRIDGE,
    POD_NETWORK,
    SERVICE_NETWORK,
    Layout,
    program,
)

# bridge-nf-call-iptables: without it the answer of a pod on the same bridge, reached through a Service, does not pass
# the packet filter and keeps the pod's own address, which the asking pod does not expect.
SYSCTLS = {
    "net/ipv4/ip_forward": "1",
    "net/bridge/bridge-nf-call-iptables": "1",
}
MODULES = ("br_netfilter", "overlay", "nf_conntrack")
TABLE = "mooring"
# kube-proxy's tables, which it leaves behind when it ends.
PROXY_TABLES = (("ip", "kube-proxy"), ("ip6", "kube-proxy"))
RULES = f"""
table ip {TABLE} {{
  chain leave {{
    type nat hook postrouting priority srcnat; policy accept;
    ip saddr {POD_NETWORK} ip daddr != {{ {POD_NETWORK}, {NODE_ADDRESS}, {SERVICE_NETWORK} }} masquerade
    ip saddr {BUILD_NETWORK} ip daddr != {BUILD_NETWORK} masquerade
  }}
}}
"""
# Another Docker on the machine drops what it does not know in FORWARD, and only this chain can say otherwise.
FORWARDED = (("-s", POD_NETWORK), ("-d", POD_NETWORK), ("-s", BUILD_NETWORK), ("-d", BUILD_NETWORK))


def was_set_up(layout: Layout) -> bool:
    """Tell whether a platform of ours has touched the machine's network since it booted, or since that was undone."""
    return (layout.run / "network").exists()


def set_up(layout: Layout) -> None:
    """Make interfaces, kernel settings and rules; repeatable, all of it is brought to what it should be."""
    log = layout.logs / "setup.log"
    (layout.run / "network").touch()
    for module in MODULES:
        _try("modprobe", "-q", module)
    for name, value in SYSCTLS.items():
        path = Path("/proc/sys") / name
        if path.exists() and path.read_text().strip() != value:
            path.write_text(value)
    for bridge, address in ((NODE_INTERFACE, f"{NODE_ADDRESS}/32"), (BUILD_BRIDGE, BUILD_GATEWAY)):
        if not Path(f"/sys/class/net/{bridge}").exists():
            command.run([program("ip"), "link", "add", bridge, "type", "bridge"], log)
        command.run([program("ip"), "address", "replace", address, "dev", bridge], log)
        command.run([program("ip"), "link", "set", bridge, "up"], log)
    # With a route of its own a connection to a Service leaves with the node's address, even on a machine without
    # any other network.
    command.run([program("ip"), "route", "replace", SERVICE_NETWORK, "dev", NODE_INTERFACE, "src", NODE_ADDRESS], log)
    # Declare and delete first: the table is then replaced at once, in one transaction.
    command.run([program("nft"), "-f", "-"], log, stdin=f"table ip {TABLE}\ndelete table ip {TABLE}\n{RULES}")
    for rule in FORWARDED:
        if not _try("iptables", "-w", "-C", "FORWARD", *_accept(rule)):
            command.run([program("iptables"), "-w", "-I", "FORWARD", *_accept(rule)], log)


def tear_down() -> None:
    """Take away what set_up and the parts made; repeatable. Kernel settings stay: others may rely on them by now."""
    for rule in FORWARDED:
        _try("iptables", "-w", "-D", "FORWARD", *_accept(rule))
    for family, table in (("ip", TABLE), *PROXY_TABLES):
        _try("nft", "delete", "table", family, table)
    for interface in (POD_BRIDGE, BUILD_BRIDGE, NODE_INTERFACE):
        _try("ip", "link", "delete", interface)


def _accept(rule: tuple[str, str]) -> tuple[str, ...]:
    return (*rule, "-m", "comment", "--comment", "mooring", "-j", "ACCEPT")


def _try(*words: str) -> bool:
    """Run a command that may well find nothing to do, and return whether it did."""
    try:
        return subprocess.run(words, capture_output=True).returncode == 0
    except FileNotFoundError:
        return False
