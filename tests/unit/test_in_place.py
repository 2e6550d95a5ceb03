"""What runs is shown from what runs while images are changed in place, also when that is taken back (faults 22)."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

from model.instances import instance_reply, tapp_instance
from model.layouts import Layout, at_revision, first
from model.pod_templates import pod_template
from model.pods import REPLACED, RESTARTS_BEFORE, containers, moving
from model.rollouts import has_settled
from model.standing import Standing, standing_of
from model.troubles import Seen
from tests.standing import LONG_AGO, REVISIONS, FakeImages, Object, app_of
from tests.unit.test_app_moves import Stage

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)
BASE = first("TApp", 1, 3)
REGISTRY = FakeImages.registry
OLD, NEW = (REVISIONS[number].digests["web"] for number in (1, 2))


def pod(
    says: int, life: str, runs: str, *, seen: bool = True, replaced: str = "life-1", since: str = LONG_AGO, **more: Any
) -> Object:
    """The pod of web-1 that is told revision `says`, while its container's life `life` is of the digest `runs`."""
    workload = BASE.workloads[1]
    template = pod_template(app_of(BASE), REVISIONS[says], REGISTRY, workload)
    notes = {REPLACED: json.dumps({"web": replaced}), RESTARTS_BEFORE: json.dumps({"web": 0})}
    image_id = f"localhost:5000/public/busybox@{runs}"
    status = {"name": "web", "containerID": life, "imageID": image_id, "ready": True, "state": {"running": {"startedAt": since}}}
    return {
        "metadata": {**template["metadata"], "name": "web-1-0", "uid": "u-1", "generation": 3, "annotations": notes},
        "spec": {**template["spec"], "nodeName": "node-1"},
        "status": {
            "phase": "Running",
            "observedGeneration": 3 if seen else 2,
            "containerStatuses": [status | more],
            "conditions": [{"type": "Ready", "status": "True", "lastTransitionTime": LONG_AGO}],
        },
    }


def standing(found: Object, wanted: int) -> Standing:
    workload = at_revision(BASE, wanted).workloads[1]
    template = pod_template(app_of(BASE), REVISIONS[wanted], REGISTRY, workload)
    workload_set = {"metadata": {}, "spec": {"replicas": 1, "template": template}}
    return standing_of(workload, template, 0, workload_set, found, NOW)


def shown(found: Object, layout: Layout) -> tuple[Any, ...]:
    instance = tapp_instance(app_of(layout), "1", found)
    reply = instance_reply(instance, Seen(pods=[found]), [REVISIONS[2], REVISIONS[1]], REGISTRY)
    return reply["version"], reply["image"], reply["status"], reply["reason"]


def test_what_serves_until_the_new_one_has_started_is_what_is_shown() -> None:
    changing, changed = pod(2, "life-1", OLD), pod(2, "life-2", NEW)
    layout = at_revision(BASE, 2, ["1"])
    assert shown(changing, layout) == (1, "busybox:v1", "RUNNING", "Changing")
    assert shown(changed, layout) == (2, "busybox:v2", "RUNNING", "")
    before, after = standing(changing, 2), standing(changed, 2)
    assert (before.right, before.moves, before.serves, before.available) == (True, True, True, False)
    assert (after.right, after.moves, after.serves, after.available) == (True, False, True, True)


def test_a_change_that_was_taken_back_is_not_over_until_the_abandoned_image_has_ended() -> None:
    # the kubelet, which ends the first life for the change, has not seen yet that it was taken back
    ending = pod(1, "life-1", OLD, seen=False)
    assert standing(ending, 1).moves
    # so it begins the abandoned image, and that it really runs is shown
    since = (NOW - timedelta(seconds=1)).isoformat()
    abandoned = pod(1, "life-2", NEW, since=since, restartCount=1)
    assert standing(abandoned, 1).moves
    assert not standing(abandoned, 1).available
    assert shown(abandoned, BASE) == (2, "busybox:v2", "RUNNING", "Changing")
    # until that has ended for the one before, which is no crash
    over = {"exitCode": 143, "reason": "Error", "containerID": "life-2", "startedAt": since, "finishedAt": NOW.isoformat()}
    back = pod(1, "life-3", OLD, restartCount=2, lastState={"terminated": over})
    assert not standing(back, 1).moves
    assert standing(back, 1).available
    assert shown(back, BASE) == (1, "busybox:v1", "RUNNING", "")
    assert has_settled([back], NOW)


def test_a_change_that_the_kubelet_never_saw_is_over_when_it_is_taken_back() -> None:
    untouched = standing(pod(1, "life-1", OLD), 1)
    assert (untouched.moves, untouched.available) == (False, True)


def test_of_equal_images_the_one_that_goes_on_is_taken_for_the_new_one() -> None:
    # given a runtime that names the content that two images share by the first of them, and a grace period of 30 s
    fresh = pod(2, "life-2", OLD, since=(NOW - timedelta(seconds=40)).isoformat())
    lasting = pod(2, "life-2", OLD, since=(NOW - timedelta(seconds=50)).isoformat())
    assert (standing(fresh, 2).moves, standing(lasting, 2).moves) == (True, False)
    assert standing(pod(2, "life-1", OLD), 2).moves


def test_a_runtime_that_tells_no_digest_is_judged_by_its_lives() -> None:
    assert moving(pod(2, "life-1", "", imageID=""))
    assert not moving(pod(2, "life-2", "", imageID=""))


def test_a_program_that_crashes_by_itself_after_a_change_is_told() -> None:
    over = {"exitCode": 1, "reason": "Error", "containerID": "life-2", "startedAt": LONG_AGO, "finishedAt": LONG_AGO}
    (crashed,) = containers(pod(2, "life-3", NEW, restartCount=2, lastState={"terminated": over}))
    assert crashed.ended == 2


async def test_what_serves_is_counted_whatever_it_runs_and_the_way_back_names_what_still_moves() -> None:
    # given three instances of which one is told another image, and does not take it up
    stage = Stage(BASE, at_revision(BASE, 2, ["1"]))
    await stage.stand()
    own = stage.cluster.objects["Pod", "web-1-0"]
    course = await stage.moves._course(stage.records.app, stage.ask, stage.records.layouts[2])
    await course.act(await course.look(fresh=True))
    # then all three serve, and which one is on its way is told
    sight = await course.look(fresh=True)
    assert sight.message == ("2 of 3 instances are as asked, 3 of 3 ready; what ran in web-1 before has not ended yet")
    # when it is taken back, and the kubelet has begun the abandoned image
    back = await stage.moves._course(stage.records.app, stage.ask, BASE)
    await back.act(await back.look(fresh=True))
    own["status"]["containerStatuses"][0] |= {"containerID": "c-new", "imageID": f"x@{NEW}"}
    own["status"]["containerStatuses"][0]["state"]["running"]["startedAt"] = datetime.now(UTC).isoformat()
    # then it is not placed until that has gone, or nobody waits for it any more
    assert not (await back.look(fresh=True)).placed
    assert "web-1" in (await back.look(fresh=True)).message
    own["status"]["containerStatuses"][0] |= {"containerID": "c-old", "imageID": f"x@{OLD}"}
    assert (await back.look(fresh=True)).placed
    own["status"]["containerStatuses"][0] |= {"containerID": "c-new", "imageID": f"x@{NEW}"}
    back.wait_for_nobody()
    assert (await back.look(fresh=True)).placed
