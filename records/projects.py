"""Projects and their members."""

from model.errors import Conflict, NotFound
from model.projects import Member, Project, ProjectStatus
from records.ids import new_id
from records.store import Row, Store


def _project(row: Row) -> Project:
    return Project(**{name: row[name] for name in Project.model_fields})


class ProjectStore(Store):
    """Live projects by name; a deleted one keeps its row, so that records can still say whose they were."""

    sql = "projects"

    async def add(self, name: str, description: str, created_by: str) -> Project:
        """Insert a project in CREATING, or take the one whose creation did not succeed; raises Conflict for a taken name."""
        row = await self._call("insert_project", id=new_id("prj"), name=name, description=description, created_by=created_by)
        if row is None:
            raise Conflict(f"name: a project {name!r} exists already.", hint="Choose another name.")
        return _project(row)

    async def find(self, name: str) -> Project | None:
        """The live project of that name, or None."""
        row = await self._call("project_by_name", name=name)
        return _project(row) if row else None

    async def get(self, name: str) -> Project:
        """The live project of that name; raises NotFound."""
        project = await self.find(name)
        if project is None:
            raise NotFound(f"There is no project {name!r}.")
        return project

    async def hold(self, name: str, *, active: bool = True) -> Project:
        """Lock the project (shared) for this transaction; raises NotFound, or Conflict unless it is ACTIVE."""
        row = await self._call("lock_project", name=name)
        if row is None:
            raise NotFound(f"There is no project {name!r}.")
        project = _project(row)
        if active and project.status is not ProjectStatus.ACTIVE:
            raise Conflict(f"The project {name!r} is {project.status}.", hint="Wait until its operation has ended.")
        return project

    async def page(self, ids: list[str] | None, size: int, skip: int) -> tuple[int, list[Project]]:
        """Live projects by name, those in `ids` only where given; with the total."""
        total = await self._call("count_projects", ids=ids)
        return total, [_project(row) for row in await self._rows("list_projects", ids=ids, size=size, skip=skip)]

    async def set_status(self, name: str, status: ProjectStatus | str) -> None:
        """Move the live project to `status` ("DELETED" ends it); idempotent, no error when it is gone."""
        await self._call("set_project_status", name=name, status=str(status))

    async def members(self, project_id: str) -> list[Member]:
        """The project's members by name."""
        return [Member(user=r["user_name"], role=r["role"]) for r in await self._rows("members_of", project_id=project_id)]

    async def put_member(self, project_id: str, user: str, role: str) -> None:
        """Give `user` the role; idempotent."""
        await self._call("put_member", project_id=project_id, user=user, role=role)

    async def delete_member(self, project_id: str, user: str) -> bool:
        """Take `user` out; whether it was a member."""
        return await self._call("delete_member", project_id=project_id, user=user) is not None
