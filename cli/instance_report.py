"""Instances and containers as people read them."""

from collections.abc import Sequence

from rich.console import Group, RenderableType
from rich.text import Text

from cli import drawing, tables
from cli.api import Record
from cli.words import clean


def no_instances(project: str, app: Record) -> Text:
    """Why an app has no instances, and the command that helps: what runs to its end is run again, what is stopped started."""
    place = f"{project} {app['Name']}"
    why = clean(app["message"])
    if app["Type"] == "Job" and app["Status"] == "COMPLETED":
        told, command = "It has run to its end.", f"Run it again: mooring app restart {place}"
    elif app["Type"] == "Job" and app["Status"] in ("FAILED", "STOPPED"):
        told, command = why or "Its run is over.", f"Run it again: mooring app restart {place}"
    elif app["Status"] == "STOPPED":
        told, command = "It is stopped.", f"Start it: mooring app start {place}"
    elif app["InstanceNum"] == 0:
        told, command = "It is scaled to 0.", f"Scale it: mooring app scale {place} COUNT"
    else:
        told, command = why or f"It is {app['Status']}.", f"See why: mooring app show {place}"
    return Text(f"{app['Name']} has no instances just now. {told} {command}")


def instances(project: str, app: str | None, found: Sequence[Record], total: int) -> RenderableType:
    """A table of an app's instances, or of all apps', and below it what is told of them, each once."""
    if not found:
        return Text(f"No app of the project {project} has instances just now. Its apps: mooring app ls {project}")
    whose = () if app else ("app",)
    table = tables.table("instance", *whose, "version", "status", "restarts", "image", "ip", "host", "why")
    for one in found:
        version = "" if one["version"] is None else str(one["version"])
        state, of = drawing.state(one["status"]), () if app else (one["appName"],)
        cells = (version, state, str(one["restarts"]), clean(one["image"]), one["ip"], one["host"], one["reason"] or "")
        table.add_row(one["name"], *of, *cells)
    return Group(tables.counted(table, len(found), total), *_told_of(found))


def _told_of(found: Sequence[Record]) -> list[Text]:
    """What is told of each instance, once for all of which the same is told."""
    same: dict[str, list[tuple[str, str]]] = {}
    for one in found:
        if words := " ".join(filter(None, [one["message"], _outdated(one)])):
            same.setdefault(words.replace(one["name"], ""), []).append((one["name"], words))
    return [
        Text(clean(f"{those[0][0]}{f' and {len(those) - 1} more' if len(those) > 1 else ''}: {those[0][1]}"))
        for those in same.values()
    ]


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
    """Reason and message, in one, and which variables it holds as they were before."""
    return clean(" ".join(filter(None, [found["reason"], found["message"], _outdated(found)])))


def _outdated(found: Record) -> str:
    changed = [f"{', '.join(one['entries'])} of {one['kind']} {one['name']}" for one in found.get("restartNeeded") or []]
    return f"holds {'; '.join(changed)} as it was before; restart the app" if changed else ""
