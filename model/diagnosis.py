"""What keeps an app's instances from running, told in plain words and as the error it amounts to (mission B, C).

From raw pods, their events, log tails and nodes to each instance's state, to a *certain dead end* that ends an operation at
once, and to the best cause when its deadline has come. Pure; the caller reads what `wanted_logs` and `wants_nodes` name.

Certain is: an image that the registry does not have, has lost a part of, or does not give to us; a command that cannot be
executed, or a program that cannot begin (of another platform, without its interpreter or a library); a container that ended
three times, the last time soon after its start (out of memory: twice, a shell's 126 or 127: twice), or is run again after it was
ended so often for its startup or liveness probe; three evictions for a like cause that no instance has outlived; pods that a
rule of the cluster refuses (model/admission.py); a pod that no node could take even if it were empty; a group that it needs and
the cluster refuses. All else may still come right before the deadline: a failing readiness probe, a node that is full, a registry
that does not answer, a quota that others use up, a webhook that does not answer.
"""

from collections.abc import Iterable
from datetime import datetime

from model.admission import read_refusal
from model.base import Frozen
from model.errors import (
    WITH_MORE_TIME,
    AdmissionRefused,
    DeadlineExceeded,
    DeletionHeld,
    Evidence,
    HostUnreachable,
    MooringError,
    ProbeFailing,
    QuotaExceeded,
    Unschedulable,
    WebhookUnavailable,
)
from model.events import event_time, events_of
from model.evictions import evicted, evictions, not_outlived
from model.held import deletion_held
from model.hosts import unreachable
from model.pod_templates import TEMPLATE, instance_name
from model.pods import Container, Object, condition, containers, is_over, is_ready, leaves, runs_to_end
from model.probing import killing_probe
from model.troubles import (
    ENDS_OF_A_LOOP,
    LogRef,
    Seen,
    Trouble,
    is_pulled_in_vain,
    is_unplaced,
    last_line,
    pod_troubles,
    restarts,
    times,
    without_place,
    worst,
)
from model.unplaced import is_coming

_MOST_LOGS = 3
_MOST_ASKED = 20
_ROOM_ORDERED = frozenset({"TriggeredScaleUp", "Nominated"})  # by cluster-autoscaler, by Karpenter
_SIGKILL = 137  # 128 and the signal's number
_TO_ANSWER = 5.0  # seconds for which a program runs until it is worth a request to ask what its probes say
_TO_MAKE = 30.0  # and for which it is made, until it is worth one to ask what takes so long
# What an app waits for, told while it lasts and not at the end only.
_MAY_COME_RIGHT = (
    AdmissionRefused,
    DeadlineExceeded,
    DeletionHeld,
    HostUnreachable,
    ProbeFailing,
    QuotaExceeded,
    Unschedulable,
    WebhookUnavailable,
)
_AT_ONCE = 2.0  # seconds; the times of containers come in whole ones
_PULLING = "pulling the image"
_SLOW_PULL = (
    f"The image is large, or its registry slow: the node goes on pulling, so give it more time: {WITH_MORE_TIME}. An image in the "
    "platform's registry is nearer."
)


class InstanceState(Frozen):
    """An instance in the manual's words: PENDING, RUNNING, FAILED, KILLED, TERMINATING; `reason` is "" when it runs.

    COMPLETED is a Job's that has run to its end.
    """

    status: str
    reason: str = ""
    message: str = ""


class Health(Frozen):
    """Why an app is not well, as reason and words: `dead` when it does not mend itself, `restarts` when instances end and come."""

    reason: str = ""
    message: str = ""
    dead: bool = False
    restarts: bool = False


WELL = Health()


def wanted_logs(pods: Iterable[Object]) -> list[LogRef]:
    """The logs that would tell why: of containers that ended or do not become ready, three at most; failed pods' come last."""
    found, there = [], list(pods)
    for pod in [*_current(there), *filter(has_failed, there)]:
        for c in containers(pod):
            if not c.ready and (c.end or (c.running_since and not c.init)):
                previous = bool(c.end and c.running_since)
                found.append(LogRef(pod=pod["metadata"]["name"], container=c.name, previous=previous))
    return found[:_MOST_LOGS]


def wants_words(pods: Iterable[Object]) -> bool:
    """Whether logs and events would tell now what is certain: a container ended as one does that cannot begin."""
    ends = [(c, c.end) for pod in _current(pods) for c in containers(pod) if c.end and not c.running_since]
    return any(end.seconds < _AT_ONCE and end.exit_code in (1, 127, 255) for c, end in ends if not c.ready)


def wants_events(seen: Seen) -> bool:
    """Whether events would tell by now what is waited for: which probe fails or has ended it so often, what is pulled so slowly."""
    there = [(pod, c) for pod in _current(seen.pods) if not is_ready(pod) for c in containers(pod) if not c.ready]
    probed = [c for _, c in there if not c.init and c.running_since and c.probes]
    if any(_lasts(c.running_since, seen.at, _TO_ANSWER) or c.ended >= ENDS_OF_A_LOOP for c in probed):
        return True
    making = [pod for pod, c in there if c.waiting and c.waiting.reason == "ContainerCreating"]
    return any(_lasts(pod["status"].get("startTime"), seen.at, _TO_MAKE) for pod in making)


