"""What brings a stack to a version: the plan, and the addresses that its links stand for."""

import asyncio
from collections.abc import Mapping

from temporalio import activity

from activities.progress import tell, unchanged
from activities.stack_documents import document, note
from clients.kubernetes import Cluster, Object
from model.blueprints import Blueprint, is_group
from model.configs import ConfigKind, Held
from model.entrances import check_hosts, check_owned, entrance_changes, ingress_objects
from model.operations import Status
from model.stack_changes import Action, changes, removals, trims
from model.stacks import (
    STACK_ID,
    DeleteStack,
    DeployStack,
    Plan,
    Stack,
    StackAsk,
    StackAt,
    StackMove,
    address_name,
    addresses_of,
    link_service,
)
from records import Records


class StackPlans:
    """Steps of the stack operations that look at the whole document."""

    def __init__(self, records: Records, cluster: Cluster) -> None:
        self._records = records
        self._cluster = cluster

    @activity.defn(name="stack.plan_deploy")
    async def plan_deploy(self, ask: DeployStack) -> Plan:
        """Read the document, give each linked app the address its links stand for, and say what comes after what.

        Idempotent. The progress counts apps, those that an earlier attempt deployed among them.
        """
        stack, _, blueprint = await document(self._records, ask, None)
        await self._look_at_entrances(stack, blueprint)
        addresses = await self._give_addresses(stack, blueprint)
        done, extra = await self._done(ask), trims(blueprint, await self._held(stack, blueprint))
        total = len(blueprint.dependencies()) + len(extra)
        await self._records.operations.expect(ask.operation_id, ask.attempt, done=len(done), total=total)
        groups = f", {len(blueprint.groups)} configuration groups" if blueprint.groups else ""
        await tell(f"{len(blueprint.members)} apps, {len(addresses)} of them linked{groups}")
        return Plan(
            after=blueprint.dependencies(),
            apps=_apps(blueprint),
            addresses=addresses,
            removals=dict.fromkeys(extra, ()),
            entrances=bool(blueprint.entrances),
        )

    @activity.defn(name="stack.plan_upgrade")
    async def plan_upgrade(self, move: StackMove) -> Plan:
        """Say what brings the stack from one version to another, which is the wanted one from here on; then give addresses.

        It is what a dry run shows. Idempotent: what an earlier attempt has done already is unchanged.
        """
        ask = move.ask
        await self._records.stacks.set_version(ask.stack_id, move.version)
        stack, version, blueprint = await document(self._records, ask, move.version)
        _, _, before = await document(self._records, ask, move.before, strict=False)
        standing = await self._records.stacks.standing(stack.id)
        pinned = await self._records.stacks.pinned(version, standing)
        entrances = entrance_changes(stack, blueprint, await self._look_at_entrances(stack, blueprint))
        listed = await self._cluster.list("Service", stack.project, labelSelector=f"{STACK_ID}={stack.id}")
        at_once = version.restores is not None or move.goes_back
        held = await self._held(stack, blueprint)
        there = addresses_of(stack.id, blueprint, listed["items"])
        planned = changes(blueprint, standing, there, pinned, before, held=held, at_once=at_once)
        for one in planned:
            if one.action is Action.UNCHANGED and not is_group(one.part):
                await note(self._records, version, one.name, standing[one.name])
        addresses = await self._give_addresses(stack, blueprint)
        gone, extra = removals(blueprint, [*standing, *held], before), trims(blueprint, held)
        due = [one for one in planned if one.action is not Action.UNCHANGED]
        left = sum(2 if one.action is Action.RECREATE or one.part in extra else 1 for one in due)
        done = len(await self._done(ask))
        await self._records.operations.expect(ask.operation_id, ask.attempt, done=done, total=done + left)
        all_due = [*due, *(one for one in entrances if one.action is not Action.UNCHANGED)]
        await tell("; ".join(f"{one.shown}: {one.action}" for one in all_due) or "nothing differs")
        return Plan(
            after=blueprint.dependencies(),
            apps={**{name: now.app for name, now in standing.items()}, **_held_names(held), **_apps(blueprint)},
            addresses=addresses,
            removals=gone | dict.fromkeys(extra, tuple(gone)),
            changes={one.part: one for one in [*planned, *entrances]},
            entrances=bool(entrances),
            at_once=at_once,
        )

    @activity.defn(name="stack.plan_delete")
    async def plan_delete(self, ask: DeleteStack) -> Plan:
        """Say which apps are to be deleted before which: those that depend on others first. Idempotent."""
        stack, _, blueprint = await document(self._records, ask, None, strict=False)
        apps, groups = await self._records.stacks.apps(stack.id), await self._records.stacks.groups(stack.id)
        done = len(await self._done(ask))
        await self._records.operations.expect(ask.operation_id, ask.attempt, done=done, total=done + len(apps) + len(groups))
        after = {name: tuple(links) for name, links in blueprint.dependents().items() if name in apps}
        left_over = {name: () for name in apps if name not in after}  # of a document that was replaced
        ordered = {name: tuple(o for o in others if o in apps) for name, others in (left_over | after).items()}
        return Plan(
            after=ordered | dict.fromkeys(groups, tuple(apps)),
            apps={**await self._records.stacks.app_names(stack.id), **_group_names(groups)},
        )

    @activity.defn(name="stack.set_entrances")
    async def set_entrances(self, at: StackAt) -> None:
        """Bring the stack's Ingresses to the document: made, changed, removed; idempotent. Raises Conflict for another's."""
        stack, _, blueprint = await document(self._records, at.ask, at.version, strict=False)
        there = await self._look_at_entrances(stack, blueprint)
        wanted = ingress_objects(stack, blueprint)
        await asyncio.gather(*(self._cluster.apply(made) for made in wanted.values()))
        gone = [name for item in there if (name := item["metadata"]["name"]) not in wanted]
        await asyncio.gather(*(self._cluster.delete("Ingress", name, stack.project) for name in gone))
        hosts = f"{', '.join(blueprint.hosts)} lead to its Services where the cluster has an Ingress controller" if wanted else ""
        await tell("; ".join(filter(None, [hosts, f"removed: {', '.join(gone)}" if gone else ""])))

    @activity.defn(name="stack.prune_addresses")
    async def prune_addresses(self, move: StackMove) -> None:
        """Delete the Services of links that the version does not have, and give up its former hosts; idempotent."""
        stack, _, blueprint = await document(self._records, move.ask, move.version, strict=False)
        async with self._records.transaction() as tx:
            await tx.stacks.keep(stack, blueprint)
        await self._remove_addresses(move.ask, {address_name(stack.id, member.name) for member in blueprint.linked()})

    @activity.defn(name="stack.remove_addresses")
    async def remove_addresses(self, ask: DeleteStack) -> None:
        """Delete the stack's Ingresses, and the Services that the links' names stood for; idempotent."""
        names = [item["metadata"]["name"] for item in await self._ingresses(ask.stack_id, ask.project)]
        await asyncio.gather(*(self._cluster.delete("Ingress", name, ask.project) for name in names))
        await self._remove_addresses(ask, set())

    async def _look_at_entrances(self, stack: Stack, blueprint: Blueprint) -> list[Object]:
        """The stack's Ingresses; raises Conflict where a host or a name of the document is somebody else's.

        The hosts are claimed here too: those of a version that is gone back to, or retried, may have been given up meanwhile.
        """
        if not blueprint.entrances:
            return await self._ingresses(stack.id, stack.project)
        async with self._records.transaction() as tx:
            await tx.stacks.claim(stack, blueprint)
        everywhere = (await self._cluster.list("Ingress"))["items"]
        check_hosts(blueprint.hosts, stack, everywhere)
        here = {item["metadata"]["name"]: item for item in everywhere if item["metadata"]["namespace"] == stack.project}
        for entrance in blueprint.entrances:
            check_owned(entrance.ingress, stack, here.get(entrance.ingress))
        return [item for item in here.values() if item["metadata"].get("labels", {}).get(STACK_ID) == stack.id]

    async def _ingresses(self, stack_id: str, project: str) -> list[Object]:
        """What the cluster has of the stack; it is not asked for a stack that never had a host."""
        if not await self._records.stacks.hosts(stack_id):
            return []
        found: list[Object] = (await self._cluster.list("Ingress", project, labelSelector=f"{STACK_ID}={stack_id}"))["items"]
        return found

    async def _held(self, stack: Stack, blueprint: Blueprint) -> dict[str, Held]:
        return await self._records.configs.held(stack.id, blueprint.groups)

    async def _give_addresses(self, stack: Stack, blueprint: Blueprint) -> dict[str, str]:
        made = await asyncio.gather(*(self._cluster.apply(link_service(stack, member)) for member in blueprint.linked()))
        return addresses_of(stack.id, blueprint, made)

    async def _remove_addresses(self, ask: StackAsk, kept: set[str]) -> None:
        listed = await self._cluster.list("Service", ask.project, labelSelector=f"{STACK_ID}={ask.stack_id}")
        names = [name for service in listed["items"] if (name := service["metadata"]["name"]) not in kept]
        await asyncio.gather(*(self._cluster.delete("Service", name, ask.project) for name in names))
        if not names:
            unchanged("there are none")

    async def _done(self, ask: StackAsk) -> set[tuple[str, str, str]]:
        """What the operation's children have done already."""
        children = await self._records.operations.children(ask.operation_id)
        return {(c["kind"], c["target_kind"], c["target_name"]) for c in children if c["status"] == Status.SUCCEEDED}


def _apps(blueprint: Blueprint) -> dict[str, str]:
    groups = {group.part: f"{group.kind} {group.group}" for group in blueprint.groups}
    return groups | {member.name: member.app for member in blueprint.members}


def _held_names(held: Mapping[str, Held]) -> dict[str, str]:
    return _group_names({part: (now.group.kind, now.group.name) for part, now in held.items()})


def _group_names(groups: Mapping[str, tuple[ConfigKind, str]]) -> dict[str, str]:
    return {part: f"{kind} {name}" for part, (kind, name) in groups.items()}
