"""Kubernetes objects of an app: spec in, dict out (Kubernetes: Deployment v1 apps, Service v1).

Nothing here is defaulted by the cluster where server-side apply needs it as a list key (port protocols), and every apply carries
all of the object, so that a field that is no longer asked for goes away.
"""

import hashlib
import json
from collections.abc import Callable
from typing import Any

from model.apps import App, AppSpec, ContainerSpec, EnvVar, Resources, Revision, SharedVolume
from model.scheduling import Probe

Object = dict[str, Any]

APP_ID = "mooring.io/app-id"
APP = "mooring.io/app"
TEMPLATE = "mooring.io/template"
REVISION = "mooring.io/revision"
MANAGED = "app.kubernetes.io/managed-by=mooring"
_KEPT_REPLICA_SETS = 2  # revisions live in our records; Kubernetes needs the newest two to roll


def app_label(app_id: str) -> str:
    """The value of the label mooring.io/app-id: a label holds 63 characters and an AppID has 64, so its first 32."""
    return app_id[:32]


def selector(app_id: str) -> str:
    """The label selector of everything of one life of an app."""
    return f"{APP_ID}={app_label(app_id)}"


def labels(app: App) -> dict[str, str]:
    """What every object and pod of the app carries."""
    return {
        "app.kubernetes.io/name": app.name,
        "app.kubernetes.io/instance": app.name,
        "app.kubernetes.io/managed-by": "mooring",
        APP: app.name,
        APP_ID: app_label(app.id),
    }


def deployment(app: App, revision: Revision, registry: str, replicas: int) -> Object:
    """The app's Deployment at a revision whose images are resolved; `registry` is the platform's own host.

    Its pods carry the template's digest as a label, by which those of the newest spec are told from older ones; the same spec
    with the same images gives the same digest, so that applying it again changes nothing.
    """
    spec = revision.spec
    template = _template(app, revision, registry)
    template["metadata"]["labels"][TEMPLATE] = template_digest(template)
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {
            **_metadata(app),
            "annotations": {APP_ID: app.id, REVISION: str(revision.number)},
        },
        "spec": {
            "replicas": replicas,
            "selector": {"matchLabels": {APP_ID: app_label(app.id)}},
            "strategy": {
                "type": "RollingUpdate",
                "rollingUpdate": {"maxSurge": spec.max_surge, "maxUnavailable": spec.max_unavailable},
            },
            "minReadySeconds": spec.settle_seconds,
            "revisionHistoryLimit": _KEPT_REPLICA_SETS,
            "template": template,
        },
    }


def template_digest(template: Object) -> str:
    """Ten hex digits that stand for the template's content."""
    return hashlib.sha256(json.dumps(template, sort_keys=True).encode()).hexdigest()[:10]


def service(app: App, spec: AppSpec) -> Object | None:
    """The Service named as the app, over all its ports; None without ports. networkType 2 (NAT) makes it a NodePort.

    It selects by the app's name, never by revision: revisions share the traffic by their count.
    """
    ports = [port for container in spec.containers for port in container.ports]
    if not ports:
        return None
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {**_metadata(app), "annotations": {APP_ID: app.id}},
        "spec": {
            "type": "NodePort" if spec.network_type == 2 else "ClusterIP",
            "selector": {APP: app.name},
            "ports": [
                {
                    "name": f"{port.protocol}-{port.container_port}",
                    "protocol": port.protocol.upper(),
                    "port": port.container_port,
                    "targetPort": port.container_port,
                }
                for port in ports
            ],
        },
    }


def _metadata(app: App) -> Object:
    return {"name": app.name, "namespace": app.project, "labels": labels(app)}


