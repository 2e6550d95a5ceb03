"""What brings a stack to a version: the plan, and the addresses that its links stand for."""

import asyncio

from temporalio import activity

from activities.progress import tell, unchanged
from activities.stack_documents import document, note
from clients.kubernetes import Cluster
from model.blueprints import Blueprint
from model.operations import Status
from model.stack_changes import Action, changes, removals
from model.stacks import (
    STACK_ID,
    DeleteStack,
    DeployStack,
    Plan,
    Stack,
    StackAsk,
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
        addresses = await self._give_addresses(stack, blueprint)
        done = await self._done(ask)
        await self._records.operations.expect(ask.operation_id, ask.attempt, done=len(done), total=len(blueprint.members))
        await tell(f"{len(blueprint.members)} apps, {len(addresses)} of them linked")
        return Plan(after=blueprint.dependencies(), apps=_apps(blueprint), addresses=addresses)

    @activity.defn(name="stack.plan_upgrade")
    async def plan_upgrade(self, move: StackMove) -> Plan:
        """Say what brings the stack from one version to another, which is the wanted one from here on; then give addresses.

        It is what a dry run shows. Idempotent: what an earlier attempt has done already is unchanged.
        """
        ask = move.ask
        await self._records.stacks.set_version(ask.stack_id, move.version)
        stack, version, blueprint = await document(self._records, ask, move.version)
        _, _, before = await document(self._records, ask, move.before)
        standing = await self._records.stacks.standing(stack.id)
        pinned = await self._records.stacks.pinned(version, standing)
        listed = await self._cluster.list("Service", stack.project, labelSelector=f"{STACK_ID}={stack.id}")
        at_once = version.restores is not None or move.goes_back
        addresses = addresses_of(stack.id, blueprint, listed["items"])
        planned = changes(blueprint, standing, addresses, pinned, before, at_once=at_once)
        for one in planned:
            if one.action is Action.UNCHANGED:
                await note(self._records, version, one.name, standing[one.name])
        addresses = await self._give_addresses(stack, blueprint)
        due = [one for one in planned if one.action is not Action.UNCHANGED]
        done, left = len(await self._done(ask)), sum(2 if one.action is Action.RECREATE else 1 for one in due)
        await self._records.operations.expect(ask.operation_id, ask.attempt, done=done, total=done + left)
        await tell("; ".join(f"{one.app}: {one.action}" for one in due) or "nothing differs")
        return Plan(
            after=blueprint.dependencies(),
            apps={**{name: now.app for name, now in standing.items()}, **_apps(blueprint)},
            addresses=addresses,
            removals=removals(blueprint, standing, before),
            changes={one.name: one for one in planned},
            at_once=at_once,
        )

    @activity.defn(name="stack.plan_delete")
    async def plan_delete(self, ask: DeleteStack) -> Plan:
        """Say which apps are to be deleted before which: those that depend on others first. Idempotent."""
        stack, _, blueprint = await document(self._records, ask, None)
        apps = await self._records.stacks.apps(stack.id)
        done = len(await self._done(ask))
        await self._records.operations.expect(ask.operation_id, ask.attempt, done=done, total=done + len(apps))
        after = {name: tuple(links) for name, links in blueprint.dependents().items() if name in apps}
        left_over = {name: () for name in apps if name not in after}  # of a document that was replaced
        return Plan(
            after={name: tuple(o for o in others if o in apps) for name, others in (left_over | after).items()},
            apps=await self._records.stacks.app_names(stack.id),
        )

    @activity.defn(name="stack.prune_addresses")
    async def prune_addresses(self, move: StackMove) -> None:
        """Delete the Services of links that the version does not have; idempotent."""
        stack, _, blueprint = await document(self._records, move.ask, move.version)
        await self._remove_addresses(move.ask, {address_name(stack.id, member.name) for member in blueprint.linked()})

    @activity.defn(name="stack.remove_addresses")
    async def remove_addresses(self, ask: DeleteStack) -> None:
        """Delete the Services that the links' names stood for; idempotent."""
        await self._remove_addresses(ask, set())

    async def _give_addresses(self, stack: Stack, blueprint: Blueprint) -> dict[str, str]:
        made = await asyncio.gather(*(self._cluster.apply(link_service(stack, member)) for member in blueprint.linked()))
        return addresses_of(stack.id, blueprint, made)

    async def _remove_addresses(self, ask: StackAsk, kept: set[str]) -> None:
        listed = await self._cluster.list("Service", ask.project, labelSelector=f"{STACK_ID}={ask.stack_id}")
        names = [name for service in listed["items"] if (name := service["metadata"]["name"]) not in kept]
        await asyncio.gather(*(self._cluster.delete("Service", name, ask.project) for name in names))
        if not names:
            unchanged("there are none")

    async def _done(self, ask: StackAsk) -> set[tuple[str, str]]:
        """What the operation's children have done already."""
        children = await self._records.operations.children(ask.operation_id)
        return {(c["kind"], c["target_name"]) for c in children if c["status"] == Status.SUCCEEDED}


def _apps(blueprint: Blueprint) -> dict[str, str]:
    return {member.name: member.app for member in blueprint.members}
