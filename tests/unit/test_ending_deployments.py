"""A version whose Deployment is still being deleted, as after a rollback: it is waited for, and made anew."""

from model.layouts import first
from model.moves import limits_of
from model.troubles import Seen
from tests.unit.test_app_moves import Stage, two_versions


async def test_a_deployment_that_a_rollback_still_takes_away_is_waited_for_and_made_anew() -> None:
    """A retry at once met it, and called it a stranger's."""
    stage = Stage(first("Deployment", 1, 4), two_versions())
    await stage.stand()
    course = stage.course(two_versions(), limits_of(4, 7, 1, 1))
    await course.act(await course.look(fresh=True))
    stage.cluster.objects["Deployment", "web-r2"] |= {"by": "hand"}  # it takes no change that is not forced
    stage.cluster.objects["Deployment", "web-r2"]["metadata"]["deletionTimestamp"] = "2026-01-01T12:00:00Z"
    course = stage.course(two_versions(), limits_of(4, 7, 1, 1))
    sight = await course.look(fresh=True)
    assert not sight.placed
    assert sight.message.endswith("; what was taken away of web-r2 has to end, within its grace of 30 s, first")
    await course.act(sight)
    assert course.tended, "it may be suspended until that has ended"
    course.wait_for_nobody()
    await course.act(await course.look(fresh=True))
    assert stage.cluster.objects["Deployment", "web"]["spec"]["replicas"] == 4, "what serves is left alone"
    told = course.cause_at_deadline(await course.look(fresh=True), Seen(pods=[]))
    assert "what was taken away of web-r2 has to end" in told.message
    stage.cluster.objects["Deployment", "web-r2"]["metadata"]["finalizers"] = ["example.com/holds"]
    told = course.cause_at_deadline(await course.look(fresh=True), Seen(pods=[]))
    assert (told.reason, "example.com/holds" in told.message) == ("DeletionHeld", True)
    stage.cluster.objects.pop(("Deployment", "web-r2"))
    await stage.run(stage.moves.move)
    assert stage.cluster.objects["Deployment", "web-r2"]["spec"]["replicas"] == 3