def _template(app: App, revision: Revision, registry: str) -> Object:
    spec = revision.spec
    images = revision.images(registry)
    pod: Object = {
        "containers": [_container(c, images[c.name].pinned(revision.digests[c.name])) for c in spec.containers],
        "terminationGracePeriodSeconds": spec.termination_grace_period_seconds,
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
    }
    volumes = [_shared(v) for v in spec.volumes] + [volume for c in spec.containers for volume in _directories(c)]
    if volumes:
        pod["volumes"] = volumes
    if spec.node_labels:
        pod["nodeSelector"] = spec.node_labels
    if spec.affinity:
        pod["affinity"] = _kubernetes(spec.affinity)
    if spec.priority_class_name:
        pod["priorityClassName"] = spec.priority_class_name
    if spec.host_aliases:
        pod["hostAliases"] = [{"ip": a.ip, "hostnames": list(a.hostnames)} for a in spec.host_aliases]
    return {"metadata": {"labels": labels(app)}, "spec": pod}


def _container(container: ContainerSpec, image: str) -> Object:
    said = str if container.expands else _literal
    made: Object = {"name": container.name, "image": image, "imagePullPolicy": "IfNotPresent"}
    if container.command:
        made["command"] = [said(word) for word in container.command]
    if container.args:
        made["args"] = [said(word) for word in container.args]
    if container.env:
        made["env"] = [{"name": e.name, **_value(e, said)} for e in container.env]
    if container.ports:
        named = ({"name": p.name} if p.name else {} for p in container.ports)
        made["ports"] = [
            {**name, "containerPort": p.container_port, "protocol": p.protocol.upper()}
            for name, p in zip(named, container.ports, strict=True)
        ]
    limits = _limits(container.resources)
    requests = limits | _requests(container.resources)
    if requests:
        made["resources"] = {"requests": requests, **({"limits": limits} if limits else {})}
    mounts: list[Object] = [{"name": name, "mountPath": path} for name, path in _mounts(container).items()]
    mounts += [{"name": m.volume, "mountPath": m.path} | ({"readOnly": True} if m.read_only else {}) for m in container.mounts]
    if mounts:
        made["volumeMounts"] = mounts
    for field in ("liveness_probe", "readiness_probe", "startup_probe"):
        probe: Probe | None = getattr(container, field)
        if probe:
            made[field.replace("_p", "P")] = _kubernetes(probe)
    return made


def _literal(text: str) -> str:
    """Kubernetes expands $(NAME) in commands and values; `$$` stands for one `$`, and so nothing is expanded."""
    return text.replace("$", "$$")


def _value(variable: EnvVar, said: Callable[[str], str]) -> Object:
    if variable.field_path:
        return {"valueFrom": {"fieldRef": {"fieldPath": variable.field_path}}}
    return {"value": said(variable.value)}


def _requests(asked: Resources) -> dict[str, str]:
    """What is asked for where that is not the limit."""
    named = {"cpu": asked.cpu_request, "memory": asked.mem_request, "ephemeral-storage": asked.disk_request}
    return {name: amount for name, amount in named.items() if amount is not None}


def _limits(asked: Resources) -> dict[str, str]:
    """The limits, which are the requests where nothing else is said; gpu is the device plugin's resource."""
    named = {
        "cpu": asked.cpu,
        "memory": asked.mem,
        "ephemeral-storage": asked.disk,
        "nvidia.com/gpu": str(asked.gpu) if asked.gpu else None,
    }
    return {name: amount for name, amount in named.items() if amount is not None}


def _mounts(container: ContainerSpec) -> dict[str, str]:
    """Volume name → path; one volume where log and data directory are the same path."""
    wanted = {f"{container.name}-log": container.log_dir, f"{container.name}-data": container.data_dir}
    by_path = {path: name for name, path in reversed(wanted.items()) if path}
    return {name: path for path, name in reversed(by_path.items())}


def _shared(volume: SharedVolume) -> Object:
    return {"name": volume.name, "emptyDir": {"sizeLimit": volume.size_limit} if volume.size_limit else {}}


def _directories(container: ContainerSpec) -> list[Object]:
    """emptyDirs: on the host's disk, they survive a container's restart and count towards its disk (mission B)."""
    disk = container.resources.disk
    limit = {"sizeLimit": disk} if disk else {}
    return [{"name": name, "emptyDir": dict(limit)} for name in _mounts(container)]


def _kubernetes(value: Any) -> Object:
    """A field that is named as Kubernetes names it, without what was not given."""
    dumped: Object = value.model_dump(by_alias=True, exclude_none=True, exclude_defaults=True)
    return dumped
