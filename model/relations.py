"""The relation graph of a document or of a deployment, made for drawing (manual, 应用编排: 关系图)."""

from collections.abc import Mapping
from typing import Any

from model.apps import AppSpec
from model.blueprints import Blueprint, Member

Object = dict[str, Any]


def graph(blueprint: Blueprint, live: Mapping[str, Mapping[str, Any]] | None = None) -> Object:
    """Nodes {id, type, name, level, …} and edges {from, to, type, …}; `live` has the apps' replies by member name.

    A node is an app (image, images, replicas, status, summary), a volume its containers share, a configuration group
    (`configmap`, `secret`; of the document with its entries), a service (ports) or an ingress (hosts); `level` is its column, 1
    for what starts first. An edge goes from what needs to what is needed: `link` (aliases), `order` (started after, no name);
    of both `until` says what is waited for, "ready" or, of a Job, "completed" (null: a link that waits for nothing); `volume`
    (mounts), `config` (entries, by "Volume" or "Env"), `service` (a Service to its app, and to it from an Ingress, with the
    paths, and from an app that reaches another by its name).
    """
    levels = blueprint.levels()
    nodes = [_app(member, levels[member.name], (live or {}).get(member.name)) for member in blueprint.members]
    edges = [edge for member in blueprint.members for edge in _links(blueprint, member)]
    for member in blueprint.members:
        found = _volumes(member)
        nodes += [{"id": name, "type": "volume", "name": short, "level": levels[member.name]} for name, (short, _) in found.items()]
        edges += [{"from": _id(member.name), "to": name, "type": "volume", "mounts": mounts} for name, (_, mounts) in found.items()]
        uses = _configs(member)
        known = {node["id"] for node in nodes}
        nodes += [{"id": to, **node, "level": levels[member.name]} for to, (node, _) in uses.items() if to not in known]
        edges += [{"from": _id(member.name), "to": to, "type": "config", "uses": how} for to, (_, how) in uses.items()]
    by_id = {node["id"]: node for node in nodes}
    for group in blueprint.groups:
        node = by_id.get(to := f"{group.kind}:{group.group}")
        if node is None:
            node = {"id": to, "type": group.kind.value, "name": group.group, "level": 1}
            nodes.append(node)
        node |= {"document": group.name, "entries": sorted(group.content)}
    made, reached = _services(blueprint, levels)
    nodes += made
    edges += reached
    return {"nodes": nodes, "edges": edges}


def images(blueprint: Blueprint) -> list[str]:
    """All images of a document, each once, in its order."""
    return list(dict.fromkeys(c.image for member in blueprint.members for c in member.spec.containers))


def until(member: Member) -> str:
    """When what comes after a member is started: when that is "ready", or, of a Job, has "completed"."""
    return "completed" if member.spec.job else "ready"


def _app(member: Member, level: int, shown: Mapping[str, Any] | None) -> Object:
    node: Object = {
        "id": _id(member.name),
        "type": "app",
        "name": member.name,
        "app": member.app,
        "level": level,
        "image": member.image,
        "images": {c.name: c.image for c in member.spec.containers},
        "replicas": member.replicas,
        "ports": [f"{p.container_port}/{p.protocol}" for p in member.ports],
    }
    if shown:
        node |= {
            "AppID": shown["AppID"],
            "status": shown["Status"],
            "summary": shown["InstanceSummary"],
            "image": shown["Image"],
            "replicas": shown["InstanceNum"],
            "message": shown["message"],
        }
    return node


def _links(blueprint: Blueprint, member: Member) -> list[Object]:
    aliases: dict[str, list[str]] = {}
    for link in member.links:
        aliases.setdefault(link.member, []).append(link.alias)
    awaited = {name: until(blueprint.member(name)) for name in member.after}
    linked = [
        {
            "from": _id(member.name),
            "to": _id(name),
            "type": "link",
            "aliases": names,
            "ordered": name in awaited,
            "until": awaited.get(name),
        }
        for name, names in aliases.items()
    ]
    ordered = [
        {"from": _id(member.name), "to": _id(name), "type": "order", "until": how}
        for name, how in awaited.items()
        if name not in aliases
    ]
    return [*linked, *ordered]


def _volumes(member: Member) -> dict[str, tuple[str, list[str]]]:
    """Node id → (name, "container:path" of each mount)."""
    spec: AppSpec = member.spec
    return {
        f"volume:{member.name}/{volume.name}": (
            volume.name,
            [f"{c.name}:{m.path}" for c in spec.containers for m in c.mounts if m.volume == volume.name],
        )
        for volume in spec.volumes
    }


def _configs(member: Member) -> dict[str, tuple[Object, list[Object]]]:
    """Node id → (type and name, how each container uses it)."""
    found: dict[str, tuple[Object, list[Object]]] = {}
    for container in member.spec.containers:
        for kind, _, use in container.uses:
            node: Object = {"type": kind.value, "name": use.name}
            _, how = found.setdefault(f"{kind.value}:{use.name}", (node, []))
            how.append({"container": container.name, "by": use.type, "keys": list(use.key), "mountPath": use.mount_path})
    return found


def _services(blueprint: Blueprint, levels: Mapping[str, int]) -> tuple[list[Object], list[Object]]:
    """Services and Ingresses, each in the column of what it leads to, and their edges."""
    nodes: list[Object] = []
    edges: list[Object] = []
    column = {service.name: levels[service.member] for service in blueprint.services}
    for service in blueprint.services:
        ports = [f"{p.port}/{p.protocol}" for p in service.ports]
        to = f"service:{service.name}"
        nodes.append({"id": to, "type": "service", "name": service.name, "level": column[service.name], "ports": ports})
        edges.append({"from": to, "to": _id(service.member), "type": "service", "ports": ports})
        using = [m.name for m in blueprint.members if any(link.alias == service.name for link in m.links)]
        edges += [{"from": _id(name), "to": to, "type": "service", "ports": ports} for name in using]
    for entrance in blueprint.entrances:
        paths: dict[str, list[str]] = {}
        for route in entrance.routes:
            paths.setdefault(route.service, []).append(f"{route.host}{route.path}")
        node = f"ingress:{entrance.name}"
        level = max((column[name] for name in paths), default=1)
        hosts = list(dict.fromkeys(route.host for route in entrance.routes))
        nodes.append({"id": node, "type": "ingress", "name": entrance.name, "level": level, "hosts": hosts})
        edges += [{"from": node, "to": f"service:{name}", "type": "service", "paths": those} for name, those in paths.items()]
    return nodes, edges


def _id(name: str) -> str:
    return f"app:{name}"
