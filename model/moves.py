"""Moving instances between versions under limits of availability: what may change now, from what is seen now (pure).

Nothing is remembered between two calls: a worker that died in the middle, or a move that turns back, goes on from what it sees.
"""

from collections.abc import Mapping, Sequence

from model.base import Frozen


class Limits(Frozen):
    """What a move keeps to: never fewer than `least` instances available (once there are as many), never more than `most` in all.

    To arrive, a move needs least ≤ total of its target ≤ most and least < most, as `limits_of` makes them.
    """

    least: int
    most: int


class Track(Frozen):
    """One Deployment of the app, as seen now.

    `wanted` is spec.replicas; `total` the pods that exist and do not terminate (status.replicas), `available` those of them that
    have been ready for minReadySeconds (status.availableReplicas), both possibly older than the truth. `seen` says that the
    controller has taken `wanted` up (status.observedGeneration is metadata.generation), so that the counts are from after that.
    """

    wanted: int
    total: int
    available: int
    seen: bool

    @property
    def kept(self) -> int:
        """How many are available when the controller has brought the track to `wanted`: it removes what is not ready first."""
        return min(self.available, self.wanted)


class Instance(Frozen):
    """One instance of a TApp, as seen now; `index` is its number as decimal text.

    `right` says that nothing is left to tell: its StatefulSet, and its pod where that is changed in place, say what the target
    says (or are gone, where the target has no such instance; a pod that terminates is gone). `available` says that it serves
    what it was told last: one whose StatefulSet was told something that its pod or container does not follow yet is not
    available, however ready its pod still looks.
    """

    index: str
    right: bool
    available: bool


_NONE = Track(wanted=0, total=0, available=0, seen=True)


def next_counts(now: Mapping[str, Track], target: Mapping[str, int], limits: Limits) -> dict[str, int]:
    """The replicas to set on each track now; as `wanted` where nothing may change yet. One Deployment per track.

    As Kubernetes' Deployment controller does it between ReplicaSets (deployment/rolling.go), one instance at a time as they
    become available, not batch by batch. Tracks that need more are filled in the target's order, the others emptied in the
    order of `now`; a track that is only in one of the two counts as 0 in the other. It may start in any state, and turn to another
    target at any time.

    Growing and shrinking start at once, each as far as its limit goes:

    >>> two_of_four = Limits(least=3, most=5)
    >>> old = Track(wanted=4, total=4, available=4, seen=True)
    >>> next_counts({"r1": old}, {"r2": 4}, two_of_four)
    {'r2': 1, 'r1': 3}

    A place is free only when its pod is gone, and what a track that shrinks has less counts from when it is told:

    >>> young = Track(wanted=1, total=1, available=0, seen=True)
    >>> next_counts({"r1": Track(wanted=3, total=4, available=4, seen=True), "r2": young}, {"r2": 4}, two_of_four)
    {'r2': 1, 'r1': 3}
    >>> next_counts({"r1": Track(wanted=3, total=3, available=3, seen=True), "r2": young}, {"r2": 4}, two_of_four)
    {'r2': 2, 'r1': 3}

    Each one that becomes available lets an old one go:

    >>> risen = Track(wanted=2, total=2, available=1, seen=True)
    >>> next_counts({"r1": Track(wanted=3, total=3, available=3, seen=True), "r2": risen}, {"r2": 4}, two_of_four)
    {'r2': 2, 'r1': 2}

    Old ones that do not serve go first and need no new one in their place, as long as enough are left to serve if they come up
    after all (they may have become ready since they were looked at):

    >>> broken = Track(wanted=4, total=4, available=0, seen=True)
    >>> next_counts({"r1": broken}, {"r2": 4}, two_of_four)
    {'r2': 1, 'r1': 3}

    Back to the map before, from the middle: what serves the old version is enough, so all of the new version goes at once.

    >>> middle = {"r1": Track(wanted=3, total=3, available=3, seen=True), "r2": Track(wanted=2, total=2, available=0, seen=True)}
    >>> next_counts(middle, {"r1": 4}, two_of_four)
    {'r1': 3, 'r2': 0}

    A track whose controller has not taken up its count yet is left alone (what comes meanwhile goes with the next change, in
    one request), and none grows: how many pods it makes is not known.

    >>> next_counts({"r1": Track(wanted=4, total=4, available=4, seen=False)}, {"r2": 4}, two_of_four)
    {'r2': 0, 'r1': 4}
    """
    tracks = {name: now.get(name, _NONE) for name in (*target, *now)}
    shrinking = {name: track for name, track in tracks.items() if track.wanted > target.get(name, 0)}
    counts = {name: track.wanted for name, track in tracks.items()}
    for name, more in _growth(tracks, target, limits.most).items():
        counts[name] += more
    _drop_idle(counts, shrinking, target, limits.least - sum(t.kept for n, t in tracks.items() if n not in shrinking))
    serving = sum(min(track.available, counts[name]) for name, track in tracks.items())
    for name, track in shrinking.items():
        if track.seen and serving > limits.least:
            less = min(counts[name] - target.get(name, 0), serving - limits.least)
            counts[name] -= less
            serving -= less
    return counts


