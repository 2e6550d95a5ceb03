"""Layouts against a plain map of instances: whatever is done to an app, exactly the named instances change, and how."""

import doctest
from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from model import layouts
from model.layouts import Layout, Workload, at_revision, beside, fewer, first, restarted, scaled, with_running

COUNTS, REVISIONS = st.integers(0, 12), st.integers(1, 5)


def test_the_worked_examples_are_true() -> None:
    assert doctest.testmod(layouts).failed == 0


@st.composite
def tapps(draw: st.DrawFn) -> Layout:
    """Any indices, each at any version, running or killed."""
    workloads = [
        Workload(track=str(index), revision=draw(REVISIONS), replicas=draw(st.integers(0, 1)))
        for index in sorted(draw(st.sets(st.integers(0, 30), max_size=12)))
    ]
    return Layout(type="TApp", revision=draw(REVISIONS), workloads=tuple(workloads))


@st.composite
def deployments(draw: st.DrawFn) -> Layout:
    """Some versions, the one in force among them; a Deployment may have been made with another revision than it has now."""
    revisions = sorted(draw(st.sets(REVISIONS, min_size=1)))
    tracks = draw(st.permutations(["", *(f"r{revision}" for revision in range(1, 6))]))
    workloads = [Workload(track=t, revision=r, replicas=draw(st.integers(1, 6))) for t, r in zip(tracks, revisions, strict=False)]
    return Layout(type="Deployment", revision=draw(st.sampled_from(revisions)), workloads=tuple(workloads))


def instances(layout: Layout) -> dict[int, tuple[int, int]]:
    """By index a TApp's revision and whether it runs."""
    found = {int(w.track): (w.revision, w.replicas) for w in layout.workloads}
    assert list(found) == sorted(found)
    assert len(found) == len(layout.workloads)
    return found


@given(tapps(), COUNTS, st.one_of(st.none(), REVISIONS))
def test_a_tapp_is_scaled_down_from_the_top_and_up_into_the_lowest_free_indices(
    layout: Layout, replicas: int, revision: int | None
) -> None:
    before, after = instances(layout), instances(scaled(layout, replicas, revision))
    kept = sorted(before)[:replicas]
    assert len(after) == replicas
    assert all(after[index] == before[index] for index in kept), "those that stay are as they were, killed ones too"
    new = after.keys() - set(kept)
    assert all(after[index] == (revision or layout.revision, 1) for index in new)
    assert new == set(sorted(set(range(replicas + 31)) - set(kept))[: replicas - len(kept)])


@given(tapps(), st.data())
def test_named_instances_go_and_the_others_stay(layout: Layout, data: st.DataObject) -> None:
    before = instances(layout)
    gone = data.draw(st.sets(st.sampled_from(sorted(before)))) if before else set()
    after = instances(fewer(layout, {str(index): 1 for index in gone}))
    assert after == {index: each for index, each in before.items() if index not in gone}


@given(tapps(), REVISIONS, st.data())
def test_some_or_all_come_to_a_revision_and_killed_ones_stay_killed(layout: Layout, revision: int, data: st.DataObject) -> None:
    before = instances(layout)
    assert instances(at_revision(layout, revision)) == {index: (revision, runs) for index, (_, runs) in before.items()}
    assert at_revision(layout, revision).revision == revision
    chosen = data.draw(st.sets(st.sampled_from(sorted(before)))) if before else set()
    some = at_revision(layout, revision, [str(index) for index in chosen])
    assert instances(some) == {index: (revision if index in chosen else was, runs) for index, (was, runs) in before.items()}
    assert some.revision == layout.revision, "what new instances get has not changed"


@given(tapps())
def test_kill_and_start_change_one_instance_and_are_each_others_reverse(layout: Layout) -> None:
    for w in layout.workloads:
        killed = with_running(layout, w.track, False)
        assert instances(killed) == {**instances(layout), int(w.track): (w.revision, 0)}
        assert killed.total == layout.total
        assert with_running(killed, w.track, bool(w.replicas)) == layout


@given(st.one_of(tapps(), deployments()))
def test_a_restart_changes_nothing_but_the_stamp(layout: Layout) -> None:
    again = restarted(layout, "op-1")
    assert {w.restart for w in again.workloads} <= {"op-1"}
    bare = [w.model_copy(update={"restart": ""}) for w in again.workloads]
    assert layout.model_copy(update={"workloads": tuple(bare)}) == layout


@given(deployments(), COUNTS, st.one_of(st.none(), st.integers(1, 9)))
def test_a_deployment_app_grows_in_one_version_and_loses_those_not_in_force_first(
    layout: Layout, replicas: int, revision: int | None
) -> None:
    after = scaled(layout, replicas, revision)
    assert after.total == after.running == replicas
    was, now = Counter(layout.versions), Counter(after.versions)
    if replicas >= layout.total:
        assert now - was == Counter({revision or layout.revision: replicas - layout.total} if replicas > layout.total else {})
        assert not was - now
    else:
        assert not now - was
        others_left = any(w.replicas and w.revision != layout.revision for w in after.workloads)
        assert not (others_left and now[layout.revision] < was[layout.revision])


@given(deployments(), st.integers(1, 9))
def test_a_gray_upgrade_ends_with_one_deployment_of_as_many_instances(layout: Layout, revision: int) -> None:
    after = beside(layout, revision)
    assert after.versions == {revision: layout.total}
    (only,) = after.workloads
    there = {w.track: w.revision for w in layout.workloads}
    assert there.get(only.track, revision) == revision, "it is moved beside the others, not into one of them"
    assert at_revision(layout, revision).versions == after.versions


@given(st.sampled_from(["Deployment", "TApp"]), st.integers(0, 20))
def test_the_first_layout_has_all_instances_at_the_first_revision(type: layouts.AppType, replicas: int) -> None:
    made = first(type, 1, replicas)
    assert (made.total, made.running, made.revision) == (replicas, replicas, 1)
    assert Layout.model_validate_json(made.model_dump_json()) == made
