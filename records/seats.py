"""Seats as rows: numbered for each person and kind, so that all processes together give out no more than there are."""

from collections.abc import Collection

from model.seats import SeatKind
from records.connections import PRESENCE
from records.store import Store


class SeatStore(Store):
    """A row for what is open in any process of the API; those of a process that died are taken away when they are in the way.

    The table is unlogged: a row costs no write to the log, and after a crash of PostgreSQL the processes write theirs again.
    """

    sql = "seats"

    async def take(self, process: int, kind: SeatKind, person: str, each: int) -> int | None:
        """The number of a seat of that kind, of 1 to `each` that the person may have; None where all are taken."""
        while True:
            row = await self._call("take_seat", process=process, kind=kind, person=person, each=each)
            if row["number"] is not None:
                return int(row["number"])
            # Where there was a free one, another process has just taken it.
            if not row["was_free"] and not await self.sweep(process):
                return None

    async def settle(self, process: int, kind: SeatKind, person: str, numbers: Collection[int]) -> None:
        """Have the process hold exactly these of the person's seats, as far as no other has them; idempotent."""
        await self._call("settle_seats", process=process, kind=kind, person=person, numbers=list(numbers))

    async def sweep(self, process: int) -> int:
        """Take away what processes other than this one held that are gone; how many seats."""
        swept: int = await self._call("sweep_seats", process=process, space=PRESENCE)
        return swept
