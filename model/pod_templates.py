"""The pod template of an app: spec in, dict out (Kubernetes: PodTemplateSpec v1 core).

A template carries two digests as labels. `template` stands for all of it: by it pods of one version are told from those of
another, and the same spec with the same images gives the same digest, so that applying it again changes nothing. `shape` stands
for all but the images: where it is the same, an image can be changed on the running pod.
"""

import hashlib
import json
from collections.abc import Callable
from typing import Any

from model import config_mounts
from model.apps import App, AppSpec, ContainerSpec, EnvVar, JobRun, Resources, Revision, SharedVolume
from model.layouts import Workload
from model.scheduling import Probe

Object = dict[str, Any]

APP_ID = "mooring.io/app-id"
REVISION = "mooring.io/revision"
APP = "mooring.io/app"
TRACK = "mooring.io/track"
TEMPLATE = "mooring.io/template"
SHAPE = "mooring.io/shape"
RESTARTED = "mooring.io/restarted"
METRICS_PORT = "mooring.io/metrics-port"
METRICS_PATH = "mooring.io/metrics-path"
VARIABLES = "mooring.io/variables"
_MAIN = "main"  # the label's value for the track that has no name of its own


def app_label(app_id: str) -> str:
    """The value of the label mooring.io/app-id: a label holds 63 characters and an AppID has 64, so its first 32."""
    return app_id[:32]


def track_label(track: str) -> str:
    """The value of the label mooring.io/track.

    >>> track_label(""), track_label("r2")
    ('main', 'r2')
    """
    return track or _MAIN


def track_of(labels: Object) -> str:
    """The track that an object's or a pod's labels name; the reverse of `track_label`."""
    value: str = labels.get(TRACK, _MAIN)
    return "" if value == _MAIN else value


def instance_name(pod: Object) -> str:
    """The name by which its user knows the instance that is this pod: a TApp's `<app>-<index>`, else the pod's own.

    A TApp's track is its index, and no other app's track is a number (`model/layouts.py`).

    >>> instance_name({"metadata": {"name": "db-0-0", "labels": {"mooring.io/app": "db", "mooring.io/track": "0"}}})
    'db-0'
    >>> instance_name({"metadata": {"name": "web-5c-x", "labels": {"mooring.io/app": "web", "mooring.io/track": "r2"}}})
    'web-5c-x'
    """
    marks = pod["metadata"].get("labels", {})
    name: str = pod["metadata"]["name"]
    return f"{marks[APP]}-{track_of(marks)}" if track_of(marks).isdecimal() else name


def labels(app: App) -> dict[str, str]:
    """What every object and pod of the app carries."""
    return {
        "app.kubernetes.io/name": app.name,
        "app.kubernetes.io/instance": app.name,
        "app.kubernetes.io/managed-by": "mooring",
        APP: app.name,
        APP_ID: app_label(app.id),
    }


def pod_template(app: App, revision: Revision, registry: str, workload: Workload) -> Object:
    """The template of a workload's pods at a revision whose images are resolved; `registry` is the platform's own host."""
    template = _template(app, revision, registry)
    marks = template["metadata"]["labels"]
    marks[TRACK] = track_label(workload.track)
    if workload.restart:
        template["metadata"].setdefault("annotations", {})[RESTARTED] = workload.restart
    shape = template | {"spec": template["spec"] | {"containers": [c | {"image": ""} for c in template["spec"]["containers"]]}}
    marks |= {SHAPE: digest(shape), TEMPLATE: digest(template)}
    return template


def pod_asked(spec: AppSpec, project: str) -> Object:
    """A pod of the spec as far as the scheduler looks at it, without images: what it asks for, and where it may go."""
    affinity = {"affinity": _kubernetes(spec.affinity)} if spec.affinity else {}
    asked = [{"name": c.name, "resources": {"requests": _limits(c.resources) | _requests(c.resources)}} for c in spec.containers]
    return {"metadata": {"namespace": project}, "spec": {"containers": asked, "nodeSelector": spec.node_labels, **affinity}}


def digest(value: Object) -> str:
    """Ten hex digits that stand for the value's content."""
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()[:10]


def _template(app: App, revision: Revision, registry: str) -> Object:
    spec = revision.spec
    images = revision.images(registry)
    pod: Object = {
        "containers": [_container(c, images[c.name].pinned(revision.digests[c.name])) for c in spec.containers],
        "terminationGracePeriodSeconds": spec.termination_grace_period_seconds,
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
    }
    configured = [volume for c in spec.containers for volume in config_mounts.volumes(c.name, c.config_map, c.secret)]
    volumes = [*(_shared(v) for v in spec.volumes), *(volume for c in spec.containers for volume in _directories(c)), *configured]
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
    marked = {config_mounts.CONFIGURED: "true"} if any(list(c.uses) for c in spec.containers) else {}
    metadata: Object = {"labels": {**labels(app), **marked}}
    annotations = {METRICS_PORT: str(spec.metrics_port), METRICS_PATH: spec.metrics_path} if spec.metrics_port else {}
    if spec.variables:
        annotations[VARIABLES] = digest(spec.variables)
    if annotations:
        metadata["annotations"] = annotations
    if spec.job:
        _run_to_end(spec.job, revision.number, metadata, pod)
    return {"metadata": metadata, "spec": pod}


def _run_to_end(job: JobRun, revision: int, metadata: Object, pod: Object) -> None:
    """A Job's pods tell which revision they run, and keep their last words: some are gone when it has failed."""
    metadata.setdefault("annotations", {})[REVISION] = str(revision)
    pod["restartPolicy"] = job.restart_policy
    pod["containers"] = [{**c, "terminationMessagePolicy": "FallbackToLogsOnError"} for c in pod["containers"]]


def _container(container: ContainerSpec, image: str) -> Object:
    said = str if container.expands else _literal
    made: Object = {"name": container.name, "image": image, "imagePullPolicy": "IfNotPresent"}
    if container.command:
        made["command"] = [said(word) for word in container.command]
    if container.args:
        made["args"] = [said(word) for word in container.args]
    given = [{"name": e.name, **_value(e, said)} for e in container.env]
    taken = config_mounts.variables(container.config_map, container.secret, {e.name for e in container.env})
    env = [*taken, *given] if container.expands else [*given, *taken]  # $(NAME) stands for what comes before it
    if env:
        made["env"] = env
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
    mounts += config_mounts.mounts(container.name, container.config_map, container.secret)
    if mounts:
        made["volumeMounts"] = mounts
    for field in ("liveness_probe", "readiness_probe", "startup_probe"):
        probe: Probe | None = getattr(container, field)
        if probe and (field != "readiness_probe" or container.asked):
            made[field.replace("_p", "P")] = _kubernetes(probe)
    if container.pre_stop_sleep:
        made["lifecycle"] = {"preStop": {"sleep": {"seconds": container.pre_stop_sleep}}}
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
