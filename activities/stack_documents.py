"""What the steps of a stack's operations read: its document in one version, and its apps as they are."""

from model.blueprints import Blueprint
from model.stack_changes import Standing
from model.stack_documents import read_blueprint
from model.stacks import Stack, StackAsk, StackVersion
from records import Records


async def document(
    records: Records, ask: StackAsk, number: int | None, *, strict: bool = True
) -> tuple[Stack, StackVersion, Blueprint]:
    """The stack, one of its versions (None: the one that is wanted), and what that describes.

    Not `strict`, the groups of the project that it refers to need not be there: for what is not deployed from it.
    """
    stack = await records.stacks.by_id(ask.stack_id)
    version = await records.stacks.version(stack.id, number or stack.version)
    references = await records.configs.references(stack.project_id, stack.kind, without=stack.id, strict=strict)
    return stack, version, read_blueprint(stack.kind, version.content, stack.name, references=references, kept=True)


async def note(records: Records, version: StackVersion, name: str, now: Standing) -> None:
    """Note which revision of which app the version has under a name, for a later rollback to it; idempotent."""
    await records.stacks.put_version_app(version.stack_id, version.number, name, now.app_id, now.revision)
