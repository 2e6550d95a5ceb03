"""Stacks: deployed documents, and which app each of their services became."""

from collections.abc import Mapping, Sequence
from typing import Any

from model.blueprints import Blueprint
from model.configs import ConfigKind
from model.entrances import entrance_taken, host_taken
from model.errors import NotFound
from model.ingress_documents import TLS_ENTRIES, certificate_gone
from model.operations import AUTOSCALER, TERMINAL, Status
from model.projects import Project
from model.stack_changes import Running, Standing
from model.stack_documents import Kind
from model.stacks import Stack, StackVersion
from records.documents import SealedDocuments
from records.ids import new_id
from records.store import Row


def _stack(row: Row) -> Stack:
    return Stack(**{name: row[name] for name in Stack.model_fields})


def _standing(row: Row) -> Standing:
    fields = {name: row[name] for name in Standing.model_fields if name not in ("well", "running", "failed")}
    running = None
    if row["status"] is not None and row["status"] not in TERMINAL:
        yields = row["actor"] == AUTOSCALER and row["cancellable"]
        running = Running(id=row["operation_id"], kind=row["kind"], status=row["status"], yields=yields)
    well, failed = row["status"] == Status.SUCCEEDED, bool(row["failed"])
    return Standing(**fields, well=well, running=running, failed=failed)


