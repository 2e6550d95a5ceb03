"""Which versions an app's instances have, and what a change makes of that (mission B: several versions at once in one app).

A layout is a value: operations move an app from one to another, and going back is a move to the one before. A version is a
revision of the spec. Everything here is pure.
"""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from typing import Literal

from model.base import Frozen

AppType = Literal["Deployment", "TApp", "Job"]


class Workload(Frozen):
    """One Kubernetes workload of an app.

    Of a Deployment app: the instances of one version; `track` is "" for the Deployment named as the app, else "r<revision>" of
    the revision it was made with ("r<revision>-2" where that name is taken). Of a TApp: one instance; `track` is its index,
    `replicas` 1, or 0 where it is killed. Of a Job: its run; `track` is "", `replicas` how many instances have to complete, and
    `runs` False where the version was gone back to, which runs nothing, and `ran` True where it had completed before. `restart`
    stands for the restart that came last.
    """

    track: str
    revision: int
    replicas: int
    restart: str = ""
    runs: bool = True
    ran: bool = False


class Layout(Frozen):
    """All workloads of an app; `revision` is the one in force, which new instances get. TApp workloads are in index order."""

    type: AppType
    revision: int
    workloads: tuple[Workload, ...]

    @property
    def total(self) -> int:
        """The number of instances, killed ones included (InstanceNum)."""
        return len(self.workloads) if self.type == "TApp" else self.running

    @property
    def running(self) -> int:
        """The number of instances that are to run."""
        return sum(w.replicas for w in self.workloads)

    @property
    def versions(self) -> dict[int, int]:
        """By revision how many instances are of it, killed ones included, the newest revision first."""
        counted: Counter[int] = Counter()
        for w in self.workloads:
            counted[w.revision] += 1 if self.type == "TApp" else w.replicas
        return {revision: counted[revision] for revision in sorted(counted, reverse=True)}

    @property
    def revisions(self) -> tuple[int, ...]:
        """The revisions its instances have, and the one in force, the oldest first."""
        return tuple(sorted({self.revision, *(w.revision for w in self.workloads)}))

    @property
    def by_track(self) -> dict[str, Workload]:
        """The workloads by their track."""
        return {w.track: w for w in self.workloads}


def first(type: AppType, revision: int, replicas: int) -> Layout:
    """The layout of an app's first deployment.

    >>> [w.track for w in first("TApp", 1, 2).workloads]
    ['0', '1']
    """
    if type != "TApp":
        return Layout(type=type, revision=revision, workloads=(Workload(track="", revision=revision, replicas=replicas),))
    instances = (Workload(track=str(index), revision=revision, replicas=1) for index in range(replicas))
    return Layout(type=type, revision=revision, workloads=tuple(instances))


def scaled(layout: Layout, replicas: int, revision: int | None = None) -> Layout:
    """The layout with `replicas` instances; new ones are of `revision`, by default the one in force.

    A TApp loses its highest indices first and gets its lowest free ones. A Deployment app loses instances of versions that are
    not in force first, the newest of them before the older.

    >>> scaled(scaled(first("Deployment", 1, 3), 5, 2), 4).versions
    {2: 1, 1: 3}
    """
    if layout.type == "TApp":
        return _scaled_instances(layout, replicas, revision or layout.revision)
    more = replicas - layout.total
    if more > 0:
        return _grown(layout, more, revision or layout.revision)
    by_track = layout.by_track
    for w in sorted(layout.workloads, key=lambda w: (w.revision == layout.revision, -w.revision)):
        gone = min(w.replicas, -more)
        by_track[w.track] = w.model_copy(update={"replicas": w.replicas - gone})
        more += gone
    return _with(layout, by_track.values())


def resized(layout: Layout, count: int) -> Layout:
    """The layout with `count` instances that run; killed ones of a TApp are left as they are, and of the others the highest go.

    >>> base = with_running(first("TApp", 1, 4), "3", False)
    >>> [w.track for w in resized(base, 2).workloads], resized(base, 4).total
    (['0', '1', '3'], 5)
    """
    more = count - layout.running
    if layout.type == "Deployment" or more >= 0:
        return scaled(layout, layout.total + more)
    run = [w.track for w in layout.workloads if w.replicas]
    return fewer(layout, dict.fromkeys(run[count:], 1))


def fewer(layout: Layout, gone: Mapping[str, int]) -> Layout:
    """The layout without so many instances of each track (of a TApp: without the instances that are named)."""
    if layout.type == "TApp":
        return _with(layout, (w for w in layout.workloads if w.track not in gone))
    left = (w.model_copy(update={"replicas": max(0, w.replicas - gone.get(w.track, 0))}) for w in layout.workloads)
    return _with(layout, left)


def at_revision(layout: Layout, revision: int, tracks: Collection[str] | None = None) -> Layout:
    """The layout with all instances, or those of the TApp's `tracks`, at `revision`; for all it is then in force.

    A Deployment app of one version keeps its Deployment, which Kubernetes rolls by itself; see `beside` for the other way. A Job
    is run once a revision.
    """
    if tracks is not None:
        chosen = (w.model_copy(update={"revision": revision}) if w.track in tracks else w for w in layout.workloads)
        return _with(layout, chosen)
    if layout.type == "TApp":
        everywhere = tuple(w.model_copy(update={"revision": revision}) for w in layout.workloads)
        return layout.model_copy(update={"revision": revision, "workloads": everywhere})
    if layout.type == "Job":
        runs = (Workload(track=w.track, revision=revision, replicas=w.replicas) for w in layout.workloads)
        return layout.model_copy(update={"revision": revision, "workloads": tuple(runs)})
    if len(layout.workloads) == 1:
        (only,) = layout.workloads
        return layout.model_copy(update={"revision": revision, "workloads": (only.model_copy(update={"revision": revision}),)})
    return beside(layout, revision)


