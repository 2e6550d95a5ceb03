"""Kubernetes objects of an app: spec in, dict out (Kubernetes: Deployment and StatefulSet v1 apps, Service v1).

Nothing here is defaulted by the cluster where server-side apply needs it as a list key (port protocols), and every apply carries
all of the object, so that a field that is no longer asked for goes away.
"""

from collections.abc import Iterable

from model.apps import App, AppSpec, Revision
from model.layouts import Workload
from model.pod_templates import APP, APP_ID, REVISION, TRACK, Object, app_label, labels, pod_template, track_label

MANAGED = "app.kubernetes.io/managed-by=mooring"
_KEPT_REPLICA_SETS = 2  # revisions live in our records; Kubernetes needs the newest two to roll
WORKLOAD_KINDS = {"Deployment": "Deployment", "TApp": "StatefulSet", "Job": "Job"}


def selector(app_id: str) -> str:
    """The label selector of everything of one life of an app."""
    return f"{APP_ID}={app_label(app_id)}"


def workload_name(app: str, track: str) -> str:
    """The name of a workload's object, which a TApp's instance has too.

    >>> workload_name("web", ""), workload_name("web", "r2"), workload_name("db", "0")
    ('web', 'web-r2', 'db-0')
    """
    return f"{app}-{track}" if track else app


def workload_object(app: App, revision: Revision, registry: str, workload: Workload, settle_seconds: int) -> Object:
    """The Deployment of one version, or the StatefulSet of one TApp instance, at a revision whose images are resolved.

    `settle_seconds` is how long an instance of a Deployment has to be ready until it counts.
    """
    made = _deployment(revision.spec, settle_seconds) if app.type == "Deployment" else _stateful_set(app, workload)
    spec = {
        **made["spec"],
        "replicas": workload.replicas,
        "selector": {"matchLabels": {APP_ID: app_label(app.id), TRACK: track_label(workload.track)}},
        "template": pod_template(app, revision, registry, workload),
    }
    name = workload_name(app.name, workload.track)
    return {**made, "metadata": metadata_of(app, name, workload.track, revision), "spec": spec}


def _deployment(spec: AppSpec, settle_seconds: int) -> Object:
    rolling = {"maxSurge": spec.max_surge, "maxUnavailable": spec.max_unavailable}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "spec": {
            "strategy": {"type": "RollingUpdate", "rollingUpdate": rolling},
            "minReadySeconds": settle_seconds,
            "revisionHistoryLimit": _KEPT_REPLICA_SETS,
        },
    }


def _stateful_set(app: App, workload: Workload) -> Object:
    """OnDelete: an instance is changed by us, on the running pod where only images differ."""
    return {
        "apiVersion": "apps/v1",
        "kind": "StatefulSet",
        "spec": {
            "serviceName": workload_name(app.name, workload.track),
            "updateStrategy": {"type": "OnDelete"},
            "revisionHistoryLimit": _KEPT_REPLICA_SETS,
        },
    }


def instance_service(app: App, owner: Object) -> Object:
    """The headless Service of one TApp instance, by which `<app>-<index>` is its address; it goes with `owner`, its StatefulSet.

    It answers before the instance is ready, so that instances that need each other to get ready find each other.
    """
    metadata = owner["metadata"]
    reference = {"apiVersion": "apps/v1", "kind": "StatefulSet", "name": metadata["name"], "uid": metadata["uid"]}
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {
            "name": metadata["name"],
            "namespace": app.project,
            "labels": {**labels(app), TRACK: metadata["labels"][TRACK]},
            "annotations": {APP_ID: app.id},
            "ownerReferences": [reference],
        },
        "spec": {
            "clusterIP": "None",
            "publishNotReadyAddresses": True,
            "selector": {APP_ID: app_label(app.id), TRACK: metadata["labels"][TRACK]},
        },
    }


def service(app: App, specs: Iterable[AppSpec], found: Object | None = None) -> Object | None:
    """The Service named as the app, over all ports of its versions; None without ports. networkType 2 (NAT) makes it a NodePort.

    It selects by the app's name, never by revision: revisions share the traffic by their count. What it is `found` to lead to
    stays beside that.
    """
    versions = list(specs)
    said = (port for spec in versions for container in spec.containers for port in container.ports)
    ports = {_port_name(p.protocol, p.container_port): (p.protocol.upper(), p.container_port) for p in said}
    outside = any(spec.network_type == 2 for spec in versions)
    if found:
        theirs = ((port["protocol"], port["port"], port.get("name")) for port in found["spec"].get("ports", []))
        before = {name: (protocol, port) for protocol, port, name in theirs if name == _port_name(protocol, port)}
        ports |= before
        outside = outside or (bool(before) and found["spec"].get("type") == "NodePort")
    if not ports:
        return None
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {
            "name": app.name,
            "namespace": app.project,
            "labels": labels(app),
            "annotations": {APP_ID: app.id},
        },
        "spec": {
            "type": "NodePort" if outside else "ClusterIP",
            "selector": {APP: app.name},
            "ports": [
                {"name": name, "protocol": protocol, "port": port, "targetPort": port} for name, (protocol, port) in ports.items()
            ],
        },
    }


def _port_name(protocol: str, port: int) -> str:
    return f"{protocol.lower()}-{port}"


def metadata_of(app: App, name: str, track: str, revision: Revision) -> Object:
    """The metadata of a workload: whose it is, and at which revision."""
    return {
        "name": name,
        "namespace": app.project,
        "labels": {**labels(app), TRACK: track_label(track)},
        "annotations": {APP_ID: app.id, REVISION: str(revision.number)},
    }
