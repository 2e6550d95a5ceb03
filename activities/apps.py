"""What app operations do beside moving instances (app_moves.py): find images, choose who goes, remove, and the books."""

import time

from temporalio import activity

from activities.app_moves import left_to_another
from activities.deadline import Deadline
from activities.pace import Pace
from activities.progress import tell, unchanged
from activities.removals import Holding, holding_app
from activities.together import side_by_side
from activities.views import SAFETY_NET
from activities.workloads import Workloads
from clients.images import Images
from clients.kubernetes import Cluster
from clients.watch import Watches
from model.apps import App, AppAsk, AppPhase, MoveApp, Revision, ScaleApp
from model.endings import Ending
from model.errors import Conflict, DeadlineExceeded, MooringError
from model.jobs import run_name, run_of
from model.manifests import WORKLOAD_KINDS
from model.pod_templates import Object, instance_name, track_of
from model.pods import is_ready, leaves
from model.revisions import image_words
from records import Records

# Kubernetes: Pod deletion cost. Of pods that are alike ready the cheapest go first when their ReplicaSet shrinks.
_COST = "controller.kubernetes.io/pod-deletion-cost"
_CHEAPEST = str(-(2**31))
_STANDS_STILL = 3.0  # seconds after which it is looked for what holds a removal up: a prompt program has ended by then