def beside(layout: Layout, revision: int) -> Layout:
    """A Deployment app's layout with all instances in a Deployment of its own for `revision`, to which they are moved in batches.

    >>> beside(first("Deployment", 1, 3), 2).workloads[0].track
    'r2'
    """
    known = next((w for w in layout.workloads if w.revision == revision), None)
    track = known.track if known else _new_track(layout, revision)
    restart = known.restart if known else ""
    only = Workload(track=track, revision=revision, replicas=layout.total, restart=restart)
    return layout.model_copy(update={"revision": revision, "workloads": (only,)})


def changed_tracks(one: Layout, other: Layout) -> frozenset[str]:
    """The tracks that are not the same in both layouts, those that only one of them has among them."""
    was, becomes = one.by_track, other.by_track
    return frozenset(track for track in (*was, *becomes) if was.get(track) != becomes.get(track))


def replaces(before: Layout, after: Layout) -> bool:
    """Whether running instances go for others that come. Who changes a single instance of a TApp means that one.

    >>> base = first("Deployment", 1, 2)
    >>> replaces(base, base), replaces(base, scaled(base, 5)), replaces(base, at_revision(base, 2)), replaces(base, beside(base, 2))
    (False, False, True, True)
    """
    if after.type == "TApp" and len(changed_tracks(before, after)) == 1:
        return False
    one, other = (Counter({(w.track, w.revision, w.restart): w.replicas for w in layout.workloads}) for layout in (before, after))
    return bool(one - other) and bool(other - one)


def versions_changed(one: Layout, other: Layout) -> frozenset[str]:
    """The tracks that get another revision, where that is all that differs and the revision in force stays; else none.

    >>> base = first("TApp", 1, 3)
    >>> sorted(versions_changed(base, at_revision(base, 2, ["1"]))), sorted(versions_changed(base, at_revision(base, 2)))
    (['1'], [])
    """
    tracks = changed_tracks(one, other)
    was, becomes = one.by_track, other.by_track
    if one.revision != other.revision or not tracks <= was.keys() & becomes.keys():
        return frozenset()
    alone = all(was[t] == becomes[t].model_copy(update={"revision": was[t].revision}) for t in tracks)
    return tracks if alone else frozenset()


def with_running(layout: Layout, index: str, running: bool) -> Layout:
    """A TApp's layout with one instance killed or started."""
    chosen = (w.model_copy(update={"replicas": int(running)}) if w.track == index else w for w in layout.workloads)
    return _with(layout, chosen)


def restarted(layout: Layout, stamp: str) -> Layout:
    """The layout with every workload restarted under `stamp`."""
    return _with(layout, (w.model_copy(update={"restart": stamp, "runs": True, "ran": False}) for w in layout.workloads))


def not_run(layout: Layout, *, ran: bool | None = None) -> Layout:
    """A Job's layout as one that is gone back to: what it did stays done, and nothing is run for it; `ran` where that is known."""
    told = {"runs": False} if ran is None else {"runs": False, "ran": ran}
    return _with(layout, (w.model_copy(update=told) for w in layout.workloads))


def _scaled_instances(layout: Layout, replicas: int, revision: int) -> Layout:
    kept = layout.workloads[:replicas]
    taken = {w.track for w in kept}
    free = (str(index) for index in range(replicas + len(kept)) if str(index) not in taken)
    new = (Workload(track=next(free), revision=revision, replicas=1) for _ in range(replicas - len(kept)))
    return _with(layout, (*kept, *new))


def _grown(layout: Layout, more: int, revision: int) -> Layout:
    by_track = layout.by_track
    known = next((w for w in layout.workloads if w.revision == revision), None)
    grows = known or Workload(track=_new_track(layout, revision), revision=revision, replicas=0)
    by_track[grows.track] = grows.model_copy(update={"replicas": grows.replicas + more})
    return _with(layout, by_track.values())


def _new_track(layout: Layout, revision: int) -> str:
    """The track of a Deployment of its own for `revision`.

    The Deployment that was made with it may still be there and be rolled to another one by now: then the name is taken.

    >>> rolled = Layout(type="Deployment", revision=3, workloads=(Workload(track="r2", revision=3, replicas=1),))
    >>> _new_track(rolled, 2), _new_track(rolled, 4)
    ('r2-2', 'r4')
    """
    names = (f"r{revision}{again}" for again in ("", *(f"-{number}" for number in range(2, len(layout.workloads) + 2))))
    return next(name for name in names if name not in layout.by_track)


def _with(layout: Layout, workloads: Iterable[Workload]) -> Layout:
    """The layout with other workloads: of a Deployment app without empty ones, but for one that holds the version in force."""
    found = tuple(workloads)
    found = tuple(sorted(found, key=lambda w: int(w.track))) if layout.type == "TApp" else _without_empty(found, layout.revision)
    return layout.model_copy(update={"workloads": found})


def _without_empty(workloads: tuple[Workload, ...], in_force: int) -> tuple[Workload, ...]:
    filled = tuple(w for w in workloads if w.replicas)
    return filled or tuple(w for w in workloads if w.revision == in_force)[:1] or workloads[:1]
