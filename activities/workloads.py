"""Reading and writing an app's Kubernetes workloads: Deployments, or StatefulSets with their headless Services."""

import asyncio
import json
from collections.abc import Awaitable, Callable, Iterable
from typing import TypeVar

from activities.together import together
from activities.views import View
from clients.images import Images
from clients.kubernetes import Cluster
from model.apps import App, AppSpec, Revision
from model.errors import Conflict
from model.events import event_time
from model.jobs import job_object
from model.layouts import Workload
from model.manifests import WORKLOAD_KINDS, instance_service, selector, service, workload_name, workload_object
from model.pod_templates import APP_ID, SHAPE, TEMPLATE, Object, app_label, pod_template
from model.pods import REPLACED, containers, leaves

T = TypeVar("T")
_AT_ONCE = 20  # requests side by side where many instances are changed


class Workloads:
    """What the moves of one app do to its cluster."""

    def __init__(self, cluster: Cluster, images: Images) -> None:
        self._cluster = cluster
        self._images = images

    def template(self, app: App, revision: Revision, workload: Workload) -> Object:
        """The template of a workload's pods at a revision whose images were found."""
        return pod_template(app, revision, self._images.registry, workload)

    def view(self, app: App, kind: str) -> View:
        """The app's workloads, those on their way out too, or its pods, to be looked at again and again."""

        def ours(item: Object) -> bool:
            return item["metadata"]["labels"][APP_ID] == app_label(app.id) and (kind == "Pod" or belongs(item, app))

        return View(kind, lambda: self._cluster.list(kind, app.project, labelSelector=selector(app.id)), ours)

    async def read(self, app: App) -> dict[str, Object]:
        """The app's workloads by track (a Job's, of which each run has one, by name), those on their way out too; one request."""
        view = self.view(app, WORKLOAD_KINDS[app.type])
        await view.look(fresh=True)
        return view.objects if app.type == "Job" else view.by_track

    async def pods(self, app: App) -> list[Object]:
        """The app's pods; one request."""
        view = self.view(app, "Pod")
        await view.look(fresh=True)
        return list(view.objects.values())

    async def put(self, app: App, revision: Revision, workload: Workload, found: Object | None) -> Object:
        """Apply a workload whole, with a headless Service where it is a new TApp instance; idempotent.

        Raises Conflict when the cluster has an object of that name that is not this app's.
        """
        wanted = workload_object(app, revision, self._images.registry, workload)
        if found:
            return await self._cluster.apply(wanted)
        try:
            # What is not there yet is not forced: a stranger's object of that name says no by its fields.
            made = await self._cluster.apply(wanted, force=False)
            if app.type == "TApp":
                await self._cluster.apply(instance_service(app, made), force=False)
        except Conflict as error:
            raise _taken(app, workload_name(app.name, workload.track)) from error
        return made

    async def put_run(self, app: App, revision: Revision, workload: Workload, run: str) -> Object:
        """Make the Job of a run that is not there; idempotent. Raises Conflict where the name is a stranger's Job's."""
        wanted = job_object(app, revision, self._images.registry, workload, run)
        try:
            return await self._cluster.apply(wanted, force=False)
        except Conflict as error:
            raise _taken(app, wanted["metadata"]["name"]) from error

    async def shrink(self, app: App, found: Object, replicas: int) -> Object:
        """Set the number of instances of a Deployment that is on its way out; idempotent."""
        return await self._cluster.patch("Deployment", found["metadata"]["name"], app.project, {"spec": {"replicas": replicas}})

    async def drop(self, app: App, found: Object) -> None:
        """Delete a workload, which goes after its pods; a TApp instance's Service goes with it. Idempotent."""
        metadata = found["metadata"]
        if "deletionTimestamp" not in metadata:
            await self._cluster.delete(WORKLOAD_KINDS[app.type], metadata["name"], app.project, uid=metadata["uid"])

    async def put_addresses(self, app: App, found: Iterable[Object]) -> bool:
        """Give those of a TApp's StatefulSets their headless Service that have none; idempotent. Whether there were any.

        A worker may have died between the two, or somebody removed one. Raises Conflict when a Service of that name is another's.
        """
        listed = await self._cluster.list("Service", app.project, labelSelector=selector(app.id))
        there = {item["metadata"]["name"] for item in listed["items"] if not leaves(item)}

        async def address(item: Object) -> None:
            try:
                await self._cluster.apply(instance_service(app, item), force=False)
            except Conflict as error:
                raise _taken(app, item["metadata"]["name"]) from error

        bare = [item for item in found if not leaves(item) and item["metadata"]["name"] not in there]
        await side_by_side(address, bare)
        return bool(bare)

    async def put_service(self, app: App, spec: AppSpec) -> None:
        """Apply the Service over the ports of the spec, or remove an earlier one's; idempotent.

        What hands have changed on it is set right; raises Conflict when it is not this app's.
        """
        wanted = service(app, spec)
        if not wanted:
            return await self.drop_service(app)
        try:
            await self._cluster.apply(wanted, force=False)
        except Conflict as error:
            found = await self._cluster.find("Service", app.name, app.project)
            if found and not belongs(found, app):
                raise _taken(app, app.name) from error
            await self._cluster.apply(wanted)

    async def drop_service(self, app: App) -> None:
        """Remove the app's Service if there is one; idempotent."""
        found = await self._cluster.find("Service", app.name, app.project)
        if found and belongs(found, app):
            await self._cluster.delete("Service", app.name, app.project, uid=found["metadata"]["uid"])

    async def replace(self, app: App, pod: Object, template: Object) -> Object | None:
        """Bring a TApp instance's running pod to a template: by its images where no more differs, else the pod is deleted.

        The pod notes which containers ran before: whether the new image runs is judged by the container's start, since an equal
        image would not show. The pod as it is then, None where it was deleted. Idempotent by the pod's uid.
        """
        metadata, labels = pod["metadata"], template["metadata"]["labels"]
        if metadata["labels"].get(SHAPE) != labels[SHAPE]:
            await self._cluster.delete("Pod", metadata["name"], app.project, uid=metadata["uid"])
            return None
        images = {c["name"]: c["image"] for c in template["spec"]["containers"]}
        before = {c.name: c.id for c in containers(pod) if not c.init and c.image != images[c.name]}
        change = {
            "metadata": {
                "uid": metadata["uid"],
                "labels": {TEMPLATE: labels[TEMPLATE]},
                "annotations": {REPLACED: json.dumps(before, sort_keys=True)},
            },
            "spec": {"containers": [{"name": name, "image": image} for name, image in images.items()]},
        }
        return await self._cluster.patch("Pod", metadata["name"], app.project, change, strategic=True)

    async def refused(self, app: App, name: str) -> str:
        """The newest words of a workload about a pod it could not make, "" where there are none."""
        chosen = f"involvedObject.kind={WORKLOAD_KINDS[app.type]},involvedObject.name={name},reason=FailedCreate"
        events = (await self._cluster.list("Event", app.project, fieldSelector=chosen))["items"]
        return str(max(events, key=event_time).get("message", "")) if events else ""


async def side_by_side(change: Callable[[T], Awaitable[None]], things: Iterable[T]) -> None:
    """Change all things, some at once; the first error ends it."""
    places = asyncio.Semaphore(_AT_ONCE)

    async def in_turn(thing: T) -> None:
        async with places:
            await change(thing)

    await together(in_turn(thing) for thing in things)


def _taken(app: App, name: str) -> Conflict:
    return Conflict(
        f"The cluster has a {WORKLOAD_KINDS[app.type]} or Service {name!r} in {app.project!r} that is not this app's.",
        hint="Choose another name, or remove that object; then retry.",
    )


def belongs(found: Object, app: App) -> bool:
    """Whether an object is of this life of the app."""
    owner: str | None = found["metadata"].get("annotations", {}).get(APP_ID)
    return owner == app.id
