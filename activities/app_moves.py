"""Moving an app's instances from one layout to another, within the limits of availability, until they serve.

Hints come by the shared watches, what they mean is judged by a fresh read, and what cannot come right is told once it is certain.
"""

import contextlib
from collections.abc import AsyncIterator, Mapping

from temporalio import activity

from activities.courses import Course, DeploymentCourse, Sight
from activities.deadline import Deadline
from activities.instances_course import InstancesCourse
from activities.job_course import JobCourse
from activities.judging import Judge
from activities.move_loop import MoveLoop, left_to_another
from activities.pause_scaling import let_scaling_end, sized_layout, stop_scaling
from activities.progress import tell, unchanged
from activities.suspensions import Suspensions
from activities.together import side_by_side
from activities.workloads import Workloads
from clients.images import Images
from clients.kubernetes import Cluster, Object
from clients.temporal import Operations
from clients.watch import Watches
from model.apps import App, AppSpec, MoveApp, UpgradeApp
from model.base import Frozen
from model.diagnosis import of_the_past
from model.errors import MooringError
from model.gray import first_open
from model.jobs import reached as run_reached
from model.layouts import Layout, Workload, changed_tracks, not_run, replaces, versions_changed
from model.moves import Limits, limits_of
from model.pod_templates import TEMPLATE
from model.rollouts import reached
from model.standing import ways
from model.suspension import Suspended, look_of
from records import Records

_COURSES: Mapping[str, type[Course]] = {"Deployment": DeploymentCourse, "TApp": InstancesCourse, "Job": JobCourse}


class Moved(Frozen):
    """What a move has come to: instances that serve in all, and of those it changed how many in place and how many anew.

    Of a Job, those that have completed. Of a batch also how many instances are of the new version now, of how many.
    """

    instances: int
    in_place: int = 0
    recreated: int = 0
    of_new: int | None = None
    total: int | None = None


class Batch(Frozen):
    """Input of one batch of a gray upgrade: move on to the layout `to`, which lies between the ask's `before` and `after`."""

    ask: MoveApp
    to: int


