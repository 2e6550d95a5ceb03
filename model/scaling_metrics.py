"""How many instances one metric asks for, as Kubernetes' HorizontalPodAutoscaler reckons it.

Source: Kubernetes, Horizontal Pod Autoscaling, Algorithm details, and what its controller does where the words leave it open
(pkg/controller/podautoscaler/replica_calculator.go); its defaults are the constants here. Pure; cpu is in thousandths of a core.
"""

import math
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Literal

from model.autoscaling import MetricTarget
from model.base import Body, Frozen
from model.pods import Object, condition, leaves
from model.quantities import amount

TOLERANCE = 0.1  # --horizontal-pod-autoscaler-tolerance
INITIAL_READINESS_DELAY = timedelta(seconds=30)  # --horizontal-pod-autoscaler-initial-readiness-delay
CPU_INITIALIZATION_PERIOD = timedelta(minutes=5)  # --horizontal-pod-autoscaler-cpu-initialization-period

PodState = Literal["ready", "unready", "missing", "ignored"]


class Use(Frozen):
    """What a pod used: thousandths of a core, averaged over the window that ended at `at`."""

    millicores: float
    at: datetime
    window: timedelta


class Proposal(Body):
    """What one metric asks for; `replicas` None where it cannot be known, and `message` says why, or how it was reckoned.

    `current` and `target` are percent of the request for cpu, the query's value per instance otherwise.
    """

    metric: str
    target: float
    current: float | None = None
    ratio: float | None = None
    ready: int = 0
    unready: int = 0
    missing: int = 0
    replicas: int | None = None
    message: str = ""


def pod_state(pod: Object, use: Use | None, now: datetime) -> PodState:
    """How a pod counts towards cpu.

    One that leaves or failed is ignored, one that is pending is unready, one without a metric is missing. While a pod is younger
    than the initialization period its metric counts only when the pod is ready and a whole window was measured since it got ready:
    a pod started at 12:00:00 and ready at 12:00:10 with windows of 15 s counts from the metric of 12:00:25 on. After that, an
    unready pod's metric counts too, unless the pod has never been ready, which is taken to be so when it turned unready within
    the initial readiness delay of its start.
    """
    phase = pod["status"].get("phase")
    if leaves(pod) or phase == "Failed":
        return "ignored"
    if phase == "Pending":
        return "unready"
    if use is None:
        return "missing"
    ready, started = condition(pod, "Ready"), pod["status"].get("startTime")
    if not ready or started is None:
        return "unready"
    begun, turned = datetime.fromisoformat(started), datetime.fromisoformat(ready["lastTransitionTime"])
    if begun + CPU_INITIALIZATION_PERIOD > now:
        unready = ready["status"] == "False" or use.at < turned + use.window
    else:
        unready = ready["status"] == "False" and begun + INITIAL_READINESS_DELAY > turned
    return "unready" if unready else "ready"


def by_cpu(current: int, target: int, pods: Sequence[Object], uses: Mapping[str, Use], now: datetime) -> Proposal:
    """What cpu asks for: `target` percent of what the pods request, over those that are ready.

    ceil(ready × utilization ÷ target): 2 ready pods that request 100m and use 200m each are at 200 %; at a target of 50 % the
    ratio is 4 and 8 are asked for. Within the tolerance of 0.1 nothing changes: 2 at 54 % stay 2.

    Dampening: pods without a metric are taken to use nothing when that would add instances, and their whole request (or the
    target, where that is more) when it would take some away; unready ones to use nothing when it would add some. 2 ready pods at
    100 %, 2 unready, target 50 %: the ratio 2 becomes (2 × 100 %) ÷ (4 × 50 %) = 1, and nothing changes. Where reckoned so the
    direction turns, nothing changes either.
    """
    sorted_pods = {p["metadata"]["name"]: pod_state(p, uses.get(p["metadata"]["name"]), now) for p in pods}
    counts = {state: list(sorted_pods.values()).count(state) for state in ("ready", "unready", "missing")}
    told = Proposal(metric="cpu", target=target, **counts)
    try:
        requests = {p["metadata"]["name"]: _request(p) for p in pods}
    except LookupError as error:
        return told.model_copy(update={"message": str(error)})
    by_state = {state: [name for name, found in sorted_pods.items() if found == state] for state in counts}
    if not by_state["ready"]:
        return told.model_copy(update={"message": _nothing_measured(counts)})
    used = {name: uses[name].millicores for name in by_state["ready"]}
    measured = _ratio(used, requests, target)
    told = told.model_copy(update={"current": round(measured * target, 1), "ratio": round(measured, 3)})
    if not by_state["missing"] and not (by_state["unready"] and measured > 1):
        return _reckoned(told, current, measured, len(used))
    assumed = 0.0 if measured > 1 else max(100, target) / 100
    used |= {name: assumed * requests[name] for name in by_state["missing"] if measured != 1}
    used |= {name: 0.0 for name in by_state["unready"] if measured > 1}
    dampened = _ratio(used, requests, target)
    told = told.model_copy(update={"ratio": round(dampened, 3)})
    if (measured < 1 < dampened) or (dampened < 1 < measured):
        return _unchanged(told, current, "with what is not measured assumed it would turn the other way")
    return _reckoned(told, current, dampened, len(used))


