"""For every order in which builds may end, and whatever fails or is cut off meanwhile, `make up` leads to the same end.

The real graph of steps is carried out in imagined time. A part is asked for `ready_seconds` from when its step begins, and is
ready once all that its readiness needs is ready: the rule that kube-proxy broke (shared/cases: the first minutes, 15).
"""

import heapq
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deploy.local.bringup import Order
from deploy.local.layout import Layout
from deploy.local.part import Part, Step
from deploy.local.platform import Platform
from deploy.local.steps import Steps

HOURS = 6 * 3600.0


@pytest.fixture(scope="module")
def graph(tmp_path_factory) -> tuple[list[Step], dict[str, Part]]:
    """Every step of a machine that has nothing yet, metrics and simulated nodes included, and the parts."""
    place = tmp_path_factory.mktemp("platform")
    layout = Layout(root=place, cache=place, run=place)
    layout.state.mkdir()
    steps = Steps(Platform(layout, {}, simulated_nodes=2))
    return [*steps.at_once(), *steps.later()], steps.parts


@dataclass
class Imagined:
    """One run of `make up` in imagined time; `takes` says how long a step takes, `fails` which do not succeed."""

    parts: dict[str, Part]
    takes: dict[str, float]
    fails: frozenset[str] = frozenset()
    cut_off: float = float("inf")
    done: dict[str, float] = field(default_factory=dict)
    failed: set[str] = field(default_factory=set)

    def run(self, steps: list[Step], kept: frozenset[str] = frozenset()) -> "Imagined":
        """Carry the steps out; those in `kept` (built before) take no time."""
        order, now, ends = Order(steps), 0.0, []
        begun: dict[str, float] = {}
        while now < self.cut_off:
            for step in order.begin():
                begun[step.name] = now
                seconds = 0.0 if step.name in kept else self.takes[step.name]
                heapq.heappush(ends, (now + seconds, step.name))
            if not ends:
                break
            now, name = heapq.heappop(ends)
            if now >= self.cut_off:
                break
            if name in self.fails or self._runs_out(name, begun[name]):
                self.failed.add(name)
            else:
                self.done[name] = now
                order.done(name)
        return self

    def _runs_out(self, name: str, begun: float) -> bool:
        """Whether a part's readiness is asked for before it can hold: what that needs is not ready in time."""
        part = self.parts.get(name.removeprefix("Start "))
        if part is None or not name.startswith("Start "):
            return False
        needs = [f"Start {other}" for other in part.ready_needs if other in self.parts]
        return any(self.done.get(need, float("inf")) > begun + part.ready_seconds for need in needs)


def _spans(steps: list[Step]) -> st.SearchStrategy[dict[str, float]]:
    """How long each step takes: fetching and building from nothing to hours, a start as long as a start takes."""
    slow = st.floats(0, HOURS)
    quick = st.floats(0, 60)
    return st.fixed_dictionaries(
        {step.name: slow if step.name.startswith(("Build", "Fetch", "Install")) else quick for step in steps}
    )


@given(data=st.data())
def test_no_order_of_builds_fails(graph, data) -> None:
    steps, parts = graph
    run = Imagined(parts, data.draw(_spans(steps))).run(steps)
    assert not run.failed
    assert run.done.keys() == {step.name for step in steps}


@given(data=st.data())
def test_what_fails_keeps_back_only_what_needs_it_and_the_next_run_ends_well(graph, data) -> None:
    steps, parts = graph
    fails = data.draw(st.frozensets(st.sampled_from([step.name for step in steps]), max_size=4))
    takes = data.draw(_spans(steps))
    first = Imagined(parts, takes, fails).run(steps)
    assert first.failed == fails & (first.done.keys() | first.failed)
    downstream = _needing(steps, fails)
    assert {step.name for step in steps} - downstream - fails <= first.done.keys()
    kept = frozenset(name for name in first.done if name.startswith(("Build", "Fetch")))
    second = Imagined(parts, takes).run(steps, kept)
    assert not second.failed
    assert second.done.keys() == {step.name for step in steps}


@given(data=st.data())
def test_an_interrupt_at_any_moment_leads_to_the_same_end(graph, data) -> None:
    steps, parts = graph
    takes = data.draw(_spans(steps))
    kept: frozenset[str] = frozenset()
    for cut_off in data.draw(st.lists(st.floats(0, HOURS), max_size=3)):
        run = Imagined(parts, takes, cut_off=cut_off).run(steps, kept)
        kept |= frozenset(name for name in run.done if name.startswith(("Build", "Fetch")))
    last = Imagined(parts, takes).run(steps, kept)
    assert not last.failed
    assert last.done.keys() == {step.name for step in steps}


def test_the_check_finds_a_part_that_is_asked_too_early(graph) -> None:
    steps, parts = graph
    early = [
        Step(s.name, s.run, tuple(n for n in s.needs if n != "Start containerd")) if s.name == "Start kubelet" else s for s in steps
    ]
    takes = {step.name: 3600.0 if step.name == "Build containerd" else 1.0 for step in steps}
    assert "Start kubelet" in Imagined(parts, takes).run(early).failed


def test_what_is_needed_is_a_step_or_the_users_own(graph) -> None:
    steps, parts = graph
    names = {step.name for step in steps}
    assert not [(step.name, need) for step in steps for need in step.needs if need not in names]
    assert not [(part.name, need) for part in parts.values() for need in part.ready_needs if need not in parts]


def test_a_long_path_is_no_obstacle(tmp_path: Path) -> None:
    deep = tmp_path / ("deep" * 20)
    layout = Layout(root=deep, cache=tmp_path / "cache", run=Path("/run/mooring"))
    layout.state.mkdir(parents=True)
    kubelet = Platform(layout, {}).parts["kubelet"]
    assert "--root-dir=/run/mooring/kubelet" in kubelet.command


def _needing(steps: list[Step], failed: frozenset[str]) -> set[str]:
    found: set[str] = set()
    for _ in steps:
        found |= {step.name for step in steps if found.union(failed).intersection(step.needs)}
    return found
