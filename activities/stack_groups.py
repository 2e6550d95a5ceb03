"""The configuration groups of a stack: each brought to its document, and removed, by a config.apply of its own."""

from activities.children import child_fields, child_operation
from clients.kubernetes import Cluster
from model.blueprints import Configuration
from model.config_mounts import CONFIGURED
from model.config_uses import check_free
from model.configs import ApplyConfig, Entry, Group, Held, forbidden_in_use
from model.operations import Target
from model.stack_changes import grown
from model.stacks import Part, StackVersion
from records import Records
from records.operations import NewOperation
from records.store import Row


class GroupStep:
    """What accepting one group's child decides by, inside its transaction.

    `wanted` is None for a group that left the document. Entries that the document no longer has stay until `whole`.
    """

    def __init__(self, cluster: Cluster, part: Part, version: StackVersion, wanted: Configuration | None, *, whole: bool) -> None:
        self._cluster = cluster
        self._part = part
        self._version = version
        self._wanted = wanted
        self._whole = whole

    async def begin(self, tx: Records) -> NewOperation | None:
        """What to insert, None when the group is as the document says; raises Conflict for a taken name and entries in use."""
        project = await tx.projects.hold(self._part.ask.project)
        if place := (await tx.stacks.groups(self._version.stack_id)).get(self._part.service):
            group = await tx.configs.hold(project.id, *place)
        elif self._wanted:
            group = await tx.configs.add(project, self._wanted.kind, self._wanted.group, self._part.ask.actor)
            await tx.stacks.put_group(self._version.stack_id, self._part.service, group.id)
        else:
            return None
        now = (await tx.configs.held(self._version.stack_id)).get(self._part.service)
        return await self._write(tx, group, now, self._wanted) if self._wanted else await self._removal(tx, group, now)

    async def holds(self, tx: Records, known: Row) -> bool:
        """Whether an ended removal has removed the group from the cluster."""
        group = await tx.configs.by_id(known["target_id"])
        return group.deleted_at is not None and group.applied == 0

    def counts(self, known: Row) -> bool:
        """An ended child is taken up again only where it removes the group: what others wrote may be another version's."""
        return self._wanted is None and known["request"].get("change") == "delete"

    async def _write(self, tx: Records, group: Group, now: Held | None, wanted: Configuration) -> NewOperation | None:
        content = wanted.content if self._whole else grown(wanted, now)
        found = now.differences(content) if now else ()
        if now and not found and group.in_cluster:
            return None
        await self._check_free(tx, group, forbidden_in_use(now.entries if now else {}, content))
        reason = f"version {self._version.number} of the stack {self._part.ask.target}"
        await tx.configs.put(group, content, self._part.ask.actor, reason)
        entries = {change.entry: change.change for change in found} if now else dict.fromkeys(content, "added")
        return self._operation(group, {"change": "set", "stackVersion": self._version.number, "entries": entries})

    async def _removal(self, tx: Records, group: Group, now: Held | None) -> NewOperation:
        before: dict[str, Entry] = now.entries if now else {}
        await self._check_free(tx, group, forbidden_in_use(before, {}))
        await tx.configs.delete(group.id)
        return self._operation(group, {"change": "delete"})

    async def _check_free(self, tx: Records, group: Group, forbidden: dict[str, str]) -> None:
        """Raise Conflict naming the apps, or other stacks, that use one of these entries; what is on its way out uses nothing."""
        if not forbidden:
            return
        await tx.configs.check_certificate(group, forbidden, without=self._version.stack_id)
        pods = (await self._cluster.list("Pod", group.project, labelSelector=CONFIGURED))["items"]
        staying = [pod for pod in pods if "deletionTimestamp" not in pod["metadata"]]
        used = await tx.configs.used(group.project_id, staying)
        check_free(group.kind, group.name, forbidden, (u for u in used if (u.kind, u.group) == (group.kind, group.name)))

    def _operation(self, group: Group, request: dict[str, object]) -> NewOperation:
        parent, target = self._part.ask, Target(kind=group.kind, name=group.name, id=group.id)
        ask = ApplyConfig.model_validate({**child_fields(parent, group.name, self._part.seconds), "group_id": group.id})
        return child_operation(parent, "config.apply", target, group.project_id, ask, request)