def _lasts(since: str | None, now: datetime, seconds: float) -> bool:
    return since is not None and (now - datetime.fromisoformat(since)).total_seconds() >= seconds


def of_some(seen: Seen) -> Seen:
    """With the events of a few of the instances that are not ready: what keeps those keeps the others, however many they are."""
    uids = {pod["metadata"]["uid"] for pod in [pod for pod in _current(seen.pods) if not is_ready(pod)][:_MOST_ASKED]}
    return seen.model_copy(update={"events": [event for event in seen.events if event["involvedObject"].get("uid") in uids]})


def wants_past(pods: Iterable[Object]) -> bool:
    """Whether events would tell why containers that run well again were ended before."""
    again = [c for pod in pods if is_ready(pod) for c in containers(pod) if c.end and c.restarts and not c.init]
    return any({"liveness", "startup"} & c.probes.keys() for c in again)


def logs_of_health(seen: Seen) -> list[LogRef]:
    """The logs that would tell why an app is not well, also of what runs again between two ends."""
    again = [(pod, c) for pod in _current(seen.pods) for c in containers(pod) if not c.init and c.loops(seen.at)]
    ended = [LogRef(pod=pod["metadata"]["name"], container=c.name, previous=bool(c.running_since)) for pod, c in again]
    return list(dict.fromkeys([*ended, *wanted_logs(seen.pods)]))[:_MOST_LOGS]


def waits_for(seen: Seen) -> str:
    """In words what keeps instances from serving that may still come right, the worst of it; "" where nothing is known to."""
    if trouble := worst([trouble for trouble in troubles(seen) if isinstance(trouble.error, _MAY_COME_RIGHT)]):
        return trouble.error.message
    pulled = (_progress(pod, seen)[1] for pod in _current(seen.pods) if seen.events and not is_ready(pod))
    return next((words for words in pulled if words.startswith(_PULLING)), "")


def wants_platforms(seen: Seen) -> bool:
    """Whether the nodes' platforms are needed: a program cannot be run on its node, and it is not known what that is."""
    return not seen.nodes and any("exec format error" in log for log in seen.logs.values())


def wants_nodes(pods: Iterable[Object]) -> bool:
    """Whether the nodes, and for the figures the pods bound to them, are needed: some pod finds no place."""
    return any(is_unplaced(pod) for pod in _current(pods))


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
    uncounted = "they have not been ready for long enough to count (minReadySeconds)"
    otherwise = "the cluster has not made them yet" if ready < wanted else uncounted
    why = "; ".join(sorted(states - {""})) or otherwise
    pulls = bool(states) and all(message.startswith(_PULLING) for message in states)
    return DeadlineExceeded(f"{ready} of {wanted} instances were ready in time: {why}.", hint=_SLOW_PULL if pulls else None)


def of_the_past(pods: Iterable[Object], before: datetime) -> list[Object]:
    """Those made before a moment that say what was wrong then, not now: evicted, or held back by the kubelet after failures."""
    old = [pod for pod in pods if not is_ready(pod) and datetime.fromisoformat(pod["metadata"]["creationTimestamp"]) < before]
    stuck = [
        pod
        for pod in _current(old)
        if any(not c.ready and not c.running_since and (c.end or is_pulled_in_vain(c)) for c in containers(pod))
    ]
    return [*evictions(old), *stuck]


def shortage(seen: Seen, waited: float | None = None) -> MooringError | None:
    """The error of instances for which there is no room now, None where there are none.

    With the seconds that were `waited` for it, it says so, and how to wait longer.
    """
    trouble = worst([t for t in troubles(seen) if isinstance(t.error, Unschedulable | QuotaExceeded)])
    if trouble is None or waited is None:
        return trouble.error if trouble else None
    error = trouble.error
    told = f"{error.message} No room came within {waited:.0f} s."
    hint = f'{error.hint} To wait until the deadline ask with onUnschedulable "wait".'
    return type(error)(told, hint=hint, cause=error.cause, evidence=error.evidence)


def room_is_coming(seen: Seen) -> bool:
    """Whether instances that find no place get one when the pods that are ending have ended."""
    return any(is_coming(pod, seen.room) for pod in list(filter(is_unplaced, _current(seen.pods)))[:1])


def room_is_ordered(seen: Seen) -> bool:
    """Whether an autoscaler of nodes has said that it brings one for them; needs the pods' events."""
    return any(event["reason"] in _ROOM_ORDERED for pod in _current(seen.pods) for event in events_of(pod, seen.events))


