"""Why no node takes a pod, in plain words and numbers (Kubernetes: Assigning Pods to Nodes; scheduler: NodeResourcesFit).

The scheduler says only "1 Insufficient cpu"; the numbers come from the nodes and what is bound to them.
"""

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from decimal import Decimal

from model.base import Frozen
from model.pods import Object, condition, is_over, requested
from model.quantities import amount

SIMULATED = "mooring.io/simulated"  # the taint of nodes that run nothing; unlike others it is never lifted
_SCHEDULER = re.compile(r"0/(\d+) nodes are available: (.*?)\.(?: preemption:.*)?", re.DOTALL)
_COUNTED = re.compile(r"\d+ (.*)")
_BYTES = frozenset({"memory", "ephemeral-storage"})
_NAMES = {"ephemeral-storage": "disk", "nvidia.com/gpu": "gpu", "pods": "room for pods"}


class Verdict(Frozen):
    """What keeps a pod from the nodes; `never` when no node could take it even if it were empty."""

    text: str
    never: bool


class _Obstacle(Frozen):
    kind: str
    text: str
    never: bool
    free: Decimal = Decimal(0)


def why_unplaced(pod: Object, nodes: Sequence[Object], bound: Iterable[Object]) -> Verdict:
    """Why `pod`, which the scheduler calls Unschedulable, fits no node; `bound` are the pods that have one.

    Without nodes the scheduler's own words are all there is, and nothing is certain.
    """
    said = condition(pod, "PodScheduled").get("message", "")
    used = _used(bound)
    obstacles = [_obstacles(pod, node, used.get(node["metadata"]["name"], {})) for node in nodes]
    if not nodes or not all(obstacles):
        return Verdict(text=plain(said), never=False)
    return Verdict(
        text=f"0 of {len(nodes)} nodes fit: {_together(obstacles)}", never=all(any(o.never for o in each) for each in obstacles)
    )


def plain(said: str) -> str:
    """The scheduler's message without its preamble.

    >>> plain("0/1 nodes are available: 1 Insufficient cpu. preemption: 0/1 nodes are available: 1 No victims.")
    '0 of 1 nodes fit: insufficient cpu'
    >>> plain("0/3 nodes are available: 1 Insufficient cpu, 2 node(s) were unschedulable.")
    '0 of 3 nodes fit: 1 insufficient cpu, 2 node(s) were unschedulable'
    """
    found = _SCHEDULER.fullmatch(said)
    if found is None:
        return said or "the scheduler has not placed it yet"
    reasons = found[2].replace("Insufficient", "insufficient")
    if found[1] == "1" and (counted := _COUNTED.fullmatch(reasons)):
        reasons = counted[1]
    return f"0 of {found[1]} nodes fit: {reasons}"


def _used(bound: Iterable[Object]) -> dict[str, dict[str, Decimal]]:
    used: dict[str, dict[str, Decimal]] = {}
    for pod in bound:
        if is_over(pod) or not (node := pod["spec"].get("nodeName")):
            continue
        sums = used.setdefault(node, {})
        for name, asked in requested(pod).items():
            sums[name] = sums.get(name, Decimal(0)) + asked
    return used


def _obstacles(pod: Object, node: Object, used: dict[str, Decimal]) -> list[_Obstacle]:
    spec = pod["spec"]
    found = _mismatches(spec, node)
    for taint in node["spec"].get("taints", []):
        if taint["effect"] != "PreferNoSchedule" and not any(_tolerates(t, taint) for t in spec.get("tolerations", [])):
            found.append(_Obstacle(kind=taint["key"], text=_taint(taint["key"]), never=taint["key"] == SIMULATED))
    kept = found[:1]
    allocatable = node["status"]["allocatable"]
    for name, asked in requested(pod).items():
        most = amount(allocatable.get(name, "0"))
        free = max(most - used.get(name, Decimal(0)), Decimal(0))
        if asked > free:
            text = f"insufficient {_NAMES.get(name, name)} (asked {_shown(name, asked)}, free {_shown(name, free)})"
            found.append(_Obstacle(kind=name, text=text, never=asked > most, free=free))
    # A node that does not take the pod at all counts once, as that; what is free there is of no use to it.
    return [kept[0].model_copy(update={"never": any(o.never for o in found)})] if kept else found


def _mismatches(spec: Object, node: Object) -> list[_Obstacle]:
    labels = node["metadata"].get("labels", {})
    wanted = [f"{k}={v}" for k, v in spec.get("nodeSelector", {}).items() if labels.get(k) != v]
    if wanted:
        return [_Obstacle(kind="labels", text=f"no label {', '.join(wanted)}", never=True)]
    required = spec.get("affinity", {}).get("nodeAffinity", {}).get("requiredDuringSchedulingIgnoredDuringExecution", {})
    terms = required.get("nodeSelectorTerms", [])
    if terms and not any(all(_matches(e, labels) for e in t.get("matchExpressions", [])) for t in terms):
        return [_Obstacle(kind="affinity", text="not what its node affinity requires", never=True)]
    return []


def _matches(expression: Object, labels: dict[str, str]) -> bool:
    """One requirement on a node's labels (Kubernetes: NodeSelectorRequirement)."""
    value, values = labels.get(expression["key"]), expression.get("values", [])
    match expression["operator"]:
        case "In":
            return value in values
        case "NotIn":
            return value not in values
        case "Exists":
            return value is not None
        case "DoesNotExist":
            return value is None
        case operator:
            if value is None or not value.lstrip("-").isdigit():
                return False
            return int(value) > int(values[0]) if operator == "Gt" else int(value) < int(values[0])


def _tolerates(toleration: Object, taint: Object) -> bool:
    """Kubernetes: Taints and Tolerations, matching."""
    if toleration.get("effect") not in (None, "", taint["effect"]):
        return False
    if toleration.get("operator") == "Exists":
        return toleration.get("key") in (None, "", taint["key"])
    return bool(toleration.get("key") == taint["key"] and toleration.get("value", "") == taint.get("value", ""))


def _taint(key: str) -> str:
    known = {
        "node.kubernetes.io/unschedulable": "cordoned",
        "node.kubernetes.io/not-ready": "not ready",
        "node.kubernetes.io/unreachable": "unreachable",
        SIMULATED: "only simulated, for who asks for that by nodeLabels",
    }
    return known.get(key, f"kept for others (taint {key})")


def _together(obstacles: Sequence[Sequence[_Obstacle]]) -> str:
    """Each kind once, counted where there are several nodes, with the numbers of the node that has most to give."""
    counts = Counter(o.kind for each in obstacles for o in each)
    told = []
    for kind, count in counts.most_common():
        best = max((o for each in obstacles for o in each if o.kind == kind), key=lambda o: o.free)
        told.append(best.text if len(obstacles) == 1 else f"{count} {best.text}")
    return ", ".join(told)


def _shown(name: str, value: Decimal) -> str:
    """An amount as people read it: cores, or GiB and MiB.

    >>> _shown("cpu", Decimal("1.200")), _shown("memory", Decimal(900 * 2**30)), _shown("memory", Decimal(2**24))
    ('1.2', '900 GiB', '16 MiB')
    """
    if name not in _BYTES:
        return _trimmed(value)
    gib = value / 2**30
    return f"{_trimmed(gib)} GiB" if gib >= 1 or value == 0 else f"{_trimmed(value / 2**20)} MiB"


def _trimmed(value: Decimal) -> str:
    rounded = f"{value:.2f}" if value < 10 else f"{value:.1f}"
    return rounded.rstrip("0").rstrip(".")
