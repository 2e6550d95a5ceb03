"""The node itself: kubelet and kube-proxy."""

from collections.abc import Iterator
from typing import Any

import yaml

from deploy.local import command, probes, tools
from deploy.local.layout import (
    DNS_ADDRESS,
    LOOPBACK,
    NODE_ADDRESS,
    NODE_NAME,
    POD_NETWORK,
    Layout,
    Port,
    program,
)
from deploy.local.leftovers import mounts_under
from deploy.local.part import Part
from deploy.local.parts.access import Access
from deploy.local.parts.control_plane import flags, node_is_ready
from deploy.local.parts.runtime import SOCKET

LABELS = {"key1": "value1", "key2": "value2"}
MAX_PODS = 250


class Node:
    """The embedded cluster's one node: this machine."""

    def __init__(self, layout: Layout, access: Access) -> None:
        self.layout = layout
        self.access = access
        self.data = layout.data / "kubelet"
        # The kubelet's sockets lie under its directory, and a socket's path may have 107 bytes: the checkout's may be longer.
        self.root = layout.run / "kubelet"

    def mount_root(self) -> None:
        """Show the kubelet's data at a short path; repeatable.

        Mounts below it are told to containers, and not to the place where the data lie (Linux, shared subtrees).
        """
        self.data.mkdir(parents=True, exist_ok=True)
        self.root.mkdir(exist_ok=True)
        if str(self.root) in mounts_under(self.root.parent):  # Path.is_mount does not see a mount within one filesystem
            return
        mount, log = program("mount"), self.layout.logs / "setup.log"
        command.run([mount, "--bind", str(self.data), str(self.root)], log)
        for propagation in ("--make-private", "--make-shared"):
            command.run([mount, propagation, str(self.root)], log)

    def parts(self) -> Iterator[Part]:
        yield self._kubelet()
        yield self._kube_proxy()

    def _kubelet(self) -> Part:
        config = self.layout.config / "kubelet.yaml"
        options = {
            "config": config,
            "kubeconfig": self.access.kubeconfig("kubelet"),
            "root-dir": self.root,
            "cert-dir": self.root / "pki",
            "hostname-override": NODE_NAME,
            "node-ip": NODE_ADDRESS,
            "node-labels": [f"{name}={value}" for name, value in LABELS.items()],
        }
        return Part(
            name="kubelet",
            ports=(Port.KUBELET, Port.KUBELET_HEALTH),
            command=(tools.KUBE.path(self.layout, "kubelet"), *flags(options)),
            ready=self._ready,
            ready_needs=("kube-apiserver", "containerd"),
            config={config: yaml.safe_dump(self._kubelet_settings(), sort_keys=False)},
        )

    def _ready(self) -> None:
        probes.http_ok(f"http://{LOOPBACK}:{Port.KUBELET_HEALTH}/healthz")
        node_is_ready(self.access, NODE_NAME)

    def _kubelet_settings(self) -> dict[str, Any]:
        return {
            "apiVersion": "kubelet.config.k8s.io/v1beta1",
            "kind": "KubeletConfiguration",
            "address": NODE_ADDRESS,
            "port": Port.KUBELET,
            "healthzBindAddress": LOOPBACK,
            "healthzPort": Port.KUBELET_HEALTH,
            "authentication": {
                "anonymous": {"enabled": False},
                "webhook": {"enabled": True},
                "x509": {"clientCAFile": str(self.access.authority.certificate)},
            },
            "authorization": {"mode": "Webhook"},
            "tlsCertFile": self.access.certificate("kubelet-server"),
            "tlsPrivateKeyFile": self.access.key("kubelet-server"),
            "containerRuntimeEndpoint": f"unix://{SOCKET}",
            "podLogsDir": str(self.layout.data / "pod-logs"),
            "cgroupDriver": "cgroupfs",
            # Kubernetes gave up cgroup v1 by default; machines that still mount it must be served too.
            "failCgroupV1": False,
            "failSwapOn": False,
            "clusterDNS": [DNS_ADDRESS],
            "clusterDomain": "cluster.local",
            "maxPods": MAX_PODS,
            "podPidsLimit": 4096,
            # runc makes a container within that container's own limit, which takes some 50 ms of a processor: with 0.01 of one and
            # the usual 100 ms a start took up to 45 s. No quota is below 1 ms a period, so 10 ms lets everybody have 0.1 at least.
            "featureGates": {"CustomCPUCFSQuotaPeriod": True},
            "cpuCFSQuotaPeriod": "10ms",
            **QUICK,
            **THRESHOLDS,
        }

    def _kube_proxy(self) -> Part:
        config = self.layout.config / "kube-proxy.yaml"
        settings = {
            "apiVersion": "kubeproxy.config.k8s.io/v1alpha1",
            "kind": "KubeProxyConfiguration",
            "mode": "nftables",
            "nftables": {"minSyncPeriod": "200ms", "syncPeriod": "30s"},
            "clientConnection": {"kubeconfig": str(self.access.kubeconfig("kube-proxy")), "qps": 100, "burst": 200},
            "hostnameOverride": NODE_NAME,
            "clusterCIDR": POD_NETWORK,
            "detectLocalMode": "ClusterCIDR",
            # NodePorts answer at the node's own address, which nothing outside this machine reaches.
            "nodePortAddresses": [f"{NODE_ADDRESS}/32"],
            "healthzBindAddress": f"{LOOPBACK}:{Port.KUBE_PROXY_HEALTH}",
            "metricsBindAddress": f"{LOOPBACK}:{Port.KUBE_PROXY_METRICS}",
            "bindAddress": NODE_ADDRESS,
            # The machine's own connection tracking limits stay as they are.
            "conntrack": {"maxPerCore": 0, "min": 0},
        }
        return Part(
            name="kube-proxy",
            ports=(Port.KUBE_PROXY_HEALTH, Port.KUBE_PROXY_METRICS),
            command=(tools.KUBE.path(self.layout, "kube-proxy"), *flags({"config": config})),
            # Not /healthz: that is what load balancers ask, and 503 until the kubelet has made the Node's object.
            ready=lambda: probes.http_ok(f"http://{LOOPBACK}:{Port.KUBE_PROXY_HEALTH}/livez"),
            ready_needs=("kube-apiserver",),
            config={config: yaml.safe_dump(settings, sort_keys=False)},
        )


# The defaults spare large clusters; here somebody waits for the result.
QUICK: dict[str, Any] = {
    "serializeImagePulls": False,
    "registryPullQPS": 0,
    "kubeAPIQPS": 200,
    "kubeAPIBurst": 400,
    "eventRecordQPS": 100,
    "eventBurst": 200,
    "syncFrequency": "10s",
    "nodeStatusUpdateFrequency": "5s",
    "configMapAndSecretChangeDetectionStrategy": "Watch",
    # How soon a directory that outgrew its limit is noticed.
    "volumeStatsAggPeriod": "10s",
    "crashLoopBackOff": {"maxContainerRestartPeriod": "10s"},
    "containerLogMaxSize": "10Mi",
    "containerLogMaxFiles": 2,
}

# In absolute numbers: a developer's disk is often 90 % full without being short of space.
THRESHOLDS: dict[str, Any] = {
    "evictionHard": {
        "memory.available": "100Mi",
        "nodefs.available": "1Gi",
        "nodefs.inodesFree": "1%",
        "imagefs.available": "1Gi",
    },
    "evictionPressureTransitionPeriod": "30s",
    "imageGCHighThresholdPercent": 98,
    "imageGCLowThresholdPercent": 95,
}
