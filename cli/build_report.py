"""Build projects, builds and images as they are shown."""

from collections.abc import Sequence

from rich.console import Group, RenderableType
from rich.text import Text

from cli import drawing, tables
from cli.api import Record
from cli.building import size
from cli.commands_told import told
from cli.words import ago, clean, moment, now

_TAGS = 5


def builds(project: str, found: Sequence[Record], total: int) -> RenderableType:
    """A table of build projects."""
    if not found:
        return Text(
            f"The project {project} builds nothing yet. Build a directory: mooring build . --project {project}, "
            f"or a repository: mooring build create {project} NAME --repository ADDRESS"
        )
    table = tables.table("build", "image", "from", "newest", "status")
    for one in found:
        last = one["lastBuild"]
        table.add_row(
            one["name"],
            f"{one['image']}{':' + one['tag'] if one['tag'] else ''}",
            _source(one),
            _ago(last["createdAt"]) if last else "never built",
            drawing.status(last["status"]) if last else "",
        )
    return tables.counted(table, len(found), total)


def build(project: str, found: Record, records: Record) -> Group:
    """One build project with its builds."""
    facts: list[tuple[str, RenderableType | None]] = [
        ("image", found["image"]),
        ("from", _source(found)),
        ("Dockerfile", clean(found["dockerfilePath"])),
        ("context", clean(found["contextPath"]) if found["contextPath"] != "." else None),
        ("tag", found["tag"] or "the first twelve digits of each commit"),
        ("by", found["createdBy"]),
        ("created", tables.when(found["createdAt"])),
    ]
    parts: list[RenderableType] = [Text(f"{project}/{found['name']}", style="bold"), tables.facts(facts), Text()]
    if not records["records"]:
        return Group(*parts, Text("It has not been built yet."))
    table = tables.table("id", "status", "by", "created", "image", "digest", "why")
    for one in records["records"]:
        why = told(f"{one['error']['reason']}: {one['error']['message']}") if one["error"] else ""
        row = (drawing.status(one["status"]), one["actor"], _ago(one["createdAt"]), one["image"] or "", _short(one["digest"]), why)
        table.add_row(one["operationId"], *row)
    counted = tables.counted(table, len(records["records"]), records["total"], at_least=records.get("totalIsAtLeast", False))
    log = Text.assemble("See a log: ", (f"mooring build log {project} {found['name']} --operation ID", "bold"))
    return Group(*parts, counted, log)


def images(found: Record) -> RenderableType:
    """A table of images with their tags, the newest of each repository first."""
    if not found["images"]:
        return Text("The registry has no images for you here. Build one: mooring build .")
    table = tables.table("image", "digest", "size", "created", "ports")
    for one in found["images"]:
        for tag in one["tags"][:_TAGS]:
            created = _ago(tag["createdAt"]) if tag["createdAt"] else ""
            name = f"{one['name']}:{tag['tag']}"
            table.add_row(name, _short(tag["digest"]), size(tag["size"]), created, ", ".join(tag["ports"]))
        if one["totalTags"] > _TAGS:
            table.add_row(f"{one['name']}: {one['totalTags'] - _TAGS} tags more", "", "", "", "")
    write = Text.assemble("In a Dockerfile: ", (f"FROM {found['registry']}/{found['images'][0]['name']}", "bold"))
    return Group(tables.counted(table, len(found["images"]), found["total"]), write)


def _source(found: Record) -> str:
    return clean(f"{found['repository']} ({found['branch']})") if found["repository"] else "directories that are sent"


def _short(digest: str | None) -> str:
    return digest.removeprefix("sha256:")[:12] if digest else ""


def _ago(text: str) -> str:
    at = moment(text)
    return ago(at, now()) if at else ""
