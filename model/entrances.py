"""Ingresses of a stack: their objects, what brings them to a document, whose hosts are whose (Kubernetes: Ingress v1)."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from model.blueprints import Blueprint, Entrance, Route
from model.errors import Conflict
from model.pod_templates import digest
from model.stack_changes import Action, Change
from model.stacks import STACK_ID, Stack, address_name

Object = dict[str, Any]
CONTENT = "mooring.io/content"  # the annotation that stands for what an Ingress was made of
_NAMED = 10


def ingress_objects(stack: Stack, blueprint: Blueprint) -> dict[str, Object]:
    """By name in the project the Ingress of each of the document's."""
    return {entrance.ingress: _object(stack, blueprint, entrance) for entrance in blueprint.entrances}


def entrance_changes(stack: Stack, blueprint: Blueprint, found: Iterable[Object]) -> list[Change]:
    """What brings the stack's Ingresses, of which `found` are there, to the document."""
    there = {item["metadata"]["name"]: item for item in found}
    wanted = ingress_objects(stack, blueprint)
    made = [_change(e.name, e.ingress, wanted[e.ingress], there.get(e.ingress)) for e in blueprint.entrances]
    return [*made, *(_gone(stack, name) for name in there if name not in wanted)]


def check_hosts(hosts: Sequence[str], stack: Stack, everywhere: Iterable[Object]) -> None:
    """Raise Conflict when an Ingress outside the project takes requests for one of the hosts."""
    theirs = [item for item in everywhere if item["metadata"]["namespace"] != stack.project]
    taken = {rule.get("host", "") for item in theirs for rule in item["spec"].get("rules") or []}
    if found := [host for host in hosts if host in taken]:
        raise host_taken(found)


def check_owned(name: str, stack: Stack, found: Mapping[str, Any] | None) -> None:
    """Raise Conflict when there is an Ingress of that name that is not the stack's."""
    if found and found["metadata"].get("labels", {}).get(STACK_ID) != stack.id:
        raise Conflict(
            f"The cluster has an Ingress {name!r} in {stack.project!r} that is not of the stack {stack.name!r}.",
            hint="Choose another name for the deployment, or remove that object; then retry.",
        )


def host_taken(hosts: Sequence[str]) -> Conflict:
    """The refusal of hosts that are another project's, which is not named."""
    told = ", ".join(hosts[:_NAMED])
    return Conflict(
        f"Another project's Ingress takes the requests for {told} already.", hint="Use another host, or ask that project for it."
    )


def entrance_taken(name: str, stack: str) -> Conflict:
    """The refusal of an Ingress whose name another stack of the project has."""
    return Conflict(
        f"The stack {stack!r} has an Ingress {name!r} already.",
        hint="Choose another name for the deployment, or for the Ingress in the document.",
    )


def _change(name: str, ingress: str, wanted: Object, found: Object | None) -> Change:
    action, reason = Action.UNCHANGED, ""
    if found is None:
        action, reason = Action.CREATE, "there is no such Ingress"
    elif found["metadata"].get("annotations", {}).get(CONTENT) != wanted["metadata"]["annotations"][CONTENT]:
        action, reason = Action.UPDATE, "hosts, paths or certificates"
    return Change(name=name, app=ingress, kind="ingress", action=action, reason=reason)


def _gone(stack: Stack, name: str) -> Change:
    short, reason = name.removeprefix(f"{stack.name}-"), "the document no longer has it"
    return Change(name=short, app=name, kind="ingress", action=Action.DELETE, reason=reason)


def _object(stack: Stack, blueprint: Blueprint, entrance: Entrance) -> Object:
    members = {service.name: service.member for service in blueprint.services}
    hosts: dict[str, list[Object]] = {}
    for route in entrance.routes:
        hosts.setdefault(route.host, []).append(_path(stack, members[route.service], route))
    spec: Object = {"rules": [{"host": host, "http": {"paths": paths}} for host, paths in hosts.items()]}
    if entrance.class_name:
        spec["ingressClassName"] = entrance.class_name
    if entrance.tls:
        spec["tls"] = [{"hosts": list(tls.hosts), "secretName": tls.secret} for tls in entrance.tls]
    labels = {"app.kubernetes.io/managed-by": "mooring", "app.kubernetes.io/name": entrance.ingress, STACK_ID: stack.id}
    metadata = {"name": entrance.ingress, "namespace": stack.project, "labels": labels, "annotations": {CONTENT: digest(spec)}}
    return {"apiVersion": "networking.k8s.io/v1", "kind": "Ingress", "metadata": metadata, "spec": spec}


def _path(stack: Stack, member: str, route: Route) -> Object:
    """Requests go to the address of the member's links, which outlives its app's own Service."""
    service = {"name": address_name(stack.id, member), "port": {"number": route.port}}
    return {"path": route.path, "pathType": "Exact" if route.exact else "Prefix", "backend": {"service": service}}
