"""Instances and containers as people read them."""

from collections.abc import Sequence

from rich.console import Group, RenderableType
from rich.text import Text

from cli import drawing, tables
from cli.api import Record
from cli.words import clean


def instances(project: str, app: str, found: Sequence[Record], total: int) -> RenderableType:
    """A table of an app's instances."""
    if not found:
        start, scale = f"mooring app start {project} {app}", f"mooring app scale {project} {app} COUNT"
        return Text(f"{app} has no instances just now. Where it is stopped, start it: {start}. Where it has 0, scale it: {scale}")
    table = tables.table("instance", "version", "status", "restarts", "image", "ip", "host", "why")
    for one in found:
        version = "" if one["version"] is None else str(one["version"])
        state = drawing.state(one["status"])
        table.add_row(one["name"], version, state, str(one["restarts"]), clean(one["image"]), one["ip"], one["host"], why_not(one))
    return tables.counted(table, len(found), total)


def instance(project: str, found: Record) -> Group:
    """One instance: where it is and why it does not run, its containers, its events, the newest last."""
    facts: list[tuple[str, RenderableType | None]] = [
        ("app", found["appName"]),
        ("status", drawing.state(found["status"])),
        ("why", why_not(found)),
        ("version", None if found["version"] is None else str(found["version"])),
        ("ip", found["ip"]),
        ("host", found["host"]),
        ("started", tables.when(found["startedAt"])),
        ("id", Text(found["instanceId"], overflow="fold")),
    ]
    parts: list[RenderableType] = [Text(f"{project}/{found['name']}", style="bold"), tables.facts(facts)]
    if found["containers"]:
        parts += [Text(), containers(found["containers"], len(found["containers"]))]
    if found["events"]:
        table = tables.table("seen", "event", "times", "what")
        for event in found["events"]:
            style = "yellow" if event["type"] == "Warning" else ""
            what = clean(event["message"])
            table.add_row(tables.when(event["at"]), Text(event["reason"], style=style), str(event["count"]), what)
        parts += [Text(), table]
    if found["status"] == "KILLED":
        return Group(*parts, Text.assemble("Start it: ", (f"mooring instance start {project} {found['name']}", "bold")))
    return Group(*parts, Text.assemble("What it writes: ", (f"mooring logs {project} {found['name']}", "bold")))


def containers(found: Sequence[Record], total: int) -> RenderableType:
    """A table of an instance's containers."""
    table = tables.table("container", "status", "ready", "restarts", "image", "started", "why")
    for one in found:
        ready, started = "yes" if one["ready"] else "no", tables.when(one["startedAt"])
        state = drawing.state(one["status"])
        table.add_row(one["name"], state, ready, str(one["restarts"]), clean(one["image"]), started, why_not(one))
    return tables.counted(table, len(found), total)


def container(project: str, instance: str, found: Record) -> Group:
    """One container."""
    facts: list[tuple[str, RenderableType | None]] = [
        ("status", drawing.state(found["status"])),
        ("ready", "yes" if found["ready"] else "no"),
        ("image", clean(found["image"])),
        ("started", tables.when(found["startedAt"])),
        ("restarts", str(found["restarts"])),
        ("last exit", None if found["exitCode"] is None else str(found["exitCode"])),
        ("why", why_not(found)),
    ]
    place = f"{project} {instance} --container {found['name']}"
    logs = Text.assemble("What it writes: ", (f"mooring logs {place}", "bold"))
    return Group(Text(f"{instance}/{found['name']}", style="bold"), tables.facts(facts), Text(), logs)


def why_not(found: Record) -> str:
    """Reason and message, in one."""
    return clean(f"{found['reason'] or ''} {found['message'] or ''}".strip())
