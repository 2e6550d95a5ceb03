"""CoreDNS: the cluster's names, as a process of the host behind a Service without selector."""

from pathlib import Path

from deploy.local import probes, tools
from deploy.local.layout import DNS_ADDRESS, LOOPBACK, NODE_ADDRESS, Layout, Port
from deploy.local.part import Part
from deploy.local.parts.access import Access
from deploy.local.parts.objects import Object, binding, host_service, role

PORTS = {"dns": "UDP", "dns-tcp": "TCP"}

COREFILE = """.:{port} {{
    bind {address}
    errors
    ready {loopback}:{ready}
    cache 30 {{
        success 10000 30
        denial 10000 1
    }}
    kubernetes cluster.local in-addr.arpa ip6.arpa {{
        kubeconfig {kubeconfig}
        pods insecure
        ttl 5
        fallthrough in-addr.arpa ip6.arpa
    }}
{forward}
}}
"""


def part(layout: Layout, access: Access) -> Part:
    """Return the DNS server."""
    corefile = layout.config / "Corefile"
    text = COREFILE.format(
        port=Port.COREDNS,
        ready=Port.COREDNS_READY,
        address=NODE_ADDRESS,
        loopback=LOOPBACK,
        kubeconfig=access.kubeconfig("coredns"),
        forward=forward(Path("/etc/resolv.conf")),
    )
    return Part(
        name="coredns",
        ports=(Port.COREDNS, Port.COREDNS_READY),
        command=(tools.COREDNS.path(layout, "coredns"), "-conf", str(corefile)),
        ready=lambda: probes.http_ok(f"http://{LOOPBACK}:{Port.COREDNS_READY}/ready"),
        ready_needs=("kube-apiserver",),
        config={corefile: text},
    )


def forward(resolv_conf: Path) -> str:
    """Return the lines for names outside the cluster; none on a machine without a resolver, or CoreDNS would not start."""
    lines = resolv_conf.read_text().splitlines() if resolv_conf.exists() else []
    return f"    forward . {resolv_conf}" if any(line.startswith("nameserver ") for line in lines) else ""


def objects() -> list[Object]:
    """Return what the cluster must hold for its DNS: what CoreDNS may read, and the Service that leads pods to it."""
    reads = ["list", "watch"]
    rules = [("", ["endpoints", "services", "pods", "namespaces"], reads), ("discovery.k8s.io", ["endpointslices"], reads)]
    ports = [{"name": name, "protocol": protocol, "port": 53, "targetPort": Port.COREDNS} for name, protocol in PORTS.items()]
    return [
        role("system:coredns", rules),
        binding("system:coredns", "system:coredns", ["system:coredns"]),
        *host_service("kube-dns", ports, DNS_ADDRESS),
    ]
