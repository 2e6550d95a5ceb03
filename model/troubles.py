"""What is wrong with one pod, as the error it amounts to, with its evidence (Kubernetes: Pod Lifecycle; mission B, C).

It is told of the instance, by the name its user knows. `diagnosis.py` judges by it what becomes of the app.
"""

import re
from collections.abc import Mapping, Sequence

from model.base import Frozen
from model.errors import (
    CommandNotFound,
    CrashLoop,
    DeadlineExceeded,
    Evidence,
    ImageNotFound,
    MooringError,
    OutOfMemory,
    ProbeFailing,
    Unschedulable,
)
from model.events import as_evidence, event_count, events_of, failed_probes, said
from model.placement import why_unplaced
from model.pod_templates import instance_name
from model.pods import Container, Object, condition, containers, runs_to_end

ENDS_OF_A_LOOP = 3
_LOG_LINES, _LOG_CHARACTERS = 20, 4000
# The container runtime gives these causes no other form than words; each is its own, fixed, and read only here.
_NOT_EXECUTABLE = re.compile(r'exec: "(?P<program>[^"]*)": (?P<why>.+)', re.DOTALL)  # runc, from Go's os/exec
_PULL_NOT_FOUND = "code = NotFound"  # containerd's gRPC status
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


class Trouble(Frozen):
    """What is wrong: `error` with its evidence; `failed` when it will not come right without somebody's doing.

    `certain` says that it cannot come right, `weight` which of several is told.
    """

    model_config = {"arbitrary_types_allowed": True}

    error: MooringError
    certain: bool
    failed: bool
    weight: int


def worst(found: Sequence[Trouble]) -> Trouble | None:
    """The one to tell of several."""
    return max(found, key=lambda t: (t.certain, t.weight), default=None)


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
    error = Unschedulable(f"Instance {instance_name(pod)!r} has no node: {verdict.text}.", evidence=evidence)
    return Trouble(error=error, certain=verdict.never, failed=False, weight=7)


def _container_trouble(pod: Object, c: Container, seen: Seen) -> Trouble | None:
    where = f"{'init ' if c.init else ''}container {c.name!r} of instance {instance_name(pod)!r}"
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
    loop = c.ended >= ENDS_OF_A_LOOP and c.end.short and not c.running_since
    twice = c.ended >= 2 and c.end.short and not c.running_since
    not_executable = _NOT_EXECUTABLE.search(c.end.message) if c.end.reason == "StartError" else None
    if not_executable:
        text = f"The command {not_executable['program']!r} of the {where} cannot be executed: {not_executable['why']}."
        error: MooringError = CommandNotFound(text, evidence=evidence)
        return Trouble(error=error, certain=True, failed=True, weight=8)
    if c.end.reason == "OOMKilled":
        limit = _limit(pod, c, "memory")
        text = f"The {where} was ended {times(c.ended)} for using more memory than its limit{limit}."
        return Trouble(error=OutOfMemory(text, evidence=evidence), certain=twice, failed=True, weight=7)
    if probe := _killing_probe(pod, c, seen):
        text = f"The {where} was restarted {times(c.restarts or 1)} because its {probe}."
        return Trouble(error=ProbeFailing(text, evidence=evidence), certain=loop, failed=True, weight=6)
    if c.end.exit_code in (126, 127):
        what = "was not found" if c.end.exit_code == 127 else "could not be executed"
        text = f"The {where} ended {times(c.ended)} with exit code {c.end.exit_code}: a command it calls {what}{last}."
        return Trouble(error=CommandNotFound(text, evidence=evidence), certain=twice, failed=True, weight=7)
    if c.end.reason == "StartError":
        text = f"The {where} could not be started, tried {times(c.ended)}: {c.end.message}."
    else:
        text = f"The {where} ended {times(c.ended)}, the last time with exit code {c.end.exit_code}{last}."
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
    name, last = instance_name(pod), failures[-1]
    error = DeadlineExceeded(
        f"Instance {name!r} cannot be set up ({last['reason']}): {said(last)}.",
        hint="Provide or correct what it names, then retry.",
        evidence=as_evidence(failures, name),
    )
    return [Trouble(error=error, certain=False, failed=False, weight=6)]


def _killing_probe(pod: Object, c: Container, seen: Seen) -> str | None:
    """The failure of the liveness or startup probe for which the kubelet ended the container, if that was why."""
    if not ({"liveness", "startup"} & set(c.probes)) or c.exit_code not in _STOPPED_BY_KUBELET:
        return None
    failures = failed_probes(pod, c.name, seen.events)
    return said(failures[-1]) if failures else None


def times(count: int) -> str:
    """How often, in words.

    >>> times(1), times(3)
    ('once', '3 times')
    """
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
    instance = instance_name(pod)
    place = f"{instance}/{c.name}"
    found = []
    if c.end:
        text = f"exit code {c.end.exit_code} ({c.end.reason}) after {c.end.seconds:.0f} s, {c.restarts} restarts"
        found.append(Evidence(type="container", source=place, text=f"{text}. {c.end.message}".strip(), at=c.end.finished_at))
    log, life = _log_of(pod, c, seen)
    if log:
        tail = "\n".join(log.splitlines()[-_LOG_LINES:])[-_LOG_CHARACTERS:]
        found.append(Evidence(type="log", source=place + life, text=tail))
    return found + as_evidence([e for e in events_of(pod, seen.events) if e.get("type") == "Warning"], instance)
