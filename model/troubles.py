"""What is wrong with one pod, as the error it amounts to, with its evidence (Kubernetes: Pod Lifecycle; mission B, C).

It is told of the instance, by the name its user knows. `diagnosis.py` judges by it what becomes of the app.
"""

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

from pydantic import PrivateAttr

from model.base import Frozen
from model.causes import Cause
from model.config_uses import uses_of_pod
from model.errors import (
    BY_REASON,
    CommandNotFound,
    CrashLoop,
    DeadlineExceeded,
    Evidence,
    ImageNotFound,
    MooringError,
    OperationError,
    OutOfMemory,
    ProbeFailing,
)
from model.events import as_evidence, events_of, said
from model.held import Held
from model.hosts import unreachable
from model.last_words import ENDED_WELL, hint_of, refused, unfinished_call, unstartable
from model.pod_templates import instance_name
from model.pods import Container, Object, condition, containers, runs_to_end
from model.probing import killing_probe, probe_failure
from model.pulls import pull_error
from model.room import Room
from model.serving import hint_of_default
from model.unplaced import unplaced

ENDS_OF_A_LOOP = 3
_LONG_AFTER = datetime(9999, 1, 1, tzinfo=UTC)
_LOG_LINES, _LOG_CHARACTERS = 20, 4000
# The container runtime gives these causes no other form than words; each is its own, fixed, and read only here.
_NOT_EXECUTABLE = re.compile(r'exec: "(?P<program>[^"]*)": (?P<why>.+)', re.DOTALL)  # runc, from Go's os/exec
_PULLS = frozenset({"ErrImagePull", "ImagePullBackOff", "RegistryUnavailable", "ErrImageNeverPull"})
_SETUP_EVENTS = frozenset({"FailedMount", "FailedAttachVolume", "FailedCreatePodSandBox", "NodeNotReady"})


class LogRef(Frozen):
    """Which log to read: `previous` is the life before the running one."""

    pod: str
    container: str
    previous: bool = False


class Seen(Frozen):
    """What was read: the app's `pods` with their events and log tails, the nodes and all pods `bound` to them.

    `refusal` is in the cluster's words why it does not take further pods, "" where it does; `refused_again` is False while they may
    be of long ago. `withheld` has by `configmap/name` why a group that pods need did not get into the cluster, `silent`
    by host in words that it does not report. `held` are those of the pods that were to be gone and that finalizers hold. `at` is
    when it was read, long after all of it where nobody says: then what runs has lasted.
    """

    pods: Sequence[Object]
    events: Sequence[Object] = ()
    logs: Mapping[LogRef, str] = {}
    nodes: Sequence[Object] = ()
    bound: Sequence[Object] = ()
    refusal: str = ""
    refused_again: bool = True
    withheld: Mapping[str, OperationError] = {}
    silent: Mapping[str, str] = {}
    held: Sequence[Held] = ()
    at: datetime = _LONG_AFTER
    _room: Room | None = PrivateAttr(None)

    @property
    def room(self) -> Room:
        """What the nodes have and who uses it, reckoned once."""
        if self._room is None or self._room.bound is not self.bound or self._room.nodes is not self.nodes:
            self._room = Room(self.nodes, self.bound)
        return self._room

    def platform_of(self, pod: Object) -> str:
        """The platform of the pod's node, as linux/amd64; "" where the node was not read."""
        mine = [node for node in self.nodes if node["metadata"]["name"] == pod["spec"].get("nodeName")]
        info = mine[0]["status"].get("nodeInfo", {}) if mine else {}
        return f"{info['operatingSystem']}/{info['architecture']}" if info else ""


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
    if is_unplaced(pod):
        return [without_place([pod], seen)]
    if error := unreachable(instance_name(pod), pod, seen.silent):
        return [Trouble(error=error, certain=False, failed=False, weight=8)]  # what its host told before is of the past
    if withheld := _withheld(pod, seen):
        return [withheld]
    found = [t for c in containers(pod) if (t := _container_trouble(pod, c, seen))]
    return found or _setup(pod, seen)


