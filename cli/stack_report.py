"""Templates and deployments as people read them."""

from collections.abc import Sequence

from rich.console import Group, RenderableType
from rich.text import Text

from cli import drawing, tables
from cli.api import Record
from cli.commands_told import told
from cli.report import waiting
from cli.words import ago, clean, moment, now

_COLOURS = {"create": "green", "start": "green", "update": "yellow", "recreate": "yellow", "delete": "red", "unchanged": "dim"}


_HIDDEN = Text("  (has secrets in it; the permission secret:read shows them)", style="dim")


def templates(found: Sequence[Record], total: int) -> RenderableType:
    """A table of templates."""
    if not found:
        return Text("No templates here. Keep a document as one: mooring template create PROJECT NAME FILE")
    table = tables.table("template", "kind", "version", "images", "changed", "by", "description")
    for one in found:
        name, changed = f"{one['project']}/{one['name']}", moment(one["changedAt"])
        assert changed is not None
        images = clean(", ".join(one["images"]))
        when = ago(changed, now())
        table.add_row(name, one["kind"], str(one["version"]), images, when, one["changedBy"], clean(one["description"]))
    return tables.counted(table, len(found), total)


def versions(found: Record) -> RenderableType:
    """Versions newest first, each with who, when, why and what changed."""
    parts: list[RenderableType] = []
    for one in found["versions"]:
        number = one.get("number", one.get("version"))
        words = [f"by {one['createdBy']}", str(tables.when(one["createdAt"])), one.get("reason") or "", one.get("status") or ""]
        words.append(f"as version {one['restores']} was" if one.get("restores") else "")
        of = f" of the deployment{_of_template(one)}" if "templateVersion" in one else ""
        parts.append(Text.assemble((f"version {number}", "bold"), f"{of}  {clean(', '.join(w for w in words if w))}"))
        parts.append(_HIDDEN if one.get("contentHidden") else _diff(one["diff"]))
    # A template knows how many versions it has; of a stack they are counted.
    at_least = found.get("totalIsAtLeast", False)
    parts.append(tables.how_many(len(found["versions"]), found["total"], at_least=at_least) or Text())
    return Group(*parts)


def problems(body: Record) -> RenderableType:
    """What a check of a document has found."""
    if body["Code"] == 0:
        told = Text.assemble(("The document is right. ", "green"), f"Images: {', '.join(body['images'])}")
        return Group(told, Text(), relations(body["graph"]))
    lines = [f"line {p.get('line', '?')}, column {p.get('column', '?')}: {p['field']} {p['message']}" for p in body["problems"]]
    return Text(clean("\n".join(lines or [body["Message"]])), style="red")


def relations(graph: Record) -> Group:
    """A relation graph: its apps in the order of their start, each with what it waits for, reaches and uses."""
    nodes = {node["id"]: node for node in graph["nodes"]}
    table = tables.table("order", "app", "image", "instances", "starts after", "reaches", "uses")
    apps = sorted((node for node in nodes.values() if node["type"] == "app"), key=lambda node: node["level"])
    for node in apps:
        edges = [edge for edge in graph["edges"] if edge["from"] == node["id"]]
        after = [_awaited(nodes[edge["to"]]["name"], edge["until"]) for edge in edges if edge.get("until")]
        names = [f"{nodes[e['to']]['name']} as {alias}" for e in edges if e["type"] == "link" for alias in e["aliases"]]
        names += [f"service {nodes[edge['to']]['name']}" for edge in edges if edge["type"] == "service"]
        used = [f"{nodes[e['to']]['type']} {nodes[e['to']]['name']}" for e in edges if e["type"] in ("volume", "config")]
        count = "" if node["replicas"] is None else str(node["replicas"])
        cells = (", ".join(after), clean(", ".join(names)), clean(", ".join(used)))
        table.add_row(str(node["level"]), node["name"], clean(node["image"]), count, *cells)
    ways = [
        Text(clean(f"{node['type']} {node['name']} leads to {', '.join(_ways(node, nodes, graph['edges']))}"))
        for node in nodes.values()
        if node["type"] in ("service", "ingress")
    ]
    return Group(table, *ways)


def _ways(node: Record, nodes: Record, edges: Sequence[Record]) -> list[str]:
    """Where a Service or an Ingress leads: to an app on its ports, to Services by their paths."""
    found = [(nodes[edge["to"]], edge) for edge in edges if edge["from"] == node["id"]]
    return [f"{to['type']} {to['name']} ({', '.join(edge.get('paths') or edge['ports'])})" for to, edge in found]


def _awaited(name: str, until: str) -> str:
    return f"{name} ({until})"


