"""Instances of a Job's run that keep it from its end, or that were taken away from it (Kubernetes: Pod Lifecycle; Disruptions)."""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

from model.errors import Evidence, JobInterrupted
from model.pod_templates import Object, instance_name
from model.pods import Container, condition, containers, is_over, leaves

# Kubernetes: Pod disruption conditions.
_DISRUPTION = "DisruptionTarget"
_BY_WHOM = {
    "PreemptionByScheduler": "was put out by the scheduler for an app of higher priority",
    "DeletionByTaintManager": "was deleted because its node got a taint that it does not tolerate",
    "EvictionByEvictionAPI": "was evicted through the cluster's API, as a drain of its node does",
    "DeletionByPodGC": "was deleted because its node is gone",
    "TerminationByKubelet": "was ended by its node, which ran low on something or shut down",
}
_BY_HAND = "was deleted from outside, by hand or by a program (the cluster's audit log names who)"


def still_running(pods: Iterable[Object]) -> str:
    """Which containers keep instances from their end after others of theirs have ended; "" where none does."""
    return "; ".join(words for pod in pods if not leaves(pod) and not is_over(pod) and (words := _held_up(pod)))


def taken_away(pod: Object) -> str | None:
    """Who or what took the instance away, in words to be read after its name; None where it was left to run.

    Of a run that has failed, those that Kubernetes takes away for that are not to be among the pods asked about.
    """
    found = condition(pod, _DISRUPTION)
    if found.get("status") == "True":
        told = _BY_WHOM.get(found.get("reason", ""), f"was taken away ({found.get('reason', 'no reason given')})")
        return f"{told}: {found['message']}" if found.get("message") else told
    return _BY_HAND if leaves(pod) else None


def has_failed_by_itself(pods: Iterable[Object], why: str, backoff_limit: int) -> bool:
    """Whether a run failed of something else than the removal of one of its pods.

    A program that is started again in its place never makes its pod fail: then all restarts together count (Kubernetes: Job
    controller, pastBackoffLimitOnFailure).
    """
    found = list(pods)
    if why != "BackoffLimitExceeded":
        return True
    if any(pod["spec"].get("restartPolicy") == "OnFailure" for pod in found):
        restarts = sum(c.restarts for pod in found for c in containers(pod))
        return restarts >= max(1, backoff_limit)
    failed = [pod for pod in found if pod["status"].get("phase") == "Failed" and not leaves(pod)]
    return len(failed) > backoff_limit


def as_it_was_left(pod: Object, failed_at: str, *, by_itself: bool) -> Object:
    """A run's pod, without its removal where that was asked for when the run had failed: then Kubernetes itself ends it.

    The watches of Jobs and pods are two: the removal may be heard of before the failure that it follows from. Times are whole
    seconds: of the same second the removal was first unless the run failed `by_itself`.
    """
    meta = pod["metadata"]
    if not failed_at or not leaves(pod):
        return pod
    grace = timedelta(seconds=meta.get("deletionGracePeriodSeconds", 0))
    asked, failed = datetime.fromisoformat(meta["deletionTimestamp"]) - grace, datetime.fromisoformat(failed_at)
    if asked < failed or (asked == failed and not by_itself):
        return pod
    return {**pod, "metadata": {field: value for field, value in meta.items() if field != "deletionTimestamp"}}


def interrupted(app: str, pods: Sequence[Object], backoff_limit: int) -> JobInterrupted | None:
    """The error of a run that failed because its last try was taken away; None where the program itself failed last.

    `pods` are the newest first.
    """
    last = next((pod for pod in pods if taken_away(pod) or pod["status"].get("phase") == "Failed"), None)
    why = taken_away(last) if last else None
    if last is None or why is None:
        return None
    gone = [(instance_name(pod), words) for pod in pods if (words := taken_away(pod))]
    return JobInterrupted(
        f"The Job {app!r} failed: its instance {instance_name(last)!r} {why}, and no further try is made "
        f"(backoffLimit {backoff_limit}).",
        evidence=[Evidence(type="event", source=f"instance {name}", text=words) for name, words in gone],
    )


def _held_up(pod: Object) -> str:
    own = [c for c in containers(pod) if not c.init]
    over = [c for c in own if c.end and not c.running_since and not c.waiting]
    running = [c.name for c in own if c.running_since]
    if not over or not running:
        return ""
    ended = ", ".join(_ended(c) for c in over)
    return f"of instance {instance_name(pod)!r} {ended}, and {', '.join(running)} still run{'s' if len(running) == 1 else ''}"


def _ended(c: Container) -> str:
    return f"{c.name} ended with {c.exit_code}"
