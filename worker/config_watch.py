"""Notices what is done by hand to groups' objects, says so on a record of its own, and puts them back (mission E).

The database says what each object was left at. So a look costs nothing while nobody else writes: on (re)connecting, the objects'
metadata are listed once and compared; after that the watch's events are. Only an object that differs is read.
"""

import asyncio
import contextlib
from typing import Any

import structlog

from clients.kubernetes import Cluster, Expired, Object
from clients.temporal import Operations
from model.config_objects import CONFIG, by_hand, config_object, is_of
from model.configs import ApplyConfig, ConfigKind, Group
from model.errors import AdmissionRefused, Conflict, MooringError, NotFound
from model.operations import Status, Target, workflow_id
from records import Records
from records.ids import new_id
from records.operations import NewOperation
from records.store import Row
from workflows.configs import ConfigApply
from workflows.registry import BY_WORKFLOW

log = structlog.get_logger()
ACTOR = "mooring"
_STREAM_SECONDS = 300
_RECONNECT_SECONDS = 3.0
_PATIENCE = 5.0  # how long a change of the platform's own is let end before its object is looked at


class ConfigWatch:
    """One per worker; two that notice the same put it back once, for the target is locked."""

    def __init__(self, records: Records, cluster: Cluster, operations: Operations) -> None:
        self._records = records
        self._cluster = cluster
        self._operations = operations

    async def run(self) -> None:
        """Watch both kinds for good; to be cancelled at the worker's end."""
        async with asyncio.TaskGroup() as tasks:
            for kind in ConfigKind:
                tasks.create_task(self._follow(kind), name=f"watch {kind.plural}")

    async def _follow(self, kind: ConfigKind) -> None:
        version: str | None = None
        while True:
            try:
                if version is None:
                    version = await self._compare_all(kind)
                events = self._cluster.watch(kind.object, CONFIG, version, _STREAM_SECONDS, whole=False)
                async with contextlib.aclosing(events):
                    async for event in events:
                        metadata = event["object"]["metadata"]
                        version = metadata["resourceVersion"]
                        if event["type"] != "BOOKMARK":
                            await self._look(metadata)
            except Expired:
                version = None
            except MooringError as error:
                log.warning("configuration is not watched for a moment", kind=kind.plural, reason=error.reason)
                version = None  # what went by meanwhile is found by comparing
                await asyncio.sleep(_RECONNECT_SECONDS)
            except Exception:
                # A fault of ours with one object must not end the watch over all others.
                log.exception("the watch over configuration failed", kind=kind.plural)
                version = None
                await asyncio.sleep(_RECONNECT_SECONDS)

    async def _compare_all(self, kind: ConfigKind) -> str:
        """Look at every object that is not as it was left; returns the version to watch from."""
        listed = await self._cluster.list_metadata(kind.object, CONFIG)
        there = {item["metadata"]["labels"][CONFIG]: item["metadata"] for item in listed["items"]}
        for group in await self._records.configs.expected(kind):
            found = there.get(group.id)
            if (found["resourceVersion"] if found else "") != group.seen or not group.in_cluster:
                await self._mend(group)
        version: str = listed["metadata"]["resourceVersion"]
        return version

    async def _look(self, metadata: Object) -> None:
        with contextlib.suppress(NotFound):  # another platform's, on the same cluster
            group = await self._records.configs.by_id(metadata["labels"][CONFIG])
            if group.seen != metadata["resourceVersion"]:
                await self._mend(group)

    async def _mend(self, group: Group) -> None:
        """Put the object back, unless it is what the record says; an operation on the group that runs comes first."""
        running = await self._records.operations.holder(group.project, group.kind, group.name)
        if running:
            await self._records.operations.wait_settled(running, _PATIENCE)
        group = await self._records.configs.by_id(group.id)
        found = await self._cluster.find(group.kind.object, group.name, group.project)
        if group.deleted_at:
            if found and is_of(found, group):
                await self._bring(group, {"change": "delete"})
            return
        version = await self._records.configs.version(group, group.version)
        told = by_hand(found, config_object(group, version.number, await self._records.configs.contents(version.entries)))
        if found and not told:  # a label or annotation at most: nothing that an app would see
            await self._records.configs.set_applied(group.id, version.number, found["metadata"]["resourceVersion"])
        elif not group.in_cluster:
            await self._bring(group, {"change": "made good", "version": group.version})
        else:
            await self._bring(group, {"change": "put back", "version": group.version, "changedByHand": told})

    async def _bring(self, group: Group, request: dict[str, Any]) -> None:
        """Accept config.apply in the platform's own name and start it, unless the last one waits for a person."""
        target = Target(kind=group.kind, name=group.name, id=group.id)
        last = await self._records.operations.newest_on(group.project, group.project_id, target)
        if last and waits_for_a_person(last, group.id):
            log.info("configuration is left as it is until somebody retries", operation=last["id"], reason=last["error"]["reason"])
            return
        kind = BY_WORKFLOW[ConfigApply]
        ask = ApplyConfig(
            operation_id=new_id("op"),
            project=group.project,
            target=group.name,
            actor=ACTOR,
            deadline_seconds=kind.deadline_seconds,
            group_id=group.id,
        )
        wid = workflow_id(kind.name, ask.project, ask.target, ask.operation_id)
        new = NewOperation(
            kind=kind.name,
            target=target,
            project_id=group.project_id,
            ask=ask,
            workflow_id=wid,
            cancellable=False,
            preempts=False,
            request=request,
        )
        with contextlib.suppress(Conflict, NotFound):  # another worker was first, or the project goes away
            async with self._records.transaction() as tx:
                await tx.projects.hold(group.project)
                await tx.operations.accept(new)
            log.warning("configuration put back", kind=group.kind, project=group.project, name=group.name, **request)
            await self._operations.start(kind.name, wid, ask)


def waits_for_a_person(last: Row, group_id: str) -> bool:
    """Whether the newest operation on a group failed for what only people mend, such as an object in the way or a rule.

    Tried again by itself it would fail the same way; what the cluster's absence made fail would not.
    """
    if last["target_id"] != group_id or last["status"] != Status.FAILED:
        return False
    return last["error"]["fault"] in ("user", "quota") or last["error"]["reason"] == AdmissionRefused.__name__
