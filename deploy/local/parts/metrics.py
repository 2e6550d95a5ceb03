"""Metrics: what pods use (metrics-server, behind the cluster's own API), and the store that keeps it (VictoriaMetrics)."""

import base64
from collections.abc import Iterator
from typing import Any

import yaml

from deploy.local import probes, tools
from deploy.local.layout import LOOPBACK, NODE_ADDRESS, Layout, Port
from deploy.local.part import Part
from deploy.local.parts.access import Access, api_url
from deploy.local.parts.control_plane import flags
from deploy.local.parts.objects import Object, binding, host_service, role
from deploy.local.parts.simulated import PREFIX as SIMULATED_NODE
from deploy.local.parts.simulated import SELECTOR as SIMULATED_LABEL

API = "v1beta1.metrics.k8s.io"
RETENTION_DAYS = 7
SCRAPE_SECONDS = 5
# The kubelet measures a pod only every ten seconds or so.
KUBELET_SECONDS = 10
ANNOTATION = "__meta_kubernetes_pod_annotation_mooring_io_"
LABEL = "__meta_kubernetes_pod_label_mooring_io_"

# What one instance may report: a tenant must not fill the store for all.
LIMITS = {"sample_limit": 5000, "series_limit": 10_000, "max_scrape_size": "2MB"}


def roles() -> list[Object]:
    """Return what both may read, and the lookups that metrics-server needs as an extension API server."""
    server, store = "system:metrics-server", "system:metrics-store"
    reads = [("", ["nodes/metrics"], ["get"]), ("", ["nodes", "pods"], ["get", "list", "watch"])]
    lookup = binding("metrics-server-auth-reader", "extension-apiserver-authentication-reader", [server])
    lookup["kind"], lookup["roleRef"]["kind"] = "RoleBinding", "Role"
    lookup["metadata"]["namespace"] = "kube-system"
    return [
        role("system:mooring-metrics", reads),
        binding("system:mooring-metrics", "system:mooring-metrics", [server, store]),
        binding("metrics-server:system:auth-delegator", "system:auth-delegator", [server]),
        lookup,
    ]


class Metrics:
    """Both parts of one checkout."""

    def __init__(self, layout: Layout, access: Access) -> None:
        self.layout = layout
        self.access = access

    def parts(self) -> Iterator[Part]:
        yield self._server()
        yield self._store()

    def objects(self) -> list[Object]:
        """Return how the API server finds metrics-server.

        Only for one that runs: while an APIService has nobody behind it, Kubernetes cannot finish the deletion of any namespace.
        """
        authority = base64.b64encode(self.access.authority.certificate.read_bytes()).decode()
        spec = {
            "service": {"name": "metrics-server", "namespace": "kube-system"},
            "group": "metrics.k8s.io",
            "version": "v1beta1",
            "groupPriorityMinimum": 100,
            "versionPriority": 100,
            "caBundle": authority,
        }
        return [
            *host_service("metrics-server", [{"name": "https", "port": 443, "targetPort": Port.METRICS_SERVER}]),
            {"apiVersion": "apiregistration.k8s.io/v1", "kind": "APIService", "metadata": {"name": API}, "spec": spec},
        ]

    def served(self) -> None:
        """Raise unless the cluster's API answers about pod metrics."""
        probes.http_ok(api_url("/apis/metrics.k8s.io/v1beta1/pods?limit=1"), self.access.client)

    def _server(self) -> Part:
        kubeconfig = self.access.kubeconfig("metrics-server")
        options = {
            "kubeconfig": kubeconfig,
            "authentication-kubeconfig": kubeconfig,
            "authorization-kubeconfig": kubeconfig,
            "bind-address": NODE_ADDRESS,
            "secure-port": Port.METRICS_SERVER,
            "tls-cert-file": self.access.certificate("metrics-server-serving"),
            "tls-private-key-file": self.access.key("metrics-server-serving"),
            "client-ca-file": self.access.authority.certificate,
            "kubelet-preferred-address-types": "InternalIP",
            "kubelet-use-node-status-port": "true",
            # The least it takes; it wants more than the time limit of one request.
            "metric-resolution": "10s",
            "kubelet-request-timeout": "5s",
            # Nobody measures simulated nodes.
            "node-selector": f"{SIMULATED_LABEL}!=true",
            "profiling": "false",
        }
        return Part(
            name="metrics-server",
            ports=(Port.METRICS_SERVER,),
            command=(tools.METRICS_SERVER.path(self.layout, "metrics-server"), *flags(options)),
            # Without the check that fails as long as the cluster has no pod at all.
            ready=lambda: probes.http_ok(
                f"https://{NODE_ADDRESS}:{Port.METRICS_SERVER}/readyz?exclude=metric-storage-ready", self.access.client
            ),
            ready_needs=("kube-apiserver", "kubelet"),
        )

    def _store(self) -> Part:
        config = self.layout.config / "metrics-store.yaml"
        options = {
            "storageDataPath": self.layout.data / "metrics-store",
            "httpListenAddr": f"{LOOPBACK}:{Port.METRICS_STORE}",
            "retentionPeriod": f"{RETENTION_DAYS}d",
            "promscrape.config": config,
            # A pod with several ports is several targets that come to the same.
            "promscrape.suppressDuplicateScrapeTargetErrors": "true",
            "promscrape.suppressScrapeErrors": "true",
            # A gate asks about now; the default hides the last half minute.
            "search.latencyOffset": "1s",
            # Queries are tenants': none may occupy the store, or the machine, for long.
            "search.maxQueryDuration": "10s",
            "search.maxMemoryPerQuery": "64MiB",
            "search.maxUniqueTimeseries": 50_000,
            "search.maxSamplesPerQuery": 20_000_000,
            "memory.allowedBytes": "64MiB",
            "loggerLevel": "WARN",
        }
        words = (f"-{name}={value}" for name, value in options.items())
        return Part(
            name="metrics-store",
            ports=(Port.METRICS_STORE,),
            command=(tools.VICTORIA_METRICS.path(self.layout, "victoria-metrics"), *words),
            ready=lambda: probes.http_ok(f"{store_url()}/health"),
            config={config: yaml.safe_dump(scrape_config(self.access), sort_keys=False)},
        )


