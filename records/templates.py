"""Templates and all their versions."""

from collections.abc import Sequence
from typing import Any

from model.errors import Conflict, NotFound
from model.projects import Project
from model.stack_documents import Kind
from model.templates import NewTemplate, Template, TemplateChange, TemplateVersion
from records.documents import SealedDocuments
from records.ids import new_id
from records.store import Row


class TemplateStore(SealedDocuments):
    """Live templates by project and name; a deleted one keeps its rows."""

    sql = "templates"

    async def add(self, project: Project, new: NewTemplate, images: Sequence[str], actor: str, *, secret: bool) -> Template:
        """Insert a template with its first version, sealed when `secret`; in a transaction. Raises Conflict for a taken name."""
        row = await self._call(
            "insert_template",
            id=new_id("tpl"),
            project=project.name,
            project_id=project.id,
            name=new.name,
            kind=new.kind,
            description=new.description,
            created_by=actor,
        )
        if row is None:
            raise Conflict(f"name: the project {project.name!r} has a template {new.name!r} already.", hint="Choose another name.")
        await self._add_version(row["id"], 1, self._kept(new.content, secret=secret), images, new.reason or "created", actor)
        return await self.get(project.id, new.name)

    async def change(
        self, project_id: str, name: str, change: TemplateChange, images: Sequence[str], actor: str, *, secret: bool
    ) -> Template:
        """Keep an edit as the next version (the same text makes none); in a transaction.

        Raises NotFound, and Conflict when the newest version is not the one that was edited.
        """
        held = await self._call("hold_template", project_id=project_id, name=name)
        if held is None:
            raise _missing(name)
        template_id, number = held["id"], held["version"]
        newest = await self.version(template_id, number)
        if change.based_on not in (None, number):
            raise Conflict(
                f"The template {name!r} is at version {number} meanwhile, by {newest.created_by!r}, "
                f"and the edit is based on version {change.based_on}.",
                hint="Read the newest version and put your edit into that.",
            )
        if change.content is not None and change.content != newest.content:
            number += 1
            kept = self._kept(change.content, secret=secret)
            await self._add_version(template_id, number, kept, images, change.reason, actor)
        await self._call("change_template", id=template_id, version=number, description=change.description)
        return await self.get(project_id, name)

    async def get(self, project_id: str, name: str) -> Template:
        """The live template of that name; raises NotFound."""
        row = await self._call("named_template", project_id=project_id, name=name)
        if row is None:
            raise _missing(name)
        return _template(row)

    async def by_id(self, template_id: str) -> Template:
        """The template of that id, deleted ones too; raises NotFound."""
        row = await self._call("template_by_id", id=template_id)
        if row is None:
            raise _missing(template_id)
        return _template(row)

    async def version(self, template_id: str, number: int) -> TemplateVersion:
        """One version; raises NotFound."""
        row = await self._call("get_version", id=template_id, number=number)
        if row is None:
            raise NotFound(f"The template has no version {number}.", hint="See its versions.")
        return self._version(row)

    async def versions(self, template_id: str, size: int, skip: int) -> list[TemplateVersion]:
        """Versions, newest first."""
        return [self._version(row) for row in await self._rows("list_versions", id=template_id, size=size, skip=skip)]

    async def page(
        self, project_ids: list[str] | None, size: int, skip: int, *, search: str | None, kind: Kind | None, author: str | None
    ) -> tuple[int, list[Template]]:
        """Templates by project and name, with the total; `project_ids` None means all, `search` is a part of what is shown."""
        chosen = {"project_ids": project_ids, "search": search, "kind": kind, "author": author}
        rows = await self._rows("list_templates", **chosen, size=size, skip=skip)
        return await self._call("count_templates", **chosen), [_template(row) for row in rows]

    async def operations(self, template_id: str, size: int, skip: int) -> tuple[int, list[Row]]:
        """What was done to its deployments, newest first; with the total."""
        return await self._count("count_operations", id=template_id), await self._rows(
            "operations_of", id=template_id, size=size, skip=skip
        )

    async def delete(self, template_id: str) -> None:
        """Take the template out of the lists and free its name; idempotent."""
        await self._call("delete_template", id=template_id)

    async def delete_all_of(self, project_id: str) -> None:
        """Take all templates of a project that goes out of the lists; idempotent."""
        await self._call("delete_templates_of", project_id=project_id)

    async def _add_version(
        self, template_id: str, number: int, kept: dict[str, Any], images: Sequence[str], reason: str, actor: str
    ) -> None:
        fields = {**kept, "images": list(images), "reason": reason, "created_by": actor}
        await self._call("insert_version", id=template_id, number=number, **fields)

    def _version(self, row: Row) -> TemplateVersion:
        fields = {name: row[name] for name in TemplateVersion.model_fields if name != "content"}
        return TemplateVersion(**fields, content=self._text(row))


def _template(row: Row) -> Template:
    return Template(**{name: row[name] for name in Template.model_fields})


def _missing(name: str) -> NotFound:
    return NotFound(f"There is no template {name!r} in this project.")
