"""Stacks: addresses for links, and the child operations that deploy and delete their apps."""

import asyncio

from temporalio import activity

from activities.children import Children
from activities.progress import tell, unchanged
from clients.kubernetes import Cluster
from clients.temporal import Operations
from model.apps import App, AppPhase, AppSpec, CreateApp, DeleteApp, UpgradeApp
from model.compose import Compose, Service, parse
from model.layouts import at_revision, first, scaled
from model.operations import Ask, Child, Status, Target, workflow_id
from model.stacks import (
    STACK_ID,
    DeleteStack,
    DeployStack,
    Part,
    Plan,
    Stack,
    StackAsk,
    app_name,
    app_spec,
    link_service,
    linked,
)
from records import Records
from records.ids import new_app_id, new_id
from records.operations import NewOperation
from records.store import Row


class StackActivities:
    """Steps of stack.deploy and stack.delete."""

    def __init__(self, records: Records, cluster: Cluster, operations: Operations) -> None:
        self._records = records
        self._cluster = cluster
        self._children = Children(records, operations)

    @activity.defn(name="stack.plan_deploy")
    async def plan_deploy(self, ask: DeployStack) -> Plan:
        """Read the document, give each linked app the address its links stand for, and say what comes after what.

        Idempotent. The progress counts apps, those that an earlier attempt deployed among them.
        """
        stack, compose = await self._document(ask)
        made = await asyncio.gather(*(self._cluster.apply(link_service(stack, service)) for service in linked(compose)))
        addresses = {s.name: m["spec"]["clusterIP"] for s, m in zip(linked(compose), made, strict=True)}
        done = [c for c in await self._records.operations.children(ask.operation_id) if c["status"] == Status.SUCCEEDED]
        total = len(compose.services)
        await self._records.operations.expect(
            ask.operation_id, ask.attempt, done=len({c["target_name"] for c in done}), total=total
        )
        await tell(f"{total} apps, {len(addresses)} of them linked")
        return Plan(after=compose.dependencies(), addresses=addresses)

    @activity.defn(name="stack.accept_app")
    async def accept_app(self, part: Part) -> Child | None:
        """Accept the operation that brings one app to what the document says; None when it is so already. Idempotent.

        A new app is created, one that an earlier deploy left otherwise is upgraded. Raises Conflict when the app's name is
        taken or another operation works on it.
        """
        stack, compose = await self._document(part.ask)
        service = next(s for s in compose.services if s.name == part.service)
        spec = app_spec(app_name(stack.name, service.name), service, part.addresses)

        async def begin(tx: Records) -> NewOperation | None:
            app = await self._live_app(tx, stack, service)
            if app is None:
                return await self._creation(tx, part, stack, service, spec)
            if app.replicas == service.replicas and await _runs(tx, app, spec):
                return None
            return await self._upgrade(tx, part, app, service, spec)

        async def holds(tx: Records, _: Row) -> bool:
            app = await self._live_app(tx, stack, service)
            return app is not None and await _well(tx, app)

        target = app_name(stack.name, service.name)
        return await self._children.accept(part.ask, target, begin, holds, cancellable=True, seconds=part.seconds)

    @activity.defn(name="stack.plan_delete")
    async def plan_delete(self, ask: DeleteStack) -> Plan:
        """Say which apps are to be deleted before which: those that depend on others first. Idempotent."""
        stack, compose = await self._document(ask)
        apps = await self._records.stacks.apps(stack.id)
        done = [c for c in await self._records.operations.children(ask.operation_id) if c["status"] == Status.SUCCEEDED]
        await self._records.operations.expect(ask.operation_id, ask.attempt, done=len(done), total=len(done) + len(apps))
        after = {name: tuple(links) for name, links in compose.dependents().items() if name in apps}
        left_over = {name: () for name in apps if name not in after}  # of a document that was replaced
        return Plan(after={name: tuple(o for o in others if o in apps) for name, others in (left_over | after).items()})

    @activity.defn(name="stack.accept_removal")
    async def accept_removal(self, part: Part) -> Child | None:
        """Accept the deletion of one app; None when there is none left. Idempotent."""
        stack = await self._records.stacks.by_id(part.ask.stack_id)

        async def begin(tx: Records) -> NewOperation | None:
            app_id = (await tx.stacks.apps(stack.id)).get(part.service)
            return _deletion(part, await tx.apps.by_id(app_id)) if app_id else None

        async def holds(tx: Records, _: Row) -> bool:
            return part.service not in await tx.stacks.apps(stack.id)

        target = app_name(stack.name, part.service)
        return await self._children.accept(part.ask, target, begin, holds, cancellable=False, seconds=part.seconds)

    @activity.defn(name="stack.remove_addresses")
    async def remove_addresses(self, ask: DeleteStack) -> None:
        """Delete the Services that the links' names stood for; idempotent."""
        query = {"labelSelector": f"{STACK_ID}={ask.stack_id}"}
        found = (await self._cluster.list("Service", ask.project, **query))["items"]
        names = [service["metadata"]["name"] for service in found]
        await asyncio.gather(*(self._cluster.delete("Service", name, ask.project) for name in names))
        if not names:
            unchanged("there are none")

    @activity.defn(name="stack.forget")
    async def forget(self, ask: DeleteStack) -> None:
        """Take the stack out of the lists and free its name; idempotent."""
        await self._records.stacks.delete(ask.stack_id)

    async def _document(self, ask: StackAsk) -> tuple[Stack, Compose]:
        stack = await self._records.stacks.by_id(ask.stack_id)
        return stack, parse(stack.content, stack.name)

    async def _live_app(self, tx: Records, stack: Stack, service: Service) -> App | None:
        app_id = (await tx.stacks.apps(stack.id)).get(service.name)
        app = await tx.apps.by_id(app_id) if app_id else None
        return app if app and app.phase is AppPhase.LIVE else None

    async def _creation(self, tx: Records, part: Part, stack: Stack, service: Service, spec: AppSpec) -> NewOperation:
        project = await tx.projects.hold(part.ask.project)
        app_id, name = new_app_id(), spec.containers[0].name
        actor = part.ask.actor
        await tx.apps.add(app_id, project, name, spec, replicas=service.replicas, username=actor, actor=actor)
        await tx.stacks.put_app(stack.id, service.name, app_id)
        kept = await tx.apps.keep_layout(app_id, first(spec.type, 1, service.replicas))
        ask = CreateApp(**_fields(part, name), app_id=app_id, before=kept, after=kept, resolve=(1,))
        return _operation("app.create", ask, project.id, app_id, part, {**_told(service), "stack": stack.name})

    async def _upgrade(self, tx: Records, part: Part, app: App, service: Service, spec: AppSpec) -> NewOperation:
        await tx.apps.hold(app.project_id, app.name)
        revision = await tx.apps.add_revision(app.id, spec, part.ask.actor, "the stack's document was deployed again")
        before = await tx.apps.keep_layout(app.id, app.layout)
        after = await tx.apps.keep_layout(app.id, at_revision(scaled(app.layout, service.replicas), revision.number))
        number = revision.number
        ask = UpgradeApp(**_fields(part, app.name), app_id=app.id, before=before, after=after, resolve=(number,), revision=number)
        return _operation("app.upgrade", ask, app.project_id, app.id, part, _told(service))


