"""Who may talk to the embedded cluster: certificates and kubeconfigs of its components and of its administrator."""

from pathlib import Path
from typing import Any

import yaml

from deploy.local.layout import LOOPBACK, NODE_ADDRESS, NODE_NAME, Layout, Port
from deploy.local.pki import Authority, make_key_pair

# The first address of the service network is the API server's own.
API_SERVICE_ADDRESS = "10.96.0.1"
API_HOSTS = (
    NODE_ADDRESS,
    LOOPBACK,
    API_SERVICE_ADDRESS,
    "localhost",
    "kubernetes",
    "kubernetes.default",
    "kubernetes.default.svc",
    "kubernetes.default.svc.cluster.local",
)

# The name by which the API server checks metrics-server's certificate.
METRICS_HOST = "metrics-server.kube-system.svc"

# Certificate's name -> user and groups, as Kubernetes' built-in roles expect them.
USERS: dict[str, tuple[str, tuple[str, ...]]] = {
    "admin": ("mooring-admin", ("system:masters",)),
    "kube-controller-manager": ("system:kube-controller-manager", ()),
    "kube-scheduler": ("system:kube-scheduler", ()),
    "kube-proxy": ("system:kube-proxy", ()),
    "coredns": ("system:coredns", ()),
    "metrics-server": ("system:metrics-server", ()),
    "metrics-store": ("system:metrics-store", ()),
    "kwok": ("system:kwok", ()),
    "kubelet": (f"system:node:{NODE_NAME}", ("system:nodes",)),
    "apiserver-kubelet-client": ("kube-apiserver-kubelet-client", ("system:masters",)),
}


class Access:
    """Paths of every key, certificate and kubeconfig of the embedded cluster."""

    def __init__(self, layout: Layout) -> None:
        self.layout = layout
        self.authority = Authority(layout.keys, "ca")
        self.front_proxy = Authority(layout.keys, "front-proxy-ca")

    def certificate(self, name: str) -> str:
        return str(self.layout.keys / f"{name}.crt")

    def key(self, name: str) -> str:
        return str(self.layout.keys / f"{name}.key")

    def kubeconfig(self, user: str) -> Path:
        return self.layout.state / f"{user}.kubeconfig"

    @property
    def client(self) -> tuple[Path, Path, Path]:
        """The administrator's (authority, certificate, key), for asking the API server directly."""
        return self.authority.certificate, Path(self.certificate("admin")), Path(self.key("admin"))

    def make(self) -> None:
        """Make whatever is missing; repeatable, what exists stays so that running components keep their trust."""
        self.authority.make()
        self.front_proxy.make()
        self.authority.issue("apiserver", "kube-apiserver", hosts=API_HOSTS)
        self.authority.issue("kubelet-server", NODE_NAME, hosts=(NODE_ADDRESS, NODE_NAME))
        self.authority.issue("metrics-server-serving", "metrics-server", hosts=(METRICS_HOST, NODE_ADDRESS))
        self.front_proxy.issue("front-proxy-client", "front-proxy-client")
        make_key_pair(Path(self.key("service-account")), self.layout.keys / "service-account.pub")
        for name, (user, groups) in USERS.items():
            self.authority.issue(name, user, groups)
            path = self.kubeconfig(name)
            path.touch(mode=0o600)
            path.write_text(yaml.safe_dump(self._kubeconfig(name), sort_keys=False))

    def _kubeconfig(self, user: str) -> dict[str, Any]:
        cluster = {"server": api_url(), "certificate-authority": str(self.authority.certificate)}
        identity = {"client-certificate": self.certificate(user), "client-key": self.key(user)}
        return {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": "mooring", "cluster": cluster}],
            "users": [{"name": user, "user": identity}],
            "contexts": [{"name": "mooring", "context": {"cluster": "mooring", "user": user}}],
            "current-context": "mooring",
        }


def api_url(path: str = "") -> str:
    """Return the API server's address, with a path."""
    return f"https://{NODE_ADDRESS}:{Port.KUBE_APISERVER}{path}"
