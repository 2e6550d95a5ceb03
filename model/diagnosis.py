"""What keeps an app's instances from running, told in plain words and as the error it amounts to (mission B, C).

From raw pods, their events, log tails and nodes to each instance's state, to a *certain dead end* that ends an operation at
once, and to the best cause when its deadline has come. Pure; the caller reads what `wanted_logs` and `wants_nodes` name.

Certain is: an image the registry does not have; a command that cannot be executed; a container that ended three times, the
last time soon after its start (out of memory: twice, a shell's 126 or 127: twice); three evictions; a pod that Pod Security
refuses; a pod that no node could take even if it were empty. All else may still come right before the deadline: a failing
readiness probe, a node that is full, a registry that does not answer, a quota that others use up.
"""

from collections.abc import Iterable

from model.base import Frozen
from model.errors import CrashLoop, DeadlineExceeded, Evidence, Forbidden, MooringError, QuotaExceeded
from model.events import event_time, events_of
from model.pod_templates import instance_name
from model.pods import Object, condition, containers, is_over, is_ready, leaves, runs_to_end
from model.troubles import ENDS_OF_A_LOOP, LogRef, Seen, Trouble, pod_troubles, times, worst

_MOST_LOGS = 3
# The API server gives these causes no other form than words; each is its own, fixed, and read only here.
_POD_SECURITY = "violates PodSecurity"  # Kubernetes: Pod Security Admission
_QUOTA = "exceeded quota"  # Kubernetes: Resource Quotas


class InstanceState(Frozen):
    """An instance in the manual's words: PENDING, RUNNING, FAILED, KILLED, TERMINATING; `reason` is "" when it runs.

    COMPLETED is a Job's that has run to its end.
    """

    status: str
    reason: str = ""
    message: str = ""


def wanted_logs(pods: Iterable[Object]) -> list[LogRef]:
    """The logs that would tell why: of containers that ended or do not become ready, three at most; failed pods' come last."""
    found, there = [], list(pods)
    for pod in [*_current(there), *filter(has_failed, there)]:
        for c in containers(pod):
            if not c.ready and (c.end or (c.running_since and not c.init)):
                previous = bool(c.end and c.running_since)
                found.append(LogRef(pod=pod["metadata"]["name"], container=c.name, previous=previous))
    return found[:_MOST_LOGS]


def wants_nodes(pods: Iterable[Object]) -> bool:
    """Whether the nodes, and for the figures the pods bound to them, are needed: some pod finds no place."""
    return any(condition(pod, "PodScheduled").get("reason") == "Unschedulable" for pod in _current(pods))


def dead_end(seen: Seen) -> MooringError | None:
    """The error that is certain by now, however long one waits; None while it may still come right. Needs logs for its evidence."""
    certain = [t for t in troubles(seen) if t.certain]
    return max(certain, key=lambda t: t.weight).error if certain else None


def cause_at_deadline(seen: Seen, wanted: int) -> MooringError:
    """The true cause why fewer than `wanted` instances are ready now that time is up; DeadlineExceeded where none stands out."""
    if trouble := worst(troubles(seen)):
        return trouble.error
    ready = sum(is_ready(pod) for pod in seen.pods)
    states = {instance_state(pod, seen).message for pod in _current(seen.pods) if not is_ready(pod)}
    why = "; ".join(sorted(states - {""})) or "the cluster has not made them yet"
    return DeadlineExceeded(f"{ready} of {wanted} instances were ready in time: {why}.")


def refusal_of(deployments: Iterable[Object]) -> str:
    """Why the cluster does not take further pods of a Deployment, in its words: its ReplicaFailure, "" where it has none."""
    failures = (condition(item, "ReplicaFailure") for item in deployments)
    return next((failure.get("message", "") for failure in failures if failure.get("status") == "True"), "")


def instance_state(pod: Object, seen: Seen) -> InstanceState:
    """One instance's state; `seen` has its events and, for figures, nodes."""
    if leaves(pod):
        return InstanceState(status="TERMINATING", reason="Terminating", message="it is being stopped")
    if is_over(pod):
        return _ended_state(pod, seen)
    if is_ready(pod):
        return InstanceState(status="RUNNING", message=_past(pod))
    trouble = worst(pod_troubles(pod, seen))
    if trouble:
        status = "FAILED" if trouble.failed else "PENDING"
        return InstanceState(status=status, reason=_reason(trouble), message=trouble.error.message)
    reason, message = _progress(pod, seen)
    return InstanceState(status="PENDING", reason=reason, message=message)


