"""Moves on an adversarial cluster: the limits hold whatever lags, dies or turns back, and it arrives when pods become ready."""

import doctest
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from model import moves
from model.moves import Instance, Limits, Track, arrived, limits_of, next_counts, next_instances, worth_it

TRACKS = ("r1", "r2", "r3")
BOUNDS = st.one_of(st.integers(0, 6), st.integers(0, 100).map("{}%".format))
# Seeded: Hypothesis' own random object shrinks, and for that it hardly tells one event from the next.
RANDOM = st.builds(Random, st.integers(0, 2**32))


def test_the_worked_examples_are_true() -> None:
    assert doctest.testmod(moves).failed == 0


NEW, LOST, READY = range(3)  # a pod that was never ready, one that was, one that is


class Deployment:
    """A Deployment with its controller, each part of which acts when the test lets it.

    The controller takes `wanted` up as its goal, makes or removes one pod at a time (what is not ready first), publishes its
    status now and then, and the watcher reads published statuses later, in their order. Of pods that stopped being ready by
    themselves `lost` are not back, and may have been removed since: what is lacking for them is not the move's doing.
    """

    def __init__(self, wanted: int, goal: int, pods: list[int]) -> None:
        self.wanted, self.goal, self.pods, self.lost = wanted, goal, pods, 0
        self.generation, self.taken = (1, 1) if wanted == goal else (2, 1)
        self.published: list[tuple[int, int, int]] = []
        self.read = 0
        self.publish()

    @property
    def ready(self) -> int:
        return self.pods.count(READY)

    def publish(self) -> None:
        self.published.append((self.taken, len(self.pods), self.ready))

    def look(self) -> None:
        self.read = min(self.read + 1, len(self.published) - 1)

    def take_up(self) -> None:
        self.goal, self.taken = self.wanted, self.generation

    def act(self) -> None:
        if len(self.pods) < self.goal:
            self.pods.append(NEW)
        elif len(self.pods) > self.goal:
            self.pods.remove(min(self.pods))

    def rise(self, was: int = NEW) -> None:
        if was in self.pods:
            self.pods[self.pods.index(was)] = READY
            self.lost -= was == LOST

    def mend(self) -> None:
        self.rise(LOST)

    def sink(self) -> None:
        if READY in self.pods:
            self.pods[self.pods.index(READY)] = LOST
            self.lost += 1

    def track(self) -> Track:
        taken, total, available = self.published[self.read]
        return Track(wanted=self.wanted, total=total, available=available, seen=taken == self.generation)

    def set(self, wanted: int) -> None:
        if wanted != self.wanted:
            self.wanted, self.generation = wanted, self.generation + 1


class Cluster:
    """The app's Deployments and the move, which may wait for what is worth it; checks the limits after every event."""

    def __init__(self, limits: Limits, deployments: dict[str, Deployment], *, waits: bool = False) -> None:
        self.waits = waits
        self.limits, self.deployments = limits, deployments
        self.most = max(limits.most, sum(max(len(d.pods), d.wanted, d.goal) for d in deployments.values()))
        self.knew_enough = False

    def now(self) -> dict[str, Track]:
        return {name: d.track() for name, d in self.deployments.items()}

    def decide(self, target: dict[str, int]) -> dict[str, int]:
        now = self.now()
        counts = next_counts(now, target, self.limits)
        if self.waits:
            counts = worth_it(counts, now, target, self.limits)
        for name, count in counts.items():
            track = now.get(name, Track(wanted=0, total=0, available=0, seen=True))
            assert min(track.wanted, target.get(name, 0)) <= count <= max(track.wanted, target.get(name, 0)), (
                "never past its target"
            )
            if name in self.deployments:
                self.deployments[name].set(count)
            elif count:
                self.deployments[name] = Deployment(count, 0, [])
        self.knew_enough |= sum(track.kept for track in now.values()) >= self.limits.least
        return counts

    def check(self) -> None:
        assert sum(len(d.pods) for d in self.deployments.values()) <= self.most
        if self.knew_enough:
            assert sum(d.ready + d.lost for d in self.deployments.values()) >= self.limits.least

    def finish(self, target: dict[str, int]) -> None:
        """From here on everything works: it arrives, in no more rounds than there are instances to bring and to take away."""
        for _ in range(4 * (self.most + sum(target.values())) + 12):
            for d in self.deployments.values():
                d.take_up()
                for _ in range(self.most + 1):
                    d.act()
                    d.rise()
                    d.mend()
                d.publish()
                d.read = len(d.published) - 1
            self.check()
            if arrived(self.now(), target):
                return
            self.decide(target)
        raise AssertionError(f"stuck at {self.now()} on the way to {target}")


