"""Documents as replies: those with secrets in them only to who may read secrets, and that is recorded (as of a Secret's values)."""

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

from api.access import Caller, check
from api.aside import aside
from api.refusals import refused
from api.replies import counted
from api.services import Services
from model.errors import Forbidden
from model.stacks import StackVersion
from model.templates import TemplateVersion, diffs

Version = TemplateVersion | StackVersion


async def text(services: Services, caller: Caller, subject: str, version: Version) -> str:
    """The document of a template's or a stack's version, `subject` being the id of either; raises Forbidden."""
    if version.secret:
        if not caller.actor.may("secret:read", caller.project):
            assert caller.project is not None
            error = await refused(services, caller.actor, "secret:read", caller.project, "a document with secrets in it")
            raise Forbidden(error.message, hint=f"Add content=false to see everything but the document. {error.hint}")
        await services.records.documents.note_read(subject, version.number, caller.actor.name)
    return version.content


async def differences(services: Services, caller: Caller, subject: str, versions: Sequence[Version]) -> list[dict[str, Any]]:
    """For each version but the last its `diff` to the one after it in the list; it is hidden where either has secrets in it.

    The last one's is of nothing. Who may read secrets is shown them, and that is recorded.
    """
    may, shown = caller.actor.may("secret:read", caller.project), set[int]()
    pairs: dict[int, tuple[str, str]] = {}
    for version, before in pairwise(versions):
        secret = {v.number for v in (version, before) if v.secret}
        shown |= secret
        if may or not secret:
            pairs[version.number] = (before.content, version.content)
    compared = await aside(diffs, pairs.values())
    told: dict[int, dict[str, Any]] = {number: {"diff": text} for number, text in zip(pairs, compared, strict=True)}
    told |= {version.number: {"diff": ""} for version in versions[-1:]}
    found = [told.get(version.number, {"diff": None, "contentHidden": True}) for version in versions]
    for number in sorted(shown) if may else []:
        await services.records.documents.note_read(subject, number, caller.actor.name)
    return found


async def reads(services: Services, caller: Caller, subject: str, size: int, page: int) -> dict[str, Any]:
    """Who was shown which version of a document with secrets in it; raises Forbidden."""
    check(caller.actor, "secret:read", caller.project)
    total, found = await services.records.documents.reads(subject, size, page * size)
    return {**counted(total), "page": page, "size": size, "reads": found}
