"""What keeps an app's instances from running, told in plain words and as the error it amounts to (mission B, C).

From raw pods, their events, log tails and nodes to each instance's state, to a *certain dead end* that ends an operation at
once, and to the best cause when its deadline has come. Pure; the caller reads what `wanted_logs` and `wants_nodes` name.

Certain is: an image the registry does not have; a command that cannot be executed; a container that ended three times, the
last time soon after its start (out of memory: twice, a shell's 126 or 127: twice); three evictions; a pod that Pod Security
refuses; a pod that no node could take even if it were empty. All else may still come right before the deadline: a failing
readiness probe, a node that is full, a registry that does not answer, a quota that others use up.
"""

import re
from collections.abc import Iterable, Mapping, Sequence

from model.base import Frozen
from model.errors import (
    CommandNotFound,
    CrashLoop,
    DeadlineExceeded,
    Evidence,
    Forbidden,
    ImageNotFound,
    MooringError,
    OutOfMemory,
    ProbeFailing,
    QuotaExceeded,
    Unschedulable,
)
from model.events import as_evidence, event_count, event_time, events_of, failed_probes, said
from model.placement import why_unplaced
from model.pods import Container, Object, condition, containers, is_over, is_ready, leaves, runs_to_end

_ENDS_OF_A_LOOP = 3
_MOST_LOGS = 3
_LOG_LINES, _LOG_CHARACTERS = 20, 4000
# The container runtime and the API server give these causes no other form than words; each is theirs, fixed, and read only here.
_NOT_EXECUTABLE = re.compile(r'exec: "(?P<program>[^"]*)": (?P<why>.+)', re.DOTALL)  # runc, from Go's os/exec
_PULL_NOT_FOUND = "code = NotFound"  # containerd's gRPC status
_POD_SECURITY = "violates PodSecurity"  # Kubernetes: Pod Security Admission
_QUOTA = "exceeded quota"  # Kubernetes: Resource Quotas
_PULLS = frozenset({"ErrImagePull", "ImagePullBackOff", "RegistryUnavailable", "ErrImageNeverPull"})
_SETUP_EVENTS = frozenset({"FailedMount", "FailedAttachVolume", "FailedCreatePodSandBox", "NodeNotReady"})
_STOPPED_BY_KUBELET = frozenset({0, 137, 143})  # it obeyed, or SIGKILL, SIGTERM


class LogRef(Frozen):
    """Which log to read: `previous` is the life before the running one."""

    pod: str
    container: str
    previous: bool = False


class Seen(Frozen):
    """What was read: the app's `pods` with their events and log tails, the nodes and all pods `bound` to them.

    `refusal` is in the cluster's words why it does not take further pods, "" where it does.
    """

    pods: Sequence[Object]
    events: Sequence[Object] = ()
    logs: Mapping[LogRef, str] = {}
    nodes: Sequence[Object] = ()
    bound: Sequence[Object] = ()
    refusal: str = ""


class InstanceState(Frozen):
    """An instance in the manual's words: PENDING, RUNNING, FAILED, KILLED, TERMINATING; `reason` is "" when it runs.

    COMPLETED is a Job's that has run to its end.
    """

    status: str
    reason: str = ""
    message: str = ""


class Trouble(Frozen):
    """What is wrong: `error` with its evidence; `failed` when it will not come right without somebody's doing.

    `certain` says that it cannot come right, `weight` which of several is told.
    """

    model_config = {"arbitrary_types_allowed": True}

    error: MooringError
    certain: bool
    failed: bool
    weight: int


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


def worst(found: Sequence[Trouble]) -> Trouble | None:
    """The one to tell of several."""
    return max(found, key=lambda t: (t.certain, t.weight), default=None)


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
        Evidence(type="event", source=f"pod {p['metadata']['name']}", text=p["status"].get("message", "")) for p in gone[-3:]
    ]
    error = CrashLoop(
        f"{len(gone)} instances were evicted by their node; the last one, {gone[-1]['metadata']['name']!r}: {words}",
        hint="Raise resources.disk, or write less to the container's own disk; then deploy again.",
        evidence=evidence,
    )
    return [Trouble(error=error, certain=len(gone) >= _ENDS_OF_A_LOOP, failed=True, weight=5)]


def pod_troubles(pod: Object, seen: Seen) -> list[Trouble]:
    """What is wrong with one pod."""
    if condition(pod, "PodScheduled").get("reason") == "Unschedulable":
        return [_unplaced(pod, seen)]
    found = [t for c in containers(pod) if (t := _container_trouble(pod, c, seen))]
    return found or _setup(pod, seen)


