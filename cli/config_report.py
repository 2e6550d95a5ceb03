"""Configuration groups as people read them; a value is never among it."""

from collections.abc import Sequence

from rich.console import Group, RenderableType
from rich.text import Text

from cli import tables
from cli.api import Record
from cli.commands_told import told
from cli.words import ago, clean, moment, now


def groups(word: str, project: str, found: Sequence[Record], total: int) -> RenderableType:
    """A table of configuration groups."""
    if not found:
        return Text(f"The project {project} has no {word} of that kind. Make one: mooring {word} create {project} NAME [FILE …]")
    table = tables.table("name", "entries", "version", "by", "changed", "in the cluster")
    for one in found:
        changed = moment(one["updatedAt"])
        assert changed is not None
        placed = "yes" if one["inCluster"] else "not yet"
        table.add_row(one["name"], str(one["configNum"]), str(one["version"]), one["updatedBy"], ago(changed, now()), placed)
    return tables.counted(table, len(found), total)


def group(found: Record, versions: Sequence[Record]) -> Group:
    """A configuration group: its entries with who uses them, and what was changed by whom; never a value."""
    entries = tables.table("entry", "bytes", "kind", "apps")
    for name, entry in sorted(found["entries"].items()):
        kind = "text" if entry["text"] else "binary"
        entries.add_row(name, str(entry["size"]), kind, str(found["appMapNum"][name]))
    history = tables.table("version", "by", "created", "changes", "reason")
    for one in versions:
        changes = ", ".join(f"{change['entry']} {change['change']}" for change in one["changes"])
        history.add_row(str(one["version"]), one["createdBy"], tables.when(one["createdAt"]), changes, clean(one["reason"]))
    head = Text(f"{found['projectName']}/{found['name']}", style="bold")
    return Group(head, Text(), entries if found["entries"] else Text("It has no entries yet."), Text(), history)


def changed(words: str, found: Record) -> RenderableType:
    """What a change of a group did, and which apps have to be restarted for it."""
    parts = [Text(clean(words))]
    for one in found.get("restartNeeded", []):
        parts.append(Text(f"{one['appName']} reads {', '.join(one['entries'])} when it starts: {told('POST ' + one['restart'])}"))
    return Group(*parts)


def users(entry: str, found: Sequence[Record]) -> RenderableType:
    """A table of the apps that use an entry."""
    if not found:
        return Text(f"No app uses {entry}.")
    table = tables.table("app", "as", "where", "id")
    for one in found:
        table.add_row(one["appName"], "files" if one["type"] == "Volume" else "variable", one["mountPath"], one["appId"])
    return table


def reads(name: str, found: Sequence[Record]) -> RenderableType:
    """A table of who read a secret."""
    if not found:
        return Text(f"Nobody was shown a value of {name}.")
    table = tables.table("when", "who", "version", "entries")
    for one in found:
        table.add_row(tables.when(one["at"]), one["reader"], str(one["version"]), ", ".join(one["entries"]))
    return table
