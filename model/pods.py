"""A raw pod read: its containers, how they live and die, what it asks for (Kubernetes: Pod v1, Pod Lifecycle)."""

import json
from datetime import datetime
from decimal import Decimal
from typing import Any

from model.base import Frozen
from model.quantities import amount

Object = dict[str, Any]
SHORT_LIFE_SECONDS = 60.0
# After an end a container has to run for twice as long as it did before, within these seconds, until it counts as stable.
_LEAST_STABLE, _MOST_STABLE = 10.0, 600.0
# On a pod whose images were changed in place: by container the id of the life that ran before (a JSON object).
REPLACED = "mooring.io/replaced"
RESTARTS_BEFORE = "mooring.io/restarts-before"  # by container how often it had been restarted until then (a JSON object)
# As the kubelet ends a container: it obeys, or SIGKILL, SIGTERM. One that is changed and changed back may be ended twice for it.
_ENDED_BY_KUBELET, _ENDS_OF_A_CHANGE = frozenset({0, 137, 143}), 2
_TO_BE_ENDED = 15.0  # seconds in which the kubelet has begun to end what it is to end
JOB_NAME = "batch.kubernetes.io/job-name"


def stable_after(life: float) -> float:
    """For how many seconds what follows a life of so many has to last until it may be taken for stable.

    >>> stable_after(1), stable_after(30), stable_after(3600)
    (10.0, 60, 600.0)
    """
    return min(max(2 * life, _LEAST_STABLE), _MOST_STABLE)


class End(Frozen):
    """How a container's life ended; `seconds` is how long it ran, 0 when it could not even be started."""

    exit_code: int
    reason: str
    message: str
    finished_at: str | None
    seconds: float

    @property
    def short(self) -> bool:
        """Whether it ended soon after its start, as in a loop; one that ran for long may just run again."""
        return self.seconds < SHORT_LIFE_SECONDS

    @property
    def lost(self) -> bool:
        """Whether the node lost sight of it (a restart of the container runtime): says nothing about the program."""
        return self.reason in ("Unknown", "ContainerStatusUnknown")


class Waiting(Frozen):
    """Why a container does not run yet, in the kubelet's words."""

    reason: str
    message: str


class Container(Frozen):
    """One container of a pod as it stands; `ended` counts its lives that are over, `end` is the last of them.

    `id` is the newest life's in the container runtime, "" before the first. `image` is what the pod says, `runs` what that life
    is of: another one while an image is changed in place, as far as the runtime has `told`.
    """

    name: str
    id: str
    image: str
    runs: str
    told: bool
    init: bool
    ready: bool
    started: bool
    restarts: int
    running_since: str | None
    waiting: Waiting | None
    end: End | None
    ended: int
    probes: dict[str, Object]

    def loops(self, now: datetime) -> bool:
        """Whether it ended not long after its start, and has not run for so much longer since that it may be taken for stable.

        A program that crashes again and again is ready in between, for as long as it runs; one that ran for long just runs again.
        """
        if self.end is None or self.end.lost or self.end.seconds >= _MOST_STABLE:
            return False
        return self.running_since is None or (now - _time(self.running_since)).total_seconds() <= stable_after(self.end.seconds)

    @property
    def exit_code(self) -> int | None:
        """The exit code of the life that ended last, None while it has none."""
        return self.end.exit_code if self.end else None


def containers(pod: Object) -> list[Container]:
    """The pod's containers, init containers first, each in the order of the spec; also those the kubelet has not met yet.

    A life that ended because its image was changed in place is no end of its own doing.
    """
    found = []
    replaced, before = replaced_lives(pod), _noted(pod, RESTARTS_BEFORE)
    for init, field in ((True, "initContainers"), (False, "containers")):
        statuses = {s["name"]: s for s in pod["status"].get("initContainerStatuses" if init else "containerStatuses", [])}
        for spec in pod["spec"].get(field, []):
            name = spec["name"]
            found.append(_container(spec, statuses.get(name, {}), init, replaced.get(name), before.get(name)))
    return found


def replaced_lives(pod: Object) -> dict[str, str]:
    """By container the id of the life that ran before its image was changed in place."""
    return _noted(pod, REPLACED)


def moving(pod: Object, now: datetime | None = None) -> list[Container]:
    """The containers whose image was changed in place and that are not of it yet: what ran before still ends, or began meanwhile.

    The kubelet has to have seen the change (Kubernetes: PodStatus, observedGeneration), and the newest life to be of the image: by
    its digest, else by being another life than the one before. Where two equal images have one digest, it is taken for the new
    one when it has run for longer, at `now`, than one that is to end could.
    """
    noted, seen = replaced_lives(pod), pod["status"].get("observedGeneration")
    unseen = seen is not None and seen < pod["metadata"].get("generation", 0)
    longest = pod["spec"].get("terminationGracePeriodSeconds", 0) + _TO_BE_ENDED

    def is_new(c: Container) -> bool:
        if c.runs != c.image:
            lasts = now and c.running_since and (now - _time(c.running_since)).total_seconds() > longest
            return bool(lasts) and c.id != noted[c.name]
        return c.told or c.id != noted[c.name]

    return [c for c in containers(pod) if not c.init and c.name in noted and (unseen or not is_new(c))]


