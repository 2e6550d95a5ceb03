"""What serves goes only for a version that was proved (faults 5)."""

import pytest

from model.layouts import Layout, at_revision, first, restarted, scaled, with_running
from tests.unit.test_app_moves import Stage, two_versions

BASE, GENERAL = first("Deployment", 1, 2), first("TApp", 1, 3)


@pytest.mark.parametrize(
    ("before", "after", "seconds"),
    [
        (BASE, BASE, 2),  # a creation
        (BASE, at_revision(BASE, 2), 10),
        (two_versions(), at_revision(two_versions(), 2), 10),
        (BASE, restarted(BASE, "rs-1"), 10),
        (BASE, scaled(BASE, 5), 2),
        (scaled(BASE, 5), BASE, 2),
        (GENERAL, at_revision(GENERAL, 2), 10),
        (GENERAL, at_revision(GENERAL, 2, ["1"]), 2),
        (GENERAL, with_running(GENERAL, "1", False), 2),
    ],
)
async def test_what_serves_goes_only_for_what_was_proved(before: Layout, after: Layout, seconds: int) -> None:
    stage = Stage(before, after)
    stage.records.settles = None
    course = await stage.moves._course(stage.records.app, stage.ask, after)
    assert {course.settle_seconds(w) for w in after.workloads} == {seconds}
    back = await stage.moves._course(stage.records.app, stage.ask, before)
    assert {back.settle_seconds(w) for w in before.workloads} == {2}, "what is gone back to was proved before"
    if after.type == "Deployment":
        await course.act(await course.look(fresh=True))
        assert {d["spec"]["minReadySeconds"] for d in stage.cluster.objects.values()} == {seconds}


async def test_how_long_a_version_is_proved_is_no_change_of_it() -> None:
    stage = Stage(BASE, at_revision(BASE, 2))
    stage.records.settles = None
    await stage.stand()
    course = await stage.moves._course(stage.records.app, stage.ask, BASE)
    course.proves = True
    await course.act(await course.look(fresh=True))
    assert stage.cluster.objects["Deployment", "web"]["spec"]["minReadySeconds"] == 10
    assert not course.changed
