"""Stacks: the child operations that bring their apps to a version, and delete them."""

from temporalio import activity

from activities.children import Children, child_fields, child_operation
from activities.progress import tell, unchanged
from activities.stack_documents import document, note
from activities.stack_groups import GroupStep
from clients.kubernetes import Cluster
from clients.temporal import Operations
from model.apps import DEFAULT_DEADLINE, App, AppPhase, AppSpec, CreateApp, DeleteApp, ScaleApp, StartApp, UpgradeApp
from model.blueprints import Blueprint, Configuration, completed, is_group
from model.configs import ConfigKind
from model.errors import Conflict
from model.gray import GrayPlan, default_deadline
from model.jobs import time_to_run
from model.layouts import Layout, first, not_run, scaled
from model.operations import Ask, Child, Target
from model.revisions import as_written
from model.stack_changes import Action, Change, Gray, Standing, change, contents_of, steps
from model.stacks import DeleteStack, Part, StackVersion
from model.template_rollouts import Rollout
from records import Records
from records.ids import new_app_id
from records.operations import NewOperation
from records.store import Row

_PATIENCE = 25.0  # seconds: less than a try of a step, more than the reconciler takes to settle what a parent left behind


class StackActivities:
    """Steps of the stack operations that accept a child, and the last one."""

    def __init__(self, records: Records, operations: Operations, cluster: Cluster) -> None:
        self._records = records
        self._cluster = cluster
        self._children = Children(records, operations)

    @activity.defn(name="stack.accept_app")
    async def accept_app(self, part: Part) -> Child | None:
        """Accept the operation that brings one app or group to what the document says; None when it is so already. Idempotent.

        A new app is created, one that is stopped started, one that is otherwise upgraded, or scaled where only the number differs;
        a group is written.
        Raises Conflict when the name is taken or another operation works on it.
        """
        _, version, blueprint = await document(self._records, part.ask, part.version)
        if wanted := blueprint.group(part.service):
            return await self._accept_group(part, wanted.kind, wanted.group, version, wanted, whole=False)
        part = part.lasting(time_to_run(blueprint.member(part.service).spec))
        step = _AppStep(part, version, blueprint)
        return await self._children.accept(
            part.ask, step.member.app, step.begin, step.holds, seconds=part.seconds, counts=step.counts
        )

    @activity.defn(name="stack.accept_removal")
    async def accept_removal(self, part: Part) -> Child | None:
        """Accept the deletion of one app or group; None when there is none left. Idempotent.

        With a version, of a group that the version has, what it holds beyond that is removed.
        """
        if is_group(part.service):
            return await self._accept_group_removal(part)
        stack = await self._records.stacks.by_id(part.ask.stack_id)
        name = (await self._records.stacks.app_names(stack.id)).get(part.service)
        if name is None:
            unchanged("there is no app of it")
            return None

        async def begin(tx: Records) -> NewOperation | None:
            app_id = (await tx.stacks.apps(stack.id)).get(part.service)
            return _deletion(part, await tx.apps.by_id(app_id)) if app_id else None

        async def holds(tx: Records, _: Row) -> bool:
            return part.service not in await tx.stacks.apps(stack.id)

        def counts(known: Row) -> bool:
            return bool(known["kind"] == "app.delete")

        return await self._children.accept(part.ask, name, begin, holds, seconds=part.seconds, counts=counts)

    async def _accept_group_removal(self, part: Part) -> Child | None:
        stack, version, blueprint = await document(self._records, part.ask, part.version, strict=False)
        place = (await self._records.stacks.group_names(stack.id)).get(part.service)
        if place is None:
            unchanged("there is no group of it")
            return None
        wanted = blueprint.group(part.service) if part.version else None
        return await self._accept_group(part, *place, version, wanted, whole=True)

    async def _accept_group(
        self, part: Part, kind: ConfigKind, name: str, version: StackVersion, wanted: Configuration | None, *, whole: bool
    ) -> Child | None:
        step = GroupStep(self._cluster, part, version, wanted, whole=whole)
        await self._let_settle(part.ask, kind, name)
        return await self._children.accept(
            part.ask, name, step.begin, step.holds, seconds=part.seconds, counts=step.counts, kind=kind
        )

    async def _let_settle(self, parent: Ask, kind: ConfigKind, name: str) -> None:
        """What somebody else does to a group takes a moment: it is waited for."""
        running = await self._records.operations.holder(parent.project, kind, name)
        if running and (await self._records.operations.get(running))["parent_id"] != parent.operation_id:
            await tell(f"waiting for {running}, which works on it")
            await self._records.operations.wait_settled(running, _PATIENCE)

    @activity.defn(name="stack.forget")
    async def forget(self, ask: DeleteStack) -> None:
        """Take the stack out of the lists and free its name; idempotent."""
        await self._records.stacks.delete(ask.stack_id)


