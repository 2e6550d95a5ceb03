"""Instances and their containers as the API tells them (manual: instance接口, container接口; mission, API conventions)."""

import hashlib
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from model.apps import App, AppPhase, Revision
from model.base import Frozen
from model.diagnosis import InstanceState, instance_state
from model.events import event_count, event_time, events_of
from model.layouts import Workload
from model.manifests import workload_name
from model.pod_templates import RESTARTED, REVISION, TEMPLATE, pod_template, track_of
from model.pods import Container, Object, condition, containers, is_over, is_ready, leaves, moving
from model.standing import pods_by_track
from model.troubles import Seen


def tapp_instance_id(app_id: str, index: str) -> str:
    """The id of a TApp's instance, made from AppID and index: the same in all its lives, also while it is killed.

    >>> tapp_instance_id("ab", "0")[:8]
    '34222c19'
    """
    return hashlib.sha256(f"{app_id}/{index}".encode()).hexdigest()


class Instance(Frozen):
    """One instance of an app as it is wanted and as it is.

    Of a Deployment app it is a pod. A TApp's has an index of its own (`track`), is named `<app>-<index>`, and may have no pod:
    while it is killed, or before its pod is made. `wanted` is None for one that shall not be there any more.
    """

    app: App
    name: str
    track: str
    wanted: Workload | None
    pod: Object | None

    @property
    def id(self) -> str:
        """Of a TApp's instance made from AppID and index, else the pod's uid."""
        if self.app.type == "TApp":
            return tapp_instance_id(self.app.id, self.track)
        assert self.pod is not None
        uid: str = self.pod["metadata"]["uid"]
        return uid

    @property
    def dns_name(self) -> str:
        """The name that resolves inside the cluster: a TApp's instance has its own, else it is the app's, over all its instances.

        It ends in `.svc`: pods complete it with their cluster's domain (Kubernetes: DNS for Services and Pods).
        """
        return f"{self.name if self.app.type == 'TApp' else self.app.name}.{self.app.project}.svc"


def instances_of(app: App, pods: Iterable[Object]) -> list[Instance]:
    """The app's instances, those on their way out last: a TApp's by index, with those that have no pod, else by name.

    A Job's are listed newest first: those that failed are its tries.
    """
    if app.type == "TApp":
        by_track = pods_by_track(list(pods))
        wanted = app.layout.by_track if app.phase is AppPhase.LIVE else {}
        tracks = sorted({*by_track, *wanted}, key=lambda track: (track not in wanted, int(track)))
        return [tapp_instance(app, track, by_track.get(track)) for track in tracks]
    if app.type == "Job":
        newest = sorted(pods, key=lambda pod: str(pod["metadata"]["creationTimestamp"]), reverse=True)
        return [pod_instance(app, pod) for pod in newest]
    found = sorted(pods, key=lambda pod: (leaves(pod) or is_over(pod), pod["metadata"]["name"]))
    return [pod_instance(app, pod) for pod in found]


def tapp_instance(app: App, track: str, pod: Object | None) -> Instance:
    """The TApp's instance of that index."""
    wanted = app.layout.by_track.get(track) if app.phase is AppPhase.LIVE else None
    return Instance(app=app, name=workload_name(app.name, track), track=track, wanted=wanted, pod=pod)


def pod_instance(app: App, pod: Object) -> Instance:
    """The Deployment app's instance that is this pod."""
    track = track_of(pod["metadata"]["labels"])
    return Instance(app=app, name=pod["metadata"]["name"], track=track, wanted=app.layout.by_track.get(track), pod=pod)


def version_of(instance: Instance, revisions: Sequence[Revision], registry: str) -> int | None:
    """The revision it runs: of those with its images the one whose template the pod has; without a pod the wanted one.

    Where the pod says nothing of it, the wanted one if it has these images, else the newest that has.
    """
    wanted = instance.wanted.revision if instance.wanted else None
    if instance.pod is None:
        return wanted
    if ran := instance.pod["metadata"].get("annotations", {}).get(REVISION):  # a Job's pod tells it
        return int(ran)
    running = {c.name: c.runs.partition("@")[2] for c in containers(instance.pod) if not c.init}
    same = sorted((r for r in revisions if r.digests == running), key=lambda revision: revision.number != wanted)
    made_of = next((r.number for r in same if _is_of(instance.app, instance.pod, r, registry)), None)
    return made_of or (same[0].number if same else wanted)


