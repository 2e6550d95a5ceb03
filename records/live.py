"""Operations that have not ended, counted: of a project, of a person, by status."""

from typing import NamedTuple

from records.store import Store


class Live(NamedTuple):
    """How many operations have not ended, counted as far as was asked."""

    of_project: int
    of_person: int


class LiveStore(Store):
    """Counts over the partial indexes of what has not ended (migration 0022): what has ended costs nothing, however much it is."""

    sql = "live"

    async def count(self, project_id: str, person: str, *, project_most: int, person_most: int) -> Live:
        """Of the project and of the person, counted as far as the two given."""
        most = {"project_most": project_most, "person_most": person_most}
        return Live(*await self._call("count_live", project_id=project_id, person=person, **most))

    async def by_status(self) -> dict[str, int]:
        """How many of all there are in each status."""
        return {row["status"]: row["count"] for row in await self._rows("live_by_status")}