class _AppStep:
    """What accepting one app's child decides by, inside its transaction."""

    def __init__(self, part: Part, version: StackVersion, blueprint: Blueprint) -> None:
        self._part = part
        self._version = version
        self._blueprint = blueprint
        self.member = blueprint.member(part.service)

    async def begin(self, tx: Records) -> NewOperation | None:
        """What to insert, None when the app is as the document says."""
        planned, now, digests = await self._found(tx)
        if now is None:
            return await self._creation(tx)
        if planned.action is Action.UNCHANGED:
            await note(tx, self._version, self.member.name, now)
            return None
        if planned.action is Action.RECREATE:
            raise Conflict(f"The app {now.app!r} cannot be changed in place: {planned.reason}.", hint="Upgrade the stack.")
        app = await tx.apps.by_id(now.app_id)
        await tx.apps.hold(app.project_id, app.name)
        app = await tx.apps.by_id(now.app_id)  # an operation that ended just now may have moved it until here
        if now.stopped:
            return await self._start(tx, app, now, digests)
        if planned.replaces or not now.well:
            return await self._upgrade(tx, app, now, digests, planned.gray)
        return await self._scaling(tx, app, now)

    async def holds(self, tx: Records, _: Row) -> bool:
        """Whether there is nothing left to do for an ended child."""
        return (await self._found(tx))[0].action is Action.UNCHANGED

    def counts(self, known: Row) -> bool:
        """A child of another version served a rollback, and a deletion made way for the creation."""
        same = known["request"].get("stackVersion", self._version.number) == self._version.number
        return bool(same and known["kind"] != "app.delete")

    async def _found(self, tx: Records) -> tuple[Change, Standing | None, dict[str, str] | None]:
        standing = await tx.stacks.standing(self._version.stack_id)
        now = standing.get(self.member.name)
        digests = (await tx.stacks.pinned(self._version, standing)).get(self.member.name)
        contents = await self._contents(tx)
        found = change(self.member, now, self._part.addresses, digests, contents, at_once=self._part.at_once)
        return found, now, digests

    async def _contents(self, tx: Records) -> dict[str, str]:
        """The ids of what the document's groups hold by now."""
        groups = self._blueprint.groups
        return contents_of(self._blueprint, await tx.configs.held(self._version.stack_id, groups)) if groups else {}

    async def _spec(self, tx: Records, project_id: str) -> AppSpec:
        """What the app is to be; the groups that it uses stay as they are until the transaction ends. Raises Invalid."""
        spec = completed(self.member, self._part.addresses, await self._contents(tx))
        await tx.configs.check(project_id, spec)
        return spec

    async def _creation(self, tx: Records) -> NewOperation:
        project, member, actor = await tx.projects.hold(self._part.ask.project), self.member, self._part.ask.actor
        app_id, replicas = new_app_id(), 1 if member.replicas is None else member.replicas
        spec = await self._spec(tx, project.id)
        await tx.apps.add(app_id, project, member.app, spec, replicas=replicas, username=actor, actor=actor)
        await tx.stacks.put_app(self._version.stack_id, member.name, app_id)
        await self._note(tx, app_id, 1)
        kept = await tx.apps.keep_layout(app_id, self._run(first(spec.type, 1, replicas)))
        place = {"app_id": app_id, "before": kept, "after": kept, "resolve": (1,), "runs_to_end": spec.job is not None}
        ask = CreateApp(**child_fields(self._part.ask, member.app, self._part.seconds), **place)
        return self._operation("app.create", ask, project.id, app_id)

    async def _upgrade(
        self, tx: Records, app: App, now: Standing, digests: dict[str, str] | None, gray: Gray | None
    ) -> NewOperation:
        spec = as_written(now.spec, await self._spec(tx, app.project_id))
        standing = now.model_copy(update={"layout": app.layout})
        if completed := await self._completed(tx, app, spec, standing):
            number, layouts = completed.revision, [completed]
        else:
            pinned = now.pins(spec) if digests is None else digests
            number = (await tx.apps.add_revision(app.id, spec, self._part.ask.actor, self._reason, pinned)).number
            layouts = [self._run(one) for one in steps(self.member, standing, number, at_once=gray is None)]
        await self._note(tx, app.id, number)
        stages = await tx.apps.keep_stages(app.id, layouts, number)
        place = {"app_id": app.id, "before": await tx.apps.keep_layout(app.id, app.layout), "after": stages[-1].layout}
        fields = {
            **child_fields(self._part.ask, app.name, self._part.seconds),
            **place,
            "resolve": (number,),
            "revision": number,
        }
        how = self.member.rollout.how if self.member.rollout and not self._part.at_once else Rollout()
        if gray:
            fields["deadline_seconds"] = default_deadline(how, len(stages), DEFAULT_DEADLINE)
            fields["gray"] = GrayPlan(stages=stages, pause=how.pause, ready_seconds=how.ready_seconds, gates=tuple(how.gates))
        ask = UpgradeApp(**fields, on_failure=how.on_failure, runs_to_end=spec.job is not None)
        return self._operation("app.upgrade", ask, app.project_id, app.id)

    async def _start(self, tx: Records, app: App, now: Standing, digests: dict[str, str] | None) -> NewOperation:
        """A stopped app goes on under its AppID, at the revision it had where the document says the same."""
        spec = as_written(now.spec, await self._spec(tx, app.project_id))
        standing, number = now.model_copy(update={"layout": app.layout}), now.revision
        if spec != now.spec or digests not in (None, now.digests):
            pinned = now.pins(spec) if digests is None else digests
            number = (await tx.apps.add_revision(app.id, spec, self._part.ask.actor, self._reason, pinned)).number
        else:
            await tx.apps.pin(app.id, [number])
        (wanted,) = steps(self.member, standing, number, at_once=True)
        await tx.apps.check_names(app.project_id, app.name, app.type)
        await tx.apps.set_phase(app.id, AppPhase.LIVE)
        await self._note(tx, app.id, number)
        before = await tx.apps.keep_layout(app.id, app.layout)
        after = await tx.apps.keep_layout(app.id, self._run(wanted))
        place = {"app_id": app.id, "before": before, "after": after, "resolve": (number,), "runs_to_end": spec.job is not None}
        ask = StartApp(**child_fields(self._part.ask, app.name, self._part.seconds), **place)
        return self._operation("app.start", ask, app.project_id, app.id)

    async def _completed(self, tx: Records, app: App, spec: AppSpec, now: Standing) -> Layout | None:
        """The run of a Job that is gone back to, where the version had it and it completed: it is in force again as it is."""
        number = await tx.stacks.noted(self._version, self.member.name, app.id) if self._part.at_once and spec.job else None
        if number is None or (await tx.apps.revision(app.id, number)).spec != spec:
            return None
        found = await tx.apps.completed_run(app, number)
        (wanted,) = steps(self.member, now, number, at_once=True)
        return not_run(found, ran=True) if found and found.total == wanted.total else None

    @property
    def _reason(self) -> str:
        return f"version {self._version.number} of the stack"

    def _run(self, layout: Layout) -> Layout:
        """What is gone back to runs no Job: what that did is done."""
        return not_run(layout) if self._part.at_once and layout.type == "Job" else layout

    async def _scaling(self, tx: Records, app: App, now: Standing) -> NewOperation:
        assert self.member.replicas is not None, "only the number differs, so the document says one"
        await note(tx, self._version, self.member.name, now)
        before = await tx.apps.keep_layout(app.id, app.layout)
        after = await tx.apps.keep_layout(app.id, scaled(app.layout, self.member.replicas))
        fields = child_fields(self._part.ask, app.name, self._part.seconds)
        ask = ScaleApp(**fields, app_id=app.id, before=before, after=after, replicas=self.member.replicas)
        return self._operation("app.scale", ask, app.project_id, app.id)

    async def _note(self, tx: Records, app_id: str, revision: int) -> None:
        await tx.stacks.put_version_app(self._version.stack_id, self._version.number, self.member.name, app_id, revision)

    def _operation(self, kind: str, ask: Ask, project_id: str, app_id: str) -> NewOperation:
        told: dict[str, object] = {"imageRef": self.member.image, "instanceNum": self.member.replicas}
        told["stackVersion"] = self._version.number
        return child_operation(self._part.ask, kind, Target(kind="app", name=ask.target, id=app_id), project_id, ask, told)


def _deletion(part: Part, app: App) -> NewOperation:
    ask = DeleteApp(**child_fields(part.ask, app.name, part.seconds), app_id=app.id)
    new = child_operation(part.ask, "app.delete", Target(kind="app", name=ask.target, id=app.id), app.project_id, ask, {})
    return new.model_copy(update={"preempts": True})
