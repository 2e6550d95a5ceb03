"""CoreDNS: the cluster's names, as a process of the host behind a Service without selector."""

from pathlib import Path

from deploy.local import probes, tools
from deploy.local.layout import DNS_ADDRESS, LOOPBACK, NODE_ADDRESS, Layout, Port
from deploy.local.part import Part
from deploy.local.parts.access import Access

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

# What CoreDNS may read, and the Service that leads pods to it.
OBJECTS = """apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {{name: system:coredns}}
rules:
- {{apiGroups: [""], resources: [endpoints, services, pods, namespaces], verbs: [list, watch]}}
- {{apiGroups: [discovery.k8s.io], resources: [endpointslices], verbs: [list, watch]}}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: {{name: system:coredns}}
roleRef: {{apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: system:coredns}}
subjects: [{{apiGroup: rbac.authorization.k8s.io, kind: User, name: system:coredns}}]
---
apiVersion: v1
kind: Service
metadata: {{name: kube-dns, namespace: kube-system}}
spec:
  clusterIP: {service}
  ports:
  - {{name: dns, protocol: UDP, port: 53, targetPort: {port}}}
  - {{name: dns-tcp, protocol: TCP, port: 53, targetPort: {port}}}
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata:
  name: kube-dns-node
  namespace: kube-system
  labels: {{kubernetes.io/service-name: kube-dns, endpointslice.kubernetes.io/managed-by: mooring}}
addressType: IPv4
endpoints: [{{addresses: ["{address}"], conditions: {{ready: true}}}}]
ports:
- {{name: dns, protocol: UDP, port: {port}}}
- {{name: dns-tcp, protocol: TCP, port: {port}}}
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
        config={corefile: text},
    )


def forward(resolv_conf: Path) -> str:
    """Return the lines for names outside the cluster; none on a machine without a resolver, or CoreDNS would not start."""
    lines = resolv_conf.read_text().splitlines() if resolv_conf.exists() else []
    return f"    forward . {resolv_conf}" if any(line.startswith("nameserver ") for line in lines) else ""


def objects() -> str:
    """Return what the cluster must hold for its DNS, as YAML documents."""
    return OBJECTS.format(service=DNS_ADDRESS, address=NODE_ADDRESS, port=Port.COREDNS)
