"""Templates: documents that are kept, edited in versions, and deployed from (manual, 应用编排; mission D)."""

import difflib
import re
from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Annotated

from pydantic import Field

from model.base import Body, Input, Number
from model.stack_documents import Kind

# Lines before times lines after, of all differences of one reply: comparing takes longer than in proportion.
_MOST_COMPARED = 4_000_000
_CONTEXT = 3  # lines around a change


class NewTemplate(Input):
    """Body of POST /v2/templates/{project}."""

    name: str
    kind: Kind
    content: str
    description: Annotated[str, Field(max_length=1000)] = ""
    reason: Annotated[str, Field(max_length=500)] = ""


class TemplateChange(Input):
    """Body of PUT …/{name}: the whole document; `basedOn` is the version it was edited from, so that nobody's edit is lost."""

    content: str | None = None
    description: Annotated[str | None, Field(max_length=1000)] = None
    based_on: Number | None = None
    reason: Annotated[str, Field(max_length=500)] = ""


class CheckedDocument(Input):
    """Body of POST …/validate; `deploymentName` is one it may be deployed under, for the names of the apps."""

    kind: Kind
    content: str
    deployment_name: str | None = None


class Deployment(Input):
    """Body of POST …/{name}/deploy."""

    deployment_name: str
    version: Number | None = None
    cluster: str | None = None
    deadline_seconds: Annotated[int, Field(ge=5, le=86400)] | None = None


class Template(Body):
    """A template; `version` is its newest."""

    id: str
    project: str
    name: str
    kind: Kind
    description: str
    version: int
    images: list[str]
    created_at: datetime
    created_by: str
    changed_at: datetime
    changed_by: str


class TemplateVersion(Body):
    """One document of a template, as it was written; one with secrets in it is sealed where it is kept."""

    number: int
    content: str = Field(repr=False)
    secret: bool = False
    images: list[str]
    reason: str
    created_at: datetime
    created_by: str


def diffs(pairs: Iterable[tuple[str, str]]) -> list[str | None]:
    """Of each pair (before, after) the difference in unified form, "" where there is none.

    None where what lies between its first and last changed line is too long to compare, beside the pairs before it.
    """
    left, found = _MOST_COMPARED, list[str | None]()
    for before, after in pairs:
        old, new = before.splitlines(), after.splitlines()
        head = _alike(old, new)
        tail = _alike(old[head:][::-1], new[head:][::-1])
        begin, end = max(0, head - _CONTEXT), max(0, tail - _CONTEXT)
        old, new = old[begin : len(old) - end], new[begin : len(new) - end]
        cost = len(old) * len(new)
        found.append("\n".join(_unified(old, new, begin)) if cost <= left else None)
        left -= min(cost, left)
    return found


def _alike(old: list[str], new: list[str]) -> int:
    """How many lines both begin with."""
    return next((place for place, (a, b) in enumerate(zip(old, new, strict=False)) if a != b), min(len(old), len(new)))


def _unified(old: list[str], new: list[str], begin: int) -> Iterator[str]:
    """The difference of what both documents have after so many lines."""
    for line in difflib.unified_diff(old, new, "before", "after", lineterm="", n=_CONTEXT):
        place = line.startswith("@@")
        yield re.sub(r"([-+])(\d+)", lambda found: f"{found[1]}{int(found[2]) + begin}", line) if place else line
