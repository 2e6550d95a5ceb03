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


def as_they_were_left(pods: Iterable[Object], failed_at: str, backoff_limit: int) -> list[Object]:
    """A run's pods, without their removal where that was asked for when the run had failed: then Kubernetes itself ends them.

    The watches of Jobs and pods are two: the removal may be heard of before the failure that it follows from. Times are whole
    seconds, and an instance that is taken away counts as a failed try at once: of the same second the removal was first where
    nothing else has failed.
    """
    found = list(pods)
    has_failed = any(_failed_by_itself(pod, backoff_limit) for pod in found)
    return [_as_it_was_left(pod, failed_at, has_failed) for pod in found]


def _failed_by_itself(pod: Object, backoff_limit: int) -> bool:
    """Whether the program in it failed; one that is started again in its place too often never gets the phase Failed.

    That is once where no further try is made, else as often as that (Kubernetes: Job controller, pastBackoffLimitOnFailure).
    """
    over = pod["status"].get("phase") == "Failed" and not leaves(pod)
    return over or sum(c.restarts for c in containers(pod)) >= max(1, backoff_limit)


def _as_it_was_left(pod: Object, failed_at: str, has_failed: bool) -> Object:
    meta = pod["metadata"]
    if not failed_at or not leaves(pod):
        return pod
    grace = timedelta(seconds=meta.get("deletionGracePeriodSeconds", 0))
    asked, failed = datetime.fromisoformat(meta["deletionTimestamp"]) - grace, datetime.fromisoformat(failed_at)
    if asked < failed or (asked == failed and not has_failed):
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