def _noted(pod: Object, annotation: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(pod["metadata"].get("annotations", {}).get(annotation, "{}"))
    return found


def _container(spec: Object, status: Object, init: bool, replaced: str | None, restarts_before: int | None) -> Container:
    state, last = status.get("state", {}), status.get("lastState", {})
    over = state.get("terminated") or last.get("terminated")
    restarts = status.get("restartCount", 0)
    obeyed = bool(over and over["exitCode"] in _ENDED_BY_KUBELET and over.get("reason") != "OOMKilled")
    changed = restarts_before is not None and obeyed and restarts - restarts_before <= _ENDS_OF_A_CHANGE
    by_us = changed or bool(over and replaced and over.get("containerID") == replaced)
    digest = status.get("imageID", "").partition("@")[2]
    name, _, wanted = spec["image"].partition("@")
    running = state.get("running")
    return Container(
        name=spec["name"],
        id=status.get("containerID", ""),
        image=spec["image"],
        runs=f"{name}@{digest}" if replaced is not None and digest and wanted else spec["image"],
        told=bool(digest),
        init=init,
        ready=status.get("ready", False),
        started=bool(status.get("started")),
        restarts=restarts,
        running_since=running.get("startedAt") if running else None,
        waiting=_waiting(state),
        end=_end(over) if over and not by_us else None,
        # Restarts count the lives begun after the first; the newest is over too unless it runs.
        ended=0 if by_us else restarts + (1 if over and not running else 0),
        probes={kind: spec[f"{kind}Probe"] for kind in ("startup", "liveness", "readiness") if f"{kind}Probe" in spec},
    )


def _waiting(state: Object) -> Waiting | None:
    if "waiting" not in state:
        return None
    return Waiting(reason=state["waiting"].get("reason", ""), message=state["waiting"].get("message", ""))


def _end(over: Object) -> End:
    began, finished = over.get("startedAt"), over.get("finishedAt")
    seconds = (_time(finished) - _time(began)).total_seconds() if began and finished else 0.0
    return End(
        exit_code=over["exitCode"],
        reason=over.get("reason", ""),
        message=over.get("message", ""),
        finished_at=finished,
        seconds=0.0 if over.get("reason") == "StartError" else seconds,  # its start is given as 1970
    )


def _time(text: str) -> datetime:
    return datetime.fromisoformat(text)


def condition(owner: Object, kind: str) -> Object:
    """The condition of that type, {} when there is none."""
    found: list[Object] = [c for c in owner.get("status", {}).get("conditions", []) if c["type"] == kind]
    return found[0] if found else {}


def is_ready(pod: Object) -> bool:
    """Whether the pod serves: every container ready and the pod not on its way out."""
    return condition(pod, "Ready").get("status") == "True" and not leaves(pod)


def leaves(pod: Object) -> bool:
    """Whether the pod is being deleted."""
    return "deletionTimestamp" in pod["metadata"]


def is_over(pod: Object) -> bool:
    """Whether none of its containers will run again (evicted, or its node shut down)."""
    return pod["status"].get("phase") in ("Failed", "Succeeded")


def runs_to_end(pod: Object) -> bool:
    """Whether the pod is a Job's (Kubernetes: Job v1 batch sets the label)."""
    return JOB_NAME in pod["metadata"].get("labels", {})


def requested(pod: Object) -> dict[str, Decimal]:
    """What the scheduler reserves for the pod: its containers together, or its largest init container; overhead and itself counted.

    >>> requested({"spec": {"containers": [{"resources": {"requests": {"cpu": "250m"}}}, {}]}})["cpu"]
    Decimal('0.250')
    """
    spec = pod["spec"]
    together: dict[str, Decimal] = {"pods": Decimal(1)}
    for container in spec["containers"]:
        _add(together, container.get("resources", {}).get("requests", {}))
    for container in spec.get("initContainers", []):
        alone = container.get("resources", {}).get("requests", {})
        for name, text in alone.items():
            together[name] = max(together.get(name, Decimal(0)), amount(text))
    _add(together, spec.get("overhead", {}))
    return together


def _add(sums: dict[str, Decimal], amounts: dict[str, str]) -> None:
    for name, text in amounts.items():
        sums[name] = sums.get(name, Decimal(0)) + amount(text)
