"""What is told before an operation on a stack begins, not in the middle: names that are taken, entries that others use."""

from typing import Any

from api.configs_shown import of_group, used
from api.services import Services
from model.blueprints import Blueprint
from model.config_uses import Use, check_free
from model.configs import forbidden_in_use
from model.documents import digest
from model.errors import Conflict
from model.stacks import Stack
from records import Records


async def check_document(services: Services, tx: Records, stack: Stack, blueprint: Blueprint) -> None:
    """Raise Conflict when apps or groups that are not the stack's have the names of those to come, and what `check_left` raises."""
    own = set((await tx.stacks.apps(stack.id)).values())
    live = {app.name: app.id for app in await tx.apps.live(stack.project_id)}
    taken = [member.app for member in blueprint.members if member.app in live and live[member.app] not in own]
    if taken:
        raise Conflict(
            f"The project {stack.project!r} has live apps of these names already: {', '.join(taken[:10])}.",
            hint="Choose another name for the deployment, or delete those apps first.",
        )
    ours = set((await tx.stacks.groups(stack.id)).values())
    for group in blueprint.groups:
        if (group.kind, group.group) not in ours and await tx.configs.find(stack.project_id, group.kind, group.group):
            raise Conflict(
                f"The project {stack.project!r} has a {group.kind} {group.group!r} already that is not this stack's.",
                hint="Choose another name for the deployment, or refer to that group under its own name without a document of it.",
            )
    await check_left(services, tx, stack, blueprint)


async def check_left(services: Services, tx: Records, stack: Stack, blueprint: Blueprint | None) -> None:
    """Raise Conflict naming the apps when the document (None: nothing at all) takes an entry away that apps of others use.

    Nor may any app use an entry that turns from text to binary or the reverse.
    """
    held = await tx.configs.held(stack.id)
    documents = {group.part: group.content for group in blueprint.groups} if blueprint else {}
    wanted = {part: documents.get(part, {}) for part in held}
    forbidden = {part: found for part, now in held.items() if (found := forbidden_in_use(now.entries, wanted[part]))}
    if not forbidden:
        return
    uses = await used(services, tx, await tx.projects.get(stack.project))
    own = set((await tx.stacks.apps(stack.id)).values())
    for part, entries in forbidden.items():
        group = held[part].group
        await tx.configs.check_certificate(group, entries, without=stack.id)
        counting = [use for use in of_group(uses, group) if _counts(use, entries, wanted[part], own)]
        check_free(group.kind, group.name, entries, counting)


def stands_for(services: Services, content: str, blueprint: Blueprint) -> dict[str, Any]:
    """What a record has in the place of a document; one with secrets in it has a mark that tells nothing without the key."""
    if blueprint.has_secrets:
        return {"contentMark": services.records.configs.mark(content.encode())}
    return {"contentSha256": digest(content)}


def _counts(use: Use, forbidden: dict[str, str], wanted: dict[str, bytes], own: set[str]) -> bool:
    """The stack's own apps stop using what the document no longer has before it goes."""
    return use.key in forbidden and (use.key in wanted or use.app_id not in own)