def _unplaced(pod: Object, seen: Seen) -> Trouble:
    verdict = why_unplaced(pod, seen.nodes, seen.bound)
    said = condition(pod, "PodScheduled")
    evidence = [
        Evidence(type="scheduler", source="default-scheduler", text=said.get("message", ""), at=said.get("lastTransitionTime"))
    ]
    error = Unschedulable(f"Instance {pod['metadata']['name']!r} has no node: {verdict.text}.", evidence=evidence)
    return Trouble(error=error, certain=verdict.never, failed=False, weight=7)


def _container_trouble(pod: Object, c: Container, seen: Seen) -> Trouble | None:
    where = f"{'init ' if c.init else ''}container {c.name!r} of instance {pod['metadata']['name']!r}"
    if c.waiting and (c.waiting.reason in _PULLS or c.waiting.reason == "InvalidImageName"):
        return _pull(pod, c, where, seen)
    done = c.end is not None and c.end.exit_code == 0 and runs_to_end(pod)
    if c.end and not c.end.lost and not c.ready and not done:
        return _ended(pod, c, where, seen)
    if c.waiting and c.waiting.reason in ("CreateContainerConfigError", "CreateContainerError"):
        error = DeadlineExceeded(
            f"The {where} cannot be made: {c.waiting.message}.",
            hint="Provide or correct what it names, then retry.",
            evidence=evidence_of(pod, c, seen),
        )
        return Trouble(error=error, certain=False, failed=False, weight=6)
    if c.running_since and not c.ready and not c.init:
        return _unready(pod, c, where, seen)
    return None


def _pull(pod: Object, c: Container, where: str, seen: Seen) -> Trouble:
    assert c.waiting
    evidence = evidence_of(pod, c, seen)
    if c.waiting.reason == "InvalidImageName":
        error: MooringError = ImageNotFound(f"The {where} has an image that is no image's name: {c.image!r}.", evidence=evidence)
        return Trouble(error=error, certain=True, failed=True, weight=8)
    if _PULL_NOT_FOUND in c.waiting.message:
        error = ImageNotFound(f"The registry has no image {c.image!r}, which the {where} needs.", evidence=evidence)
        return Trouble(error=error, certain=True, failed=True, weight=8)
    error = DeadlineExceeded(
        f"The node cannot pull the image {c.image!r} of the {where}: {c.waiting.message}.",
        hint="See whether the registry answers the cluster's nodes, then retry.",
        evidence=evidence,
    )
    return Trouble(error=error, certain=False, failed=False, weight=6)


def _ended(pod: Object, c: Container, where: str, seen: Seen) -> Trouble:
    """A container that has ended and is not well again: from its exit to the error it amounts to."""
    assert c.end
    evidence = evidence_of(pod, c, seen)
    last = last_line(pod, c, seen)
    loop = c.ended >= _ENDS_OF_A_LOOP and c.end.short and not c.running_since
    twice = c.ended >= 2 and c.end.short and not c.running_since
    not_executable = _NOT_EXECUTABLE.search(c.end.message) if c.end.reason == "StartError" else None
    if not_executable:
        text = f"The command {not_executable['program']!r} of the {where} cannot be executed: {not_executable['why']}."
        error: MooringError = CommandNotFound(text, evidence=evidence)
        return Trouble(error=error, certain=True, failed=True, weight=8)
    if c.end.reason == "OOMKilled":
        limit = _limit(pod, c, "memory")
        text = f"The {where} was ended {_times(c.ended)} for using more memory than its limit{limit}."
        return Trouble(error=OutOfMemory(text, evidence=evidence), certain=twice, failed=True, weight=7)
    if probe := _killing_probe(pod, c, seen):
        text = f"The {where} was restarted {_times(c.restarts or 1)} because its {probe}."
        return Trouble(error=ProbeFailing(text, evidence=evidence), certain=loop, failed=True, weight=6)
    if c.end.exit_code in (126, 127):
        what = "was not found" if c.end.exit_code == 127 else "could not be executed"
        text = f"The {where} ended {_times(c.ended)} with exit code {c.end.exit_code}: a command it calls {what}{last}."
        return Trouble(error=CommandNotFound(text, evidence=evidence), certain=twice, failed=True, weight=7)
    if c.end.reason == "StartError":
        text = f"The {where} could not be started, tried {_times(c.ended)}: {c.end.message}."
    else:
        text = f"The {where} ended {_times(c.ended)}, the last time with exit code {c.end.exit_code}{last}."
        if c.end.exit_code == 0 and not c.init:
            text += " An app's program has to keep running."
    return Trouble(error=CrashLoop(text, evidence=evidence), certain=loop, failed=c.ended > 1, weight=6)


