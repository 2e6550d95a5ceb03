"""The error of instances that find no node: what keeps them out, who has the room, and what helps (mission B, C)."""

from collections.abc import Callable, Sequence

from model.causes import Cause
from model.errors import Evidence, Unschedulable
from model.placement import ANTI_AFFINITY, LABELS, NODE_AFFINITY, Verdict, why_unplaced, would_fit
from model.pod_templates import instance_name
from model.pods import Object, condition, leaves
from model.room import NAMES, Room, is_of_version_before

_MISMATCH = "Correct nodeLabels or the affinity and roll out, or have a node labelled so; then retry."
_NEVER = "Roll out with less of what the message names: no node has that much, even if it were empty."
_APART = (
    "Each instance wants a node of its own: scale to as many as there are nodes, or make the rule one that is preferred, not "
    "required. For an upgrade roll out with maxSurge 0: then an old instance goes before its successor comes, and that one's "
    "place does not serve meanwhile."
)
_BESIDE = (
    "Roll out with maxSurge 0: then an old instance goes before its successor comes, into its place. It costs that {few} "
    "meanwhile. Or free something, or add a node, and retry."
)


def unplaced(alike: Sequence[Object], room: Room) -> tuple[Unschedulable, bool]:
    """The error of pods that are alike and that no node takes, and whether none ever will.

    `alike` is one instance, or several of one version.
    """
    pod = alike[0]
    verdict, told = why_unplaced(pod, room), condition(pod, "PodScheduled")
    evidence = [
        Evidence(type="scheduler", source="default-scheduler", text=told.get("message", ""), at=told.get("lastTransitionTime"))
    ]
    who = f"Instance {instance_name(pod)!r} has" if len(alike) == 1 else f"{len(alike)} instances have"
    beside = not verdict.never and is_held_by_version_before(pod, room)
    text = f"{who} no node: {verdict.text}{_users(pod, verdict, room)}"
    text += "; the version before holds the place, and goes only when they serve" if beside else ""
    hint, cause = _way_out(pod, verdict, room, beside=beside)
    return Unschedulable(f"{text}.", hint=hint, cause=cause, evidence=evidence), verdict.never


def is_held_by_version_before(pod: Object, room: Room) -> bool:
    """Whether the pod would have a place if the instances of its app's other versions were gone."""
    return _is_freed(pod, room, lambda other: is_of_version_before(pod, other))


def is_coming(pod: Object, room: Room) -> bool:
    """Whether the pod has a place as soon as the pods that are ending have ended."""
    return _is_freed(pod, room, leaves)


def _is_freed(pod: Object, room: Room, goes: Callable[[Object], bool]) -> bool:
    """Whether what goes is what keeps the pod out: without it, and only then, some node has what it asks for.

    Of what keeps it out otherwise, as anti-affinity, nothing is known but the scheduler's words.
    """
    return any(map(goes, room.bound)) and not would_fit(pod, room, lambda _: False) and would_fit(pod, room, goes)


def _users(pod: Object, verdict: Verdict, room: Room) -> str:
    if verdict.never:
        return ""
    project = pod["metadata"].get("namespace", "")
    told = [(NAMES.get(kind, kind), room.users(kind, project)) for kind in sorted(verdict.kinds) if _is_resource(kind)]
    return "".join(f"; of {name} {users}" for name, users in told if users)


def _is_resource(kind: str) -> bool:
    return kind in ("cpu", "memory") or kind in NAMES


def _way_out(pod: Object, verdict: Verdict, room: Room, *, beside: bool) -> tuple[str | None, Cause | None]:
    """What helps, None for the common hint, and what it is that keeps them out, None where there is just no room now."""
    if ANTI_AFFINITY in verdict.kinds:
        return _APART, Cause.APART
    if beside:
        older = sum(is_of_version_before(pod, other) for other in room.bound)
        return _BESIDE.format(few="the app does not serve" if older == 1 else "one instance less serves"), Cause.BESIDE
    if not verdict.never:
        return None, None
    return (_MISMATCH, Cause.LABELS) if verdict.kinds <= {LABELS, NODE_AFFINITY} else (_NEVER, Cause.TOO_LARGE)
