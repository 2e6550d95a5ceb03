"""What holds a deletion up, read from the cluster once it stands still."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import NamedTuple

from activities.workloads import Workloads, belongs
from clients.hosts import with_hosts
from clients.kubernetes import Cluster, Object, resource_of
from clients.leftovers import left_in
from model.apps import App
from model.errors import MooringError, NotFound
from model.held import Held, deletion_held, failures, held, in_words, resources_left
from model.hosts import unreachable
from model.manifests import WORKLOAD_KINDS, selector
from model.pod_templates import instance_name
from model.pods import leaves
from model.troubles import Seen

_MOST_RESOURCES = 10


class Holding(NamedTuple):
    """Objects that finalizers hold, and what else does, in words."""

    found: Sequence[Held] = ()
    others: Sequence[str] = ()

    @property
    def text(self) -> str:
        """In words, as the end of a message; "" where nothing holds."""
        return f"; {in_words(self.found, self.others)}" if self.found or self.others else ""

    def error(self, what: str, project: str) -> MooringError | None:
        """The error of `what` that did not go, None where nothing is seen to hold it."""
        return deletion_held(what, project, self.found, self.others) if self.found or self.others else None


async def holding_app(cluster: Cluster, workloads: Workloads, app: App) -> Holding:
    """What keeps an app's deleted objects: their finalizers, and hosts on which its instances cannot end; some reads."""
    now = datetime.now(UTC)
    kinds = ("ReplicaSet", "Deployment") if app.type == "Deployment" else (WORKLOAD_KINDS[app.type],)
    there = {"Pod": await workloads.pods(app)}
    for kind in kinds:
        there[kind] = (await cluster.list(kind, app.project, labelSelector=selector(app.id)))["items"]
    service = await cluster.find("Service", app.name, app.project)
    there["Service"] = [service] if service and belongs(service, app) else []
    found = [one for kind, objects in there.items() for one in held(resource_of(kind), objects, now)]
    ending = [pod for pod in there["Pod"] if leaves(pod)]
    silent = (await with_hosts(cluster, Seen(pods=ending))).silent
    errors = [error for pod in ending if (error := unreachable(instance_name(pod), pod, silent))]
    return Holding(found, [error.message.rstrip(".") for error in errors[:3]])


async def holding_namespace(cluster: Cluster, namespace: Object) -> Holding:
    """What keeps a namespace that is being removed: its content's and its own finalizers, and what the cluster cannot remove."""
    now, name = datetime.now(UTC), namespace["metadata"]["name"]
    found = held("namespaces", [namespace], now)
    for resource in resources_left(namespace)[:_MOST_RESOURCES]:
        try:
            found += held(resource, await left_in(cluster, name, resource), now)
        except NotFound:
            continue  # its API has gone meanwhile, and its objects with it
    return Holding(found, failures(namespace))
