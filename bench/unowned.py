"""Records of operations that no platform carries out, in the bench's own databases."""

from model.operations import Ask, Target
from records import Records, connect
from records.migrations import create_database, migrate
from records.operations import NewOperation

TOKEN = "mrg_the-admin-of-the-bench"


async def opened_at(url: str) -> Records:
    """A database of the bench's own, made where it is not there yet, whose admin has TOKEN; the caller closes it."""
    await create_database(url)
    await migrate(url)
    records = await connect(url)
    await records.people.ensure_admin("admin", TOKEN)
    return records


def unowned(ask: Ask) -> NewOperation:
    """A new operation's record, of a project that is nobody's."""
    return NewOperation(
        kind="bench.operation",
        target=Target(kind="bench", name=ask.target),
        project_id="bench",
        ask=ask,
        workflow_id=ask.operation_id,
        cancellable=True,
        preempts=False,
        request={},
    )
