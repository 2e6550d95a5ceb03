"""What config.apply does: the group's object as the record says, then a word to the instances that mount it."""

import asyncio
import contextlib
from datetime import UTC, datetime

from temporalio import activity

from activities.deadline import Deadline
from activities.progress import tell, unchanged
from clients.kubernetes import Cluster, Object, resource_of
from model.config_mounts import CONFIGURED
from model.config_objects import REFRESH, by_hand, config_object, is_of, is_ours, strays
from model.config_uses import uses_of_pod
from model.configs import ApplyConfig, Group
from model.errors import Conflict, NotFound
from model.held import deletion_held, held, in_words
from model.pods import leaves
from records import Records

_AT_ONCE = 20  # requests side by side
_ASK_AGAIN = 1.0  # seconds between two looks at an object that goes
_GOING = "the object is on its way out"


class ConfigActivities:
    """Steps of config.apply."""

    def __init__(self, records: Records, cluster: Cluster) -> None:
        self._records = records
        self._cluster = cluster

    @activity.defn(name="config.write_object")
    async def write_object(self, ask: ApplyConfig) -> int:
        """Bring the object to the group's newest version, or remove it with a deleted group; returns the version, 0 without one.

        Idempotent. What somebody put into the object by hand goes. Raises Conflict when an object of that name is not the
        platform's, DeletionHeld where one does not go, and what the cluster refuses.
        """
        group = await self._records.configs.by_id(ask.group_id)
        if group.deleted_at:
            await self._remove(group)
            return 0
        version = await self._records.configs.version(group, group.version)
        wanted = config_object(group, version.number, await self._records.configs.contents(version.entries))
        found = await self._standing(group)
        if found and not is_ours(found):
            raise Conflict(
                f"The cluster has a {group.kind.object} {group.name!r} in {group.project!r} that is not the platform's.",
                hint="Delete this group and choose another name, or remove that object; then retry.",
            )
        if found and is_of(found, group) and not by_hand(found, wanted):
            unchanged(f"version {version.number} is there")
        else:
            found = await self._cluster.apply(wanted)
            if extra := strays(found, wanted):
                found = await self._cluster.patch(group.kind.object, group.name, group.project, extra)
            await tell(f"version {version.number}, {len(version.entries)} entries")
        await self._records.configs.set_applied(group.id, version.number, found["metadata"]["resourceVersion"])
        return version.number

    @activity.defn(name="config.wake_instances")
    async def wake_instances(self, ask: ApplyConfig) -> int:
        """Have the kubelets renew the group's files now, not at their next round; returns of how many instances. Idempotent.

        An annotation of the pod is changed, which no container notices and for which none is restarted (Kubernetes: ConfigMaps,
        Mounted ConfigMaps are updated automatically).
        """
        group = await self._records.configs.by_id(ask.group_id)
        pods = (await self._cluster.list("Pod", group.project, labelSelector=CONFIGURED))["items"]
        mounting = [
            pod["metadata"]["name"]
            for pod in pods
            if any((u.kind, u.group, u.type) == (group.kind, group.name, "Volume") for u in uses_of_pod(pod))
        ]
        change = {"metadata": {"annotations": {REFRESH: f"{ask.operation_id}.{ask.attempt}"}}}
        places = asyncio.Semaphore(_AT_ONCE)

        async def wake(name: str) -> None:
            async with places:
                with contextlib.suppress(NotFound):  # it has ended meanwhile
                    await self._cluster.patch("Pod", name, group.project, change)

        await asyncio.gather(*map(wake, mounting))
        if not mounting:
            unchanged("no instance has it as files")
        else:
            await tell(f"{len(mounting)} instances renew their files")
        return len(mounting)

    async def _standing(self, group: Group) -> Object | None:
        """The object of the group's name, once none is on its way out; raises DeletionHeld, a little before the deadline."""
        deadline, kind = Deadline(), group.kind.object
        while (found := await self._cluster.find(kind, group.name, group.project)) and leaves(found):
            holding = held(resource_of(kind), [found], datetime.now(UTC))
            if not deadline.left:
                raise deletion_held(f"The {group.kind} {group.name!r}", group.project, holding, [] if holding else [_GOING])
            await tell(in_words(holding) or _GOING)
            await asyncio.sleep(min(_ASK_AGAIN, deadline.left))
        return found

    async def _remove(self, group: Group) -> None:
        found = await self._cluster.find(group.kind.object, group.name, group.project)
        if found and is_of(found, group):
            await self._cluster.delete(group.kind.object, group.name, group.project, uid=found["metadata"]["uid"])
            await self._standing(group)
        else:
            unchanged("there is none")
        await self._records.configs.set_applied(group.id, 0, "")
