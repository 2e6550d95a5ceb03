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


def me(found: Record, url: str, project: str | None, *, unseen: bool) -> RenderableType:
    """Who asks, where, with which roles; the project in use may be one that is not there for them."""
    used = f"{project}: there is none, or you are not in it; choose another: mooring use PROJECT" if unseen else project
    roles = ", ".join(f"{role} in {name}" for name, role in sorted(found["roles"].items()))
    return tables.facts(
        [
            ("user", found["name"]),
            ("platform", url),
            ("roles", "platform admin" if found["admin"] else roles or "in no project: ask a project's admin to be made a member"),
            ("project", used or "none in use; choose one: mooring use PROJECT"),
        ]
    )


def in_use(project: str | None, asked: str | None) -> Text:
    """Which project is meant where none is named; `asked` is the one that was to be."""
    if project is None:
        return Text("No project is in use: commands name theirs. Choose one: mooring use PROJECT")
    told = Text(f"{project} is the project that commands mean where they name none. Its apps: mooring app ls")
    if asked not in (None, project):
        told.append(f"\nMOORING_PROJECT in the environment wins over {asked}, which is kept; unset it to use that.", style="yellow")
    return told
