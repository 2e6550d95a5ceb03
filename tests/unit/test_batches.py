"""The batches of a gray upgrade, by their properties: exact numbers, never back, ending where they should."""

import math
from collections.abc import Sequence
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from model.batches import Batch, planned, size_of, sized
from model.layouts import AppType, Layout, at_revision, beside, first, scaled, with_running

NEW = 9
SIZES = st.one_of(st.integers(1, 60), st.integers(1, 100).map(lambda n: f"{n}%"))


@st.composite
def deployments(draw: st.DrawFn) -> Layout:
    """Layouts of a Deployment app of up to three versions."""
    layout = first("Deployment", 1, draw(st.integers(0, 20)))
    for revision in range(2, draw(st.integers(1, 3)) + 1):
        layout = scaled(layout, layout.total + draw(st.integers(1, 9)), revision)
    return layout


@st.composite
def tapps(draw: st.DrawFn) -> Layout:
    """Layouts of a TApp: some instances updated singly, perhaps to the new version already, some killed."""
    layout = first("TApp", 1, draw(st.integers(0, 20)))
    for index in range(layout.total):
        layout = at_revision(layout, draw(st.sampled_from([1, 1, 2, NEW])), [str(index)])
        layout = with_running(layout, str(index), draw(st.integers(0, 4)) > 0)
    return layout


def upgraded(before: Layout) -> Layout:
    return beside(before, NEW) if before.type == "Deployment" else at_revision(before, NEW)


def moved(layout: Layout) -> int:
    return layout.versions.get(NEW, 0)


@given(before=st.one_of(deployments(), tapps()), batches=st.lists(SIZES, max_size=6))
def test_each_gate_has_exactly_the_planned_number_and_the_last_is_the_end(before: Layout, batches: Sequence[int | str]) -> None:
    after = upgraded(before)
    layouts = planned(before, after, batches)
    assert layouts[-1] == after
    allowed = {size_of(batch, after.total) for batch in batches}
    assert {moved(layout) for layout in layouts[:-1]} <= allowed
    for batch in batches:
        size = size_of(batch, after.total)
        due = [layout for layout in layouts if moved(layout) >= size]
        assert due, "no batch is forgotten"


@given(before=st.one_of(deployments(), tapps()), batches=st.lists(SIZES, max_size=6))
def test_instances_neither_appear_nor_vanish_and_none_goes_back(before: Layout, batches: Sequence[int | str]) -> None:
    layouts = planned(before, upgraded(before), batches)
    for earlier, later in zip([before, *layouts], layouts, strict=False):
        assert (later.total, later.running) == (before.total, before.running)
        assert moved(earlier) <= moved(later)
        assert all(later.versions.get(old, 0) <= count for old, count in earlier.versions.items() if old != NEW)
    changing = [before, *layouts][:-1]
    assert len({layout.model_dump_json() for layout in changing}) == len(changing), "every batch changes something"


@given(before=tapps(), data=st.data())
def test_a_list_moves_exactly_the_instances_it_names(before: Layout, data: st.DataObject) -> None:
    tracks = st.sampled_from([w.track for w in before.workloads] or ["0"])
    batches = [tuple(names) for names in data.draw(st.lists(st.lists(tracks, min_size=1), max_size=4))]
    after = upgraded(before)
    layouts = planned(before, after, batches)
    named: set[str] = set()
    due = []
    for batch in batches:
        named.update(batch)
        now = {w.track for w in after.workloads if w.track in named or before.by_track[w.track].revision == NEW}
        if now not in due and len(now) > moved(before):
            due.append(now)
    seen = [{w.track for w in layout.workloads if w.revision == NEW} for layout in layouts]
    assert [*seen[:-1], {w.track for w in after.workloads}] == [*(d for d in due if len(d) < after.total), set(after.by_track)]
    assert layouts[-1] == after


def numbers(kind: AppType, total: int, *batches: Batch) -> list[int]:
    before = first(kind, 1, total)
    return [moved(layout) for layout in planned(before, upgraded(before), batches)]


@pytest.mark.parametrize("kind", ["Deployment", "TApp"])
def test_the_documented_examples(kind: AppType) -> None:
    assert numbers(kind, 20, "10%", "50%", "100%") == [2, 10, 20]
    assert numbers(kind, 20, 1, 5) == [1, 5, 20]
    assert numbers(kind, 5, "10%", "15%", "100%") == [1, 5]
    assert numbers(kind, 20) == [20]
    assert numbers(kind, 0, "10%") == [0]