class AppActivities:
    """Steps of the app operations, without the moves."""

    def __init__(self, records: Records, cluster: Cluster, images: Images, watches: Watches) -> None:
        self._records = records
        self._cluster = cluster
        self._images = images
        self._watches = watches
        self._workloads = Workloads(cluster, images)

    @activity.defn(name="app.resolve_images")
    async def resolve_images(self, ask: MoveApp) -> dict[str, str]:
        """Take the app's name and find what each image's tag stands for now; returns digests by container, the newest version's.

        A revision keeps the digests that it pins (of a rollback, of images that nobody named), which must still exist. Idempotent:
        asked again, a moved tag gives its new digest, but for a Job's run that an earlier attempt began. Raises ImageNotFound,
        Invalid for configuration that is gone, Conflict when another live app took the name.
        """
        await self._take_name(ask.app_id)
        app = await self._records.apps.by_id(ask.app_id)
        digests: dict[str, str] = {}
        words = []
        for number in sorted(ask.resolve):
            revision = await self._records.apps.revision(ask.app_id, number)
            digests = revision.digests if await self._has_begun(app, ask, revision) else await self._resolve(revision)
            async with self._records.transaction() as tx:  # what was there when it was submitted may be gone at a retry
                await tx.configs.check(app.project_id, revision.spec)
            await self._records.apps.set_digests(ask.app_id, number, digests)
            words.append(image_words(await self._left(ask, number), revision.model_copy(update={"digests": digests})))
        await tell("; ".join(dict.fromkeys(words)))
        return digests

    async def _left(self, ask: MoveApp, number: int) -> Revision | None:
        """The revision that was in force before `number`, None where there was no other."""
        before = (await self._records.apps.layout(ask.before)).revision
        return await self._records.apps.revision(ask.app_id, before) if before != number else None

    async def _has_begun(self, app: App, ask: MoveApp, revision: Revision) -> bool:
        """Whether a Job runs the revision already, or has: a retry waits for that, and the record goes on naming what it runs."""
        if app.type != "Job" or not revision.digests:
            return False
        (workload,) = (await self._records.apps.layout(ask.after)).workloads
        found = (await self._workloads.read(app)).get(run_name(app.name, workload))
        return found is not None and not leaves(found) and not run_of(found).failure

    async def _take_name(self, app_id: str) -> None:
        """It has the name already, but where a cancelled creation is retried: then others may have come in its way."""
        app = await self._records.apps.by_id(app_id)
        if app.phase is AppPhase.LIVE:
            return
        async with self._records.transaction() as tx:
            await tx.apps.check_names(app.project_id, app.name, app.type)
            await tx.apps.set_phase(app_id, AppPhase.LIVE)

    async def _resolve(self, revision: Revision) -> dict[str, str]:
        digests = {}
        for container in revision.spec.containers:
            ref = revision.images(self._images.registry)[container.name]
            if pinned := revision.pinned.get(container.name):
                ref = ref.model_copy(update={"digest": pinned})
            digests[container.name] = await self._images.resolve(ref, container.image)
        return digests

    @activity.defn(name="app.choose_leavers")
    async def choose_leavers(self, ask: ScaleApp) -> None:
        """Mark the named instances of a Deployment app as the first to go when it shrinks. Idempotent.

        Raises Conflict where one is gone already, and where Kubernetes would take another first because that is not ready.
        """
        app = await self._records.apps.by_id(ask.app_id)
        pods = {pod["metadata"]["name"]: pod for pod in await self._workloads.pods(app) if not leaves(pod)}
        missing = [name for name in ask.gone if name not in pods]
        if len(missing) > await self._taken_away(app, ask):
            raise Conflict(
                f"{', '.join(missing)} went by itself meanwhile.", hint="List the instances and name those that are there now."
            )
        chosen = [pods[name] for name in ask.gone if name in pods]
        others = [name for name, pod in pods.items() if name not in ask.gone and not is_ready(pod) and _among(pod, chosen)]
        if others:
            raise Conflict(
                f"Kubernetes would remove {', '.join(others)} first, which is not ready.",
                hint="Name that one too, or wait until it is ready; then ask again.",
            )
        earlier = [pod for name, pod in pods.items() if name not in ask.gone and _is_marked(pod)]  # by one that failed
        await side_by_side(lambda pod: self._price(app, pod, None), earlier)
        await side_by_side(lambda pod: self._price(app, pod, _CHEAPEST), chosen)

    @activity.defn(name="app.check_leavers")
    async def check_leavers(self, ask: ScaleApp) -> None:
        """Make sure that the named instances, and no others, went. Idempotent. Raises Conflict naming one that stayed."""
        app = await self._records.apps.by_id(ask.app_id)
        pods = [pod["metadata"]["name"] for pod in await self._workloads.pods(app) if not leaves(pod)]
        stayed = [name for name in ask.gone if name in pods]
        if stayed:
            raise Conflict(
                f"{', '.join(stayed)} stayed: another instance became unready meanwhile and Kubernetes removed that one.",
                hint="List the instances and scale down again.",
            )

    @activity.defn(name="app.keep_leavers")
    async def keep_leavers(self, ask: ScaleApp) -> None:
        """Undo of choose_leavers: those that are left are like any other again. Idempotent."""
        app = await self._records.apps.by_id(ask.app_id)
        marked = [pod for pod in await self._workloads.pods(app) if _is_marked(pod) and not leaves(pod)]
        await side_by_side(lambda pod: self._price(app, pod, None), marked)

    async def _taken_away(self, app: App, ask: ScaleApp) -> int:
        """How many instances an earlier run of the operation has taken away: so many of the named ones may be gone."""
        before = await self._records.apps.layout(ask.before)
        return before.running - sum(item["spec"]["replicas"] for item in (await self._workloads.read(app)).values())

    async def _price(self, app: App, pod: Object, cost: str | None) -> None:
        change = {"metadata": {"uid": pod["metadata"]["uid"], "annotations": {_COST: cost}}}
        await self._cluster.patch("Pod", pod["metadata"]["name"], app.project, change)

    @activity.defn(name="app.take_down")
    async def take_down(self, ask: MoveApp) -> None:
        """Undo of apply in a creation: the objects are removed, and their end is waited for. Idempotent."""
        if not await left_to_another(self._records, ask):
            await self._remove(await self._records.apps.by_id(ask.app_id))

    @activity.defn(name="app.remove_objects")
    async def remove_objects(self, ask: AppAsk) -> None:
        """Remove the app's objects and wait until its last instance has ended; leaves a stranger's alone. Idempotent.

        Raises DeletionHeld with what holds them, else DeadlineExceeded naming the instances that do not end.
        """
        await self._remove(await self._records.apps.by_id(ask.app_id))

    @activity.defn(name="app.mark_stopped")
    async def mark_stopped(self, ask: AppAsk) -> None:
        """Record that the app has no objects and its name is free; idempotent."""
        if not await left_to_another(self._records, ask):
            await self._records.apps.set_phase(ask.app_id, AppPhase.STOPPED)

    @activity.defn(name="app.forget")
    async def forget(self, ask: AppAsk) -> None:
        """Take the app out of the lists; idempotent."""
        await self._records.apps.set_phase(ask.app_id, AppPhase.DELETED)

    async def _remove(self, app: App) -> None:
        deadline, view, looks = Deadline(), self._workloads.view(app, WORKLOAD_KINDS[app.type]), Pace(free=1, least=_STANDS_STILL)
        async with self._watches.subscribed(view.kind, app.project, app.name) as changed:
            view.hints = changed
            await self._workloads.drop_service(app)
            await view.look(fresh=True)
            if not view.objects:
                unchanged("there are no objects of it")
                return
            began, slow = time.monotonic(), None
            await side_by_side(lambda item: self._workloads.drop(app, item), list(view.objects.values()))
            holding = Holding()
            # Deleted in the foreground, a workload goes last: when it is gone, so are its instances.
            while view.objects or not view.fresh:
                if not deadline.left:
                    raise await self._still_there(app)
                if not looks.left:
                    holding = await holding_app(self._cluster, self._workloads, app)
                    looks.took()
                if slow is None and time.monotonic() - began >= _STANDS_STILL:
                    slow = Ending.of(await self._workloads.pods(app))
                waits = f"; {slow.words}" if slow else "; instances have their termination grace to end"
                await tell(f"{len(view.objects)} of its workloads left{waits}{holding.text}")
                told = await changed.wait(min(SAFETY_NET, looks.left or _STANDS_STILL, deadline.left)) if view.objects else False
                await view.look(fresh=not told)
            if slow and slow.was_killed_after(time.monotonic() - began):
                await tell(slow.afterwards)

    async def _still_there(self, app: App) -> MooringError:
        holding = await holding_app(self._cluster, self._workloads, app)
        if error := holding.error(f"The app {app.name!r}", app.project):
            return error
        names = ", ".join(sorted(instance_name(pod) for pod in await self._workloads.pods(app))[:5]) or "none"
        return DeadlineExceeded(f"The objects of {app.name!r} did not go in time; instances that have not ended: {names}.")


def _is_marked(pod: Object) -> bool:
    return _COST in pod["metadata"].get("annotations", {})


def _among(pod: Object, chosen: list[Object]) -> bool:
    """Whether the pod is of the same Deployment as one of `chosen`."""
    return any(track_of(pod["metadata"]["labels"]) == track_of(other["metadata"]["labels"]) for other in chosen)