def health_of(seen: Seen, now: datetime, *, ready: bool, wanted: int = 1) -> Health | None:
    """What is wrong with an app of which all `wanted` instances are `ready`, or not; None where nothing is.

    A program that ends again and again is ready in between: it is not well until it has run for long enough. One beside all that
    are wanted, of an upgrade that failed, takes nothing from those.
    """
    restarting = [(pod, [*restarts(pod, seen, now)]) for pod in _current(seen.pods)]
    if ready and sum(is_ready(pod) and not found for pod, found in restarting) >= wanted:
        return None
    again = worst([trouble for _, found in restarting for trouble in found])
    unready = worst(troubles(seen)) if not ready else None
    told = unready if unready and (unready.certain or not again) else again
    if told is None:
        return None
    dead = bool((unready and unready.certain) or (again and again.failed))
    return Health(reason=_reason(told), message=told.error.message, dead=dead, restarts=again is not None)


def refusal_of(deployments: Iterable[Object]) -> str:
    """Why the cluster does not take further pods of a Deployment, in its words: its ReplicaFailure, "" where it has none."""
    failures = (condition(item, "ReplicaFailure") for item in deployments)
    return next((failure.get("message", "") for failure in failures if failure.get("status") == "True"), "")


def instance_state(pod: Object, seen: Seen) -> InstanceState:
    """One instance's state; `seen` has its events and, for figures, nodes."""
    if leaves(pod):
        return _leaving_state(pod, seen)
    if is_over(pod):
        return _ended_state(pod, seen)
    if is_ready(pod):
        return InstanceState(status="RUNNING", message=_past(pod, seen))
    trouble = worst(pod_troubles(pod, seen))
    if trouble:
        status = "FAILED" if trouble.failed else "PENDING"
        return InstanceState(status=status, reason=_reason(trouble), message=trouble.error.message)
    reason, message = _progress(pod, seen)
    return InstanceState(status="PENDING", reason=reason, message=message)


def _leaving_state(pod: Object, seen: Seen) -> InstanceState:
    """The state of an instance that is to end, which takes its host to do."""
    if error := unreachable(instance_name(pod), pod, seen.silent):
        return InstanceState(status="TERMINATING", reason=error.reason, message=f"it is to stop; {error.message}")
    return InstanceState(status="TERMINATING", reason="Terminating", message="it is being stopped")


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
    current = [pod for pod in _current(seen.pods) if not is_ready(pod)]
    found = [t for pod in current if not is_unplaced(pod) for t in pod_troubles(pod, seen)]
    return [*found, *_without_place(current, seen), *_refused(seen), *_evicted(seen), *_held_up(seen)]


def _held_up(seen: Seen) -> list[Trouble]:
    """Those that are to end and do not: a TApp's next life of an instance waits for that."""
    ending = list(filter(leaves, seen.pods))
    errors: list[MooringError] = [e for pod in ending if (e := unreachable(instance_name(pod), pod, seen.silent))]
    errors += [deletion_held("An instance that is to end", ending[0]["metadata"]["namespace"], [one]) for one in seen.held[:1]]
    return [Trouble(error=error, certain=False, failed=False, weight=4) for error in errors]


def _without_place(current: Iterable[Object], seen: Seen) -> list[Trouble]:
    """Those that find no node: of each version, for which the scheduler says the same, one trouble of all."""
    alike: dict[tuple[str, str], list[Object]] = {}
    for pod in filter(is_unplaced, current):
        version = pod["metadata"].get("labels", {}).get(TEMPLATE, "")
        alike.setdefault((version, condition(pod, "PodScheduled").get("message", "")), []).append(pod)
    return [without_place(pods, seen) for pods in alike.values()]


def _refused(seen: Seen) -> list[Trouble]:
    """Pods the cluster does not even take, by a rule of its own; certain only where it has said so again."""
    words = seen.refusal
    if not words:
        return []
    evidence = [Evidence(type="event", source="FailedCreate", text=words)]
    refused = read_refusal(words, "the instances", evidence)
    if refused is None:
        error = DeadlineExceeded(f"The cluster does not take all instances: {words}.", evidence=evidence)
        return [Trouble(error=error, certain=False, failed=False, weight=6)]
    certain = refused.certain and seen.refused_again
    return [Trouble(error=refused.error, certain=certain, failed=refused.certain, weight=9 if refused.certain else 6)]


def _evicted(seen: Seen) -> list[Trouble]:
    """Evictions that follow each other."""
    gone = not_outlived(seen.pods, seen.at)
    if not gone:
        return []
    error, certain = evicted(gone)
    return [Trouble(error=error, certain=certain, failed=True, weight=5)]


def _past(pod: Object, seen: Seen) -> str:
    """What a running instance has been through."""
    return "; ".join(_lived(pod, c, seen) for c in containers(pod) if c.end and not c.end.lost and c.restarts and not c.init)


def _lived(pod: Object, c: Container, seen: Seen) -> str:
    """How a container that runs again came to end before."""
    assert c.end
    told = f"container {c.name!r} was restarted {times(c.restarts)}"
    if probe := killing_probe(pod, c, seen.events):
        return f"{told}, last because its {probe.text}"
    words = f"{told}, last after exit code {c.exit_code} ({c.end.reason}){last_line(pod, c, seen)}"
    may_be_probe = c.exit_code == _SIGKILL and c.end.reason == "Error" and "liveness" in c.probes
    return f"{words}, as when its liveness probe fails: the events that would tell are gone" if may_be_probe else words


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
