"""Scaling in the pause of a gray upgrade: an operation of its own within it, to whose number the upgrade keeps from then on.

The upgrade keeps the app's lock meanwhile; what is scaled within it has a lock beside that, so that one is done at a time.
"""

from activities.progress import tell
from clients.temporal import Operations
from model.apps import AppAsk
from model.batches import sized
from model.errors import DeadlineExceeded
from model.layouts import Layout
from model.operations import TERMINAL, Status
from records import Records
from records.store import Row


async def sized_layout(records: Records, ask: AppAsk, layout_id: int, revision: int) -> Layout:
    """A kept layout of an operation, at the number of instances that was asked for last in its pauses."""
    layout = await records.apps.layout(layout_id)
    wanted = next((row["ask"]["replicas"] for row in await _scalings(records, ask) if _counts(row)), None)
    if wanted is None:
        return layout
    return sized(layout, revision, wanted, (await records.apps.by_id(ask.app_id)).layout)


async def let_scaling_end(records: Records, ask: AppAsk, seconds: float) -> None:
    """What was scaled in the pause before ends first; raises DeadlineExceeded naming it where that takes longer."""
    for row in await _scalings(records, ask):
        if row["status"] in TERMINAL:
            continue
        await tell(f"waiting for {row['kind']} {row['id']} by {row['actor']}, which began in the pause")
        if not await records.operations.wait_settled(row["id"], seconds):
            raise DeadlineExceeded(f"{row['kind']} {row['id']}, which began in the pause, has not ended in time.")


async def stop_scaling(records: Records, operations: Operations, ask: AppAsk, seconds: float) -> None:
    """What is being scaled in the pause is cancelled and has settled where it got: the upgrade that goes back takes it over."""
    for row in await _scalings(records, ask):
        if row["status"] not in TERMINAL and await records.operations.take_from(row["id"], ask.operation_id):
            await operations.cancel(row["workflow_id"])
    await let_scaling_end(records, ask, seconds)


async def _scalings(records: Records, ask: AppAsk) -> list[Row]:
    return await records.operations.scalings(ask.project, ask.target, ask.operation_id)


def _counts(row: Row) -> bool:
    """One that was cancelled is taken back, unless the upgrade took it over; the number of one that failed is still wanted."""
    return row["status"] not in (Status.CANCELLED, Status.CANCELLING) or row["preempted_by"] is not None
