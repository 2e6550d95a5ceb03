"""Where a roll-out stands, an app's status, and who may use an image."""

from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from model.access import Actor, Role
from model.apps import App, AppPhase, AppStatus
from model.diagnosis import WELL, health_of
from model.errors import Forbidden
from model.images import check_use, parse
from model.layouts import first, with_running
from model.pods import is_ready
from model.rollouts import app_status, has_settled, rollout_of, still_serving
from model.troubles import Seen

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)
COUNTS = st.integers(min_value=0, max_value=5)


def app(phase: AppPhase = AppPhase.LIVE) -> App:
    written = {"id": "ab" * 32, "project": "shop", "project_id": "prj-1", "name": "web", "type": "Deployment", "cluster": "default"}
    made = {"username": "ann", "created_at": NOW, "created_by": "ann"}
    return App.model_validate({**written, **made, "phase": phase, "layout": first("Deployment", 1, 2)})


def deployment(
    wanted: int, updated: int, total: int, available: int, *, ready: int | None = None, seen: bool = True
) -> dict[str, Any]:
    counts = {"updatedReplicas": updated, "replicas": total, "availableReplicas": available}
    status = {**counts, "readyReplicas": available if ready is None else ready, "observedGeneration": 2 if seen else 1}
    return {"metadata": {"generation": 2}, "spec": {"replicas": wanted}, "status": status}


def pod(*, since: datetime | None = NOW, ended: bool = False, reason: str = "Error") -> dict[str, Any]:
    state = {"running": {"startedAt": since.isoformat()}} if since else {"waiting": {"reason": "CrashLoopBackOff"}}
    over = {"exitCode": 1, "reason": reason, "startedAt": NOW.isoformat(), "finishedAt": NOW.isoformat()}
    status = {
        "name": "web",
        "ready": True,
        "restartCount": int(ended),
        "state": state,
        "lastState": {"terminated": over} if ended else {},
    }
    return {"metadata": {}, "spec": {"containers": [{"name": "web", "image": "x"}]}, "status": {"containerStatuses": [status]}}


@given(COUNTS, COUNTS, COUNTS, COUNTS, st.booleans())
def test_done_is_exactly_all_new_all_available_none_old(wanted: int, updated: int, total: int, available: int, seen: bool) -> None:
    rollout = rollout_of(deployment(wanted, updated, total, available, seen=seen))
    assert rollout.done == (seen and updated == total == available == wanted)
    assert rollout.replaced or not rollout.done
    assert rollout.message


@pytest.mark.parametrize(
    ("phase", "operation", "found", "dead", "expected"),
    [
        (AppPhase.LIVE, ("app.create", "RUNNING"), None, False, AppStatus.PENDING),
        (AppPhase.LIVE, ("app.create", "SUCCEEDED"), deployment(2, 2, 2, 2), False, AppStatus.RUNNING),
        (AppPhase.LIVE, ("app.create", "FAILED"), deployment(2, 2, 2, 0), False, AppStatus.FAILED),
        (AppPhase.LIVE, ("app.create", "FAILED"), None, False, AppStatus.FAILED),
        (AppPhase.LIVE, ("app.create", "FAILED"), deployment(2, 2, 2, 2), False, AppStatus.RUNNING),
        (AppPhase.STOPPED, ("app.create", "CANCELLED"), None, False, AppStatus.STOPPED),
        (AppPhase.LIVE, ("app.create", "CANCELLED"), None, False, AppStatus.STOPPED),
        (AppPhase.LIVE, ("app.upgrade", "RUNNING"), deployment(2, 1, 3, 2), False, AppStatus.UPDATING),
        (AppPhase.LIVE, ("app.upgrade", "FAILED"), deployment(2, 1, 3, 2), False, AppStatus.RUNNING),
        (AppPhase.LIVE, ("app.upgrade", "CANCELLING"), deployment(2, 1, 3, 2), False, AppStatus.UPDATING),
        (AppPhase.LIVE, ("app.scale", "ACCEPTED"), deployment(2, 2, 2, 2), False, AppStatus.UPDATING),
        (AppPhase.LIVE, ("app.delete", "RUNNING"), deployment(2, 2, 2, 2), False, AppStatus.DELETING),
        (AppPhase.STOPPED, ("app.kill", "SUCCEEDED"), None, False, AppStatus.STOPPED),
        (AppPhase.LIVE, ("app.create", "SUCCEEDED"), deployment(2, 2, 2, 1), False, AppStatus.PENDING),
        (AppPhase.LIVE, ("app.create", "SUCCEEDED"), deployment(2, 2, 2, 1), True, AppStatus.FAILED),
        (AppPhase.LIVE, ("app.create", "SUCCEEDED"), None, False, AppStatus.PENDING),
    ],
)
def test_a_status_tells_what_serves(
    phase: AppPhase, operation: tuple[str, str], found: dict[str, Any] | None, dead: bool, expected: AppStatus
) -> None:
    assert app_status(app(phase), *operation, [found] if found else [], dead=dead)[0] is expected