def by_query(current: int, wanted: MetricTarget, value: float) -> Proposal:
    """What a query asks for: ceil(value ÷ target), unless the share of each instance is within the tolerance of the target.

    As Kubernetes' external metrics with an average value: 470 requests a second at a target of 100 ask for 5; with 5 instances
    each bears 94, the ratio 0.94 is within the tolerance, and 5 it stays. A query that divides by 0 asks for no number.
    """
    ratio, times = value / (wanted.target * current), value / wanted.target
    told = Proposal(metric=wanted.query, target=wanted.target)
    if not (math.isfinite(ratio) and math.isfinite(times)):
        return told.model_copy(update={"message": f"{value:g} ÷ {wanted.target:g} is no number of instances"})
    told = told.model_copy(update={"current": round(value / current, 4), "ratio": round(ratio, 3)})
    if _within(ratio):
        return _unchanged(told, current, f"within {TOLERANCE:g} of the target")
    asked = max(0, math.ceil(times))
    return told.model_copy(update={"replicas": asked, "message": f"{value:g} ÷ {wanted.target:g} asks for {asked}"})


def _ratio(used: Mapping[str, float], requests: Mapping[str, float], target: int) -> float:
    """Utilization over target; it is whole percent, as in Kubernetes: 100.7 % at a target of 50 % is 2, not 2.014."""
    return math.floor(round(sum(used.values()) * 100 / sum(requests[name] for name in used), 6)) / target


def _within(ratio: float) -> bool:
    """Whether it is so near to 1 that nothing changes; 55 % at a target of 50 % is, whatever binary fractions make of it."""
    return abs(1 - ratio) <= TOLERANCE + 1e-9


def _reckoned(told: Proposal, current: int, ratio: float, pods: int) -> Proposal:
    if _within(ratio):
        return _unchanged(told, current, f"within {TOLERANCE:g} of the target")
    asked = math.ceil(round(ratio * pods, 9))
    if (ratio < 1 and asked > current) or (ratio > 1 and asked < current):
        return _unchanged(told, current, "not all its instances are there yet")
    return told.model_copy(update={"replicas": asked, "message": f"{pods} × {ratio:.3g} asks for {asked}"})


def _unchanged(told: Proposal, current: int, why: str) -> Proposal:
    return told.model_copy(update={"replicas": current, "message": f"asks for no change: {why}"})


def _request(pod: Object) -> float:
    """The thousandths of a core a pod requests, in all its containers; raises LookupError where none requests any.

    Kubernetes' own leaves a pod alone of which one container requests none; the manual's pod of two, one of which does, is to be
    scaled (pod编排接口).
    """
    asked = [c.get("resources", {}).get("requests", {}).get("cpu") for c in pod["spec"]["containers"]]
    if not any(asked):
        raise LookupError(f"{pod['metadata']['name']!r} requests no cpu")
    return float(sum(amount(text) * 1000 for text in asked if text))


def _nothing_measured(counts: Mapping[str, int]) -> str:
    if not any(counts.values()):
        return "there are no instances to measure"
    return f"nothing is measured yet: {counts['unready']} not ready for long enough, {counts['missing']} without a metric"
