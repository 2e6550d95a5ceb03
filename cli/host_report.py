"""Hosts as people read them: what they have, and who has asked for how much of it."""

from collections.abc import Iterator

from rich.console import Group, RenderableType
from rich.text import Text

from cli import drawing, tables
from cli.api import Record
from cli.words import clean

_FIGURES = ("cpu", "memory", "disk", "gpu", "instances")


def hosts(found: Record) -> RenderableType:
    """A table of hosts, below each what projects have asked for there, and the sums over all."""
    if not found["hosts"]:
        return Text("The cluster has no hosts, so nothing can run. An administrator adds one: kubectl get nodes")
    figures = [name for name in _FIGURES if name != "gpu" or found["all"]["allocatable"]["gpu"]]
    table = tables.table("host", "status", "what", *figures)
    for host in found["hosts"]:
        name, state = host["name"], drawing.state(host["status"].upper())
        for what, amounts in _rows(host):
            table.add_row(name, state, what, *(amount(figure, amounts[figure]) for figure in figures))
            name, state = "", Text()
    if found["total"] > 1:
        for what, label in (("allocatable", "all hosts"), ("requested", ""), ("free", "")):
            table.add_row(label, "", what, *(amount(figure, found["all"][what][figure]) for figure in figures))
    why = [Text(clean(f"{host['name']}: {host['reason']}{_since(host)}")) for host in found["hosts"] if host["reason"]]
    return Group(tables.counted(table, len(found["hosts"]), found["total"]), *why)


def amount(figure: str, value: float) -> str:
    """An amount as people write it.

    >>> amount("cpu", 0.25), amount("memory", 512 * 2**20), amount("memory", 3 * 2**30), amount("instances", 4)
    ('0.25', '512Mi', '3Gi', '4')
    """
    if figure not in ("memory", "disk"):
        return f"{value:g}"
    gib = value / 2**30
    return f"{gib:.1f}".removesuffix(".0") + "Gi" if gib >= 1 else f"{value / 2**20:.0f}Mi"


def _rows(host: Record) -> Iterator[tuple[str, Record]]:
    yield "allocatable", host["allocatable"]
    yield "requested", host["requested"]
    for share in host["projects"]:
        yield f"  {share['project'] or 'the cluster itself'}", share
    yield "free", host["free"]


def _since(host: Record) -> str:
    return f", since {host['since']}" if host["since"] else ""