async def _runs(tx: Records, app: App, spec: AppSpec) -> bool:
    return (await tx.apps.revision(app.id, app.revision)).spec == spec and await _well(tx, app)


async def _well(tx: Records, app: App) -> bool:
    """Whether the newest that was done to the app succeeded."""
    newest = (await tx.apps.newest_operations(app.project, [app.id])).get(app.id)
    return newest is not None and newest["status"] == Status.SUCCEEDED


def _deletion(part: Part, app: App) -> NewOperation:
    ask = DeleteApp(**_fields(part, app.name), app_id=app.id)
    new = _operation("app.delete", ask, app.project_id, app.id, part, {})
    return new.model_copy(update={"cancellable": False, "preempts": True})


def _fields(part: Part, target: str) -> dict[str, object]:
    return {
        "operation_id": new_id("op"),
        "project": part.ask.project,
        "target": target,
        "actor": part.ask.actor,
        "deadline_seconds": part.seconds,
    }


def _told(service: Service) -> dict[str, object]:
    return {"imageRef": service.image, "instanceNum": service.replicas}


def _operation(kind: str, ask: Ask, project_id: str, app_id: str, part: Part, request: dict[str, object]) -> NewOperation:
    return NewOperation(
        kind=kind,
        target=Target(kind="app", name=ask.target, id=app_id),
        project_id=project_id,
        ask=ask,
        workflow_id=workflow_id(kind, ask.project, ask.target, ask.operation_id),
        cancellable=True,
        preempts=False,
        request=request,
        parent_id=part.ask.operation_id,
    )