def serving_by_revision(app: App, pods: Iterable[Object], revisions: Sequence[Revision], registry: str) -> Counter[int]:
    """How many instances of each revision are ready; of pods of one template one is looked at."""
    by_template: dict[str, list[Instance]] = {}
    for instance in instances_of(app, pods):
        if instance.pod and is_ready(instance.pod) and not leaves(instance.pod):
            by_template.setdefault(instance.pod["metadata"]["labels"].get(TEMPLATE, instance.name), []).append(instance)
    found: Counter[int] = Counter()
    for those in by_template.values():
        if number := version_of(those[0], revisions, registry):
            found[number] += len(those)
    return found


def _is_of(app: App, pod: Object, revision: Revision, registry: str) -> bool:
    """Whether the pod has the template of that revision, as it was restarted last."""
    marks, restart = pod["metadata"]["labels"], pod["metadata"].get("annotations", {}).get(RESTARTED, "")
    workload = Workload(track=track_of(marks), revision=revision.number, replicas=1, restart=restart)
    return bool(pod_template(app, revision, registry, workload)["metadata"]["labels"][TEMPLATE] == marks.get(TEMPLATE))


def image_shown(container: str, image: str, revisions: Sequence[Revision]) -> str:
    """The image as it was written, with its tag: that of the first of `revisions` that resolved to the pod's digest."""
    digest = image.partition("@")[2]
    for revision in revisions:
        if digest and revision.digests.get(container) == digest:
            return next((c.image for c in revision.spec.containers if c.name == container), image)
    return image


def instance_reply(instance: Instance, seen: Seen, revisions: Sequence[Revision], registry: str) -> dict[str, Any]:
    """One instance in a list; `index` only of a TApp's, `version` is the revision it runs."""
    pod = instance.pod
    index = {"index": int(instance.track)} if instance.app.type == "TApp" else {}
    version = version_of(instance, revisions, registry)
    revisions = sorted(revisions, key=lambda revision: revision.number != version)  # of equal images the one it is told to have
    if pod is None:
        state = _state_without_pod(instance, seen)
        spec = next((r.spec for r in revisions if r.number == version), None)
        place = {"image": spec.containers[0].image if spec else "", "ip": "", "host": "", "restarts": 0, "startedAt": None}
    else:
        state = instance_state(pod, seen)
        if not state.reason and (changing := moving(pod)):
            state = InstanceState(status=state.status, reason="Changing", message=_changing(pod, changing))
        main = next(c for c in containers(pod) if not c.init)
        place = {
            "image": image_shown(main.name, main.runs, revisions),
            "ip": pod["status"].get("podIP", ""),
            "host": pod["spec"].get("nodeName", ""),
            "restarts": sum(c.restarts for c in containers(pod)),
            "startedAt": pod["status"].get("startTime"),
        }
    return {
        "instanceId": instance.id,
        "name": instance.name,
        **index,
        "version": version,
        "status": state.status,
        **place,
        "reason": state.reason,
        "message": state.message,
    }


def _changing(pod: Object, changing: Sequence[Container]) -> str:
    names, grace = ", ".join(repr(c.name) for c in changing), pod["spec"].get("terminationGracePeriodSeconds", 30)
    return f"the image of {names} is changed in place: what ran before serves until it has ended, for which it has {grace} s"


def _state_without_pod(instance: Instance, seen: Seen) -> InstanceState:
    """Killed, or why its pod is not there yet; `seen` has the events of its StatefulSet."""
    if instance.wanted is None or not instance.wanted.replicas:
        return InstanceState(status="KILLED", reason="Killed", message="it was killed; start it to have it again")
    refused = [event for event in sorted(seen.events, key=event_time) if event.get("type") == "Warning"]
    if refused:
        words = f"the cluster does not take its pod: {refused[-1].get('message', '')}"
        return InstanceState(status="PENDING", reason=refused[-1].get("reason", ""), message=words)
    return InstanceState(status="PENDING", reason="NotCreated", message="its pod is being made")


