"""Configuration groups: what they hold, version by version, sealed; who uses them, and who read them."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

from model.apps import AppSpec
from model.blueprints import Configuration
from model.config_references import References
from model.config_restarts import VariableRead
from model.config_uses import Use, problems_of, uses_of_pod, uses_of_spec
from model.configs import Change, ConfigKind, Entry, Group, GroupVersion, Held, changes, check_sizes, is_text
from model.errors import Conflict, Invalid, NotFound
from model.ingress_documents import TLS_ENTRIES, certificate_in_use
from model.projects import Project
from model.stack_documents import Kind
from model.veil import Hide, veil
from records.ids import new_id
from records.sealing import Seal
from records.store import Executor, Row, Store

_NAMED_PROBLEMS = 5
_ENDED = ("Succeeded", "Failed")


def _group(row: Row) -> Group:
    return Group(**{name: row[name] for name in Group.model_fields})


def _version(row: Row) -> GroupVersion:
    return GroupVersion(**{name: row[name] for name in GroupVersion.model_fields})


class ConfigStore(Store):
    """Live groups by project, kind and name; a deleted one keeps its row and its history, not its contents."""

    sql = "configs"

    def __init__(self, executor: Executor, seal: Seal) -> None:
        super().__init__(executor)
        self._seal = seal

    async def add(self, project: Project, kind: ConfigKind, name: str, actor: str) -> Group:
        """Insert an empty group without a version; in a transaction. Raises Conflict when a live one has the name."""
        place = {"project": project.name, "project_id": project.id, "kind": kind, "name": name}
        row = await self._call("insert_group", id=new_id("cfg"), created_by=actor, **place)
        if row is None:
            raise Conflict(
                f"name: the project {project.name!r} has a {kind} {name!r} already.",
                hint="Choose another name, or change that one's entries.",
            )
        return _group(row)

    async def find(self, project_id: str, kind: ConfigKind, name: str) -> Group | None:
        """The live group of that name, or None."""
        row = await self._call("live_group", project_id=project_id, kind=kind, name=name)
        return _group(row) if row else None

    async def get(self, project_id: str, kind: ConfigKind, name: str) -> Group:
        """The live group of that name; raises NotFound."""
        return self._found(await self._call("live_group", project_id=project_id, kind=kind, name=name), kind, name)

    async def hold(self, project_id: str, kind: ConfigKind, name: str) -> Group:
        """The live group, for a change: locked until the transaction ends; raises NotFound."""
        return self._found(await self._call("hold_group", project_id=project_id, kind=kind, name=name), kind, name)

    async def by_id(self, group_id: str) -> Group:
        """The group of that id, deleted ones too; raises NotFound."""
        return self._found(await self._call("group_by_id", id=group_id), "configuration group", group_id)

    def _found(self, row: Row | None, kind: str, name: str) -> Group:
        if row is None:
            raise NotFound(f"There is no {kind} {name!r} in this project.")
        return _group(row)

    async def page(
        self, project_id: str, kind: ConfigKind, part: str, size: int, skip: int
    ) -> tuple[int, list[tuple[Group, GroupVersion]]]:
        """The project's groups whose name contains `part`, by name, each as it is now; with the total."""
        place = {"project_id": project_id, "kind": kind, "part": part}
        groups = [_group(row) for row in await self._rows("list_groups", size=size, skip=skip, **place)]
        rows = await self._rows("versions_in_force", ids=[group.id for group in groups])
        now = {row["group_id"]: _version(row) for row in rows}
        return await self._call("count_groups", **place), [(group, now[group.id]) for group in groups]

    async def expected(self, kind: ConfigKind) -> list[Group]:
        """Every group of the kind that the cluster has or should have, in all projects."""
        return [_group(row) for row in await self._rows("expected_groups", kind=kind)]

    async def put(self, group: Group, content: Mapping[str, bytes | Entry], actor: str, reason: str) -> GroupVersion:
        """Write the next version, unless nothing differs from the newest; for a group that is held. Raises TooLarge.

        `content` is all of it: bytes where an entry is given, the Entry itself where it stays as it is in some version. A content
        that the group held before has the id that it had then.
        """
        before = (await self.version(group, group.version)).entries if group.version else {}
        check_sizes(group.kind, {name: len(given) if isinstance(given, bytes) else given.size for name, given in content.items()})
        given_anew = {name: given for name, given in content.items() if isinstance(given, bytes)}
        held = await self.contents({name: before[name] for name in given_anew if name in before})
        earlier = await self._earlier(group.id, [given for name, given in given_anew.items() if held.get(name) != given])
        entries: dict[str, Entry] = {}
        for name, given in content.items():
            if isinstance(given, Entry):
                entries[name] = given
            elif held.get(name) == given:
                entries[name] = before[name]
            else:
                if given not in earlier:
                    earlier[given] = await self._keep(group, given)
                entries[name] = Entry(value=earlier[given], size=len(given), text=is_text(given))
        return await self._write(group, entries, changes(before, entries), actor, reason)

    async def _keep(self, group: Group, content: bytes) -> str:
        value, mark = new_id("val"), self._mark_in(group.id, content)
        await self._call("insert_value", id=value, group_id=group.id, sealed=self._seal.close(content), mark=mark)
        return value

    async def _earlier(self, group_id: str, contents: Collection[bytes]) -> dict[bytes, str]:
        """The ids of those contents that the group has held, in whichever version; one sealed with another key may be missed."""
        marks = {self._mark_in(group_id, content): content for content in contents}
        rows = await self._rows("values_marked", group_id=group_id, marks=list(marks)) if marks else []
        return {marks[row["mark"]]: row["id"] for row in rows}

    def _mark_in(self, group_id: str, content: bytes) -> str:
        return self.mark(group_id.encode() + b"/" + content)

    async def _write(
        self, group: Group, entries: Mapping[str, Entry], changed: Sequence[Change], actor: str, reason: str
    ) -> GroupVersion:
        if group.version and not changed:
            return await self.version(group, group.version)
        row = await self._call(
            "insert_version",
            group_id=group.id,
            entries={name: entry.model_dump() for name, entry in entries.items()},
            changes=[change.model_dump() for change in changed],
            created_by=actor,
            reason=reason,
        )
        await self._call("set_version", id=group.id, version=row["number"])
        return _version(row)

    async def version(self, group: Group, number: int) -> GroupVersion:
        """One version; raises NotFound."""
        row = await self._call("get_version", group_id=group.id, number=number)
        if row is None:
            raise NotFound(f"The {group.kind} {group.name!r} has no version {number}.", hint="See its versions.")
        return _version(row)

    async def versions(self, group: Group, size: int, skip: int) -> tuple[int, list[GroupVersion]]:
        """Versions, newest first; with the total."""
        rows = await self._rows("list_versions", group_id=group.id, size=size, skip=skip)
        return await self._count("count_versions", group_id=group.id), [_version(row) for row in rows]

    async def contents(self, entries: Mapping[str, Entry]) -> dict[str, bytes]:
        """The entries' contents, opened; raises PlatformUnavailable without the key they were sealed with."""
        rows = await self._rows("values_of", ids=[entry.value for entry in entries.values()])
        sealed = {row["id"]: row["sealed"] for row in rows}
        return {name: self._seal.open(sealed[entry.value]) for name, entry in entries.items()}

    def mark(self, content: bytes) -> str:
        """What stands for a content in a record: the same for the same, telling nothing of it."""
        return self._seal.mark(content)

    async def set_applied(self, group_id: str, version: int, resource_version: str) -> None:
        """Keep what the cluster was brought to; version 0 is no object. Idempotent."""
        await self._call("set_applied", id=group_id, applied=version, seen=resource_version)

    async def delete(self, group_id: str) -> None:
        """Take the group out of the lists, its name free, its contents gone; idempotent."""
        await self._call("delete_group", id=group_id)

    async def delete_all_of(self, project_id: str) -> None:
        """Take all groups of a project that goes out of the lists, their contents gone; idempotent."""
        await self._call("delete_groups_of", project_id=project_id)

    async def note_read(self, group: Group, version: int, entries: Sequence[str], reader: str) -> None:
        """Record that somebody was shown these entries' values."""
        await self._call("insert_read", group_id=group.id, version=version, entries=sorted(entries), reader=reader)

    async def reads(self, group: Group, size: int, skip: int) -> tuple[int, list[dict[str, Any]]]:
        """Who was shown which entries of which version, and when, newest first; with the total."""
        rows = await self._rows("list_reads", group_id=group.id, size=size, skip=skip)
        return await self._count("count_reads", group_id=group.id), [dict(row) for row in rows]

    async def uses(self, project_id: str) -> set[Use]:
        """What apps use by the record: the specs in force of live apps, and those that running operations move between."""
        rows = await self._rows("specs_wanted", project_id=project_id)
        return {use for row in rows for use in uses_of_spec(row["id"], row["name"], AppSpec.model_validate(row["spec"]))}

    async def used(self, project_id: str, pods: Sequence[dict[str, Any]]) -> set[Use]:
        """Who uses which entry: by the record, and by these instances, of whichever version."""
        running = {use for pod in pods if pod["status"].get("phase") not in _ENDED for use in uses_of_pod(pod)}
        ids = await self.app_ids(project_id, sorted({use.app_id for use in running}))
        theirs = {use.model_copy(update={"app_id": ids[use.app_id]}) for use in running if use.app_id in ids}
        return theirs | await self.uses(project_id)

    async def outdated(self, project_id: str, reads: Collection[VariableRead]) -> set[VariableRead]:
        """Those of `reads` whose entries the cluster has otherwise by now than when they were read."""
        if not reads:
            return set()
        listed = list(reads)
        columns = {
            "kinds": [one.kind for one in listed],
            "names": [one.group for one in listed],
            "keys": [one.key for one in listed],
            "ats": [one.at for one in listed],
        }
        rows = await self._rows("outdated", project_id=project_id, **columns)
        return {VariableRead(kind=row["kind"], group=row["name"], key=row["key"], at=row["at"]) for row in rows}

    async def check_certificate(self, group: Group, forbidden: Collection[str], *, without: str = "") -> None:
        """Raise Conflict naming the stacks, but the one `without`, whose Ingresses have their certificate in one of the entries."""
        entries = [name for name in TLS_ENTRIES if name in forbidden] if group.kind is ConfigKind.SECRET else []
        place = {"project_id": group.project_id, "secret": group.name, "without": without}
        if entries and (rows := await self._rows("certificate_of", **place)):
            raise certificate_in_use(group.name, entries, [row["name"] for row in rows])

    async def references(self, project_id: str, kind: Kind, *, without: str = "", strict: bool = True) -> References:
        """What a document of that kind may refer to: the project's live groups.

        Those of the stack `without` are left out: they are what its document says they are.
        """
        rows = await self._rows("known_groups", project_id=project_id, stack_id=without) if kind.refers else []
        known = {(ConfigKind(r["kind"]), r["name"]): {name: e["text"] for name, e in r["entries"].items()} for r in rows}
        return References(known, strict=strict)

    async def held(self, stack_id: str, wanted: Iterable[Configuration] = ()) -> dict[str, Held]:
        """By part the live groups of a stack with what they hold, and what they held before of what is `wanted`."""
        found, documents = {}, {group.part: group.content for group in wanted}
        for row in await self._rows("groups_of_stack", stack_id=stack_id):
            entries = {name: Entry(**entry) for name, entry in row["entries"].items()}
            contents = await self.contents(entries)
            others = {content for name, content in documents.get(row["part"], {}).items() if contents.get(name) != content}
            earlier = await self._earlier(row["id"], others)
            found[row["part"]] = Held(group=_group(row), entries=entries, contents=contents, earlier=earlier)
        return found

    async def app_ids(self, project_id: str, labels: Sequence[str]) -> dict[str, str]:
        """The AppIDs by their labels (the first 32 digits)."""
        return {row["id"][:32]: row["id"] for row in await self._rows("app_ids", project_id=project_id, labels=list(labels))}

    async def veil(self, project_id: str, pods: Sequence[dict[str, Any]]) -> Hide:
        """What hides, in a text, the contents of the secrets that these pods were made with, in whichever version."""
        used = {(use.group, use.key) for pod in pods for use in uses_of_pod(pod) if use.kind is ConfigKind.SECRET}
        if not used:
            return veil([])
        rows = await self._rows("secrets_ever", project_id=project_id, names=[group for group, _ in used])
        chosen = [Entry(**entry) for row in rows for key, entry in row["entries"].items() if (row["name"], key) in used]
        return veil((await self.contents({entry.value: entry for entry in chosen})).values())

    async def check(self, project_id: str, spec: AppSpec) -> None:
        """Keep the groups that the spec uses as they are until the transaction ends.

        Raises Invalid naming each field of the body (`configMap.0.key.1`) whose group or entry is not there or cannot be used so.
        """
        found: dict[tuple[ConfigKind, str], Mapping[str, Entry] | None] = {}
        for kind, name in sorted({(kind, use.name) for c in spec.containers for kind, _, use in c.uses}):
            row = await self._call("share_group", project_id=project_id, kind=kind, name=name)
            found[kind, name] = (await self.version(_group(row), row["version"])).entries if row else None
        problems = problems_of(spec, found)
        if problems:
            told = "; ".join(f"{p.field}: {p.message}" for p in problems[:_NAMED_PROBLEMS])
            raise Invalid(f"{told}.", hint="Create the group or entry first, or choose others.", problems=problems)

    async def reseal(self) -> int:
        """Seal every content with the newest key; returns how many there are. Idempotent, and safe while the platform runs."""
        after, done = "", 0
        while rows := await self._rows("all_values", after=after):
            for row in rows:
                await self._call("replace_value", id=row["id"], sealed=self._seal.renew(row["sealed"]))
            after, done = rows[-1]["id"], done + len(rows)
        return done
