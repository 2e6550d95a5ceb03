"""Instances and their containers as the API tells them (manual: instance接口, container接口; mission, API conventions)."""

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

from model.apps import App, Revision
from model.diagnosis import Seen, instance_state
from model.events import event_count, event_time, events_of
from model.pods import Container, Object, condition, containers


def tapp_instance_id(app_id: str, index: str) -> str:
    """The id of a TApp's instance, made from AppID and index: the same in all its lives, also while it is killed.

    >>> tapp_instance_id("ab", "0")[:8]
    '34222c19'
    """
    return hashlib.sha256(f"{app_id}/{index}".encode()).hexdigest()


def instance_name(app_type: str, pod: Object) -> str:
    """What the API calls an instance: its pod's name; of a TApp `<app>-<index>`, whose StatefulSet numbers its one pod.

    >>> instance_name("TApp", {"metadata": {"name": "db-3-0"}})
    'db-3'
    """
    name: str = pod["metadata"]["name"]
    return name.removesuffix("-0") if app_type == "TApp" else name


def image_shown(container: str, image: str, revisions: Sequence[Revision]) -> str:
    """The image as it was written, with its tag: that of the first of `revisions` that resolved to the pod's digest."""
    digest = image.partition("@")[2]
    for revision in revisions:
        if digest and revision.digests.get(container) == digest:
            return next((c.image for c in revision.spec.containers if c.name == container), image)
    return image


def instance_reply(pod: Object, seen: Seen, revisions: Sequence[Revision]) -> dict[str, Any]:
    """One instance in a list. A Deployment's instance is its pod: `instanceId` is the pod's uid."""
    state = instance_state(pod, seen)
    main = next(c for c in containers(pod) if not c.init)
    return {
        "instanceId": pod["metadata"]["uid"],
        "name": pod["metadata"]["name"],
        "status": state.status,
        "image": image_shown(main.name, main.image, revisions),
        "ip": pod["status"].get("podIP", ""),
        "host": pod["spec"].get("nodeName", ""),
        "restarts": sum(c.restarts for c in containers(pod)),
        "startedAt": pod["status"].get("startTime"),
        "reason": state.reason,
        "message": state.message,
    }


def instance_detail(pod: Object, app: App, seen: Seen, revisions: Sequence[Revision]) -> dict[str, Any]:
    """One instance with whose it is, its containers and its events, the newest last."""
    return {
        **instance_reply(pod, seen, revisions),
        "appName": app.name,
        "AppID": app.id,
        "ready": condition(pod, "Ready").get("status") == "True",
        "containers": [container_reply(c, revisions) for c in containers(pod)],
        "events": [_event(e) for e in events_of(pod, seen.events)],
    }


def container_reply(c: Container, revisions: Sequence[Revision]) -> dict[str, Any]:
    """One container: RUNNING, WAITING or TERMINATED; `exitCode` and, unless it waits, `reason` are of the life that ended last."""
    ended = c.end is not None and c.running_since is None and c.waiting is None
    reason, message = (c.waiting.reason, c.waiting.message) if c.waiting else (c.end.reason, c.end.message) if c.end else ("", "")
    return {
        "name": c.name,
        "image": image_shown(c.name, c.image, revisions),
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


def access(app: str, project: str, mappings: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Where a browser finds the instance: `url` the first of `urls`; without any the Message says why and what to do."""
    urls = [f"http://{host_of(m['hostIp'])}:{m['hostPort']}" for m in mappings if m["hostPort"] and m["protocol"] == "tcp"]
    if urls:
        return {"Code": 0, "Message": "", "url": urls[0], "urls": urls}
    inside = ", ".join(f"{app}.{project}:{m['containerPort']}/{m['protocol']}" for m in mappings)
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
