"""Stacks: deployed documents, and which app each of their services became."""

from collections.abc import Sequence

from model.errors import NotFound
from model.projects import Project
from model.stacks import Stack
from records.ids import new_id
from records.store import Row, Store


def _stack(row: Row) -> Stack:
    return Stack(**{name: row[name] for name in Stack.model_fields})


class StackStore(Store):
    """Live stacks by project and name; a deleted one keeps its row."""

    sql = "stacks"

    async def add(self, project: Project, name: str, cluster: str, content: str, actor: str) -> Stack | None:
        """Insert a stack; None when a live one has the name."""
        row = await self._call(
            "insert_stack",
            id=new_id("stk"),
            project=project.name,
            project_id=project.id,
            name=name,
            cluster=cluster,
            content=content,
            created_by=actor,
        )
        return _stack(row) if row else None

    async def hold(self, project_id: str, name: str) -> Stack:
        """The live stack of that name, its row locked for this transaction; raises NotFound."""
        return self._found(await self._call("hold_stack", project_id=project_id, name=name), name)

    async def get(self, project_id: str, name: str) -> Stack:
        """The live stack of that name; raises NotFound."""
        return self._found(await self._call("live_stack", project_id=project_id, name=name), name)

    async def by_id(self, stack_id: str) -> Stack:
        """The stack of that id, deleted ones too; raises NotFound."""
        return self._found(await self._call("stack_by_id", id=stack_id), stack_id)

    async def set_content(self, stack_id: str, content: str) -> Stack:
        """Replace the document by the one that shall be deployed now."""
        return _stack(await self._call("set_content", id=stack_id, content=content))

    async def page(self, project_id: str, size: int, skip: int) -> tuple[int, list[Stack]]:
        """The project's live stacks by name; with the total."""
        rows = await self._rows("list_stacks", project_id=project_id, size=size, skip=skip)
        return await self._call("count_stacks", project_id=project_id), [_stack(row) for row in rows]

    async def last_operations(self, project_id: str, ids: Sequence[str]) -> dict[str, Row]:
        """By stack id its newest operation (id, kind, status, error, done, total, created_at, finished_at)."""
        rows = await self._rows("last_operations", project_id=project_id, ids=list(ids))
        return {row["target_id"]: row for row in rows}

    async def put_app(self, stack_id: str, service: str, app_id: str) -> None:
        """Note which app the service became; idempotent."""
        await self._call("put_app", stack_id=stack_id, service=service, app_id=app_id)

    async def apps(self, stack_id: str) -> dict[str, str]:
        """By service name the AppID, of those that are not deleted."""
        return {row["service"]: row["app_id"] for row in await self._rows("apps_of", stack_id=stack_id)}

    async def delete(self, stack_id: str) -> None:
        """Take the stack out of the lists and free its name; idempotent."""
        await self._call("delete_stack", id=stack_id)

    async def delete_all_of(self, project_id: str) -> None:
        """Take all stacks of a project that goes out of the lists; idempotent."""
        await self._call("delete_stacks_of", project_id=project_id)

    @staticmethod
    def _found(row: Row | None, name: str) -> Stack:
        if row is None:
            raise NotFound(f"There is no stack {name!r} in this project.")
        return _stack(row)
