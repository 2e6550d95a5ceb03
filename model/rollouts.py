"""Where an app's workloads stand, and what status and summary it has by them (Kubernetes: Deployment, StatefulSet status)."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from model.apps import App, AppPhase, AppStatus
from model.base import Frozen
from model.layouts import Layout, Workload
from model.pod_templates import TEMPLATE
from model.pods import containers, is_over, leaves

Object = dict[str, Any]
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
    """Counts of instances: wanted, of the newest spec, all, ready for `settle` seconds, ready; `seen` by the controller.

    Those that are ready are counted whatever their spec is.
    """

    wanted: int
    updated: int
    total: int
    available: int
    ready: int
    seen: bool
    settle: int = 0

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
        '1 of 2 instances are of this revision, 2 older ones to go, 2 ready in all'
        >>> Rollout(wanted=1, updated=1, total=2, available=1, ready=2, seen=True, settle=10).message
        '1 of 1 instances are of this revision, 1 older one to go, 2 ready in all; a new one counts once it was ready for 10 s'
        """
        if not self.seen:
            return "waiting for the cluster to take it up"
        older = self.total - self.updated
        if self.updated < self.wanted or older:
            of_it = f"{min(self.updated, self.wanted)} of {self.wanted} instances are of this revision"
            if older:
                counts = f"; a new one counts once it was ready for {self.settle} s" if self.settle else ""
                return f"{of_it}, {older} older {'one' if older == 1 else 'ones'} to go, {self.ready} ready in all{counts}"
            return f"{of_it}, {min(self.ready, self.wanted)} ready{self.proved}"
        return f"{self.of_wanted} instances are ready{self.proved}"

    @property
    def of_wanted(self) -> str:
        """How many of the wanted ones are ready, for however long."""
        return f"{min(self.ready, self.wanted)} of {self.wanted}"

    @property
    def proved(self) -> str:
        """How many of them were so for long enough, in words, where not all were.

        >>> Rollout(wanted=2, updated=2, total=2, available=1, ready=2, seen=True, settle=10).message
        '2 of 2 instances are ready, 1 of them for the 10 s that count'
        """
        ready = min(self.ready, self.wanted)
        return f", {self.available} of them for the {self.settle} s that count" if self.settle and self.available < ready else ""


def rollout_of(deployment: Object) -> Rollout:
    """Read a Deployment; of a StatefulSet only wanted, ready and seen mean the same."""
    status = deployment.get("status", {})
    return Rollout(
        wanted=deployment["spec"]["replicas"],
        updated=status.get("updatedReplicas", 0),
        total=status.get("replicas", 0),
        available=status.get("availableReplicas", 0),
        ready=status.get("readyReplicas", 0),
        settle=deployment["spec"].get("minReadySeconds", 0),
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
    return all(
        container.running_since is not None and not container.loops(now)
        for pod in staying
        for container in containers(pod)
        if not container.init
    )


def app_status(
    app: App,
    operation: str | None,
    operation_status: str | None,
    workloads: Sequence[Object],
    *,
    dead: bool = False,
    restarts: bool = False,
) -> tuple[AppStatus, str]:
    """An app's Status and InstanceSummary from its record, its newest operation (kind and status) and its workloads.

    A running operation says what the app goes through. Else what serves counts: all instances that shall run ready is RUNNING,
    however the last operation ended; less is FAILED after a failed operation, where an upgrade was cancelled of what never ran, or
    where the instances are `dead`, in a state that does not mend itself, and PENDING where the cluster is expected to mend it. One
    that `restarts` is not well in between either, until it has run for long enough: so the status does not flicker.
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
    well = not dead and not restarts
    if there and well and ready >= app.layout.running and all(rollout_of(item).seen for item in workloads):
        return AppStatus.RUNNING, summary
    lost = dead or cancelled or operation_status == "FAILED"
    return (AppStatus.FAILED if lost else AppStatus.PENDING), summary


def still_serving(app: App, ready: Mapping[int, int], upgrade: Mapping[str, Any]) -> str:
    """That other revisions than the one of a failed upgrade serve on, why that failed and what to do, "" where none does.

    `ready` has by revision how many instances are ready.
    """
    new = upgrade["revision"]
    others = {revision: ready[revision] for revision in sorted(ready, reverse=True) if ready[revision] and revision != new}
    if not others:
        return ""
    told = " and ".join(
        f"revision {revision} serves on ({count} instance{'' if count == 1 else 's'})" for revision, count in others.items()
    )
    why = f"app.upgrade {upgrade['id']} to revision {new} failed: {upgrade['error']['message']}"
    back = f"Go back: POST {app.path}/rollback. " if new in app.layout.revisions else ""
    return f"{told[0].upper()}{told[1:]}; {why} {back}Go on: POST {app.path}/rollout with what mends it."


def ready_of(workloads: Iterable[Object]) -> int:
    """How many instances are ready."""
    return sum(rollout_of(item).ready for item in workloads)
