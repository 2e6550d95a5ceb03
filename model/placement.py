"""Why no node takes a pod, in plain words and numbers (Kubernetes: Assigning Pods to Nodes; scheduler: NodeResourcesFit).

The scheduler says only "1 Insufficient cpu"; the numbers come from the nodes and what is bound to them.
"""

import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal

from model.base import Frozen
from model.pods import Object, condition, requested
from model.quantities import amount
from model.room import NAMES, Room, free_of, shown

SIMULATED = "mooring.io/simulated"  # the taint of nodes that run nothing; unlike others it is never lifted
_SCHEDULER = re.compile(r"0/(\d+) nodes are available: (.*?)\.(?: preemption:.*)?", re.DOTALL)
_COUNTED = re.compile(r"\d+ (.*)")
ANTI_AFFINITY, LABELS, NODE_AFFINITY = "anti-affinity", "labels", "affinity"
_PLUGINS = {
    "didn't match pod anti-affinity rules": ANTI_AFFINITY,
    "didn't satisfy existing pods anti-affinity rules": ANTI_AFFINITY,
}


class Verdict(Frozen):
    """What keeps a pod from the nodes; `never` when no node could take it even if it were empty.

    `kinds` are the obstacles': a resource, a taint's key, or ANTI_AFFINITY, LABELS, NODE_AFFINITY.
    """

    text: str
    never: bool
    kinds: frozenset[str] = frozenset()


class _Obstacle(Frozen):
    kind: str
    text: str
    never: bool
    free: Decimal = Decimal(0)


def why_unplaced(pod: Object, room: Room) -> Verdict:
    """Why `pod`, which the scheduler calls Unschedulable, fits no node.

    Without nodes the scheduler's own words are all there is, and nothing is certain.
    """
    said = condition(pod, "PodScheduled").get("message", "")
    obstacles = [_obstacles(pod, node, room.used) for node in room.nodes]
    if not room.nodes or not all(obstacles):
        return Verdict(text=plain(said), never=False, kinds=frozenset(kind for words, kind in _PLUGINS.items() if words in said))
    return Verdict(
        text=f"0 of {len(room.nodes)} nodes fit: {_together(obstacles)}",
        never=all(any(o.never for o in each) for each in obstacles),
        kinds=frozenset(o.kind for each in obstacles for o in each),
    )


def would_fit(pod: Object, room: Room, goes: Callable[[Object], bool]) -> bool:
    """Whether some node would take the pod if the bound pods that go were gone."""
    used = room.used_without(goes)
    return any(not _obstacles(pod, node, used) for node in room.nodes)


def places(pod: Object, room: Room, most: int) -> tuple[int, str]:
    """For how many pods like `pod` there is room now, `most` at most, and the resource that ends first, "" where none does."""
    found, scarce = 0, ""
    asks = {name: asked for name, asked in requested(pod).items() if asked}
    for node in room.nodes:
        if _closed(pod, node):
            continue
        fits = {name: int(free_of(node, room.used, name) / asked) for name, asked in asks.items()}
        scarce = min(fits, key=lambda name: fits[name])
        found += fits[scarce]
        if found >= most:
            return most, ""
    return found, scarce


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


def _obstacles(pod: Object, node: Object, used: Mapping[str, Mapping[str, Decimal]]) -> list[_Obstacle]:
    found = _closed(pod, node)
    kept = found[:1]
    for name, asked in requested(pod).items():
        most, free = amount(node["status"]["allocatable"].get(name, "0")), free_of(node, used, name)
        if asked > free:
            text = f"insufficient {NAMES.get(name, name)} (asked {shown(name, asked)}, free {shown(name, free)})"
            found.append(_Obstacle(kind=name, text=text, never=asked > most, free=free))
    # A node that does not take the pod at all counts once, as that; what is free there is of no use to it.
    return [kept[0].model_copy(update={"never": any(o.never for o in found)})] if kept else found


def _closed(pod: Object, node: Object) -> list[_Obstacle]:
    """Why the node does not take the pod however empty it is."""
    spec = pod["spec"]
    found = _mismatches(spec, node)
    for taint in node["spec"].get("taints", []):
        if taint["effect"] != "PreferNoSchedule" and not any(_tolerates(t, taint) for t in spec.get("tolerations", [])):
            found.append(_Obstacle(kind=taint["key"], text=_taint(taint["key"]), never=taint["key"] == SIMULATED))
    return found


def _mismatches(spec: Object, node: Object) -> list[_Obstacle]:
    labels = node["metadata"].get("labels", {})
    wanted = [f"{k}={v}" for k, v in spec.get("nodeSelector", {}).items() if labels.get(k) != v]
    if wanted:
        return [_Obstacle(kind=LABELS, text=f"no label {', '.join(wanted)}", never=True)]
    required = spec.get("affinity", {}).get("nodeAffinity", {}).get("requiredDuringSchedulingIgnoredDuringExecution", {})
    terms = required.get("nodeSelectorTerms", [])
    if terms and not any(all(_matches(e, labels) for e in t.get("matchExpressions", [])) for t in terms):
        return [_Obstacle(kind=NODE_AFFINITY, text="not what its node affinity requires", never=True)]
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
        "node.kubernetes.io/disk-pressure": "out of disk (disk pressure)",
        "node.kubernetes.io/memory-pressure": "out of memory (memory pressure)",
        "node.kubernetes.io/pid-pressure": "out of process ids (pid pressure)",
        "node.kubernetes.io/network-unavailable": "without a network",
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
