"""Sources of builds: archives in pieces, so that every worker has them and no process holds one in memory."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime

from model.errors import Invalid, Problem
from model.sources import KEPT_EACH, KEPT_FOR, Source
from records.ids import new_id
from records.store import Row, Store


def _source(row: Row) -> Source:
    return Source(**{name: row[name] for name in Source.model_fields})


class SourceStore(Store):
    """Sources by project (its id) and digest."""

    sql = "sources"

    async def keep(
        self, project_id: str, digest: str, size: int, created_by: str, pieces: AsyncIterator[bytes]
    ) -> tuple[Source, bool]:
        """Keep an archive, in a transaction, and whether it is new: of one that is there already the `pieces` are not read."""
        row = await self._call(
            "insert_source", id=new_id("src"), project_id=project_id, digest=digest, size=size, created_by=created_by
        )
        if row["fresh"]:
            number = 0
            async for piece in pieces:
                await self._call("insert_piece", source_id=row["id"], number=number, content=piece)
                number += 1
        return _source(row), bool(row["fresh"])

    async def hold(self, project: str, project_id: str, digest: str) -> Source:
        """Keep a source for a build that is accepted in this transaction; raises Invalid where there is none."""
        row = await self._call("use_source", project_id=project_id, digest=digest)
        if row is None:
            rule = f"is not a source that is kept in {project!r}"
            raise Invalid(
                f"source: {digest} {rule}. One is kept for {KEPT_FOR.days} days after it was last sent or built, "
                f"of a project the newest {KEPT_EACH}.",
                hint=f"Send the directory again: POST /v2/builds/{project}/sources.",
                problems=[Problem(field="source", message=rule)],
            )
        return _source(row)

    async def pieces(self, project_id: str, digest: str) -> AsyncIterator[bytes]:
        """The archive's pieces in their order; none where it is not kept."""
        row = await self._call("find_source", project_id=project_id, digest=digest)
        number = 0
        while row and (piece := await self._call("get_piece", source_id=row["id"], number=number)) is not None:
            yield piece
            number += 1

    async def trim(self, project_id: str | None = None) -> int:
        """Remove, in a transaction, what is not to be kept, of one project or of all; how many. A running build's source stays."""
        before = datetime.now(UTC) - KEPT_FOR
        ids = [row["id"] for row in await self._rows("lock_superfluous", project_id=project_id, before=before, kept=KEPT_EACH)]
        return len(await self._rows("delete_unused", ids=ids)) if ids else 0
