"""Moving an app's instances from one layout to another, within the limits of availability, until they serve.

Hints come by the shared watches, what they mean is judged by a fresh read, and what cannot come right is told once it is certain.
"""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import UTC, datetime

from temporalio import activity

from activities.courses import Course, DeploymentCourse, InstancesCourse, Sight
from activities.deadline import Deadline
from activities.job_course import JobCourse
from activities.pace import Pace
from activities.progress import tell, unchanged
from activities.views import SAFETY_NET, View
from activities.workloads import Workloads
from clients.images import Images
from clients.kubernetes import Cluster, Object
from clients.observation import with_events, with_logs, with_nodes
from clients.watch import Watches
from model.apps import DEFAULT_DEADLINE, App, MoveApp, UpgradeApp
from model.base import Frozen
from model.diagnosis import troubles
from model.errors import DeadlineExceeded, MooringError, QuotaExceeded, Unschedulable
from model.gray import first_open
from model.jobs import reached as run_reached
from model.layouts import Layout, Workload, changed_tracks, not_run, versions_changed
from model.moves import Limits, limits_of
from model.pod_templates import TEMPLATE
from model.rollouts import has_settled, reached
from model.standing import ways
from model.troubles import Seen, worst
from model.veil import veiled
from records import Records

_TO_GET_READY = float(DEFAULT_DEADLINE)  # seconds without any change after which a way back waits for no instance any more
_COURSES: Mapping[str, type[Course]] = {"Deployment": DeploymentCourse, "TApp": InstancesCourse, "Job": JobCourse}


class Moved(Frozen):
    """What a move has come to: instances that serve in all, and of those it changed how many in place and how many anew.

    Of a Job, those that have completed.
    """

    instances: int
    in_place: int = 0
    recreated: int = 0


class Batch(Frozen):
    """Input of one batch of a gray upgrade: move on to the layout `to`, which lies between the ask's `before` and `after`."""

    ask: MoveApp
    to: int


