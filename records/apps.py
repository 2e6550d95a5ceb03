"""Apps and their revisions: one row per life of an app, one per spec it had."""

from collections.abc import Iterable, Mapping, Sequence

import asyncpg

from model.apps import DEFAULT_CLUSTER, App, AppPhase, AppSpec, Revision
from model.errors import Conflict, NotFound
from model.gray import Stage
from model.layouts import Layout, first
from model.projects import Project
from records.store import Row, Store


def _app(row: Row) -> App:
    return App(**{name: row[name] for name in App.model_fields})


def _revision(row: Row) -> Revision:
    return Revision(**{name: row[name] for name in Revision.model_fields})


def _taken(project: str, name: str) -> Conflict:
    return Conflict(
        f"name: the project {project!r} has a live app {name!r} already.",
        hint=f"Choose another name, upgrade that app: POST /v2/applications/{project}/{name}/rollout, or delete it first: "
        f"DELETE /v2/applications/{project}/{name}",
    )


def _leaving(name: str, operation: str) -> Conflict:
    return Conflict(
        f"name: the app {name!r} is just being deleted.",
        operation_id=operation,
        hint="Wait for the end of its deletion, then create it; or choose another name.",
    )


class AppStore(Store):
    """Apps by project and name; without an AppID the live one is meant, else the newest stopped one."""

    sql = "apps"

    async def add(
        self,
        app_id: str,
        project: Project,
        name: str,
        spec: AppSpec,
        *,
        replicas: int,
        username: str,
        actor: str,
        pinned: Mapping[str, str] | None = None,
    ) -> None:
        """Insert a LIVE app with its first revision, with images by digest where `pinned` has them (a copy); in a transaction.

        Idempotent by id, for a parent's step that is tried again. Raises Conflict when another live app has the name, or one
        that its instances would have.
        """
        await self.check_names(project.id, name, spec.type)
        layout = first(spec.type, 1, replicas)
        added = await self._call(
            "insert_app",
            id=app_id,
            project=project.name,
            project_id=project.id,
            name=name,
            type=spec.type,
            cluster=DEFAULT_CLUSTER,
            replicas=layout.total,
            layout=layout.model_dump(mode="json"),
            username=username,
            created_by=actor,
        )
        if added:
            await self.add_revision(app_id, spec, actor, "created", pinned)
        elif await self._call("app_by_id", id=app_id) is None:
            deletion = await self._call("deleted_by", project=project.name, name=name)
            raise _leaving(name, deletion) if deletion else _taken(project.name, name)

    async def add_revision(
        self,
        app_id: str,
        spec: AppSpec,
        actor: str,
        reason: str,
        pinned: Mapping[str, str] | None = None,
        *,
        copy_of: int | None = None,
    ) -> Revision:
        """Insert the next revision; the containers in `pinned` keep those images, by digest (a rollback is exact).

        `copy_of` is the revision that a rollback went back to.
        """
        return _revision(
            await self._call(
                "insert_revision",
                app_id=app_id,
                spec=spec.model_dump(mode="json", by_alias=True),
                pinned=dict(pinned or {}),
                created_by=actor,
                reason=reason,
                copy_of=copy_of,
            )
        )

    async def hold(self, project_id: str, name: str) -> None:
        """Serialise what is submitted on this name until the transaction ends."""
        await self._rows("hold_apps", project_id=project_id, name=name)

    async def find(self, project_id: str, name: str, app_id: str | None = None) -> App | None:
        """The app meant by name and perhaps AppID (see the class), or None."""
        row = await self._call("named_app", project_id=project_id, name=name, app_id=app_id)
        return _app(row) if row else None

    async def get(self, project_id: str, name: str, app_id: str | None = None) -> App:
        """The app meant by name and perhaps AppID (see the class); raises NotFound."""
        app = await self.find(project_id, name, app_id)
        if app is None:
            of_id = f" with the AppID {app_id}" if app_id else ""
            raise NotFound(f"There is no app {name!r}{of_id} in this project.")
        return app

    async def by_id(self, app_id: str) -> App:
        """The app of that AppID, deleted ones too; raises NotFound."""
        row = await self._call("app_by_id", id=app_id)
        if row is None:
            raise NotFound(f"There is no app with the AppID {app_id}.")
        return _app(row)

    async def by_ids(self, ids: Sequence[str]) -> list[App]:
        """The apps of those AppIDs, deleted ones too, in no order."""
        return [_app(row) for row in await self._rows("apps_by_id", ids=list(ids))]

    async def live(self, project_id: str) -> list[App]:
        """The project's live apps by name."""
        return [_app(row) for row in await self._rows("live_apps", project_id=project_id)]

    async def page(self, project_id: str, size: int, skip: int) -> tuple[int, list[App]]:
        """The project's apps, live and stopped, by name; with the total."""
        total = await self._call("count_apps", project_id=project_id)
        return total, [_app(row) for row in await self._rows("list_apps", project_id=project_id, size=size, skip=skip)]

    async def revision(self, app_id: str, number: int) -> Revision:
        """One revision; raises NotFound."""
        row = await self._call("get_revision", app_id=app_id, number=number)
        if row is None:
            raise NotFound(f"The app has no revision {number}.", hint="List its revisions.")
        return _revision(row)

    async def deployed_before(self, app: App, number: int, *, worked: bool = True) -> Revision | None:
        """The newest revision below `number` that was in force, or None.

        It `worked` unless every operation that brought it about FAILED or was CANCELLED.
        """
        place = {"app_id": app.id, "project": app.project, "name": app.name}
        row = await self._call("deployed_before", **place, number=number, worked=worked)
        return _revision(row) if row else None

    async def completed_run(self, app: App, number: int) -> Layout | None:
        """A Job app's layout with the newest run of that revision that completed, None where none did."""
        row = await self._call("completed_run", app_id=app.id, project=app.project, name=app.name, number=number)
        return Layout.model_validate(row["layout"]) if row else None

    async def newest_upgrade(self, app: App) -> Row | None:
        """The newest operation that rolled the app out, or back (id, kind, status, cancellable, ask, pause), or None."""
        row: Row | None = await self._call("newest_upgrade", app_id=app.id, project=app.project, name=app.name)
        return row

    async def brought_by(self, app: App, number: int) -> str | None:
        """The newest operation that brought all instances to that revision and SUCCEEDED, or None."""
        place = {"project": app.project, "name": app.name, "app_id": app.id, "number": number}
        found: str | None = await self._call("brought_by", **place)
        return found

    async def outcomes(self, app: App, numbers: Iterable[int]) -> dict[int, Row]:
        """By revision how the operation that rolled it out ended (id, kind, status, error): well where any did."""
        place = {"project": app.project, "name": app.name, "app_id": app.id}
        return {row["number"]: row for row in await self._rows("outcomes", **place, numbers=list(numbers))}

    async def in_use(self, ids: Sequence[str]) -> dict[str, dict[int, Revision]]:
        """By AppID the revisions its instances have and the one in force, by number."""
        found: dict[str, dict[int, Revision]] = {}
        for row in await self._rows("revisions_of_layouts", ids=list(ids)):
            found.setdefault(row["app_id"], {})[row["number"]] = _revision(row)
        return found

    async def numbered(self, app_id: str, numbers: Iterable[int]) -> dict[int, Revision]:
        """Those revisions by number; one query."""
        rows = await self._rows("numbered_revisions", app_id=app_id, numbers=list(numbers))
        return {row["number"]: _revision(row) for row in rows}

    async def revisions(self, app_id: str, size: int, skip: int) -> tuple[int, list[Revision]]:
        """Revisions, newest first; with the total."""
        rows = await self._rows("list_revisions", app_id=app_id, size=size, skip=skip)
        return await self._count("count_revisions", app_id=app_id), [_revision(row) for row in rows]

    async def running_on(self, project: str, name: str) -> Row | None:
        """The operation that holds the name (id, kind, status, target_id), or None."""
        row: Row | None = await self._call("running_on", project=project, name=name)
        return row

    async def newest_operations(self, project: str, ids: Sequence[str]) -> dict[str, Row]:
        """By AppID its newest operation (id, kind, status, error); of an upgrade what it `leaves` for which `revision`."""
        rows = await self._rows("newest_operations", project=project, ids=list(ids))
        return {row["target_id"]: row for row in rows}

    async def set_digests(self, app_id: str, number: int, digests: Mapping[str, str]) -> None:
        """Keep what the revision's images resolved to, by container name; idempotent."""
        await self._call("set_digests", app_id=app_id, number=number, digests=dict(digests))

    async def pin(self, app_id: str, numbers: Iterable[int]) -> None:
        """Have those revisions keep the images that were found for them; idempotent."""
        await self._call("pin_revisions", app_id=app_id, numbers=list(numbers))

    async def set_phase(self, app_id: str, phase: AppPhase) -> None:
        """Move the app's life; idempotent; a deleted one stays deleted. Raises Conflict when another live app took the name."""
        try:
            await self._call("set_phase", id=app_id, phase=phase)
        except asyncpg.UniqueViolationError as error:
            raise Conflict(
                "The app's name was taken by another live app meanwhile.", hint="Delete or kill that one, then retry."
            ) from error

    async def check_names(self, project_id: str, name: str, type: str) -> None:
        """Raise Conflict when a live app has, or would give one of its instances, a name of this app's or its instances'.

        In the transaction that takes the name: until its end no other takes one in the project.
        """
        await self._rows("hold_names", project_id=project_id)
        found = await self._rows("names_in_the_way", project_id=project_id, name=name, type=type)
        if found:
            other = found[0]["name"]
            raise Conflict(
                f"name: {name!r} and the live app {other!r} stand in each other's way: instances of a TApp are named "
                "<app>-<index>, further versions of a Deployment app <app>-r<revision>.",
                hint="Choose another name.",
            )

    async def set_layout(self, app_id: str, layout: Layout) -> None:
        """Set what is wanted now: which versions the instances have, and the revision in force; idempotent."""
        whole = layout.model_dump(mode="json")
        await self._call("set_layout", id=app_id, layout=whole, replicas=layout.total, revision=layout.revision)

    async def keep_layout(self, app_id: str, layout: Layout) -> int:
        """Keep a layout that an operation goes to or comes back to, for good; its id."""
        kept: int = await self._call("keep_layout", app_id=app_id, layout=layout.model_dump(mode="json"))
        return kept

    async def keep_stages(self, app_id: str, layouts: Sequence[Layout], revision: int) -> tuple[Stage, ...]:
        """Keep the layouts of a gray upgrade to `revision`, one for each batch."""
        return tuple(
            [
                Stage(layout=await self.keep_layout(app_id, one), moved=one.versions.get(revision, 0), total=one.total)
                for one in layouts
            ]
        )

    async def layout(self, layout_id: int) -> Layout:
        """A layout that was kept; raises NotFound."""
        row = await self._call("get_layout", id=layout_id)
        if row is None:
            raise NotFound(f"There is no layout {layout_id}.")
        return Layout.model_validate(row["layout"])

    async def delete_all_of(self, project_id: str) -> None:
        """Take all apps of a project that goes out of the lists; idempotent."""
        await self._call("delete_apps_of", project_id=project_id)
