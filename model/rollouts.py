"""Where an app's workloads stand, and what status and summary it has by them (Kubernetes: Deployment, StatefulSet status)."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from model.apps import App, AppPhase, AppStatus
from model.base import Frozen
from model.layouts import Layout, Workload
from model.pod_templates import TEMPLATE
from model.pods import Container, containers, is_over, leaves

Object = dict[str, Any]
_STEADY_SECONDS = 10.0
BY_OPERATION = {
    "app.create": AppStatus.PENDING,
    "app.start": AppStatus.PENDING,
    "app.upgrade": AppStatus.UPDATING,
    "app.scale": AppStatus.UPDATING,
    "app.restart": AppStatus.UPDATING,
    "instance.kill": AppStatus.UPDATING,
    "instance.start": AppStatus.UPDATING,
    "instance.update": AppStatus.UPDATING,
    "app.kill": AppStatus.UPDATING,
    "app.delete": AppStatus.DELETING,
}


class Rollout(Frozen):
    """Counts of instances: wanted, of the newest spec, all, ready to serve of the newest spec; `seen` by the controller."""

    wanted: int
    updated: int
    total: int
    available: int
    ready: int
    seen: bool

    @property
    def replaced(self) -> bool:
        """Every instance is of the newest spec, and there are as many as wanted."""
        return self.seen and self.updated == self.total == self.wanted

    @property
    def done(self) -> bool:
        """Replaced, and all of them serve: what `kubectl rollout status` waits for."""
        return self.replaced and self.available == self.wanted

    @property
    def message(self) -> str:
        """How far, in words.

        >>> Rollout(wanted=2, updated=1, total=3, available=2, ready=2, seen=True).message
        '1 of 2 instances are of this revision, 2 ready, 2 older ones to go'
        """
        if not self.seen:
            return "waiting for the cluster to take it up"
        older = self.total - self.updated
        if self.updated < self.wanted or older:
            return (
                f"{self.updated} of {self.wanted} instances are of this revision, {self.ready} ready"
                f"{f', {older} older ones to go' if older else ''}"
            )
        return f"{self.available} of {self.wanted} instances are ready"


def rollout_of(deployment: Object) -> Rollout:
    """Read a Deployment; of a StatefulSet only wanted, ready and seen mean the same."""
    status = deployment.get("status", {})
    return Rollout(
        wanted=deployment["spec"]["replicas"],
        updated=status.get("updatedReplicas", 0),
        total=status.get("replicas", 0),
        available=status.get("availableReplicas", 0),
        ready=status.get("readyReplicas", 0),
        seen=status.get("observedGeneration", 0) >= deployment["metadata"]["generation"],
    )


def reached(target: Layout, known: Mapping[tuple[str, str], Workload], found: Mapping[str, Object]) -> Layout:
    """Where a move to `target` got to: the workloads that are found, each at the version its template says.

    `known` has the workloads by track and template digest, `found` the objects by track. What was not begun is as wanted.
    """
    by_track = target.by_track
    for track, item in found.items():
        digest = item["spec"]["template"]["metadata"]["labels"][TEMPLATE]
        workload = known.get((track, digest)) or by_track.get(track)
        if workload and not leaves(item):
            by_track[track] = workload.model_copy(update={"replicas": item["spec"]["replicas"]})
    kept = [w for w in by_track.values() if target.type == "TApp" or w.replicas or w.track in target.by_track]
    order = sorted(kept, key=lambda w: int(w.track)) if target.type == "TApp" else kept
    return target.model_copy(update={"workloads": tuple(order)})


def has_settled(pods: Sequence[Object], now: datetime) -> bool:
    """Whether what is ready stays so as far as can be seen: no container has ended and been running again for a moment only.

    A program that crashes again and again is ready in between, for as long as it runs.
    """
    staying = (pod for pod in pods if not leaves(pod) and not is_over(pod))
    return all(_steady(container, now) for pod in staying for container in containers(pod) if not container.init)


def _steady(container: Container, now: datetime) -> bool:
    if container.running_since is None:
        return False
    crashed = container.end is not None and not container.end.lost
    return not crashed or (now - datetime.fromisoformat(container.running_since)).total_seconds() > _STEADY_SECONDS


def app_status(
    app: App, operation: str | None, operation_status: str | None, workloads: Sequence[Object], *, dead: bool = False
) -> tuple[AppStatus, str]:
    """An app's Status and InstanceSummary from its record, its newest operation (kind and status) and its workloads.

    A running operation says what the app goes through. Else what serves counts: all instances that shall run ready is RUNNING,
    however the last operation ended; less is FAILED after a failed operation, where an upgrade was cancelled of what never ran, or
    where the instances are `dead`, in a state that does not mend itself, and PENDING where the cluster is expected to mend it.
    """
    ready = ready_of(workloads)
    killed = app.layout.total - app.layout.running
    summary = f"{min(ready, app.replicas)}/{app.replicas} running" + (f", {killed} killed" if killed else "")
    ended = operation_status in (None, "SUCCEEDED", "FAILED", "CANCELLED")
    if not ended and operation in BY_OPERATION:
        return BY_OPERATION[operation], summary
    cancelled = operation_status == "CANCELLED" and not workloads
    if app.phase is not AppPhase.LIVE or (cancelled and operation == "app.create"):
        return AppStatus.STOPPED, summary
    there = bool(workloads) or app.type == "TApp"  # a TApp without instances has no objects
    if there and ready >= app.layout.running and all(rollout_of(item).seen for item in workloads):
        return AppStatus.RUNNING, summary
    lost = dead or cancelled or operation_status == "FAILED"
    return (AppStatus.FAILED if lost else AppStatus.PENDING), summary


def ready_of(workloads: Iterable[Object]) -> int:
    """How many instances are ready."""
    return sum(rollout_of(item).ready for item in workloads)