class AppMoves:
    """The steps that move instances, forward and back."""

    def __init__(self, records: Records, cluster: Cluster, images: Images, watches: Watches) -> None:
        self._records = records
        self._cluster = cluster
        self._watches = watches
        self._workloads = Workloads(cluster, images)

    @activity.defn(name="app.apply")
    async def apply(self, ask: MoveApp) -> str:
        """Begin to move to the layout `after`, which is wanted from then on: what may change at once is changed. Idempotent.

        Returns "", or in words why there is nothing to do: single instances of a TApp were to get what they have already; then
        the layout stays as it is. Raises Conflict when the cluster has an object of a name it needs that is not this app's.
        """
        app = await self._records.apps.by_id(ask.app_id)
        target = await self._records.apps.layout(ask.after)
        if same := await self._same_already(app, ask, target):
            unchanged(same)
            return same
        await self._records.apps.set_layout(app.id, target)
        course = await self._course(app, ask, target)
        async with self._keeping_what_is_reached(app, ask, target):
            await self._workloads.put_service(app, course.revisions[target.revision].spec)
            sight = await course.look(fresh=True)
            await course.act(sight)
        if sight.placed and not course.changed:
            unchanged(f"revision {target.revision} is what runs")
        return ""

    @activity.defn(name="app.move")
    async def move(self, ask: MoveApp) -> Moved:
        """Move on to the layout `after` and wait until every instance that is concerned serves. Idempotent.

        Raises, as soon as it is certain, else a little before the deadline, why it does not get there: ImageNotFound,
        CommandNotFound, CrashLoop, OutOfMemory, ProbeFailing, JobFailed, Unschedulable, QuotaExceeded, DeadlineExceeded, Conflict.
        """
        return await self._move(ask, ask.after)

    @activity.defn(name="app.move_batch")
    async def move_batch(self, batch: Batch) -> Moved:
        """Move on to the layout of one batch, as `app.move`; a batch that holds is unchanged. Idempotent.

        The last puts the revision in force: its Service is applied too. Raises Conflict when that is another's.
        """
        return await self._move(batch.ask, batch.to, served=batch.to == batch.ask.after)

    @activity.defn(name="app.find_batch")
    async def find_batch(self, ask: UpgradeApp) -> int:
        """How many of a gray upgrade's first batches an earlier attempt left behind it: they hold and are not moved again."""
        assert ask.gray is not None
        now = (await self._records.apps.by_id(ask.app_id)).layout
        stages = [await self._records.apps.layout(stage.layout) for stage in ask.gray.stages]
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
        app = await self._records.apps.by_id(ask.app_id)
        target = await self._records.apps.layout(ask.before)
        await self._records.apps.set_layout(app.id, target)
        if not await left_to_another(self._records, ask):
            await self._bring_back(app, ask, target)
        if await self._is_moved_on(ask):
            await self._keep_what_was_reached(app, target, await self._records.apps.layout(ask.after), wanted=target)

    async def _bring_back(self, app: App, ask: MoveApp, target: Layout) -> None:
        course = await self._course(app, ask, not_run(target) if app.type == "Job" else target)
        if any(not revision.digests for revision in course.revisions.values()):
            await self._remove_all(app)  # it was never deployed: there were no objects
            return
        await self._workloads.put_service(app, course.revisions[target.revision].spec)
        sight = await self._go(course, ask, back=True)
        ready = "" if sight.done else f"; {sight.message}, the others get ready by themselves"
        await tell(f"every instance is of its version before{ready}")

    async def _is_moved_on(self, ask: MoveApp) -> bool:
        """Whether what takes the app over changes its instances, rather than removing them."""
        taker = (await self._records.operations.get(ask.operation_id))["preempted_by"]
        return bool(taker) and "after" in (await self._records.operations.get(taker))["ask"]

    async def _move(self, ask: MoveApp, to: int, *, served: bool = False) -> Moved:
        app = await self._records.apps.by_id(ask.app_id)
        target = await self._records.apps.layout(to)
        await self._records.apps.set_layout(app.id, target)
        course = await self._course(app, ask, target)
        async with self._keeping_what_is_reached(app, ask, target):
            if served:
                await self._workloads.put_service(app, course.revisions[target.revision].spec)
            sight = await self._go(course, ask, back=False)
        serving = course.serving(sight)
        if app.type != "TApp" or ask.before == ask.after:
            return Moved(instances=serving)
        before = await self._records.apps.layout(ask.before)
        in_place, recreated = ways(before, await self._templates(app, before), target, course.templates)
        return Moved(instances=serving, in_place=in_place, recreated=recreated)

    async def _same_already(self, app: App, ask: MoveApp, target: Layout) -> str:
        """In words that the instances which get another revision have the very same already, "" where that is not all there is."""
        before = await self._records.apps.layout(ask.before)
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
        before, after = await self._records.apps.layout(ask.before), await self._records.apps.layout(ask.after)
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
        run = f"{ask.operation_id}/{ask.attempt}"
        return _COURSES[app.type](self._workloads, app, target, revisions, _scope(before, other, target), limits, run)

    async def _go(self, course: Course, ask: MoveApp, *, back: bool) -> Sight:
        """Look and act until it is done; `back` ends when every instance is of its version, whether it serves or not."""
        deadline, last, waits, read_at, moved_at = Deadline(), "", "", -SAFETY_NET, 0.0
        reads, looks = Pace(free=3, least=0.1), Pace(free=1, least=3.0)
        async with self._followed(course):
            while True:
                begun = time.monotonic()
                sight = await course.look(fresh=begun - read_at >= SAFETY_NET)
                reads.took(time.monotonic() - begun)
                read_at = begun if sight.fresh else read_at
                waits = waits if sight.message == last else ""
                await tell(sight.message + waits)
                if back and await left_to_another(self._records, ask):
                    return sight
                ends = course.tended and (sight.placed if back else sight.done)
                if (ends or not deadline.left) and not sight.fresh:
                    read_at -= SAFETY_NET
                    continue
                if ends and (back or has_settled(await course.pods(sight), datetime.now(UTC))):
                    return sight
                if not deadline.left:
                    raise await self._at_deadline(course, sight, back=back)
                acted = await self._advance(course, sight, little=not looks.left)
                if acted:
                    reads.restart()
                if acted or sight.message != last:  # it moves: nobody is blamed before it stands still for a moment
                    last = sight.message
                    looks.restart()
                    moved_at = begun
                elif back and begun - moved_at >= _TO_GET_READY:
                    course.wait_for_nobody()
                if sight.failed or not looks.left:
                    waits = await self._check(course, sight, back=back)
                    await tell(sight.message + waits)
                    looks.took()
                soon = [sight.again_in] if sight.again_in is not None else []
                await _any(course.views, min(SAFETY_NET, deadline.left, looks.left, *soon))
                await asyncio.sleep(min(reads.left, deadline.left))

    @contextlib.asynccontextmanager
    async def _followed(self, course: Course) -> AsyncIterator[None]:
        """The course's views are told by the shared watches what changes."""
        async with contextlib.AsyncExitStack() as subscriptions:
            for view in course.views:
                subscribed = self._watches.subscribed(view.kind, course.app.project, course.app.name)
                view.hints = await subscriptions.enter_async_context(subscribed)
            yield

    async def _advance(self, course: Course, sight: Sight, *, little: bool) -> bool:
        """Act; whether anything was changed."""
        known, course.changed = course.changed, False
        await course.act(sight, little=little)
        acted, course.changed = course.changed, course.changed or known
        return acted

    async def _check(self, course: Course, sight: Sight, *, back: bool) -> str:
        """Raise the error that is certain already; going back, what cannot serve is no reason to stay: it is not waited for.

        Else the words to add to how far it is: why instances wait for a place that they may get yet, "" where none does.
        """
        seen = await self._look(course, sight)
        error = course.dead_end(sight, seen)
        if error and not sight.fresh:
            sight = await course.look(fresh=True)
            seen = await self._look(course, sight)
            error = course.dead_end(sight, seen)
        if error and back:
            course.wait_for_nobody()
        elif error:
            raise course.dead_end(sight, await self._evidence(course, seen)) or error
        waiting = worst([trouble for trouble in troubles(seen) if isinstance(trouble.error, Unschedulable | QuotaExceeded)])
        return f"; {waiting.error.message}" if waiting else ""

    async def _at_deadline(self, course: Course, sight: Sight, *, back: bool) -> MooringError:
        if back:
            return DeadlineExceeded(f"Going back is not done: {sight.message}.")
        return course.cause_at_deadline(sight, await self._evidence(course, await self._look(course, sight)))

    async def _look(self, course: Course, sight: Sight) -> Seen:
        """The pods of the wanted versions, why others cannot even be made, and the nodes where one waits for a place."""
        seen = Seen(pods=await course.pods(sight), refusal=await course.refusal(sight))
        return await with_nodes(self._cluster, seen)

    async def _evidence(self, course: Course, seen: Seen) -> Seen:
        """The same with the pods' events and the last lines of what failed, the secrets in them hidden: a record keeps it."""
        app, wanted = course.app, course.wanted_logs(seen)
        found = await with_logs(self._cluster, app.project, await with_events(self._cluster, app.project, seen), wanted)
        return veiled(found, await self._records.configs.veil(app.project_id, found.pods))

    @contextlib.asynccontextmanager
    async def _keeping_what_is_reached(self, app: App, ask: MoveApp, target: Layout) -> AsyncIterator[None]:
        """A move that fails stays where it got: that, and not what was wanted, is what the next operation starts from."""
        try:
            yield
        except MooringError as error:
            if not error.transient:
                before = await self._records.apps.layout(ask.before)
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


async def left_to_another(records: Records, ask: MoveApp) -> bool:
    """Whether another operation took the app over and sees to its instances itself."""
    taken = (await records.operations.get(ask.operation_id))["preempted_by"]
    if taken:
        unchanged(f"left to {taken}, which takes the app over")
    return bool(taken)


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


async def _any(views: Sequence[View], seconds: float) -> None:
    """Wait until something is told to any of the views, at most `seconds`."""
    waiting = [asyncio.create_task(view.hints.wait(seconds)) for view in views if view.hints]
    try:
        await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in waiting:
            task.cancel()
