"""An app as the API shows it: the manual's reply, field names and all, and new fields in camelCase (app接口, 返回)."""

import shlex
from collections.abc import Mapping
from typing import Any

from model.apps import App, AppStatus, ContainerSpec, EnvVar, Revision, differences
from model.autoscaling import Scale
from model.config_mounts import ConfigUse
from model.diagnosis import WELL, Health
from model.layouts import Layout
from model.manifests import workload_name
from model.revisions import changes
from model.serving import notices


def app_reply(
    app: App,
    revisions: Mapping[int, Revision],
    status: AppStatus,
    summary: str,
    health: Health = WELL,
    scale: Scale | None = None,
) -> dict[str, Any]:
    """The reply of create and get. Containers' fields are those of the first; `reason` and `message` say why it is not well.

    `revisions` are all that its instances have, by number.
    """
    revision = revisions[app.revision]
    spec = revision.spec
    container = spec.containers[0]
    requests = {"cpu_request": "cpuRequest", "mem_request": "memRequest", "disk_request": "diskRequest"}
    amounts = container.resources.model_dump(exclude_none=True, exclude={"gpu"})
    amounts = {requests.get(name, name): amount for name, amount in amounts.items()}
    return {
        "AppID": app.id,
        "Cmd": container.cmd if isinstance(container.cmd, str) else shlex.join(container.command),
        "Created": app.created_at.isoformat(timespec="seconds"),
        "DockerDataDir": container.data_dir or "",
        "DockerLogDir": container.log_dir or "",
        "Environments": [_variable(e) for e in container.env],
        "Image": container.image,
        "InstanceNum": app.replicas,
        "InstanceSummary": summary,
        "Name": app.name,
        "PortsInfo": [{"protocol": p.protocol, "containerPort": p.container_port} for p in container.ports],
        "ProjectID": app.project_id,
        "ProjectName": app.project,
        "Status": status,
        "Username": app.username,
        "ResInfo": {**amounts, "gpu": str(container.resources.gpu)},
        "NetworkType": spec.network_type,
        "Type": app.type,
        "scale": scale.shown() if scale else None,
        "configMap": [_use_reply(use) for use in container.config_map],
        "secret": [_use_reply(use) for use in container.secret],
        "internalVolumes": [],
        "nodeLabels": spec.node_labels,
        "metricsPort": spec.metrics_port,
        "metricsPath": spec.metrics_path,
        "readinessProbe": _probe_reply(container),
        "lifecycle": {"preStop": {"sleep": {"seconds": container.pre_stop_sleep}}} if container.pre_stop_sleep else None,
        "cluster": app.cluster,
        "revision": revision.number,
        "digests": revision.digests,
        "containers": [c.name for c in spec.containers],
        "versions": [_version(app, revisions[number], revision) for number in reversed(app.layout.revisions)],
        "reason": health.reason,
        "message": health.message,
        "notices": notices(spec),
    }


def _probe_reply(container: ContainerSpec) -> dict[str, Any] | None:
    probe = container.readiness_probe
    return probe.model_dump(by_alias=True, exclude_none=True, exclude_defaults=True) if probe else None


def _variable(variable: EnvVar) -> dict[str, str]:
    if variable.field_path:
        return {"name": variable.name, "fieldPath": variable.field_path}
    return {"name": variable.name, "value": variable.value}


def _use_reply(use: ConfigUse) -> dict[str, Any]:
    path = {"mountPath": use.mount_path} if use.mount_path else {}
    names = {"names": use.names} if use.names else {}
    return {"type": use.type, "name": use.name, "key": list(use.key), **path, **names}


def _version(app: App, revision: Revision, in_force: Revision) -> dict[str, Any]:
    """A version of the app, what differs from the one in force, and the instances that shall have it; a TApp's by name."""
    line: dict[str, Any] = {
        "revision": revision.number,
        "current": revision.number == app.revision,
        "images": {c.name: c.image for c in revision.spec.containers},
        "digests": revision.digests,
        "differs": [change["field"] for change in differences(in_force.spec, revision.spec)],
        "count": app.layout.versions.get(revision.number, 0),
    }
    if app.type == "TApp":
        those = [w for w in app.layout.workloads if w.revision == revision.number]
        line["instances"] = [workload_name(app.name, w.track) for w in those]
        line["killed"] = [workload_name(app.name, w.track) for w in those if not w.replicas]
    return line


def without_values(body: Mapping[str, Any]) -> dict[str, Any]:
    """A create or rollout body as its record shows it: of variables, commands and probes only what they are called.

    >>> without_values({"cmd": "login --password x", "dockerEnv": [{"name": "A", "value": "x"}]})
    {'cmd': '…', 'dockerEnv': [{'name': 'A', 'value': '…'}]}
    """
    probes = {name: list(body[name]) for name in ("livenessProbe", "readinessProbe", "startupProbe") if body.get(name)}
    env = {"dockerEnv": [{**e, "value": "…"} for e in body["dockerEnv"]]} if body.get("dockerEnv") else {}
    return {**body, **probes, **env, **({"cmd": "…"} if body.get("cmd") else {})}


def revision_reply(
    revision: Revision,
    before: Revision | None,
    layout: Layout,
    ready: int | None,
    ended: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """One line of the revisions list: who, when, why, the images, how many have it, and what changed against the one before.

    `ready` is how many instances serve with it, None where that is not known; `ended` the operation (id, kind, status, error) that
    rolled it out.
    """
    outcome = None
    if ended:
        error = ended["error"] or {}
        outcome = {"OperationID": ended["id"], "kind": ended["kind"], "status": ended["status"], "reason": error.get("reason")}
    return {
        "revision": revision.number,
        "current": revision.number == layout.revision,
        "instances": layout.versions.get(revision.number, 0),
        "ready": ready,
        "images": {c.name: c.image for c in revision.spec.containers},
        "digests": revision.digests,
        "createdAt": revision.created_at.isoformat(),
        "createdBy": revision.created_by,
        "reason": revision.reason,
        "outcome": outcome,
        "changes": changes(before, revision) if before else [],
    }