def restarts(pod: Object, seen: Seen, now: datetime) -> list[Trouble]:
    """Of the pod's containers those that end again and again, or have just begun to, whether they run now or not."""
    return [_ended(pod, c, _where(pod, c), seen) for c in containers(pod) if not c.init and c.loops(now)]


def is_unplaced(pod: Object) -> bool:
    """Whether the scheduler has looked for a node for the pod and found none."""
    return bool(condition(pod, "PodScheduled").get("reason") == "Unschedulable")


def is_pulled_in_vain(c: Container) -> bool:
    """Whether the container waits for an image that the node could not get so far."""
    return c.waiting is not None and c.waiting.reason in _PULLS


def without_place(alike: Sequence[Object], seen: Seen) -> Trouble:
    """The trouble of pods that are alike and of which none finds a node."""
    error, never = unplaced(alike, seen.room)
    return Trouble(error=error, certain=never, failed=False, weight=7)


def _withheld(pod: Object, seen: Seen) -> Trouble | None:
    """A group that the pod waits for, where the operation that was to bring it to the cluster has failed."""
    if not seen.withheld or any(c.running_since or c.end for c in containers(pod)):
        return None
    for part in sorted({f"{use.kind}/{use.group}" for use in uses_of_pod(pod)} & seen.withheld.keys()):
        told = seen.withheld[part]
        kind = BY_REASON.get(told.reason, DeadlineExceeded)
        error = kind(
            f"Instance {instance_name(pod)!r} waits for {part}, which did not get into the cluster: {told.message}",
            hint=told.hint,
            evidence=told.evidence,
        )
        certain = not kind.transient and kind is not DeadlineExceeded
        return Trouble(error=error, certain=certain, failed=certain, weight=9)
    return None


def _container_trouble(pod: Object, c: Container, seen: Seen) -> Trouble | None:
    where = _where(pod, c)
    if is_pulled_in_vain(c) or (c.waiting and c.waiting.reason == "InvalidImageName"):
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


def _where(pod: Object, c: Container) -> str:
    return f"{'init ' if c.init else ''}container {c.name!r} of instance {instance_name(pod)!r}"


def _pull(pod: Object, c: Container, where: str, seen: Seen) -> Trouble:
    assert c.waiting
    evidence = evidence_of(pod, c, seen)
    if c.waiting.reason == "InvalidImageName":
        error: MooringError = ImageNotFound(f"The {where} has an image that is no image's name: {c.image!r}.", evidence=evidence)
        return Trouble(error=error, certain=True, failed=True, weight=8)
    error, certain = pull_error(c.image, where, c.waiting.message, evidence)
    return Trouble(error=error, certain=certain, failed=certain, weight=8 if certain else 6)


def _ended(pod: Object, c: Container, where: str, seen: Seen) -> Trouble:
    """A container that has ended and is not well again: from its exit to the error it amounts to."""
    assert c.end
    evidence = evidence_of(pod, c, seen)
    loop = c.ended >= ENDS_OF_A_LOOP and c.end.short and not c.running_since
    twice = c.ended >= 2 and c.end.short and not c.running_since
    if never := _never_begun(pod, c, where, seen):
        return Trouble(error=never, certain=True, failed=True, weight=8)
    if c.end.reason == "OOMKilled":
        limit = _limit(pod, c, "memory")
        text = f"The {where} was ended {times(c.ended)} for using more memory than its limit{limit}."
        return Trouble(error=OutOfMemory(text, evidence=evidence), certain=twice, failed=True, weight=7)
    if probe := killing_probe(pod, c, seen.events):
        text = f"The {where} was restarted {times(c.restarts or 1)} because its {probe.text}."
        # Whether it runs at the moment says nothing: the kubelet takes its time to find that the probe fails again.
        certain = c.ended >= ENDS_OF_A_LOOP and c.end.short and c.loops(seen.at)
        return Trouble(error=ProbeFailing(text, evidence=evidence), certain=certain, failed=True, weight=6)
    last = last_line(pod, c, seen)
    if c.end.exit_code in (126, 127):
        what = "was not found" if c.end.exit_code == 127 else "could not be executed"
        text = f"The {where} ended {times(c.ended)} with exit code {c.end.exit_code}: a command it calls {what}{last}."
        error = CommandNotFound(text, hint=unfinished_call(c.end.exit_code), cause=Cause.SCRIPT, evidence=evidence)
        return Trouble(error=error, certain=twice, failed=True, weight=7)
    return Trouble(error=_crash(pod, c, where, seen), certain=loop, failed=c.ended > 1, weight=6)


