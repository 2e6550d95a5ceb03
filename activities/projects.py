"""Projects in the cluster and in the records."""

import asyncio

from temporalio import activity

from activities.progress import tell, unchanged
from clients.kubernetes import Cluster, Object
from model.errors import Conflict
from model.operations import Ask
from model.projects import CreateProject, ProjectStatus
from records import Records

PROJECT_LABEL = "mooring.io/project-id"
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

    def __init__(self, records: Records, cluster: Cluster) -> None:
        self._records = records
        self._cluster = cluster

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
        """Delete the project's namespace with all in it and wait until it is gone; idempotent, leaves a stranger's alone."""
        project = await self._records.projects.find(ask.project)
        found = await self._cluster.find("Namespace", ask.project)
        if project is None or found is None or found["metadata"].get("labels", {}).get(PROJECT_LABEL) != project.id:
            unchanged("there is no namespace of it")
            return
        if found["status"].get("phase") != "Terminating":
            await self._cluster.delete("Namespace", ask.project, uid=found["metadata"]["uid"])
        while found := await self._cluster.find("Namespace", ask.project):
            await tell(_remaining(found))
            await asyncio.sleep(0.5)

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
    told = [c.get("message", "") for c in namespace["status"].get("conditions", []) if c.get("status") == "True"]
    return "waiting for its objects to go" + (": " + "; ".join(told) if told else "")