class StackStore(SealedDocuments):
    """Live stacks by project and name; a deleted one keeps its row."""

    sql = "stacks"

    async def add(
        self,
        project: Project,
        name: str,
        cluster: str,
        kind: Kind,
        content: str,
        actor: str,
        template: tuple[str, int] | None = None,
        *,
        secret: bool = False,
    ) -> Stack | None:
        """Insert a stack with its first version, of a `template` (id, version) where given; None when a live one has the name.

        The version is sealed when `secret`.
        """
        row = await self._call(
            "insert_stack",
            id=new_id("stk"),
            project=project.name,
            project_id=project.id,
            name=name,
            cluster=cluster,
            kind=kind,
            template_id=template[0] if template else None,
            created_by=actor,
        )
        if row is None:
            return None
        template_version = template[1] if template else None
        await self._add_version(row["id"], self._kept(content, secret=secret), actor, template_version=template_version)
        return _stack(row)

    async def hold(self, project_id: str, name: str) -> Stack:
        """The live stack of that name, its row locked for this transaction; raises NotFound."""
        return self._found(await self._call("hold_stack", project_id=project_id, name=name), name)

    async def get(self, project_id: str, name: str) -> Stack:
        """The live stack of that name; raises NotFound."""
        return self._found(await self._call("live_stack", project_id=project_id, name=name), name)

    async def by_id(self, stack_id: str) -> Stack:
        """The stack of that id, deleted ones too; raises NotFound."""
        return self._found(await self._call("stack_by_id", id=stack_id), stack_id)

    async def add_version(
        self,
        stack_id: str,
        content: str,
        actor: str,
        *,
        secret: bool = False,
        template_version: int | None = None,
        restores: int | None = None,
    ) -> Stack:
        """Insert the next version, which is wanted from then on, sealed when `secret`; in a transaction that holds the stack."""
        kept = self._kept(content, secret=secret)
        number = await self._add_version(stack_id, kept, actor, template_version=template_version, restores=restores)
        return await self.set_version(stack_id, number)

    async def _add_version(
        self, stack_id: str, kept: dict[str, Any], actor: str, *, template_version: int | None = None, restores: int | None = None
    ) -> int:
        number: int = await self._call(
            "insert_version",
            stack_id=stack_id,
            **kept,
            template_version=template_version,
            restores=restores,
            created_by=actor,
        )
        return number

    async def set_version(self, stack_id: str, number: int) -> Stack:
        """Say which version is wanted; idempotent. Raises NotFound."""
        row = await self._call("set_version", id=stack_id, number=number)
        if row is None:
            raise NotFound(f"The stack has no version {number}.", hint="See its versions.")
        return _stack(row)

    async def version(self, stack_id: str, number: int) -> StackVersion:
        """One version; raises NotFound."""
        row = await self._call("get_version", stack_id=stack_id, number=number)
        if row is None:
            raise NotFound(f"The stack has no version {number}.", hint="See its versions.")
        return self._version(row)

    async def versions(self, stack_id: str, size: int, skip: int) -> tuple[int, list[StackVersion]]:
        """Versions, newest first; with the total."""
        rows = await self._rows("list_versions", stack_id=stack_id, size=size, skip=skip)
        return await self._count("count_versions", stack_id=stack_id), [self._version(row) for row in rows]

    async def put_version_app(self, stack_id: str, version: int, service: str, app_id: str, revision: int) -> None:
        """Note which revision of which app the version brings the service to; idempotent."""
        await self._call("put_version_app", stack_id=stack_id, version=version, service=service, app_id=app_id, revision=revision)

    async def pinned(self, version: StackVersion, standing: Mapping[str, Standing]) -> dict[str, dict[str, str]]:
        """By service the images, by container, of an app that the version, or the one it restores, has had already."""
        rows = await self._noted(version)
        of_life = {name: now.app_id for name, now in standing.items()}
        return {row["service"]: row["digests"] for row in rows if row["digests"] and of_life.get(row["service"]) == row["app_id"]}

    async def noted(self, version: StackVersion, service: str, app_id: str) -> int | None:
        """The revision of that app which the version, or the one it restores, has had under the service's name; None without."""
        place = (service, app_id)
        return next((row["revision"] for row in await self._noted(version) if (row["service"], row["app_id"]) == place), None)

    async def _noted(self, version: StackVersion) -> list[Row]:
        return await self._rows("version_apps", stack_id=version.stack_id, version=version.restores or version.number)

    async def page(
        self, project_id: str, size: int, skip: int, *, kind: Kind | None = None, template_id: str | None = None
    ) -> tuple[int, list[Stack]]:
        """The project's live stacks by name, of a kind or a template where given; with the total."""
        chosen = {"project_id": project_id, "kind": kind, "template_id": template_id}
        rows = await self._rows("list_stacks", **chosen, size=size, skip=skip)
        return await self._call("count_stacks", **chosen), [_stack(row) for row in rows]

    async def last_operations(self, project_id: str, ids: Sequence[str]) -> dict[str, Row]:
        """By stack id its newest operation.

        It has id, kind, status, version, error, result, done, total, created_at, finished_at, waits_for, gone. `gone` has of the
        version that is wanted what was deleted, or stands still: part, kind, name, status (DELETED or STOPPED).
        """
        rows = await self._rows("last_operations", project_id=project_id, ids=list(ids))
        return {row["target_id"]: row for row in rows}

    async def put_app(self, stack_id: str, service: str, app_id: str) -> None:
        """Note which app the service became; idempotent."""
        await self._call("put_app", stack_id=stack_id, service=service, app_id=app_id)

    async def apps(self, stack_id: str) -> dict[str, str]:
        """By service name the AppID, of those that are not deleted."""
        return {row["service"]: row["app_id"] for row in await self._rows("apps_of", stack_id=stack_id)}

    async def standing(self, stack_id: str) -> dict[str, Standing]:
        """By service the apps as they are now, but for deleted ones."""
        rows = await self._rows("standing", stack_id=stack_id)
        return {row["service"]: _standing(row) for row in rows}

    async def app_names(self, stack_id: str) -> dict[str, str]:
        """By service what its app is called, deleted ones too."""
        return {row["service"]: row["name"] for row in await self._rows("app_names", stack_id=stack_id)}

    async def put_group(self, stack_id: str, part: str, group_id: str) -> None:
        """Note which group the part became; idempotent."""
        await self._call("put_group", stack_id=stack_id, part=part, group_id=group_id)

    async def groups(self, stack_id: str) -> dict[str, tuple[ConfigKind, str]]:
        """By part the kind and name of the groups that are not deleted."""
        return {row["part"]: (ConfigKind(row["kind"]), row["name"]) for row in await self._rows("groups_of", stack_id=stack_id)}

    async def group_names(self, stack_id: str) -> dict[str, tuple[ConfigKind, str]]:
        """By part the kind and name of its group, deleted ones too."""
        return {row["part"]: (ConfigKind(row["kind"]), row["name"]) for row in await self._rows("group_names", stack_id=stack_id)}

    async def claim(self, stack: Stack, blueprint: Blueprint) -> None:
        """Take the hosts and names of the document's Ingresses beside those that the stack has, and note their certificates.

        In a transaction. Raises as `check_claims` does, and Conflict where a certificate is not, or no longer, there.
        """
        if blueprint.entrances:
            await self._call("lock_hosts")
            await self.check_claims(stack, blueprint)
            await self._hold_certificates(stack, blueprint)
            await self._call("put_hosts", hosts=blueprint.hosts, project_id=stack.project_id, stack_id=stack.id)
            await self._put_entrances(stack, blueprint)

    async def _hold_certificates(self, stack: Stack, blueprint: Blueprint) -> None:
        """Keep the project's Secrets that the Ingresses have certificates in until these are noted to be in use."""
        own = {group.group for group in blueprint.groups if group.kind is ConfigKind.SECRET}
        names = {tls.secret for entrance in blueprint.entrances for tls in entrance.tls} - own
        if names:
            place = {"project_id": stack.project_id, "names": sorted(names)}
            await self._rows("share_secrets", **place)
            there = {row["name"] for row in await self._rows("with_entries", **place, entries=list(TLS_ENTRIES))}
            if names > there:
                raise certificate_gone(sorted(names - there))

    async def check_claims(self, stack: Stack, blueprint: Blueprint) -> None:
        """Raise Conflict when another project has one of the hosts, or another stack an Ingress of one of the names."""
        hosts, names = blueprint.hosts, [entrance.ingress for entrance in blueprint.entrances]
        if rows := await self._rows("hosts_of_others", hosts=hosts, project_id=stack.project_id):
            raise host_taken([row["host"] for row in rows])
        if rows := await self._rows("entrances_of_others", names=names, project_id=stack.project_id, stack_id=stack.id):
            raise entrance_taken(rows[0]["name"], rows[0]["stack"])

    async def _put_entrances(self, stack: Stack, blueprint: Blueprint) -> None:
        for entrance in blueprint.entrances:
            secrets = [tls.secret for tls in entrance.tls]
            place = {"project_id": stack.project_id, "stack_id": stack.id}
            await self._call("put_entrance", name=entrance.ingress, secrets=secrets, **place)

    async def hosts(self, stack_id: str) -> list[str]:
        """The hosts that the stack has: without one it has no Ingress."""
        return [row["host"] for row in await self._rows("hosts_of", stack_id=stack_id)]

    async def keep(self, stack: Stack, blueprint: Blueprint) -> None:
        """Give up the hosts, names and certificates of the stack that the document does not have; in a transaction, idempotent."""
        await self._call("keep_hosts", stack_id=stack.id, hosts=blueprint.hosts)
        await self._call("drop_entrances", stack_id=stack.id)
        await self._put_entrances(stack, blueprint)

    async def delete(self, stack_id: str) -> None:
        """Take the stack out of the lists, its name and hosts free, its secrets gone; idempotent."""
        await self._call("delete_stack", id=stack_id)

    async def delete_all_of(self, project_id: str) -> None:
        """Take all stacks of a project that goes out of the lists; idempotent."""
        await self._call("delete_stacks_of", project_id=project_id)

    def _version(self, row: Row) -> StackVersion:
        fields = {name: row[name] for name in StackVersion.model_fields if name != "content"}
        return StackVersion(**fields, content=self._text(row))

    @staticmethod
    def _found(row: Row | None, name: str) -> Stack:
        if row is None:
            raise NotFound(f"There is no stack {name!r} in this project.")
        return _stack(row)