def test_the_summary_counts_no_surplus() -> None:
    assert app_status(app(), None, None, [deployment(2, 2, 3, 2, ready=3)])[1] == "2/2 running"


def test_an_app_of_several_versions_runs_when_all_of_them_do() -> None:
    whole = app().model_copy(update={"layout": first("Deployment", 1, 3)})
    assert app_status(whole, None, None, [deployment(2, 2, 2, 2), deployment(1, 1, 1, 1)])[0] is AppStatus.RUNNING
    assert app_status(whole, None, None, [deployment(2, 2, 2, 2), deployment(1, 1, 1, 0)])[0] is AppStatus.PENDING


def test_a_killed_instance_is_not_missed() -> None:
    layout = with_running(first("TApp", 1, 2), "0", False)
    tapp = app().model_copy(update={"type": "TApp", "layout": layout})
    status = app_status(tapp, "instance.kill", "SUCCEEDED", [deployment(0, 0, 0, 0), deployment(1, 1, 1, 1)])
    assert status == (AppStatus.RUNNING, "1/2 running, 1 killed")


def test_a_tapp_without_instances_is_not_stopped_by_a_cancelled_change() -> None:
    empty = app().model_copy(update={"type": "TApp", "layout": first("TApp", 1, 0)})
    assert app_status(empty, "app.scale", "CANCELLED", [])[0] is AppStatus.RUNNING


def test_an_upgrade_cancelled_of_what_never_ran_leaves_it_failed() -> None:
    assert app_status(app(), "app.upgrade", "CANCELLED", [])[0] is AppStatus.FAILED


@pytest.mark.parametrize(
    ("pods", "settled"),
    [
        ([], True),
        ([pod()], True),
        ([pod(), pod(since=None)], False),
        ([pod(ended=True)], False),
        ([pod(since=NOW - timedelta(seconds=11), ended=True)], True),
        ([pod(ended=True, reason="Unknown")], True),
    ],
)
def test_ready_between_two_crashes_is_not_settled(pods: list[dict[str, Any]], settled: bool) -> None:
    assert has_settled(pods, NOW) is settled


def crashing(lives: list[tuple[float, float]], now: float) -> dict[str, Any]:
    """The pod at `now` of a program that lived in `lives`, each (start, end) in seconds."""
    at = {moment: (NOW + timedelta(seconds=moment)).isoformat() for pair in lives for moment in pair}
    over = [(start, end) for start, end in lives if end <= now]
    current = next(((start, end) for start, end in lives if start <= now < end), None)
    ended = {"exitCode": 1, "reason": "Error", "startedAt": at[over[-1][0]], "finishedAt": at[over[-1][1]]} if over else None
    waits = {"waiting": {"reason": "CrashLoopBackOff", "message": ""}}
    status = {
        "name": "web",
        "ready": current is not None,
        "restartCount": max(0, len(over) - (current is None)),
        "state": {"running": {"startedAt": at[current[0]]}} if current else waits,
        "lastState": {"terminated": ended} if ended else {},
    }
    ready = {"type": "Ready", "status": str(current is not None)}
    spec = {"containers": [{"name": "web", "image": "x"}]}
    return {
        "metadata": {"name": "web-x", "uid": "u-1"},
        "spec": spec,
        "status": {"containerStatuses": [status], "conditions": [ready]},
    }


