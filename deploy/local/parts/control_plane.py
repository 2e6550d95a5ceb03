"""Kubernetes' control plane: etcd, API server, controller manager, scheduler."""

import json
from collections.abc import Iterator, Mapping

import yaml

from deploy.local import probes, tools
from deploy.local.layout import (
    LOOPBACK,
    NODE_ADDRESS,
    POD_NETWORK,
    SERVICE_NETWORK,
    Layout,
    Port,
)
from deploy.local.part import Part
from deploy.local.parts.access import Access, api_url
from deploy.local.wait import require

# Requests per second that a component may send; the defaults (20 to 50) are for clusters with many of them.
QPS, BURST = 500, 1000


def flags(values: Mapping[str, object]) -> tuple[str, ...]:
    """Return command-line flags; a list's elements are joined with commas."""
    return tuple(f"--{name}={','.join(v) if isinstance(v, list) else v}" for name, v in values.items())


class ControlPlane:
    """The control plane of the embedded cluster; `key` (32 bytes, base64) encrypts Secrets and ConfigMaps in etcd."""

    def __init__(self, layout: Layout, access: Access, key: str) -> None:
        self.layout = layout
        self.access = access
        self.key = key

    def parts(self) -> Iterator[Part]:
        yield self._etcd()
        yield self._api_server()
        yield self._controller_manager()
        yield self._scheduler()

    def _program(self, name: str) -> str:
        return tools.KUBE.path(self.layout, name)

    def _etcd(self) -> Part:
        client, peer = f"http://{LOOPBACK}:{Port.ETCD}", f"http://{LOOPBACK}:{Port.ETCD_PEER}"
        options = {
            "name": "mooring",
            "data-dir": self.layout.data / "etcd",
            "listen-client-urls": client,
            "advertise-client-urls": client,
            "listen-peer-urls": peer,
            "initial-advertise-peer-urls": peer,
            "initial-cluster": f"mooring={peer}",
            "auto-compaction-mode": "periodic",
            "auto-compaction-retention": "1h",
            "quota-backend-bytes": 4 << 30,
            "log-level": "warn",
        }
        return Part(
            name="etcd",
            ports=(Port.ETCD, Port.ETCD_PEER),
            command=(tools.ETCD.path(self.layout, "etcd"), *flags(options)),
            ready=lambda: probes.http_ok(f"{client}/health"),
        )

    def _api_server(self) -> Part:
        access, encryption = self.access, self.layout.config / "encryption.yaml"
        options = {
            "encryption-provider-config": encryption,
            "etcd-servers": f"http://{LOOPBACK}:{Port.ETCD}",
            "bind-address": NODE_ADDRESS,
            "advertise-address": NODE_ADDRESS,
            "secure-port": Port.KUBE_APISERVER,
            "service-cluster-ip-range": SERVICE_NETWORK,
            "authorization-mode": "Node,RBAC",
            "enable-admission-plugins": "NodeRestriction",
            "anonymous-auth": "false",
            "allow-privileged": "true",
            "profiling": "false",
            "client-ca-file": access.authority.certificate,
            "tls-cert-file": access.certificate("apiserver"),
            "tls-private-key-file": access.key("apiserver"),
            "kubelet-certificate-authority": access.authority.certificate,
            "kubelet-client-certificate": access.certificate("apiserver-kubelet-client"),
            "kubelet-client-key": access.key("apiserver-kubelet-client"),
            # The kubelet's certificate carries its address; the node's name resolves nowhere.
            "kubelet-preferred-address-types": "InternalIP",
            "service-account-issuer": "https://kubernetes.default.svc",
            "service-account-key-file": self.layout.keys / "service-account.pub",
            "service-account-signing-key-file": access.key("service-account"),
            # For extension API servers, such as the one that serves metrics.
            "requestheader-client-ca-file": access.front_proxy.certificate,
            "requestheader-allowed-names": "front-proxy-client",
            "requestheader-username-headers": "X-Remote-User",
            "requestheader-group-headers": "X-Remote-Group",
            "requestheader-extra-headers-prefix": "X-Remote-Extra-",
            "proxy-client-cert-file": access.certificate("front-proxy-client"),
            "proxy-client-key-file": access.key("front-proxy-client"),
            "enable-aggregator-routing": "true",
        }
        return Part(
            name="kube-apiserver",
            ports=(Port.KUBE_APISERVER,),
            command=(self._program("kube-apiserver"), *flags(options)),
            ready=lambda: probes.http_ok(api_url("/readyz"), access.client),
            ready_needs=("etcd",),
            stop_seconds=20,
            config={encryption: yaml.safe_dump(self._encryption(), sort_keys=False)},
        )

    def _encryption(self) -> dict[str, object]:
        """What is written with the key; what an earlier platform wrote in the clear is read all the same.

        Source: Kubernetes, Encrypting Confidential Data at Rest.
        """
        providers = [{"secretbox": {"keys": [{"name": "first", "secret": self.key}]}}, {"identity": {}}]
        resources = [{"resources": ["secrets", "configmaps"], "providers": providers}]
        return {"apiVersion": "apiserver.config.k8s.io/v1", "kind": "EncryptionConfiguration", "resources": resources}

    def _controller_manager(self) -> Part:
        access, kubeconfig = self.access, self.access.kubeconfig("kube-controller-manager")
        options = {
            "kubeconfig": kubeconfig,
            "authentication-kubeconfig": kubeconfig,
            "authorization-kubeconfig": kubeconfig,
            "bind-address": LOOPBACK,
            "secure-port": Port.KUBE_CONTROLLER,
            "allocate-node-cidrs": "true",
            "cluster-cidr": POD_NETWORK,
            # 510 addresses a node: more than the pods it may run.
            "node-cidr-mask-size": 23,
            "service-cluster-ip-range": SERVICE_NETWORK,
            "cluster-signing-cert-file": access.authority.certificate,
            "cluster-signing-key-file": access.authority.key,
            "root-ca-file": access.authority.certificate,
            "service-account-private-key-file": access.key("service-account"),
            "use-service-account-credentials": "true",
            # There is only one: with an election, a restart after a crash would wait for the old lease to run out.
            "leader-elect": "false",
            "kube-api-qps": QPS,
            "kube-api-burst": BURST,
            "concurrent-deployment-syncs": 20,
            "concurrent-replicaset-syncs": 20,
            "concurrent-statefulset-syncs": 20,
            "concurrent-service-endpoint-syncs": 20,
            "concurrent-namespace-syncs": 20,
        }
        return Part(
            name="kube-controller-manager",
            ports=(Port.KUBE_CONTROLLER,),
            command=(self._program("kube-controller-manager"), *flags(options)),
            ready=lambda: probes.https_up(LOOPBACK, Port.KUBE_CONTROLLER),
            ready_needs=("kube-apiserver",),
        )

    def _scheduler(self) -> Part:
        kubeconfig, config = self.access.kubeconfig("kube-scheduler"), self.layout.config / "kube-scheduler.yaml"
        settings = {
            "apiVersion": "kubescheduler.config.k8s.io/v1",
            "kind": "KubeSchedulerConfiguration",
            "clientConnection": {"kubeconfig": str(kubeconfig), "qps": QPS, "burst": BURST},
            "leaderElection": {"leaderElect": False},
            # What could not be placed is tried again soon: with one node, room comes and goes quickly.
            "podInitialBackoffSeconds": 1,
            "podMaxBackoffSeconds": 5,
        }
        options = {
            "config": config,
            "authentication-kubeconfig": kubeconfig,
            "authorization-kubeconfig": kubeconfig,
            "bind-address": LOOPBACK,
            "secure-port": Port.KUBE_SCHEDULER,
        }
        return Part(
            name="kube-scheduler",
            ports=(Port.KUBE_SCHEDULER,),
            command=(self._program("kube-scheduler"), *flags(options)),
            ready=lambda: probes.https_up(LOOPBACK, Port.KUBE_SCHEDULER),
            ready_needs=("kube-apiserver",),
            config={config: yaml.safe_dump(settings, sort_keys=False)},
        )


def node_is_ready(access: Access, node: str) -> None:
    """Raise unless the node's Ready condition is true.

    Source: the API server, for only what it has recorded counts for the scheduler.
    """
    reply = probes.get(api_url(f"/api/v1/nodes/{node}"), access.client)
    conditions = {item["type"]: item for item in json.loads(reply)["status"].get("conditions", [])}
    ready = conditions.get("Ready", {"status": "Unknown", "message": "it has not reported yet"})
    require(ready["status"] == "True", f"node {node}: {ready['message']}")