def store_url() -> str:
    """Return where the store answers the Prometheus query API."""
    return f"http://{LOOPBACK}:{Port.METRICS_STORE}"


def scrape_config(access: Access) -> dict[str, Any]:
    """Return what is scraped: every app's instance that asks for it, and each kubelet's figures of pods.

    Source: VictoriaMetrics, Prometheus-compatible scrape_configs and kubernetes_sd_configs.
    """
    cluster = {
        "ca_file": str(access.authority.certificate),
        "cert_file": access.certificate("metrics-store"),
        "key_file": access.key("metrics-store"),
    }
    return {
        "global": {"scrape_interval": f"{SCRAPE_SECONDS}s", "scrape_timeout": f"{SCRAPE_SECONDS - 1}s"},
        "scrape_configs": [_instances(cluster), _kubelets(cluster)],
    }


def _instances(cluster: dict[str, str]) -> dict[str, Any]:
    """Instances are tenants': their labels give way to ours, their redirects and timestamps are not followed."""
    return {
        "job_name": "instances",
        "kubernetes_sd_configs": [
            {
                "role": "pod",
                "api_server": api_url(),
                "tls_config": cluster,
                "selectors": [{"role": "pod", "label": "app.kubernetes.io/managed-by=mooring"}],
            }
        ],
        "honor_labels": False,
        "honor_timestamps": False,
        "follow_redirects": False,
        **LIMITS,
        "relabel_configs": [
            _rule("keep", [f"{ANNOTATION}metrics_port"], regex="[0-9]+"),
            _rule("keep", ["__meta_kubernetes_pod_phase"], regex="Running"),
            # The addresses of simulated pods may be somebody else's.
            _rule("drop", ["__meta_kubernetes_pod_node_name"], regex=f"{SIMULATED_NODE}.*"),
            _rule("replace", ["__meta_kubernetes_pod_ip", f"{ANNOTATION}metrics_port"], "__address__", separator=":"),
            _rule("replace", [f"{ANNOTATION}metrics_path"], "__metrics_path__", regex="(.+)"),
            _rule("replace", ["__meta_kubernetes_namespace"], "namespace"),
            _rule("replace", [f"{LABEL}app"], "app"),
            _rule("replace", ["__meta_kubernetes_pod_name"], "instance"),
            _rule("replace", [f"{LABEL}track"], "track"),
            # The track of a gray upgrade is named after the revision it brings.
            _rule("replace", [f"{LABEL}track"], "revision", regex="r([0-9]+)(?:-[0-9]+)?"),
        ],
    }


# Kubernetes writes what it makes up of a name with these letters only (apimachinery: util/rand).
_LETTERS = "[bcdfghjklmnpqrstvwxz2456789]"
POD_OF_A_DEPLOYMENT = f"(.+?)(?:-r[0-9]+(?:-[0-9]+)?)?-{_LETTERS}{{1,10}}-{_LETTERS}{{5}}"
POD_OF_A_JOB = f"(.+)-r[0-9]+-{_LETTERS}{{5}}"
POD_OF_A_TAPP = "(.+)-[0-9]+-0"


def _kubelets(cluster: dict[str, str]) -> dict[str, Any]:
    """The figures carry namespace and pod themselves; what belongs to no namespace (the node's own) is left out.

    The app is read off the pod's name, as nothing else there tells it: <app>-<index>-0 of a TApp, <app>-r<revision>-<pod> of a Job,
    else <app>[-r<revision>]-<template>-<pod>.
    """
    return {
        "job_name": "kubelet",
        "scheme": "https",
        "metrics_path": "/metrics/resource",
        "scrape_interval": f"{KUBELET_SECONDS}s",
        "tls_config": cluster,
        "kubernetes_sd_configs": [{"role": "node", "api_server": api_url(), "tls_config": cluster}],
        "honor_labels": True,
        "honor_timestamps": True,
        "relabel_configs": [_rule("drop", ["__meta_kubernetes_node_name"], regex=f"{SIMULATED_NODE}.*")],
        "metric_relabel_configs": [
            _rule("keep", ["namespace"], regex=".+"),
            _rule("replace", ["pod"], "instance"),
            _rule("replace", ["pod"], "app", regex=POD_OF_A_DEPLOYMENT),
            _rule("replace", ["pod"], "app", regex=POD_OF_A_TAPP),
            _rule("replace", ["pod"], "app", regex=POD_OF_A_JOB),
        ],
    }


def _rule(action: str, source: list[str], target: str | None = None, **more: str) -> dict[str, Any]:
    return {"action": action, "source_labels": source, **({"target_label": target} if target else {}), **more}
