"""The batches of a gray upgrade: a layout for each gate, with exactly the planned number of instances on each version (pure).

Numbers and percentages are cumulative, as in Argo Rollouts (`setWeight`) and Kruise Rollouts (`steps[].replicas`): each says
how many instances are of the new version once the batch is done, those that were of it before among them. A percentage is of
all instances of the app, rounded up, so at least one. A list names instances of a TApp that the batch adds. What the batches
leave over goes in a last one; a batch that would change nothing is left out.

    20 instances, 10% 50% 100%    →  2, 10, 20 of the new version
    20 instances, 1, 5            →  1, 5, 20
    5 instances, 10% 15% 100%     →  1, 5     (15% is 1 too)
    TApp of 4, [2], [0, 3]        →  {2}, {0, 2, 3}, all
"""

import math
from collections.abc import Sequence

from model.layouts import Layout, Workload, at_revision, beside, scaled

Batch = int | str | tuple[str, ...]


def size_of(batch: int | str, total: int) -> int:
    """How many of `total` instances a number or a percentage stands for; never more than there are.

    >>> [size_of("10%", 5), size_of("50%", 5), size_of(7, 5)]
    [1, 3, 5]
    """
    wanted = math.ceil(total * int(batch.removesuffix("%")) / 100) if isinstance(batch, str) else batch
    return min(wanted, total)


def stages(now: Layout, revision: int, batches: Sequence[Batch]) -> list[Layout]:
    """The layouts by which all instances come to `revision`, one for each gate.

    In several steps a Deployment app's new version gets a Deployment of its own beside the others; at once Kubernetes rolls the
    one there is.
    """
    after = beside(now, revision) if now.type == "Deployment" else at_revision(now, revision)
    layouts = planned(now, after, batches)
    return layouts if len(layouts) > 1 else [at_revision(now, revision)]


def planned(before: Layout, after: Layout, batches: Sequence[Batch]) -> list[Layout]:
    """The layouts on the way from `before` to `after`, one for each gate; the last is `after`.

    Both have the same instances. A Deployment app's `after` has one version, and its lists are none of this function's. Of a
    TApp running instances go before killed ones, lower indices before higher. Until the last batch new instances get the
    version in force before.
    """
    if after.type == "TApp":
        return _instances(before, after, batches)
    return _counts(before, after, [batch for batch in batches if not isinstance(batch, tuple)])


def sized(stage: Layout, revision: int, total: int, now: Layout, *, moves: bool = True) -> Layout:
    """A stage of an upgrade to `revision` at another number of instances than it was planned for, `now` being what the app is at.

    The new version keeps its share of what was planned, rounded up as a percentage is: 2 of 20 become 3 of 30; all stay all and
    none stay none, which is the way back. Of a Deployment app the rest are reckoned as `scaled` does. A TApp's instances have
    names: it has those that there are `now`, the highest gone or the lowest free ones added; none of the new version goes back,
    and where the share needs more of it, instances that are added get it first. Others change only where a batch `moves`.
    """
    if stage.type == "TApp":
        return _sized_instances(stage, revision, total, now, moves=moves)
    share = _share(stage, revision, total)
    others = tuple(w for w in stage.workloads if w.revision != revision)
    if not share or not others:
        return scaled(stage, total)
    (new,) = (w for w in stage.workloads if w.revision == revision)
    kept = scaled(stage.model_copy(update={"workloads": others}), total - share)
    mixed = (*(w for w in kept.workloads if w.replicas), new.model_copy(update={"replicas": share}))
    return stage.model_copy(update={"workloads": mixed})


def _share(stage: Layout, revision: int, total: int) -> int:
    planned_new = stage.versions.get(revision, 0)
    return -(-planned_new * total // stage.total) if stage.total else total * (stage.revision == revision)


def _sized_instances(stage: Layout, revision: int, total: int, now: Layout, *, moves: bool) -> Layout:
    known, there = stage.by_track, now.by_track
    tracks = [w.track for w in scaled(now, total).workloads]
    share = _share(stage, revision, total)
    new = {t for t in tracks if share and t in there and revision in (there[t].revision, known[t].revision if t in known else None)}
    added = [t for t in tracks if t not in there]
    others = sorted((t for t in tracks if t in there and t not in new), key=lambda t: (not there[t].replicas, int(t)))
    new.update([*added, *(others if moves else ())][: max(0, share - len(new))])

    def of(track: str) -> Workload:
        wanted = revision if track in new else stage.revision
        found = known.get(track) or there.get(track) or Workload(track=track, revision=wanted, replicas=1)
        keeps = track not in new and found.revision != revision
        return found if keeps else found.model_copy(update={"revision": wanted})

    return stage.model_copy(update={"workloads": tuple(of(track) for track in tracks)})


def _counts(before: Layout, after: Layout, batches: Sequence[int | str]) -> list[Layout]:
    (new,) = after.workloads
    known = before.by_track.get(new.track)
    moved = known.replicas if known and known.revision == new.revision else 0
    layouts = []
    for size in (size_of(batch, after.total) for batch in batches):
        if moved < size < after.total:
            layouts.append(_mixed(before, new, size))
            moved = size
    return [*layouts, after]


def _mixed(before: Layout, new: Workload, size: int) -> Layout:
    others = before.model_copy(update={"workloads": tuple(w for w in before.workloads if w.track != new.track)})
    kept = scaled(others, new.replicas - size)
    return before.model_copy(update={"workloads": (*kept.workloads, new.model_copy(update={"replicas": size}))})


def _instances(before: Layout, after: Layout, batches: Sequence[Batch]) -> list[Layout]:
    wanted = after.by_track
    moving = sorted((w for w in before.workloads if w != wanted[w.track]), key=lambda w: (not w.replicas, int(w.track)))
    settled = before.total - len(moving)
    waiting = [w.track for w in moving]
    moved: set[str] = set()
    layouts = []
    for batch in batches:
        if isinstance(batch, tuple):
            chosen = [track for track in waiting if track in batch]
        else:
            chosen = waiting[: max(0, size_of(batch, after.total) - settled - len(moved))]
        waiting = [track for track in waiting if track not in chosen]
        if chosen and waiting:
            moved.update(chosen)
            mixed = tuple(wanted[w.track] if w.track in moved else w for w in before.workloads)
            layouts.append(before.model_copy(update={"workloads": mixed}))
    return [*layouts, after]
