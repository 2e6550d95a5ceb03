"""Where a TApp's instances stand against what is wanted of them: objects in, value out (Kubernetes: StatefulSet, Pod)."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

from model.base import Frozen
from model.layouts import Layout, Workload
from model.pod_templates import SHAPE, TEMPLATE, Object, track_of
from model.pods import condition, containers, is_over, is_ready, leaves, moving


class Standing(Frozen):
    """One instance: whether its StatefulSet is as wanted, its pod too (gone, where it is killed), and whether it serves.

    `pod_stays` says that it has a pod that is not on its way out, `moves` that a container of that is not of the image that it
    was told yet, `serves` that it is ready, whatever it runs. `serves_at` is when it will have been ready for long enough as it
    is wanted, where it is.
    """

    track: str
    runs: bool
    set_right: bool
    pod_right: bool
    pod_stays: bool
    available: bool
    moves: bool = False
    serves: bool = False
    serves_at: datetime | None = None

    @property
    def right(self) -> bool:
        """Whether nothing is to be done to it."""
        return self.set_right and self.pod_right


def standing_of(
    workload: Workload, template: Object, settle_seconds: int, found: Object | None, pod: Object | None, now: datetime
) -> Standing:
    """Compare one instance's StatefulSet and pod with what is wanted; `settle_seconds` is how long it has to be ready."""
    serves_at = _serves_at(pod, settle_seconds, now) if pod else None
    stays = pod is not None and not leaves(pod)
    return Standing(
        track=workload.track,
        runs=bool(workload.replicas),
        set_right=_is_right(workload, template, found),
        pod_right=(pod is not None and stays and _of(pod, template)) if workload.replicas else pod is None,
        pod_stays=stays,
        available=serves_at is not None and serves_at <= now,
        moves=pod is not None and stays and bool(moving(pod, now)),
        serves=pod is not None and is_ready(pod) and not is_over(pod),
        serves_at=serves_at,
    )


def pods_by_track(pods: Sequence[Object]) -> dict[str, Object]:
    """Each instance's pod; the one that stays, where another is on its way out."""
    found: dict[str, Object] = {}
    for pod in sorted(pods, key=lambda p: not leaves(p)):
        found[track_of(pod["metadata"]["labels"])] = pod
    return found


def ways(before: Layout, old: Mapping[str, Object], after: Layout, new: Mapping[str, Object]) -> tuple[int, int]:
    """How many of the running instances that a move changed keep their pod, and how many get a new one.

    `old` and `new` are the templates by track. Where only images differ they are changed on the pod.
    """
    in_place = recreated = 0
    was, becomes = before.by_track, after.by_track
    for track in was.keys() & becomes.keys() & old.keys() & new.keys():
        one, other = (templates[track]["metadata"]["labels"] for templates in (old, new))
        if not (was[track].replicas and becomes[track].replicas) or one[TEMPLATE] == other[TEMPLATE]:
            continue
        in_place += one[SHAPE] == other[SHAPE]
        recreated += one[SHAPE] != other[SHAPE]
    return in_place, recreated


def _is_right(workload: Workload, template: Object, found: Object | None) -> bool:
    if found is None or leaves(found) or found["spec"]["replicas"] != workload.replicas:
        return False
    return _of(found["spec"]["template"], template)


def _of(owner: Object, template: Object) -> bool:
    """Whether a pod, or a StatefulSet's template, is of `template`: by the digest it carries, and by the images it really has."""
    images = {c["name"]: c["image"] for c in owner["spec"]["containers"]}
    same = owner["metadata"]["labels"].get(TEMPLATE) == template["metadata"]["labels"][TEMPLATE]
    return same and all(images.get(c["name"]) == c["image"] for c in template["spec"]["containers"])


def _serves_at(pod: Object, settle_seconds: int, now: datetime) -> datetime | None:
    """When it counts as serving: ready and every container begun for so long, the changed ones really started again."""
    if not is_ready(pod) or is_over(pod) or moving(pod, now):
        return None
    since = [datetime.fromisoformat(condition(pod, "Ready")["lastTransitionTime"])]
    for container in containers(pod):
        if container.init:
            continue
        if container.running_since is None:
            return None
        since.append(datetime.fromisoformat(container.running_since))
    return datetime.fromtimestamp(max(since).timestamp() + settle_seconds, UTC)