def _never_begun(pod: Object, c: Container, where: str, seen: Seen) -> MooringError | None:
    """The error of a program that the runtime or the loader refuses, which the next try does as well; None where it began."""
    assert c.end
    evidence = evidence_of(pod, c, seen)
    if c.end.reason == "StartError" and (no := _NOT_EXECUTABLE.search(c.end.message)):
        hint, cause = refused(no["why"])
        text = f"The command {no['program']!r} of the {where} cannot be executed: {no['why']}."
        return CommandNotFound(text, hint=hint, cause=cause, evidence=evidence)
    host = pod["spec"].get("nodeName", "")
    found = unstartable(_log_of(pod, c, seen)[0], c.end.exit_code, seen.platform_of(pod), host) if c.end.short else None
    if found is None:
        return None
    program = f"program {found.program!r}" if found.program else "program"
    return CommandNotFound(f"The {program} of the {where} {found.text}.", hint=found.hint, cause=Cause.IMAGE, evidence=evidence)


def _crash(pod: Object, c: Container, where: str, seen: Seen) -> MooringError:
    """The error of a program that began and ended, or for which not even that could be made."""
    assert c.end
    evidence, last = evidence_of(pod, c, seen), last_line(pod, c, seen)
    if c.end.reason == "StartError":
        text = f"The {where} could not be started, tried {times(c.ended)}: {c.end.message}."
        return CrashLoop(text, evidence=evidence)
    text = f"The {where} ended {times(c.ended)}, the last time with exit code {c.end.exit_code}{last}."
    if c.end.exit_code == 0 and not c.init:
        return CrashLoop(f"{text} An app's program has to keep running.", hint=ENDED_WELL, evidence=evidence)
    return CrashLoop(text, hint=hint_of(_log_of(pod, c, seen)[0]) if c.end.exit_code else None, evidence=evidence)


def _unready(pod: Object, c: Container, where: str, seen: Seen) -> Trouble | None:
    """A running container that its probes do not find ready; None while they have not failed yet."""
    starting = "startup" in c.probes and not c.started
    failure = probe_failure(pod, c, seen.events, "startup" if starting else "readiness", since=c.running_since)
    if failure is None:
        return None
    text = f"The {where} runs, but its {failure.text}."
    hint = None if starting else hint_of_default(c.probes["readiness"])
    error = ProbeFailing(text, hint=hint, evidence=evidence_of(pod, c, seen))
    return Trouble(error=error, certain=False, failed=False, weight=5)


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
    log, life = _log_of(pod, c, seen)
    if c.end:
        text = f"exit code {c.end.exit_code} ({c.end.reason}) after {c.end.seconds:.0f} s, {c.restarts} restarts"
        words = c.end.message.strip()
        told = words and words.splitlines()[-1] not in log  # the kubelet's words are the log's end, where there is one
        found.append(Evidence(type="container", source=place, text=f"{text}. {words}" if told else text, at=c.end.finished_at))
    if log:
        tail = "\n".join(log.splitlines()[-_LOG_LINES:])[-_LOG_CHARACTERS:]
        found.append(Evidence(type="log", source=place + life, text=tail))
    ended = c.end.message if c.end else ""
    warnings = [e for e in events_of(pod, seen.events) if e.get("type") == "Warning" and not _says(ended, e.get("message", ""))]
    return found + as_evidence(warnings, instance)


def _says(words: str, message: str) -> bool:
    """Whether an event's message is the kubelet's words on the container's end once more."""
    return bool(words) and words.strip() in message