EVENTS = ["decide", "decide", "turn", "take_up", "act", "act", "act", "rise", "publish", "look", "look", "sink", "mend"]


def storm(cluster: Cluster, maps: list[dict[str, int]], random: Random, *, sinking: bool) -> dict[str, int]:
    """Anything happens in any order; the target may turn to another map each time (another worker, an undo). The last target."""
    target = maps[-1]
    for _ in range(random.randrange(200)):
        deployment = random.choice([*cluster.deployments.values()]) if cluster.deployments else None
        event = random.choice(EVENTS)
        if event == "turn" and random.random() < 0.2:
            target = random.choice(maps)
        elif event == "decide":
            cluster.decide(target)
        elif deployment and event != "turn" and (sinking or event != "sink"):
            getattr(deployment, event)()
        cluster.check()
    return target


def spread(total: int, random: Random, tracks: int = 3) -> dict[str, int]:
    """`total` instances on some of the tracks."""
    chosen = [random.choice(random.sample(TRACKS, random.randint(1, tracks))) for _ in range(total)]
    return {name: chosen.count(name) for name in sorted(set(chosen))}


def any_limits(before: dict[str, int], after: dict[str, int], random: Random) -> Limits:
    """Mostly tight ones."""
    bounds = [random.choice([0, 0, 1, 1, 2, "10%", "25%", "50%"]) for _ in range(2)]
    return limits_of(sum(before.values()), sum(after.values()), *bounds)


def settled(counts: dict[str, int]) -> dict[str, Deployment]:
    return {name: Deployment(count, count, [READY] * count) for name, count in counts.items()}


@settings(max_examples=300)
@given(RANDOM)
def test_the_limits_hold_whatever_lags_and_turns_and_it_arrives(random: Random) -> None:
    before = spread(random.randint(0, 9), random)
    after = spread(random.choice([sum(before.values()), random.randint(0, 9)]), random)
    cluster = Cluster(any_limits(before, after, random), settled(before), waits=random.random() < 0.5)
    cluster.finish(storm(cluster, [before, after], random, sinking=False))


@settings(max_examples=300)
@given(RANDOM)
def test_what_pods_lose_by_themselves_is_all_that_lacks(random: Random) -> None:
    before, after = ({name: random.randint(1, 9)} for name in ("r1", "r2"))
    cluster = Cluster(any_limits(before, after, random), settled(before))
    cluster.finish(storm(cluster, [before, after], random, sinking=True))


def found(random: Random) -> Deployment:
    """A Deployment as a dead worker may have left it: told to grow only when it had no more pods than it was told before."""
    wanted, goal = random.randint(0, 6), random.randint(0, 6)
    pods = [random.choice([NEW, READY]) for _ in range(random.randint(0, 8))]
    return Deployment(wanted, goal, pods if wanted <= goal else pods[:goal])


@settings(max_examples=300)
@given(RANDOM)
def test_it_arrives_from_any_state(random: Random) -> None:
    before, after = spread(random.randint(0, 9), random), spread(random.randint(0, 9), random)
    start = {name: found(random) for name in random.sample(TRACKS, random.randint(0, 3))}
    cluster = Cluster(any_limits(before, after, random), start, waits=random.random() < 0.5)
    cluster.finish(storm(cluster, [before, after], random, sinking=False))


@given(RANDOM)
def test_one_old_version_keeps_enough_however_late_its_readiness_is_told(random: Random) -> None:
    """Its pods have become ready, and nobody has been told: they are not taken for dead."""
    before = {"r1": random.randint(1, 9)}
    deployments = {"r1": Deployment(before["r1"], before["r1"], [NEW] * before["r1"])}
    deployments["r1"].pods = [READY] * before["r1"]
    cluster = Cluster(any_limits(before, before, random), deployments)
    cluster.knew_enough = True
    cluster.finish(storm(cluster, [{"r2": before["r1"]}], random, sinking=False))


def rounds(deployments: dict[str, Deployment], target: dict[str, int], limits: Limits) -> int:
    """Decisions until every count is told, when everything is as quick as it can be."""
    cluster = Cluster(limits, deployments)
    for number in range(1, 100):
        before = cluster.now()
        counts = cluster.decide(target)
        if all(counts[name] == target.get(name, 0) for name in counts):
            return number
        assert before != cluster.now(), "each round brings it on"
        for d in cluster.deployments.values():
            d.take_up()
            for _ in range(40):
                d.act()
                d.rise()
            d.publish()
            d.look()
    raise AssertionError("never")


