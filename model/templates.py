"""Templates: documents that are kept, edited in versions, and deployed from (manual, 应用编排; mission D)."""

import difflib
from datetime import datetime
from typing import Annotated

from pydantic import Field

from model.base import Body, Input
from model.stack_documents import Kind

_MOST_LINES = 4000  # of a document whose difference is told: comparing takes longer than in proportion


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
    based_on: Annotated[int, Field(ge=1)] | None = None
    reason: Annotated[str, Field(max_length=500)] = ""


class CheckedDocument(Input):
    """Body of POST …/validate; `deploymentName` is one it may be deployed under, for the names of the apps."""

    kind: Kind
    content: str
    deployment_name: str | None = None


class Deployment(Input):
    """Body of POST …/{name}/deploy."""

    deployment_name: str
    version: Annotated[int, Field(ge=1)] | None = None
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


def diff(before: str, after: str) -> str | None:
    """The difference in unified form, "" where there is none; None where the documents are too long to compare."""
    old, new = before.splitlines(), after.splitlines()
    if max(len(old), len(new)) > _MOST_LINES:
        return None
    return "\n".join(line.rstrip("\n") for line in difflib.unified_diff(old, new, "before", "after", lineterm=""))
