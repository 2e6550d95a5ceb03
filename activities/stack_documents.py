"""What the steps of a stack's operations read: its document in one version, and its apps as they are."""

from model.blueprints import Blueprint
from model.stack_changes import Standing
from model.stack_documents import read_blueprint
from model.stacks import Stack, StackAsk, StackVersion
from records import Records


async def document(records: Records, ask: StackAsk, number: int | None) -> tuple[Stack, StackVersion, Blueprint]:
    """The stack, one of its versions (None: the one that is wanted), and what that describes."""
    stack = await records.stacks.by_id(ask.stack_id)
    version = await records.stacks.version(stack.id, number or stack.version)
    return stack, version, read_blueprint(stack.kind, version.content, stack.name)


async def note(records: Records, version: StackVersion, name: str, now: Standing) -> None:
    """Note which revision of which app the version has under a name, for a later rollback to it; idempotent."""
    await records.stacks.put_version_app(version.stack_id, version.number, name, now.app_id, now.revision)