def _unready(pod: Object, c: Container, where: str, seen: Seen) -> Trouble | None:
    """A running container that its probes do not find ready; None while they have not failed yet."""
    failures = failed_probes(pod, c.name, seen.events)
    if not failures:
        return None
    count = max(event_count(e) for e in failures)
    often = f" ({count} times)" if count > 1 else ""
    text = f"The {where} runs, but its {said(failures[-1])}{often}."
    return Trouble(error=ProbeFailing(text, evidence=evidence_of(pod, c, seen)), certain=False, failed=False, weight=5)


def _setup(pod: Object, seen: Seen) -> list[Trouble]:
    """What holds a pod up before any container: volumes, network, its node."""
    failures = [e for e in events_of(pod, seen.events) if e["reason"] in _SETUP_EVENTS]
    started = any(c.running_since or c.end for c in containers(pod))
    if not failures or (started and failures[-1]["reason"] != "NodeNotReady"):
        return []
    name, last = pod["metadata"]["name"], failures[-1]
    error = DeadlineExceeded(
        f"Instance {name!r} cannot be set up ({last['reason']}): {said(last)}.",
        hint="Provide or correct what it names, then retry.",
        evidence=as_evidence(failures),
    )
    return [Trouble(error=error, certain=False, failed=False, weight=6)]


def _past(pod: Object) -> str:
    """What a running instance has been through."""
    ended = [c for c in containers(pod) if c.end and not c.end.lost and c.restarts and not c.init]
    return "; ".join(
        f"container {c.name!r} was restarted {_times(c.restarts)}, last after exit code {c.exit_code} ({c.end.reason})"
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


def _killing_probe(pod: Object, c: Container, seen: Seen) -> str | None:
    """The failure of the liveness or startup probe for which the kubelet ended the container, if that was why."""
    if not ({"liveness", "startup"} & set(c.probes)) or c.exit_code not in _STOPPED_BY_KUBELET:
        return None
    failures = failed_probes(pod, c.name, seen.events)
    return said(failures[-1]) if failures else None


def _times(count: int) -> str:
    return {1: "once", 2: "twice"}.get(count, f"{count} times")


def _limit(pod: Object, c: Container, resource: str) -> str:
    spec = next(s for s in [*pod["spec"].get("initContainers", []), *pod["spec"]["containers"]] if s["name"] == c.name)
    limit = spec.get("resources", {}).get("limits", {}).get(resource)
    return f" of {limit}" if limit else ""


def _log_of(pod: Object, c: Container, seen: Seen) -> tuple[str, str]:
    """The log read of the container and which life it is of."""
    for previous in (True, False):
        text = seen.logs.get(LogRef(pod=pod["metadata"]["name"], container=c.name, previous=previous), "").strip()
        if text:
            return text, " (before its last restart)" if previous else ""
    return (c.end.message.strip(), "") if c.end and c.end.reason == "Error" else ("", "")


def last_line(pod: Object, c: Container, seen: Seen) -> str:
    """The last line a container wrote, as the end of a sentence; "" where it wrote none."""
    text, _ = _log_of(pod, c, seen)
    return f"; its last words: {text.splitlines()[-1][:300]!r}" if text else ""


def evidence_of(pod: Object, c: Container, seen: Seen) -> list[Evidence]:
    """The container's end, its log's tail, and the pod's warnings."""
    place = f"{pod['metadata']['name']}/{c.name}"
    found = []
    if c.end:
        text = f"exit code {c.end.exit_code} ({c.end.reason}) after {c.end.seconds:.0f} s, {c.restarts} restarts"
        found.append(Evidence(type="container", source=place, text=f"{text}. {c.end.message}".strip(), at=c.end.finished_at))
    log, life = _log_of(pod, c, seen)
    if log:
        tail = "\n".join(log.splitlines()[-_LOG_LINES:])[-_LOG_CHARACTERS:]
        found.append(Evidence(type="log", source=place + life, text=tail))
    return found + as_evidence([e for e in events_of(pod, seen.events) if e.get("type") == "Warning"])