def stacks(project: str, found: Sequence[Record], total: int) -> RenderableType:
    """A table of a project's deployments."""
    if not found:
        return Text(f"The project {project} has no deployments. Deploy a template: mooring template deploy {project} TEMPLATE NAME")
    waits = ("waits for",) if any(one["lastOperation"]["waitsFor"] for one in found) else ()
    gone = ("gone",) if any(one["gone"] for one in found) else ()
    why = ("why",) if any(one["message"] for one in found) else ()
    table = tables.table("deployment", "kind", "version", "status", "last operation", "by", "created", *waits, *gone, *why)
    for one in found:
        begun = moment(one["createdAt"])
        assert begun is not None
        state, last = drawing.state(one["status"]), f"{one['lastOperation']['kind']} {one['lastOperation']['id']}"
        fields = (one["stackInstanceName"], one["kind"], str(one["version"]), state, last, one["createdBy"], ago(begun, now()))
        more = [waiting(one["lastOperation"]) or ""] if waits else []
        more += [", ".join(_gone(part) for part in one["gone"])] if gone else []
        more += [told(one["message"])] if why else []
        table.add_row(*fields, *more)
    return tables.counted(table, len(found), total)


def _gone(part: Record) -> str:
    return f"{part['name'] if part['kind'] == 'app' else ' '.join((part['kind'], part['name']))} ({part['status'].lower()})"


def stack(found: Record) -> Group:
    """One deployment: its apps in the order of their start, and whom the newest operation on it waits for."""
    last = found["lastOperation"]
    facts: list[tuple[str, RenderableType | None]] = [
        ("status", drawing.state(found["status"])),
        ("version", f"{found['version']} of this deployment{_of_template(found)} ({found['kind']})"),
        ("last", f"{last['kind']} {last['id']} {last['status']}"),
        ("why", told(found["message"]) or None),
        ("waits for", waiting(last)),
        ("by", found["createdBy"]),
        ("created", tables.when(found["createdAt"])),
    ]
    table = tables.table("order", "app", "status", "instances", "image", "starts after", "links", "why")
    for one in found["apps"]:
        after = ", ".join(_awaited(other["name"], other["until"]) for other in one["after"])
        links = ", ".join(link["alias"] for link in one["links"])
        cells = (str(one["order"]), one["name"], drawing.state(one["Status"]), one["InstanceSummary"], one["Image"])
        table.add_row(*cells, after, links, clean(one["message"]))
    others: list[RenderableType] = [
        Text(f"{group['kind']} {group['name']}: {clean(', '.join(group['entries']))}{_missing(group)}") for group in found["groups"]
    ]
    others += [Text(f"ingress {one['name']}: {', '.join(one['hosts'])}. {one['message']}") for one in found["ingresses"]]
    return Group(Text(found["stackInstanceName"], style="bold"), tables.facts(facts), Text(), table, *others)


def _of_template(found: Record) -> str:
    """Which version of its template it is: the two count apart, as a rollback is a version of the deployment alone."""
    if not found.get("templateVersion"):
        return ""
    return f", version {found['templateVersion']} of the template{' ' + found['template'] if found.get('template') else ''}"


def plan(found: Record) -> Group:
    """What an upgrade would do, in its order."""
    table = tables.table("what", "action", "instances", "why")
    for one in found["changes"]:
        replaced = _gray(one["gray"]) if one.get("gray") else "replaced" if one["replaces"] and one["action"] == "update" else ""
        name = one["app"] if one["kind"] == "app" else f"{one['kind']} {one['app']}"
        table.add_row(name, Text(one["action"], style=_COLOURS[one["action"]]), replaced, clean(one["reason"]))
    counts = ", ".join(f"{count} {action}" for action, count in found["counts"].items() if count)
    return Group(table, Text(f"{counts or 'nothing'}. Nothing was done; leave --dry-run out to do it."))


def _gray(found: Record) -> str:
    """How many instances are new after each batch, and what happens then."""
    pause = f", pause {found['pause']}" if found["pause"] != "never" else ""
    gates = f", gates {found['gates']}" if found["gates"] else ""
    return f"{', '.join(str(count) for count in found['batches'])} of {found['total']}{pause}{gates}"


def _missing(group: Record) -> str:
    return "" if group["inCluster"] else " (not in the cluster)"


def _diff(text: str | None) -> Text:
    if text is None:
        return Text("  (too long to compare)", style="dim")
    drawn = Text()
    for line in clean(text).split("\n")[2:]:
        drawn.append(f"  {line}\n", style="green" if line.startswith("+") else "red" if line.startswith("-") else "dim")
    return drawn
