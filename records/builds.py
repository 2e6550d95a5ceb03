"""Build projects, their builds' history, and the logs of the stages."""

from typing import Any

from model.builds import Build, BuildSource, LastBuild, Scope, Stage, image_of
from model.errors import Conflict, NotFound
from records.ids import new_id
from records.store import Row, Store

_COPIED = tuple(set(Build.model_fields) - {"image", "last_build"})


def _build(project: str, row: Row) -> Build:
    last = None
    if row.get("last_id"):
        last = LastBuild(
            operation_id=row["last_id"],
            status=row["last_status"],
            created_at=row["last_created_at"],
            finished_at=row["last_finished_at"],
        )
    image = image_of(project, row["name"], Scope(row["scope"]), row["created_by"])
    return Build(**{name: row[name] for name in _COPIED}, image=image, last_build=last)


def _columns(source: BuildSource) -> dict[str, Any]:
    return source.model_dump(include=set(BuildSource.model_fields), mode="json")


class BuildStore(Store):
    """Build projects by project (its name, for the image's, and its id) and name; logs by operation and stage."""

    sql = "builds"

    async def add(self, project: str, project_id: str, name: str, source: BuildSource, created_by: str) -> Build:
        """Insert a build project; raises Conflict when the name is taken."""
        row = await self._call(
            "insert_build", id=new_id("bld"), project_id=project_id, name=name, created_by=created_by, **_columns(source)
        )
        if row is None:
            raise Conflict(
                f"name: a build project {name!r} exists already in {project!r}.",
                hint=f"To correct it: PUT /v2/builds/{project}/{name}. Or choose another name.",
            )
        return _build(project, row)

    async def change(self, project: str, project_id: str, name: str, source: BuildSource) -> Build:
        """Replace what is built and where it goes; raises NotFound. A running build goes on with what it began with."""
        row = await self._call("update_build", project_id=project_id, name=name, **_columns(source))
        return _build(project, _there(row, project, name))

    async def get(self, project: str, project_id: str, name: str) -> Build:
        """The build project; raises NotFound."""
        return _build(project, _there(await self._call("get_build", project_id=project_id, name=name), project, name))

    async def hold(self, project: str, project_id: str, name: str) -> Build:
        """Keep it from being deleted until this transaction ends; raises NotFound."""
        await self._call("lock_build", project_id=project_id, name=name)
        return await self.get(project, project_id, name)

    async def delete(self, project: str, project_id: str, name: str) -> None:
        """Delete it, in a transaction; records and images stay. Raises NotFound, Conflict naming a running build."""
        row = _there(await self._call("lock_build_alone", project_id=project_id, name=name), project, name)
        running = await self._call("running_build", id=row["id"])
        if running:
            raise Conflict(
                f"image.build {running['id']} is {running['status']} on {name!r}.",
                hint="Wait for it to end, or cancel it, then delete the build project.",
                operation_id=running["id"],
            )
        await self._call("delete_build", id=row["id"])

    async def page(self, project: str, project_id: str, size: int, skip: int) -> tuple[int, list[Build]]:
        """Build projects by name, with the total."""
        total = await self._call("count_builds", project_id=project_id)
        rows = await self._rows("list_builds", project_id=project_id, size=size, skip=skip)
        return total, [_build(project, row) for row in rows]

    async def history(self, build_id: str, size: int, skip: int) -> tuple[int, list[Row]]:
        """The operations that built it, newest first, with the total."""
        total = await self._count("count_records", id=build_id)
        return total, await self._rows("list_records", id=build_id, size=size, skip=skip)

    async def append_log(self, operation_id: str, run: int, stage: Stage, text: str) -> None:
        """Add to a stage's log and wake those who follow it. PostgreSQL's text holds no NUL, so those are replaced."""
        await self._call("append_log", operation_id=operation_id, run=run, stage=stage, text=text)

    async def log_size(self, operation_id: str, run: int, stage: Stage) -> int:
        """How many bytes of a stage's log this run of the operation has written."""
        size: int = await self._call("log_size", operation_id=operation_id, run=run, stage=stage)
        return size

    async def logs_after(self, operation_id: str, stage: Stage | None, run: int | None, after: int) -> list[Row]:
        """Up to 50 pieces of the log (of one stage, of one run where given) with a sequence above `after`, in order."""
        return await self._rows("logs_after", operation_id=operation_id, stage=stage, run=run, after=after)

    async def made(self, project_id: str) -> dict[str, list[str]]:
        """By repository the digests of all images that builds of the project have made, of deleted build projects too."""
        return {row["image"]: row["digests"] for row in await self._rows("images_made", project_id=project_id)}


def _there(row: Row | None, project: str, name: str) -> Row:
    if row is None:
        raise NotFound(f"There is no build project {name!r} in {project!r}.")
    return row
