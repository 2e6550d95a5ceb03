"""People, tokens and members as people read them."""

from collections.abc import Sequence

from rich.console import Group, RenderableType
from rich.text import Text

from cli import drawing, tables
from cli.api import Record
from cli.words import clean


def project(found: Record) -> Group:
    """One project with its members."""
    facts: list[tuple[str, RenderableType | None]] = [
        ("status", drawing.state(found["status"])),
        ("description", clean(found["description"])),
        ("by", found["createdBy"]),
        ("created", tables.when(found["createdAt"])),
        ("id", found["id"]),
    ]
    head = Text(found["name"], style="bold")
    return Group(head, tables.facts(facts), Text(), members(found["name"], found["members"]))


def members(project: str, found: Sequence[Record]) -> RenderableType:
    """A table of a project's members."""
    if not found:
        return Text(
            f"{project} has no members; platform admins see it all the same. Add one: mooring member set {project} USER ROLE"
        )
    table = tables.table("user", "role")
    for one in found:
        table.add_row(one["user"], one["role"])
    return table


def users(found: Sequence[Record]) -> RenderableType:
    """A table of users."""
    table = tables.table("user", "platform admin", "created")
    for one in found:
        table.add_row(one["name"], "yes" if one["admin"] else "", tables.when(one["createdAt"]))
    return table


def tokens(found: Sequence[Record]) -> RenderableType:
    """A table of tokens, never the tokens themselves."""
    if not found:
        return Text("No tokens here. Make one: mooring token create NAME --user USER")
    table = tables.table("id", "user", "name", "created", "expires")
    for one in found:
        expires = one["expiresAt"] or "never"
        table.add_row(one["id"], one["user"], clean(one["name"]), tables.when(one["createdAt"]), expires)
    return table
