"""Suspended steps, each in the care of one worker, and the workers that are there (migration 0018)."""

from model.errors import StaleAttempt
from model.operations import Status
from model.suspension import NoRoom
from records.store import Row, Store


class SuspensionStore(Store):
    """Which operations wait without an activity, and who wakes them."""

    sql = "suspensions"

    async def add(self, operation_id: str, attempt: int, workflow_id: str, worker: str, no_room: NoRoom | None = None) -> bool:
        """Put an operation's step into a worker's care; False when the attempt is over. Idempotent."""
        place = {"id": operation_id, "attempt": attempt, "workflow_id": workflow_id, "worker": worker}
        waited, told = (no_room.waited, no_room.told) if no_room else (None, None)
        return bool(await self._call("suspend", **place, waited=waited, told=told))

    async def no_room(self, operation_id: str) -> NoRoom | None:
        """What the operation's step has waited for room by now, where it did when it was suspended last; else None."""
        row = await self._call("no_room", id=operation_id)
        return NoRoom(waited=float(row["waited"]), told=row["told"]) if row else None

    async def remove(self, operation_id: str) -> None:
        """Forget a step that is not suspended; idempotent."""
        await self._call("remove", id=operation_id)

    async def resume(self, operation_id: str, attempt: int) -> Status:
        """Write that a suspended step is looked at again; raises StaleAttempt when the attempt is over."""
        row = await self._call("resume", id=operation_id, attempt=attempt)
        if row is None:
            raise StaleAttempt(f"Attempt {attempt} of {operation_id} is over.")
        return Status(row["status"])

    async def seen(self, worker: str) -> None:
        """Write that a worker is there."""
        await self._call("worker_seen", worker=worker)

    async def gone(self, worker: str) -> None:
        """Write that a worker ends: others may take its steps over at once."""
        await self._call("worker_gone", worker=worker)

    async def take_over(self, worker: str, *, after: float, size: int) -> list[Row]:
        """Take up to `size` steps (operation_id, workflow_id) of workers that were not seen for `after` seconds."""
        await self._call("forget_workers", after=after)
        return await self._rows("take_over", worker=worker, size=size)
