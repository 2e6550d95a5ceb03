"""Operations that are accepted and that nobody carries out, since no workflow of them is started."""

from model.operations import Ask, Target
from records import Records
from records.ids import new_id
from records.operations import NewOperation


async def accepted(
    records: Records, target: Target, *, project: str, project_id: str, kind: str = "project.create", actor: str = "admin"
) -> str:
    """One operation more, on that target; its id."""
    ask = Ask(operation_id=new_id("op"), project=project, target=target.name, actor=actor, deadline_seconds=60)
    new = NewOperation(
        kind=kind,
        target=target,
        project_id=project_id,
        ask=ask,
        request={},
        workflow_id=ask.operation_id,
        cancellable=True,
        preempts=False,
    )
    async with records.transaction() as tx:
        await tx.operations.accept(new)
    return ask.operation_id
