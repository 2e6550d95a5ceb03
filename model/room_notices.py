"""What is said at once, when something is asked for, of whether there is room for it (mission B)."""

from typing import Any

from model.apps import AppSpec, OnUnschedulable
from model.moves import limits_of
from model.placement import SIMULATED, places, why_unplaced
from model.pod_templates import pod_asked
from model.room import NAMES, Room

_FAILS = {
    None: 'It fails when none comes within 60 s; with onUnschedulable "wait" it waits until its deadline.',
    "fail": "It fails when none comes within 5 s.",
    "wait": "It waits for more until its deadline.",
}


def growth_notice(spec: AppSpec, further: int, room: Room, project: str, on_unschedulable: OnUnschedulable | None) -> str:
    """In words for how many of `further` instances there is room now, "" where for all, or where nothing is known."""
    if further <= 0 or not room.nodes:
        return ""
    pod = _pod(spec, project)
    found, scarce = places(pod, room, further)
    if found >= further:
        return ""
    then = _FAILS["wait" if on_unschedulable is None and spec.job else on_unschedulable]
    if not scarce or not found:
        verdict = why_unplaced(pod, room)
        if verdict.never:
            then = "It fails as soon as the cluster has said so."
        return f"Now there is no room for {_instances(further)}: {verdict.text}{_users(room, scarce, project)}. {then}"
    name = NAMES.get(scarce, scarce)
    return (
        f"Now there is room for {found} of {further} more instances: then no {name} is left{_users(room, scarce, project)}. {then}"
    )


def upgrade_notice(spec: AppSpec, running: int, room: Room, project: str, on_unschedulable: OnUnschedulable | None) -> str:
    """In words that no instance has room beside those there are, where an upgrade needs that to begin; else ""."""
    if spec.type != "Deployment" or not running or not room.nodes:
        return ""
    limits = limits_of(running, running, spec.max_surge, spec.max_unavailable)
    found, scarce = places(_pod(spec, project), room, 1)
    if limits.least < running or found:
        return ""
    verdict = why_unplaced(_pod(spec, project), room)
    then = "It fails as soon as the cluster has said so." if verdict.never else _FAILS[on_unschedulable]
    advice = "" if verdict.never else " With maxSurge 0 it needs none: then an old instance goes before its successor comes."
    who = "" if verdict.never else _users(room, scarce, project)
    return f"Now there is no room for a new instance beside the old: {verdict.text}{who}.{advice} {then}"


def _pod(spec: AppSpec, project: str) -> dict[str, Any]:
    pod = pod_asked(spec, project)
    if SIMULATED in spec.node_labels:  # the cluster's policy adds it to pods that ask for such nodes
        pod["spec"]["tolerations"] = [{"key": SIMULATED, "operator": "Exists"}]
    return pod


def _instances(count: int) -> str:
    return "the instance" if count == 1 else f"any of the {count} instances"


def _users(room: Room, scarce: str, project: str) -> str:
    users = room.users(scarce, project) if scarce else ""
    return f" ({users})" if users else ""