@pytest.mark.parametrize(("surge", "unavailable", "most_rounds"), [("25%", "25%", 5), ("100%", 0, 2), (0, "100%", 2), (1, 0, 41)])
def test_it_takes_no_more_rounds_than_the_limits_ask(surge: int | str, unavailable: int | str, most_rounds: int) -> None:
    limits = limits_of(20, 20, surge, unavailable)
    assert rounds(settled({"r1": 20}), {"r2": 20}, limits) <= most_rounds


@pytest.mark.parametrize("size", [10, 100, 1000])
def test_as_many_requests_for_a_thousand_instances_that_rise_one_by_one(size: int) -> None:
    """Three come up between two looks, and no more: the counts are changed in portions all the same."""
    limits, random, changes = limits_of(size, size, "25%", "25%"), Random(size), 0
    cluster = Cluster(limits, settled({"r1": size}), waits=True)
    for _ in range(10_000):
        now = cluster.now()
        if arrived(now, {"r2": size}):
            break
        counts = cluster.decide({"r2": size})
        changes += sum(count != now[name].wanted for name, count in counts.items() if name in now)
        for d in cluster.deployments.values():
            d.take_up()
            for _ in range(size):
                d.act()
            for _ in range(random.randint(0, 3)):
                d.rise()
            d.publish()
            d.look()
    assert arrived(cluster.now(), {"r2": size})
    assert changes <= 14, changes


@given(BOUNDS, BOUNDS, st.integers(0, 50), st.integers(0, 50))
def test_limits_always_let_a_move_arrive(surge: int | str, unavailable: int | str, before: int, after: int) -> None:
    limits = limits_of(before, after, surge, unavailable)
    assert 0 <= limits.least <= min(before, after) <= max(before, after) <= limits.most
    assert limits.least < limits.most or before == after == 0


class Named:
    """One TApp instance: what its object was told, and what its pod does, which follows when the test lets it."""

    def __init__(self, index: int, told: str, runs: str, *, ready: bool) -> None:
        self.index, self.told, self.runs, self.ready = index, told, runs, ready

    def follow(self) -> None:
        if self.runs != self.told:
            self.runs, self.ready = self.told, False

    def rise(self) -> None:
        self.ready = self.runs not in ("", "gone")

    def seen(self, target: dict[int, str]) -> Instance:
        right = self.told == target.get(self.index, "gone")
        return Instance(index=str(self.index), right=right, available=self.ready and self.runs == self.told)


def tapp_decides(instances: dict[int, Named], target: dict[int, str], limits: Limits) -> list[str]:
    for index in target:
        instances.setdefault(index, Named(index, "gone", "gone", ready=False))
    chosen = next_instances([each.seen(target) for each in instances.values()], limits)
    for index in chosen:
        instances[int(index)].told = target.get(int(index), "gone")
    return chosen


def running(app: dict[int, str]) -> int:
    return sum(bool(version) for version in app.values())


def any_app(random: Random) -> dict[int, str]:
    """Version by index; "" is killed."""
    return {index: random.choice(["", "v1", "v2"]) for index in range(12) if random.random() < 0.5}


@given(RANDOM)
def test_named_instances_keep_enough_serving_and_become_exactly_the_target(random: Random) -> None:
    before, after = any_app(random), any_app(random)
    limits = limits_of(running(before), running(after), 0, random.choice([0, 1, 2, "50%"]))
    instances = {index: Named(index, version, version, ready=bool(version)) for index, version in before.items()}
    target = after
    for _ in range(random.randrange(60)):
        event = random.choice(["decide", "follow", "follow", "rise", "turn"])
        if event == "decide":
            tapp_decides(instances, target, limits)
        elif event == "turn" and random.random() < 0.2:
            target = random.choice([before, after])
        elif instances and event in ("follow", "rise"):
            getattr(random.choice([*instances.values()]), event)()
        assert sum(each.ready for each in instances.values()) >= limits.least
    for _ in range(3 * len(instances) + 30):
        tapp_decides(instances, target, limits)
        for each in instances.values():
            each.follow()
            each.rise()
        assert sum(each.ready for each in instances.values()) >= limits.least or target != after
    assert {i: each.runs for i, each in instances.items() if each.runs != "gone"} == target
    assert all(each.ready for i, each in instances.items() if target.get(i))


@given(st.sets(st.integers(0, 30)), st.integers(0, 5))
def test_named_instances_are_taken_in_the_order_of_their_numbers(indices: set[int], least: int) -> None:
    chosen = next_instances(
        [Instance(index=str(index), right=False, available=True) for index in indices], Limits(least=least, most=len(indices) + 1)
    )
    assert chosen == [str(index) for index in sorted(indices)][: max(0, len(indices) - least)]