def worth_it(counts: Mapping[str, int], now: Mapping[str, Track], target: Mapping[str, int], limits: Limits) -> dict[str, int]:
    """Of the counts that `next_counts` gives, those to set now: a change of a few instances waits while more is under way.

    Each change is a request, and instances become ready, and go, one by one. So those that go are changed in portions of what may
    be under way at once, as more become available; and growth waits until all that go have gone, and then takes all of their places
    in one. What nothing can be expected to follow is not held back, nor what brings all of one direction to its end. Whoever sees
    that nothing moves passes this by.

    >>> wide, target = Limits(least=15, most=25), {"r2": 20}
    >>> old, new = Track(wanted=10, total=10, available=10, seen=True), Track(wanted=10, total=10, available=6, seen=True)
    >>> worth_it({"r1": 9, "r2": 10}, {"r1": old, "r2": new}, target, wide)
    {'r1': 10, 'r2': 10}
    >>> worth_it({"r1": 8, "r2": 10}, {"r1": old, "r2": new}, target, wide)
    {'r1': 8, 'r2': 10}
    >>> risen = Track(wanted=10, total=10, available=10, seen=True)
    >>> worth_it({"r1": 9, "r2": 10}, {"r1": old, "r2": risen}, target, wide)
    {'r1': 9, 'r2': 10}
    >>> worth_it({"r1": 5, "r2": 15}, {"r1": old, "r2": risen}, target, wide)
    {'r1': 5, 'r2': 10}
    """
    tracks = {name: now.get(name, _NONE) for name in counts}
    portion = _portion(limits)
    more = {name for name, track in tracks.items() if track.wanted < target.get(name, 0)}
    fewer = tracks.keys() - more
    held: set[str] = set()
    rising = any(track.available < min(track.wanted, target.get(name, 0)) for name, track in tracks.items())
    too_few = sum(tracks[name].wanted - counts[name] for name in fewer) < portion
    if rising and too_few and any(counts[name] != target.get(name, 0) for name in fewer):
        held |= fewer
    going = any(tracks[name].total > (tracks[name].wanted if name in held else counts[name]) for name in fewer)
    if going and portion > 1 and any(counts[name] != target[name] for name in more):
        held |= more
    return {name: tracks[name].wanted if name in held else count for name, count in counts.items()}