@pytest.mark.parametrize("life", [1, 7, 15, 90])
def test_the_status_of_what_ends_again_and_again_does_not_flicker(life: int) -> None:
    # given a program that dies after `life` seconds, is begun anew at once, then after 10, 20, 40 … seconds, and lives on at last
    lives, start = [], 0.0
    for pause in (1, 10, 20, 40, 80):
        lives.append((start, start + life))
        start += life + pause
    lives.append((start, start + 10_000))
    one, seen = app().model_copy(update={"layout": first("Deployment", 1, 1)}), []
    # when its app is looked at each second
    for second in range(int(start) + 700):
        found = Seen(pods=[crashing(lives, second)])
        ready = int(is_ready(found.pods[0]))
        health = health_of(found, NOW + timedelta(seconds=second), ready=bool(ready)) or WELL
        objects = [deployment(1, 1, 1, ready)]
        status = app_status(one, "app.create", "SUCCEEDED", objects, dead=health.dead, restarts=health.restarts)[0]
        if not seen or seen[-1][0] != (status, health.reason):
            seen.append(((status, health.reason), second))
    # then it is PENDING after the first end, FAILED from the second on with the reason, and RUNNING again once it is stable
    assert [told for told, _ in seen] == [
        (AppStatus.RUNNING, ""),
        (AppStatus.PENDING, "CrashLoop"),
        (AppStatus.FAILED, "CrashLoop"),
        (AppStatus.RUNNING, ""),
    ]
    assert seen[-1][1] - start == max(10, 2 * life) + 1


def test_a_program_that_ran_for_long_just_runs_again() -> None:
    found = Seen(pods=[crashing([(0, 3600), (3601, 9000)], 3602)])
    assert health_of(found, NOW + timedelta(seconds=3602), ready=True) is None


@pytest.mark.parametrize(
    ("image", "allowed"),
    [
        ("busybox", True),
        ("shop/api", True),
        ("other/api", False),
        ("~ann/tool", True),
        ("~bob/tool", False),
        ("localhost:5000/user_bob/tool", False),
        ("localhost:5000/other/api", False),
        ("quay.example/other/api", True),
    ],
)
def test_who_may_use_an_image(image: str, allowed: bool) -> None:
    ann = Actor(name="ann", roles={"shop": Role.DEVELOPER})
    ref = parse(image, "localhost:5000")
    if allowed:
        check_use(ref, image, ann)
    else:
        with pytest.raises(Forbidden):
            check_use(ref, image, ann)


def test_a_personal_image_is_not_even_an_admins() -> None:
    with pytest.raises(Forbidden):
        check_use(parse("~bob/tool", "localhost:5000"), "~bob/tool", Actor(name="root", admin=True))


def test_after_a_failed_upgrade_it_is_told_what_serves_on_and_why_the_other_does_not() -> None:
    upgrade = {"id": "op-1", "revision": 3, "error": {"message": "It ends."}}
    begun = app().model_copy(update={"layout": first("Deployment", 3, 4)})
    found = still_serving(begun, Counter({2: 3, 3: 0}), upgrade)
    assert found.startswith("Revision 2 serves on (3 instances); app.upgrade op-1 to revision 3 failed: It ends. ")
    assert "POST /v2/applications/shop/web/rollback" in found
    assert "rollback" not in still_serving(app(), Counter({1: 2}), upgrade)  # nothing is left that could be gone back from
    several = still_serving(begun, Counter({1: 1, 2: 2, 3: 1}), upgrade)
    assert several.startswith("Revision 2 serves on (2 instances) and revision 1 serves on (1 instance);")
    assert still_serving(begun, Counter({3: 4}), upgrade) == ""