class AppMoves:
    """The steps that move instances, forward and back."""

    def __init__(
        self,
        records: Records,
        cluster: Cluster,
        images: Images,
        watches: Watches,
        operations: Operations,
        suspensions: Suspensions,
    ) -> None:
        self._records = records
        self._cluster = cluster
        self._watches = watches
        self._operations = operations
        self._suspensions = suspensions
        self._workloads = Workloads(cluster, images)
        self._judge = Judge(records, cluster)

    @activity.defn(name="app.apply")
    async def apply(self, ask: MoveApp) -> str:
        """Begin to move to the layout `after`, which is wanted from then on: what may change at once is changed. Idempotent.

        Returns "", or in words why there is nothing to do: single instances of a TApp were to get what they have already; then
        the layout stays as it is. Raises Conflict when the cluster has an object of a name it needs that is not this app's.
        """
        app = await self._records.apps.by_id(ask.app_id)
        target = await self._layout(ask, ask.after)
        if same := await self._same_already(app, ask, target):
            unchanged(same)
            return same
        await self._records.apps.set_layout(app.id, target)
        course = await self._course(app, ask, target)
        async with self._keeping_what_is_reached(app, ask, target):
            await self._workloads.open_service(app, _specs(course))
            sight = await course.look(fresh=True)
            await course.act(sight)
        if sight.placed and not course.changed:
            unchanged(f"revision {target.revision} is what runs")
        return ""

    @activity.defn(name="app.move")
    async def move(self, ask: MoveApp) -> Moved | Suspended:
        """Move on to the layout `after` and wait until every instance that is concerned serves. Idempotent.

        Suspended once it has stood still for some seconds: then it is to be called again when it is woken.

        Raises, as soon as it is certain, else a little before the deadline, why it does not get there: ImageNotFound,
        CommandNotFound, CrashLoop, OutOfMemory, ProbeFailing, JobFailed, Unschedulable, QuotaExceeded, DeadlineExceeded, Conflict.
        """
        return await self._move(ask, ask.after)

    @activity.defn(name="app.move_batch")
    async def move_batch(self, batch: Batch) -> Moved | Suspended:
        """Move on to the layout of one batch, as `app.move`; a batch that holds is unchanged. Idempotent.

        It is reckoned with the number of instances that was asked for in the pauses before, and waits for what still does that. The
        app's Service leads to the ports of both versions from the first on. Raises Conflict when that is another's.
        """
        await let_scaling_end(self._records, batch.ask, Deadline().left)
        return await self._move(batch.ask, batch.to, opens=True)

    @activity.defn(name="app.find_batch")
    async def find_batch(self, ask: UpgradeApp) -> int:
        """How many of a gray upgrade's first batches an earlier attempt left behind it: they hold and are not moved again."""
        assert ask.gray is not None
        now = (await self._records.apps.by_id(ask.app_id)).layout
        await let_scaling_end(self._records, ask, Deadline().left)
        stages = [await self._layout(ask, stage.layout) for stage in ask.gray.stages]
        found = first_open(now, stages, ask.revision)
        await tell(f"{found} of {len(stages)} batches hold")
        return found

    @activity.defn(name="app.move_back")
    async def move_back(self, ask: MoveApp) -> None:
        """Undo of a move: back to the layout `before`, exactly, as availability allows; waits until it stands. Idempotent.

        What went before need not have been well either: instances that cannot get ready, or do not for 5 minutes, are not waited
        for. Where a kill or delete takes the app over, also in the middle, only the record goes back: the instances go anyway. What
        another change takes over, as a person's does from the autoscaler, stays where it got: that goes on from there. A Job's run
        is ended, and nothing is run for the version before: what that did is done.
        """
        await stop_scaling(self._records, self._operations, ask, Deadline().left)
        app = await self._records.apps.by_id(ask.app_id)
        target = await self._layout(ask, ask.before)
        await self._records.apps.set_layout(app.id, target)
        if not await left_to_another(self._records, ask):
            await self._bring_back(app, ask, target)
        if await self._is_moved_on(ask):
            await self._keep_what_was_reached(app, target, await self._layout(ask, ask.after), wanted=target)

    async def _bring_back(self, app: App, ask: MoveApp, target: Layout) -> None:
        course = await self._course(app, ask, not_run(target) if app.type == "Job" else target)
        if any(not revision.digests for revision in course.revisions.values()):
            await self._remove_all(app)  # it was never deployed: there were no objects
            return
        await self._workloads.open_service(app, _specs(course))
        sight = await self._go(course, ask, back=True)
        assert isinstance(sight, Sight), "a way back is never suspended"
        await self._workloads.put_service(app, _specs(course))
        ready = "" if sight.done else f"; {sight.message}, the others get ready by themselves"
        await tell(f"every instance is of its version before{ready}")

    async def _is_moved_on(self, ask: MoveApp) -> bool:
        """Whether what takes the app over changes its instances, rather than removing them."""
        taker = (await self._records.operations.get(ask.operation_id))["preempted_by"]
        return bool(taker) and "after" in (await self._records.operations.get(taker))["ask"]

    async def _move(self, ask: MoveApp, to: int, *, opens: bool = False) -> Moved | Suspended:
        app = await self._records.apps.by_id(ask.app_id)
        target = await self._layout(ask, to)
        await self._records.apps.set_layout(app.id, target)
        course = await self._course(app, ask, target)
        async with self._keeping_what_is_reached(app, ask, target):
            if opens:
                await self._workloads.open_service(app, _specs(course))
            sight = await self._go(course, ask, back=False)
            if isinstance(sight, Suspended):
                return sight
            if to == ask.after != ask.before:  # nothing was there before a creation or start that would have to go
                await self._workloads.put_service(app, _specs(course))
        new = max(ask.resolve, default=target.revision)
        moved = Moved(instances=course.serving(sight), of_new=target.versions.get(new, 0), total=target.total)
        if app.type != "TApp" or ask.before == ask.after:
            return moved
        before = await self._layout(ask, ask.before)
        in_place, recreated = ways(before, await self._templates(app, before), target, course.templates)
        return moved.model_copy(update={"in_place": in_place, "recreated": recreated})

    async def _layout(self, ask: MoveApp, layout_id: int) -> Layout:
        """A layout that the ask names, at the number of instances that was asked for in the operation's pauses."""
        if not ask.resolve:
            return await self._records.apps.layout(layout_id)
        return await sized_layout(self._records, ask, layout_id, max(ask.resolve))

    async def _same_already(self, app: App, ask: MoveApp, target: Layout) -> str:
        """In words that the instances which get another revision have the very same already, "" where that is not all there is."""
        before = await self._layout(ask, ask.before)
        tracks = versions_changed(before, target)
        if not tracks:
            return ""
        old, new = await self._templates(app, before), await self._templates(app, target)
        if any(t not in old or old[t]["metadata"]["labels"][TEMPLATE] != new[t]["metadata"]["labels"][TEMPLATE] for t in tracks):
            return ""
        names = ", ".join(f"{app.name}-{track} (revision {before.by_track[track].revision})" for track in sorted(tracks))
        return f"nothing to do: {names} is the very same already, image and all"

    async def _templates(self, app: App, layout: Layout) -> Mapping[str, Object]:
        """By track the pod template of each workload whose images were found."""
        revisions = await self._records.apps.numbered(app.id, layout.revisions)
        those = [w for w in layout.workloads if revisions[w.revision].digests]
        return {w.track: self._workloads.template(app, revisions[w.revision], w) for w in those}

    async def _course(self, app: App, ask: MoveApp, target: Layout) -> Course:
        before, after = await self._layout(ask, ask.before), await self._layout(ask, ask.after)
        known = await self._records.apps.numbered(app.id, {*target.revisions, after.revision})
        revisions = {number: known[number] for number in target.revisions}
        # The limits are those of the version it goes to, also in the batches before that is in force, and on the way back.
        spec = known[after.revision].spec
        surge = spec.max_surge if app.type == "Deployment" else 0
        limits = limits_of(before.running, target.running, surge, spec.max_unavailable)
        if app.type == "TApp" and len(changed_tracks(before, after)) == 1:
            # Who changes one instance means that one: others that are not well cannot be a reason to let it wait.
            limits = Limits(least=0, most=limits.most)
        other = after if target == before else target
        run, proves = f"{ask.operation_id}/{ask.attempt}", replaces(before, target)
        return _COURSES[app.type](
            self._workloads, app, target, revisions, _scope(before, other, target), limits, run, proves=proves
        )

    async def _go(self, course: Course, ask: MoveApp, *, back: bool) -> Sight | Suspended:
        """Look and act until it is done, or stands still; `back` ends when all are of their version, whether they serve or not."""
        await self._suspensions.forget(ask.operation_id)
        async with self._followed(course):
            if ask.attempt > 1 and not back and not look_of(activity.info().activity_id):
                await self._begin_anew(course)
            return await MoveLoop(self._records, self._judge, self._suspensions, course, ask, back=back).run()

    async def _begin_anew(self, course: Course) -> None:
        """A retry means now: instances that failed before it were evicted, or are held back for minutes, and would tell the past.

        They are made anew. A Job's run is a new one anyway. Idempotent: what was made since the step was scheduled stays.
        """
        if course.app.type == "Job":
            return
        pods = await course.pods(await course.look(fresh=True))
        stuck = of_the_past(pods, activity.info().scheduled_time)
        await side_by_side(lambda pod: self._remove_pod(course.app, pod), stuck)
        if stuck:
            await tell(f"{len(stuck)} that failed before begin anew")

    async def _remove_pod(self, app: App, pod: Object) -> None:
        await self._cluster.delete("Pod", pod["metadata"]["name"], app.project, uid=pod["metadata"]["uid"])

    @contextlib.asynccontextmanager
    async def _followed(self, course: Course) -> AsyncIterator[None]:
        """The course's views are told by the shared watches what changes."""
        async with contextlib.AsyncExitStack() as subscriptions:
            for view in course.views:
                subscribed = self._watches.subscribed(view.kind, course.app.project, course.app.name)
                view.hints = await subscriptions.enter_async_context(subscribed)
            yield

    @contextlib.asynccontextmanager
    async def _keeping_what_is_reached(self, app: App, ask: MoveApp, target: Layout) -> AsyncIterator[None]:
        """A move that fails stays where it got: that, and not what was wanted, is what the next operation starts from."""
        try:
            yield
        except MooringError as error:
            if not error.transient:
                before = await self._layout(ask, ask.before)
                await self._keep_what_was_reached(app, before, target, wanted=target)
            raise

    async def _keep_what_was_reached(self, app: App, before: Layout, target: Layout, *, wanted: Layout) -> None:
        """Write down what is found on the way from `before` to `target`; what was not begun is as in `wanted`."""
        known = {}
        for layout in (before, target):
            for track, template in (await self._templates(app, layout)).items():
                known[track, template["metadata"]["labels"][TEMPLATE]] = layout.by_track[track]
        found = await self._workloads.read(app)
        got = run_reached(wanted, known, found.values()) if app.type == "Job" else reached(wanted, known, found)
        await self._records.apps.set_layout(app.id, before if got.workloads == before.workloads else got)

    async def _remove_all(self, app: App) -> None:
        for found in (await self._workloads.read(app)).values():
            await self._workloads.drop(app, found)
        await self._workloads.drop_service(app)


def _specs(course: Course) -> list[AppSpec]:
    """What the versions are that the course leads to, the one in force first: those whose ports have to be reached."""
    target = course.target
    numbers = dict.fromkeys([target.revision, *(w.revision for w in target.workloads if w.replicas)])
    return [course.revisions[number].spec for number in numbers]


def _scope(before: Layout, other: Layout, target: Layout) -> frozenset[str]:
    """The tracks that the move concerns, which have to serve at its end as far as they are to run; `other` is its other end.

    Of a Deployment app those that get another version or more instances: the others serve no worse than before. All where
    nothing differs: a creation, a start, the same again.
    """
    concerned = changed_tracks(before, other)
    if not concerned:
        return frozenset(target.by_track)
    if target.type == "TApp":
        return concerned
    old = (before if target == other else other).by_track
    return frozenset(w.track for w in target.workloads if w.track in concerned and not _is_less(w, old.get(w.track)))


def _is_less(workload: Workload, before: Workload | None) -> bool:
    """Whether nothing but instances of it go."""
    return (
        before is not None
        and before == workload.model_copy(update={"replicas": before.replicas})
        and (workload.replicas < before.replicas)
    )
