"""What app operations do to the cluster and the records: resolve, apply, take back, remove. Waiting is in app_readiness.py."""

from temporalio import activity

from activities.deadline import Deadline
from activities.progress import tell, unchanged
from clients.images import Images
from clients.kubernetes import Cluster, Object
from clients.watch import Watches
from model.apps import App, AppAsk, AppPhase, AtRevision, Revision, ScaleApp, UpgradeApp
from model.errors import Conflict, DeadlineExceeded
from model.manifests import APP_ID, deployment, selector, service
from model.rollouts import rollout_of
from records import Records


class AppActivities:
    """Steps of the app operations, without the waiting for readiness."""

    def __init__(self, records: Records, cluster: Cluster, images: Images, watches: Watches) -> None:
        self._records = records
        self._cluster = cluster
        self._images = images
        self._watches = watches

    @activity.defn(name="app.resolve_images")
    async def resolve_images(self, ask: AtRevision) -> dict[str, str]:
        """Take the app's name and find what each image's tag stands for now; returns digests by container.

        A pinned revision (a rollback) keeps its digests, which must still exist. Idempotent: asked again, a moved tag gives its
        new digest. Raises ImageNotFound, Conflict when another live app took the name meanwhile.
        """
        await self._records.apps.set_phase(ask.app_id, AppPhase.LIVE)
        revision = await self._records.apps.revision(ask.app_id, ask.revision)
        digests = {}
        for container in revision.spec.containers:
            ref = revision.images(self._images.registry)[container.name]
            if revision.pinned:
                ref = ref.model_copy(update={"digest": revision.digests[container.name]})
            digests[container.name] = await self._images.resolve(ref, container.image)
        await self._records.apps.set_digests(ask.app_id, ask.revision, digests)
        shown = {c.image: digests[c.name] for c in revision.spec.containers}
        await tell("; ".join(f"{image} is {digest[:19]}…" for image, digest in shown.items()))
        return digests

    @activity.defn(name="app.apply")
    async def apply(self, ask: AtRevision) -> None:
        """Apply the app's objects at the revision, which is in force from then on; idempotent.

        Raises Conflict when the cluster has a Deployment of that name that is not this app's.
        """
        app = await self._records.apps.by_id(ask.app_id)
        await self._records.apps.set_desired(app.id, revision=ask.revision)
        await self._apply(app, await self._records.apps.revision(app.id, ask.revision), app.replicas)

    @activity.defn(name="app.set_count")
    async def set_count(self, ask: ScaleApp) -> None:
        """Apply the app's objects with another number of instances, which is wanted from then on; idempotent."""
        await self._count(ask, ask.replicas)

    @activity.defn(name="app.return_count")
    async def return_count(self, ask: ScaleApp) -> None:
        """Undo of set_count: the number of instances before; waits until there are as many, but not until they are ready."""
        await self._count(ask, ask.before)

    @activity.defn(name="app.return_revision")
    async def return_revision(self, ask: UpgradeApp) -> None:
        """Undo of apply in an upgrade: the revision before is in force; waits until only its instances are left.

        They need not be ready: what went before may not have been well either, which is often why it was upgraded. Where a kill
        or delete takes the app over, only the record goes back: the instances go anyway.
        """
        await self._records.apps.set_desired(ask.app_id, revision=ask.before)
        if await self._taken_over(ask):
            return
        app = await self._records.apps.by_id(ask.app_id)
        before = await self._records.apps.revision(app.id, ask.before)
        if not before.digests:
            await self._remove(app)  # it was never deployed: there were no objects
            return
        await self._apply(app, before, app.replicas)
        await self._wait_replaced(app)

    @activity.defn(name="app.take_down")
    async def take_down(self, ask: AppAsk) -> None:
        """Undo of apply in a creation: the objects are removed, and their end is waited for. Idempotent."""
        if not await self._taken_over(ask):
            await self._remove(await self._records.apps.by_id(ask.app_id))

    @activity.defn(name="app.remove_objects")
    async def remove_objects(self, ask: AppAsk) -> None:
        """Remove the app's objects and wait until its last instance has ended; leaves a stranger's alone. Idempotent.

        Raises DeadlineExceeded naming the instances that do not end.
        """
        await self._remove(await self._records.apps.by_id(ask.app_id))

    @activity.defn(name="app.mark_stopped")
    async def mark_stopped(self, ask: AppAsk) -> None:
        """Record that the app has no objects and its name is free; idempotent."""
        if not await self._taken_over(ask):
            await self._records.apps.set_phase(ask.app_id, AppPhase.STOPPED)

    @activity.defn(name="app.forget")
    async def forget(self, ask: AppAsk) -> None:
        """Take the app out of the lists; idempotent."""
        await self._records.apps.set_phase(ask.app_id, AppPhase.DELETED)

    async def _taken_over(self, ask: AppAsk) -> bool:
        """Whether a kill or delete pre-empted this operation and removes everything itself."""
        taken = (await self._records.operations.get(ask.operation_id))["preempted_by"]
        if taken:
            unchanged(f"left to {taken}, which takes the app over")
        return bool(taken)

    async def _apply(self, app: App, revision: Revision, replicas: int) -> None:
        found = await self._own_deployment(app)
        made = await self._cluster.apply(deployment(app, revision, self._images.registry, replicas))
        wanted = service(app, revision.spec)
        if wanted:
            await self._cluster.apply(wanted)
        elif found:  # an earlier revision may have had ports
            await self._remove_service(app)
        if found and found["spec"] == made["spec"]:  # its generation would count annotations too
            unchanged(f"revision {revision.number} is what runs")

    async def _count(self, ask: ScaleApp, replicas: int) -> None:
        app = await self._records.apps.by_id(ask.app_id)
        await self._records.apps.set_desired(app.id, replicas=replicas)
        if replicas == ask.before and await self._taken_over(ask):
            return
        await self._apply(app, await self._records.apps.revision(app.id, app.revision), replicas)

    async def _own_deployment(self, app: App) -> Object | None:
        """The app's Deployment or None; raises Conflict when there is one of that name that is not this app's."""
        found = await self._cluster.find("Deployment", app.name, app.project)
        if found and not _belongs(found, app):
            raise Conflict(
                f"The cluster has a Deployment {app.name!r} in {app.project!r} that is not this app's.",
                hint="Choose another name, or remove that Deployment; then retry.",
            )
        return found

    async def _wait_replaced(self, app: App) -> None:
        deadline = Deadline()
        async with self._watches.subscribed("Deployment", app.project, app.name) as changed:
            while True:
                found = await self._own_deployment(app)
                if found is None or rollout_of(found).replaced:
                    return
                if not deadline.left:
                    raise DeadlineExceeded(f"Going back is not done: {rollout_of(found).message}.")
                await tell(rollout_of(found).message)
                await changed.wait(min(10, deadline.left))

    async def _remove(self, app: App) -> None:
        deadline = Deadline()
        async with self._watches.subscribed("Deployment", app.project, app.name) as changed:
            found = await self._cluster.find("Deployment", app.name, app.project)
            await self._remove_service(app)
            if found is None or not _belongs(found, app):
                unchanged("there are no objects of it")
                return
            await self._cluster.delete("Deployment", app.name, app.project, uid=found["metadata"]["uid"])
            # Deleted in the foreground, the Deployment goes last: when it is gone, so are its instances.
            while found and _belongs(found, app):
                if not deadline.left:
                    raise DeadlineExceeded(await self._still_there(app))
                await changed.wait(min(10, deadline.left))
                found = await self._cluster.find("Deployment", app.name, app.project)

    async def _remove_service(self, app: App) -> None:
        found = await self._cluster.find("Service", app.name, app.project)
        if found and _belongs(found, app):
            await self._cluster.delete("Service", app.name, app.project, uid=found["metadata"]["uid"])

    async def _still_there(self, app: App) -> str:
        pods = (await self._cluster.list("Pod", app.project, labelSelector=selector(app.id)))["items"]
        names = ", ".join(sorted(pod["metadata"]["name"] for pod in pods)[:5]) or "none"
        return f"The objects of {app.name!r} did not go in time; instances that have not ended: {names}."


def _belongs(found: Object, app: App) -> bool:
    owner: str | None = found["metadata"].get("annotations", {}).get(APP_ID)
    return owner == app.id