def test_the_documented_example_of_lists() -> None:
    before = first("TApp", 1, 4)
    layouts = planned(before, upgraded(before), [("2",), ("0", "3")])
    assert [[w.track for w in layout.workloads if w.revision == NEW] for layout in layouts] == [
        ["2"],
        ["0", "2", "3"],
        ["0", "1", "2", "3"],
    ]


def test_killed_instances_of_a_tapp_go_last() -> None:
    before = with_running(first("TApp", 1, 3), "0", running=False)
    layout, *_ = planned(before, upgraded(before), [1])
    assert [w.revision for w in layout.workloads] == [1, NEW, 1]


def test_of_several_versions_what_is_not_in_force_goes_first() -> None:
    before = scaled(first("Deployment", 1, 3), 5, 2)
    layout, *_ = planned(before, upgraded(before), ["40%"])
    assert layout.versions == {NEW: 2, 1: 3}
    assert layout.revision == 1


TOTALS = st.integers(0, 60)


def is_new(layout: Layout) -> set[str]:
    return {w.track for w in layout.workloads if w.revision == NEW}


@given(before=deployments(), batches=st.lists(SIZES, max_size=6), total=TOTALS)
def test_at_another_number_each_batch_keeps_its_share_rounded_up(before: Layout, batches: list[int | str], total: int) -> None:
    layouts = planned(before, upgraded(before), batches)
    for stage in layouts:
        found = sized(stage, NEW, total, before)
        assert (found.total, found.revision) == (total, stage.revision)
        if before.total:
            assert moved(found) == math.ceil(Fraction(total * moved(stage), before.total))
        assert sized(stage, NEW, before.total, before).versions == stage.versions
    last = sized(layouts[-1], NEW, total, before)
    assert set(last.versions) <= {NEW}


@settings(max_examples=50)  # each goes a whole way
@given(before=st.one_of(deployments(), tapps()), batches=st.lists(SIZES, max_size=6), data=st.data())
def test_scaled_in_any_pause_nothing_goes_back_it_ends_all_new_and_the_way_back_is_all_old(
    before: Layout, batches: list[int | str], data: st.DataObject
) -> None:
    """given an upgrade that is scaled to any numbers in each pause, then as many run, and no instance that is new is so no more."""
    now, total = before, before.total
    layouts = planned(before, upgraded(before), batches)
    for stage in layouts:
        batch = sized(stage, NEW, total, now)
        assert batch.total == total
        if batch.type == "TApp":
            assert set(batch.by_track) == set(now.by_track)
            assert is_new(now) <= is_new(batch)
        assert moved(batch) >= moved(now)
        assert sized(stage, NEW, total, batch) == batch, "asked again, by a retry or the next worker, it is the same"
        now = batch
        for wanted in data.draw(st.lists(TOTALS, max_size=2)) if stage is not layouts[-1] else ():
            scaled_to = sized(stage, NEW, wanted, now, moves=False)
            assert scaled_to.total == wanted
            if now.type == "TApp":
                stay = set(now.by_track) & set(scaled_to.by_track)
                assert all(now.by_track[t] == scaled_to.by_track[t] for t in stay), "what stays is left alone"
            now, total = scaled_to, wanted
        back = sized(before, NEW, total, now)
        assert back.total == total
        if NEW not in before.versions:
            assert NEW not in back.versions
    assert set(now.versions) <= {NEW}
    assert now.revision == NEW


def test_the_documented_examples_of_another_number() -> None:
    before = first("Deployment", 1, 20)
    one, half, _ = planned(before, upgraded(before), ["10%", "50%"])
    assert [sized(one, NEW, total, one).versions for total in (30, 7, 1, 0)] == [{9: 3, 1: 27}, {9: 1, 1: 6}, {9: 1}, {1: 0}]
    assert sized(half, NEW, 30, half).versions == {9: 15, 1: 15}
    named = first("TApp", 1, 4)
    (first_batch, _) = planned(named, upgraded(named), [("2",)])
    grown = sized(first_batch, NEW, 8, first_batch, moves=False)
    assert is_new(grown) == {"2", "4"}
    assert is_new(sized(first_batch, NEW, 2, grown, moves=False)) == set()