def _ended_state(pod: Object, seen: Seen) -> InstanceState:
    """The state of an instance of which nothing will run again."""
    told = pod["status"].get("message", "").strip()
    if not has_failed(pod):
        if runs_to_end(pod):
            return InstanceState(status="COMPLETED", reason="Completed", message=told or "it has run to its end")
        return InstanceState(status="KILLED", reason="Completed", message=told or "all its containers have ended")
    trouble = worst(pod_troubles(pod, seen))
    words = trouble.error.message if trouble else "all its containers have ended"
    return InstanceState(status="FAILED", reason=pod["status"].get("reason") or "Failed", message=told or words)


def has_failed(pod: Object) -> bool:
    """Whether the pod is over, and not well."""
    return bool(pod["status"].get("phase") == "Failed")


def _current(pods: Iterable[Object]) -> list[Object]:
    """Those that are to become or stay ready: not leaving, not over."""
    return [pod for pod in pods if not leaves(pod) and not is_over(pod)]


def _reason(trouble: Trouble) -> str:
    return "NotReady" if isinstance(trouble.error, DeadlineExceeded) else trouble.error.reason


def troubles(seen: Seen) -> list[Trouble]:
    """What is wrong with the pods that are to become or stay ready, and why others cannot be made."""
    found = [t for pod in _current(seen.pods) if not is_ready(pod) for t in pod_troubles(pod, seen)]
    return [*found, *_refused(seen), *_evicted(seen)]


def _refused(seen: Seen) -> list[Trouble]:
    """Pods the cluster does not even take: by quota or by Pod Security."""
    words = seen.refusal
    if not words:
        return []
    evidence = [Evidence(type="event", source="FailedCreate", text=words)]
    if _POD_SECURITY in words:
        hint = "Leave out what reaches for the host; the message names it."
        error: MooringError = Forbidden(f"The cluster refuses the instances: {words}.", hint=hint, evidence=evidence)
        return [Trouble(error=error, certain=True, failed=True, weight=9)]
    kind = QuotaExceeded if _QUOTA in words else DeadlineExceeded
    error = kind(f"The cluster does not take all instances: {words}.", evidence=evidence)
    return [Trouble(error=error, certain=False, failed=False, weight=6)]


def _evicted(seen: Seen) -> list[Trouble]:
    """Evictions that follow each other; those that an instance which is ready by now has outlived are history."""
    gone = [p for p in seen.pods if p["status"].get("reason") == "Evicted" and not leaves(p)]
    if not gone or any(is_ready(pod) for pod in seen.pods):
        return []
    gone.sort(key=lambda p: str(p["metadata"]["creationTimestamp"]))
    words = gone[-1]["status"].get("message", "").strip()
    evidence = [
        Evidence(type="event", source=f"instance {instance_name(p)}", text=p["status"].get("message", "")) for p in gone[-3:]
    ]
    error = CrashLoop(
        f"{len(gone)} instances were evicted by their node; the last one, {instance_name(gone[-1])!r}: {words}",
        hint="Raise resources.disk, or write less to the container's own disk; then deploy again.",
        evidence=evidence,
    )
    return [Trouble(error=error, certain=len(gone) >= ENDS_OF_A_LOOP, failed=True, weight=5)]


def _past(pod: Object) -> str:
    """What a running instance has been through."""
    ended = [c for c in containers(pod) if c.end and not c.end.lost and c.restarts and not c.init]
    return "; ".join(
        f"container {c.name!r} was restarted {times(c.restarts)}, last after exit code {c.exit_code} ({c.end.reason})"
        for c in ended
        if c.end
    )


def _progress(pod: Object, seen: Seen) -> tuple[str, str]:
    """What an instance without trouble is waiting for: reason and words."""
    if condition(pod, "PodScheduled").get("status") != "True":
        return "Scheduling", "waiting for the scheduler to give it a node"
    news = {e["reason"]: e for e in events_of(pod, seen.events)}
    for c in containers(pod):
        if c.running_since and not c.init and not c.ready:
            probe = "startup" if "startup" in c.probes and not c.started else "readiness"
            return "NotReady", f"container {c.name!r} runs since {c.running_since}, waiting for its {probe} probe"
        if c.waiting and "Pulling" in news and ("Pulled" not in news or event_time(news["Pulling"]) > event_time(news["Pulled"])):
            return "Pulling", f"pulling the image {c.image!r} since {event_time(news['Pulling'])}"
        if c.init and not c.ready:
            return "Initializing", f"init container {c.name!r} has not ended yet"
    return "Starting", f"its containers are being started on node {pod['spec'].get('nodeName', '')!r}"
