"""Projects in the cluster and in the records."""

import asyncio

from temporalio import activity

from activities.deadline import Deadline
from activities.pace import Pace
from activities.progress import tell, unchanged
from activities.removals import Holding, holding_namespace
from clients.kubernetes import Cluster, Object
from clients.registry import Registry
from model.endings import Ending
from model.errors import Conflict, DeadlineExceeded
from model.held import resources_left
from model.operations import Ask
from model.pods import leaves
from model.projects import CreateProject, ProjectStatus
from records import Records

PROJECT_LABEL = "mooring.io/project-id"
_STANDS_STILL = 2.0  # seconds after which it is looked for what holds a removal up
MANAGED_BY = {"app.kubernetes.io/managed-by": "mooring"}


def namespace_of(name: str, project_id: str) -> Object:
    """The project's namespace; Pod Security `baseline` refuses what reaches for the host (Kubernetes: Pod Security Admission)."""
    labels = {**MANAGED_BY, PROJECT_LABEL: project_id, "pod-security.kubernetes.io/enforce": "baseline"}
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": labels}}


def service_account_of(namespace: str) -> Object:
    """The namespace's default account, whose token no pod gets mounted."""
    metadata = {"name": "default", "namespace": namespace, "labels": MANAGED_BY}
    return {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": metadata, "automountServiceAccountToken": False}


class ProjectActivities:
    """Steps of project.create and project.delete."""

    def __init__(self, records: Records, cluster: Cluster, registry: Registry) -> None:
        self._records = records
        self._cluster = cluster
        self._registry = registry

    @activity.defn(name="project.make_namespace")
    async def make_namespace(self, ask: CreateProject) -> None:
        """Apply the namespace and its default service account; idempotent.

        Raises Conflict when a namespace of that name exists that is not this project's.
        """
        project = await self._records.projects.get(ask.project)
        found = await self._cluster.find("Namespace", ask.project)
        if found:
            if found["metadata"].get("labels", {}).get(PROJECT_LABEL) != project.id:
                raise Conflict(
                    f"The cluster has a namespace {ask.project!r} that does not belong to this project.",
                    hint="Choose another name, or remove that namespace.",
                )
            if found["status"].get("phase") == "Terminating":
                raise Conflict(f"The namespace {ask.project!r} is still being removed.", hint="Retry in a moment.")
            unchanged("the namespace exists")
        await self._cluster.apply(namespace_of(ask.project, project.id))
        await self._cluster.apply(service_account_of(ask.project))

    @activity.defn(name="project.remove_namespace")
    async def remove_namespace(self, ask: Ask) -> None:
        """Delete the project's namespace with all in it and wait until it is gone; idempotent, leaves a stranger's alone.

        Raises DeletionHeld, when time is up, with what holds it: objects and their finalizers, an API that does not answer.
        """
        project = await self._records.projects.find(ask.project)
        found = await self._cluster.find("Namespace", ask.project)
        if project is None or found is None or found["metadata"].get("labels", {}).get(PROJECT_LABEL) != project.id:
            unchanged("there is no namespace of it")
            return
        if found["status"].get("phase") != "Terminating":
            await self._cluster.delete("Namespace", ask.project, uid=found["metadata"]["uid"])
        deadline, looks, holding, ending = Deadline(), Pace(free=1, least=_STANDS_STILL), Holding(), ""
        while found := await self._cluster.find("Namespace", ask.project):
            if not looks.left or not deadline.left:
                holding, ending = await holding_namespace(self._cluster, found), await self._ending(ask.project)
                looks.took()
            if not deadline.left:
                raise holding.error(f"The namespace {ask.project!r}", ask.project) or DeadlineExceeded(
                    f"The namespace {ask.project!r} is not gone: {_remaining(found)}."
                )
            await tell(_remaining(found) + ending + holding.text)
            await asyncio.sleep(0.5)

    async def _ending(self, namespace: str) -> str:
        """Which instances have not ended yet, and how long they may take, in words; "" where there is none."""
        found = Ending.of(pod for pod in (await self._cluster.list("Pod", namespace))["items"] if leaves(pod))
        return f"; {found.words}" if found else ""

    @activity.defn(name="project.remove_images")
    async def remove_images(self, ask: Ask) -> None:
        """Remove the project's images from the registry, so that the next project of its name has none of them; idempotent.

        Raises PushRefused where the registry removes nothing: then the project keeps its name.
        """
        project = await self._records.projects.find(ask.project)
        built = await self._records.builds.made(project.id) if project else {}
        names = {name for name in built if name.startswith(f"{ask.project}/")}
        removed = 0
        for repository in sorted(names | await self._registry.every_repository(ask.project)):
            await tell(f"removing {repository}")
            removed += await self._registry.remove_all(repository, built.get(repository, ()))
        if not removed:
            unchanged("there are no images of it")

    @activity.defn(name="project.mark_active")
    async def mark_active(self, ask: CreateProject) -> None:
        """Record that the project can be used; idempotent."""
        await self._records.projects.set_status(ask.project, ProjectStatus.ACTIVE)

    @activity.defn(name="project.forget")
    async def forget(self, ask: Ask) -> None:
        """Record that the project is gone with its apps and stacks, and its name free; idempotent."""
        project = await self._records.projects.find(ask.project)
        if project:
            await self._records.apps.delete_all_of(project.id)
            await self._records.stacks.delete_all_of(project.id)
            await self._records.configs.delete_all_of(project.id)
            await self._records.templates.delete_all_of(project.id)
        await self._records.projects.set_status(ask.project, "DELETED")


def _remaining(namespace: Object) -> str:
    left = resources_left(namespace)
    return "waiting for its objects to go" + (f": {', '.join(left)} are left" if left else "")