def _portion(limits: Limits) -> int:
    """How many at once are worth a request; where few may be under way each is.

    >>> _portion(Limits(least=3, most=5)), _portion(Limits(least=8, most=13)), _portion(Limits(least=750, most=1250))
    (1, 2, 100)
    """
    under_way = limits.most - limits.least
    return max(2, under_way // 5) if under_way > 3 else 1


def _growth(tracks: Mapping[str, Track], target: Mapping[str, int], most: int) -> dict[str, int]:
    """How many more each track may have: there is room under `most` for what is told and for what is not gone yet.

    A track that still shrinks (more pods than told) is not told to grow: which of its pods stay is not known.
    """
    if not all(track.seen for track in tracks.values()):
        return {}
    room = most - sum(max(track.wanted, track.total) for track in tracks.values())
    growth = {}
    for name, wanted in target.items():
        track = tracks[name]
        more = min(wanted - track.wanted, room)
        if more > 0 and track.total <= track.wanted:
            growth[name] = more
            room -= more
    return growth


def _drop_idle(counts: dict[str, int], shrinking: Mapping[str, Track], target: Mapping[str, int], needed: int) -> None:
    """Take off what does not serve, as long as `needed` are left in the tracks that shrink, serving or not."""
    spare = sum(track.wanted for track in shrinking.values()) - needed
    for name, track in shrinking.items():
        if track.seen and spare > 0:
            less = min(track.wanted - track.kept, track.wanted - target.get(name, 0), spare)
            counts[name] -= less
            spare -= less


def arrived(now: Mapping[str, Track], target: Mapping[str, int]) -> bool:
    """Whether a move of Deployments is at its end: exactly the target's instances on each track, all of them available.

    >>> arrived({"r2": Track(wanted=4, total=4, available=4, seen=True)}, {"r2": 4})
    True
    >>> old = Track(wanted=0, total=1, available=1, seen=True)
    >>> arrived({"r1": old, "r2": Track(wanted=4, total=4, available=4, seen=True)}, {"r2": 4})
    False
    """
    return all(
        track.seen and track.wanted == track.total == track.available == target.get(name, 0)
        for name, track in ((name, now.get(name, _NONE)) for name in (*target, *now))
    )


def next_instances(now: Sequence[Instance], limits: Limits) -> list[str]:
    """The indices of the TApp instances to change now: make, start, kill, update or remove, whatever the target says of each.

    Each counts as not available from when it is changed until it is available again. So what does not serve is changed at once:

    >>> new, dead = Instance(index="4", right=False, available=False), Instance(index="0", right=False, available=False)
    >>> serving = [Instance(index=str(i), right=False, available=True) for i in (1, 2, 3)]
    >>> next_instances([dead, *serving, new], Limits(least=3, most=5))
    ['0', '4']

    What serves waits until there are more than `least`; in the order of the indices as numbers:

    >>> next_instances([Instance(index=str(i), right=False, available=True) for i in (10, 9, 2)], Limits(least=1, most=3))
    ['2', '9']

    One that was changed and is not back yet is not available, though nothing is left to do with it:

    >>> back = [Instance(index="0", right=True, available=False), Instance(index="1", right=False, available=True)]
    >>> next_instances(back, Limits(least=1, most=2))
    []
    """
    spare = sum(instance.available for instance in now) - limits.least
    chosen = []
    for instance in sorted(now, key=lambda each: int(each.index)):
        if not instance.right and (spare > 0 or not instance.available):
            chosen.append(instance.index)
            spare -= instance.available
    return chosen


def limits_of(before: int, after: int, max_surge: int | str, max_unavailable: int | str) -> Limits:
    """The limits of a move from `before` running instances to `after`; each bound is a number or a percentage ("25%").

    As Kubernetes rounds (Deployment spec.strategy.rollingUpdate): maxSurge up, maxUnavailable down, and if nothing is left of
    either, one may be unavailable. Where the totals differ, `least` starts from the smaller and `most` from the larger. A TApp's
    instances have names, so none can be there twice: its moves have a max_surge of 0.

    >>> limits_of(20, 20, "25%", "25%"), limits_of(3, 3, "25%", "25%")
    (Limits(least=15, most=25), Limits(least=3, most=4))
    >>> limits_of(5, 5, 0, "10%"), limits_of(1, 1, 0, 0), limits_of(1, 1, 1, 0)
    (Limits(least=4, most=5), Limits(least=0, most=1), Limits(least=1, most=2))
    >>> limits_of(10, 4, "25%", "25%"), limits_of(2, 20, 2, "50%")
    (Limits(least=3, most=11), Limits(least=1, most=22))
    """
    surge = -_share(max_surge, after, -1)
    unavailable = _share(max_unavailable, min(before, after), 1)
    if surge == unavailable == 0:
        unavailable = 1
    return Limits(least=max(0, min(before, after) - unavailable), most=max(before, after) + surge)


def _share(bound: int | str, of: int, sign: int) -> int:
    """`sign` times the bound's number; a percentage of `of` is rounded down after the sign, so up for -1.

    >>> _share("25%", 3, 1), -_share("25%", 3, -1), _share(2, 3, 1)
    (0, 1, 2)
    """
    return sign * bound if isinstance(bound, int) else sign * of * int(bound.removesuffix("%")) // 100
