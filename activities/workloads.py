"""Reading and writing an app's Kubernetes workloads: Deployments, or StatefulSets with their headless Services."""

import contextlib
import json
import uuid
from collections.abc import Collection, Iterable

from activities.together import side_by_side
from activities.views import View
from clients.images import Images
from clients.kubernetes import Cluster
from model.apps import App, AppSpec, Revision
from model.errors import Conflict, NotFound
from model.jobs import job_object
from model.layouts import Workload
from model.manifests import WORKLOAD_KINDS, instance_service, selector, service, workload_name, workload_object
from model.pod_templates import APP_ID, SHAPE, TEMPLATE, Object, app_label, pod_template
from model.pods import REPLACED, RESTARTS_BEFORE, containers, leaves

_ASKED_AGAIN = "mooring.io/asked-again"


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

    async def put(self, app: App, revision: Revision, workload: Workload, found: Object | None, settle_seconds: int) -> Object:
        """Apply a workload whole, with a headless Service where it is a new TApp instance; idempotent.

        Its instances count when they have been ready for `settle_seconds`.
        Raises Conflict when the cluster has an object of that name that is not this app's.
        """
        wanted = workload_object(app, revision, self._images.registry, workload, settle_seconds)
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

    async def open_service(self, app: App, specs: Iterable[AppSpec]) -> None:
        """Let the Service lead to the ports of these versions too, and take none of those away that it has; idempotent.

        What serves goes on being reached, whichever version that is. Raises Conflict when the Service is not this app's.
        """
        found = await self._cluster.find("Service", app.name, app.project)
        if found and not belongs(found, app):
            raise _taken(app, app.name)
        wanted = service(app, specs, found)
        if wanted is None or (found and _leads_to(found) >= _leads_to(wanted)):
            return
        try:
            await self._cluster.apply(wanted, force=found is not None)
        except Conflict as error:
            raise _taken(app, app.name) from error

    async def put_service(self, app: App, specs: Iterable[AppSpec]) -> None:
        """Apply the Service over the ports of these versions exactly, or remove an earlier one's; idempotent.

        What hands have changed on it is set right; raises Conflict when it is not this app's.
        """
        wanted = service(app, specs)
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
        changed = [c for c in containers(pod) if not c.init and c.image != images[c.name]]
        lives, restarts = {c.name: c.id for c in changed}, {c.name: c.restarts for c in changed}
        change = {
            "metadata": {
                "uid": metadata["uid"],
                "labels": {TEMPLATE: labels[TEMPLATE]},
                "annotations": {
                    REPLACED: json.dumps(lives, sort_keys=True),
                    RESTARTS_BEFORE: json.dumps(restarts, sort_keys=True),
                },
            },
            "spec": {"containers": [{"name": name, "image": image} for name, image in images.items()]},
        }
        return await self._cluster.patch("Pod", metadata["name"], app.project, change, strategic=True)

    async def sets(self, app: App, templates: Collection[str]) -> list[Object]:
        """The ReplicaSets that make a Deployment app's pods of these templates; one request."""
        found = (await self._cluster.list("ReplicaSet", app.project, labelSelector=selector(app.id)))["items"]
        return [item for item in found if item["metadata"]["labels"].get(TEMPLATE) in templates]

    async def refused(self, app: App, kind: str, makers: Collection[Object]) -> Object | None:
        """The newest event in which one of these objects tells that it could not make a pod, if there is one; one request."""
        chosen = f"involvedObject.kind={kind},reason=FailedCreate"
        uids = {item["metadata"]["uid"] for item in makers}
        events = (await self._cluster.list("Event", app.project, fieldSelector=chosen))["items"] if uids else []
        theirs = [event for event in events if event["involvedObject"].get("uid") in uids]
        return max(theirs, key=lambda event: int(event["metadata"]["resourceVersion"]), default=None)

    async def ask_again(self, app: App, kind: str, makers: Iterable[Object]) -> None:
        """Have the controllers of these objects try again now: after many refusals the next try is up to a quarter of an hour off.

        They take an object up anew when anything of it changes (Kubernetes: controllers' work queues); here an annotation does.
        """

        async def ask(item: Object) -> None:
            change = {"metadata": {"uid": item["metadata"]["uid"], "annotations": {_ASKED_AGAIN: uuid.uuid4().hex}}}
            with contextlib.suppress(NotFound, Conflict):  # it has gone, or is another by now
                await self._cluster.patch(kind, item["metadata"]["name"], app.project, change)

        await side_by_side(ask, makers)


def _taken(app: App, name: str) -> Conflict:
    return Conflict(
        f"The cluster has a {WORKLOAD_KINDS[app.type]} or Service {name!r} in {app.project!r} that is not this app's.",
        hint="Choose another name, or remove that object; then retry.",
    )


def _leads_to(item: Object) -> set[tuple[str, int, str]]:
    """The protocols and ports of a Service, with its type."""
    spec = item["spec"]
    return {(port.get("protocol", "TCP"), port["port"], spec.get("type", "ClusterIP")) for port in spec.get("ports", [])}


def belongs(found: Object, app: App) -> bool:
    """Whether an object is of this life of the app."""
    owner: str | None = found["metadata"].get("annotations", {}).get(APP_ID)
    return owner == app.id
