"""Which of the accepted operations run at once: places of pools, and the line of those that wait for one (migration 0019)."""

from collections.abc import Mapping

from records.store import Row, Store


class AdmissionStore(Store):
    """Places are taken when an operation is accepted or admitted, and given back when it ends, pauses or stands still."""

    sql = "admission"

    async def set_places(self, places: Mapping[str, int]) -> None:
        """Say how many operations of each pool run at once; idempotent."""
        for pool, count in places.items():
            await self._call("set_places", pool=pool, places=count)

    async def anybody_waits(self) -> bool:
        """Whether any operation is WAITING for a place."""
        return bool(await self._call("anybody_waits"))

    async def admit(self) -> list[Row]:
        """Give the free places to those next in line, and return them (id, kind, workflow_id, ask): they are to be started.

        Call it in a transaction: one at a time hands out places. What is not started after all the reconciler starts.
        """
        await self._call("one_at_a_time")
        return await self._rows("admit")

    async def line(self, operation_id: str) -> Row | None:
        """Where a WAITING operation stands (before, waiting, running, places); None when it is not WAITING any more."""
        row: Row | None = await self._call("in_line", id=operation_id)
        return row