def instance_detail(instance: Instance, seen: Seen, revisions: Sequence[Revision], registry: str) -> dict[str, Any]:
    """One instance with whose it is, its containers and its events, the newest last."""
    pod = instance.pod
    events = events_of(pod, seen.events) if pod else sorted(seen.events, key=event_time)
    return {
        **instance_reply(instance, seen, revisions, registry),
        "appName": instance.app.name,
        "AppID": instance.app.id,
        "ready": pod is not None and condition(pod, "Ready").get("status") == "True",
        "containers": [container_reply(c, revisions) for c in containers(pod)] if pod else [],
        "events": [_event(e) for e in events],
    }


def container_reply(c: Container, revisions: Sequence[Revision]) -> dict[str, Any]:
    """One container: RUNNING, WAITING or TERMINATED; `exitCode` and, unless it waits, `reason` are of the life that ended last."""
    ended = c.end is not None and c.running_since is None and c.waiting is None
    reason, message = (c.waiting.reason, c.waiting.message) if c.waiting else (c.end.reason, c.end.message) if c.end else ("", "")
    return {
        "name": c.name,
        "image": image_shown(c.name, c.runs, revisions),
        "status": "RUNNING" if c.running_since else "TERMINATED" if ended else "WAITING",
        "ready": c.ready,
        "restarts": c.restarts,
        "exitCode": c.exit_code,
        "reason": reason,
        "message": message,
        "startedAt": c.running_since,
    }


def port_mappings(pod: Object, service: Object | None, host: str) -> list[dict[str, Any]]:
    """Each port of the instance: inside the cluster its own address, outside the NodePort on the node's address `host`."""
    ip = pod["status"].get("podIP", "")
    outside = node_ports(service)
    found = []
    for port in (p for c in pod["spec"]["containers"] for p in c.get("ports", [])):
        number, protocol = port["containerPort"], port.get("protocol", "TCP")
        node_port = outside.get((protocol, number))
        found.append(
            {
                "protocol": protocol.lower(),
                "containerPort": number,
                "hostIp": host if node_port else "",
                "hostPort": node_port,
                "privateAddr": f"{ip}:{number}" if ip else "",
            }
        )
    return found


def node_ports(service: Object | None) -> Mapping[tuple[str, int], int]:
    """By protocol and container port the port on every node; empty unless the Service is a NodePort (networkType 2, NAT)."""
    if service is None or service["spec"].get("type") != "NodePort":
        return {}
    return {(p.get("protocol", "TCP"), p["targetPort"]): p["nodePort"] for p in service["spec"]["ports"] if "nodePort" in p}


def address_of(node: Object) -> str:
    """Where a node is reached: from outside where it has such an address, else inside its network.

    >>> address_of({"status": {"addresses": [{"type": "InternalIP", "address": "10.0.0.1"}]}})
    '10.0.0.1'
    """
    found = {a["type"]: a["address"] for a in node["status"].get("addresses", [])}
    return str(found.get("ExternalIP") or found.get("InternalIP", ""))


def _event(event: Object) -> dict[str, Any]:
    return {
        "at": event_time(event),
        "type": event.get("type", "Normal"),
        "reason": event.get("reason", ""),
        "message": event.get("message", ""),
        "count": event_count(event),
    }


def access(instance: Instance, mappings: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Where a browser finds the instance: `url` the first of `urls`; without any the Message says why and what to do."""
    urls = [f"http://{host_of(m['hostIp'])}:{m['hostPort']}" for m in mappings if m["hostPort"] and m["protocol"] == "tcp"]
    if urls:
        return {"Code": 0, "Message": "", "url": urls[0], "urls": urls}
    app = instance.app.name
    inside = ", ".join(f"{instance.dns_name}:{m['containerPort']}/{m['protocol']}" for m in mappings)
    if not mappings:
        message = f"The app {app!r} opens no ports. Name them in portMappings, with networkType 2 (NAT), to reach it from outside."
    elif any(m["hostPort"] for m in mappings):
        message = f"The app {app!r} has no tcp port; its portmapping has the addresses."
    else:
        message = (
            f"The app {app!r} has networkType 0 (overlay) and so no address outside the cluster. Inside it is {inside}. "
            f"Deploy it with networkType 2 (NAT) to reach it from outside."
        )
    return {"Code": 0, "Message": message, "url": "", "urls": []}


def host_of(address: str) -> str:
    """An address as it is written before a port (RFC 3986).

    >>> host_of("fd00::1")
    '[fd00::1]'
    """
    return f"[{address}]" if ":" in address else address
