"""Sources that nobody builds any more go."""

from temporalio import activity

from model.base import Frozen
from records import Records


class Expired(Frozen):
    """How many sources one pass removed."""

    removed: int


class SourceActivities:
    """What concerns all sources at once; a build's own steps are BuildActivities."""

    def __init__(self, records: Records) -> None:
        self._records = records

    @activity.defn(name="source.expire")
    async def expire(self) -> Expired:
        """Remove what has not been sent or built for KEPT_FOR, and of each project all but the newest; idempotent."""
        async with self._records.transaction() as tx:
            return Expired(removed=await tx.sources.trim())
