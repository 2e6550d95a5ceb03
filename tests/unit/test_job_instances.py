"""What keeps a Job's instance from its end, and who took one away: neither is told as the program's failure."""

from datetime import datetime, timedelta
from typing import Any

import pytest

from model.job_instances import as_it_was_left, has_failed_by_itself, still_running, taken_away
from model.jobs import cause_at_deadline, dead_end, job_object
from model.layouts import first
from model.troubles import Seen
from tests.standing import Object
from tests.unit.test_jobs import APP, ended, exit, made, pod, revision


def with_side(main: dict[str, Any], side: dict[str, Any]) -> Object:
    found = pod(made(), main, "Running")
    found["spec"] = {**found["spec"], "containers": [*found["spec"]["containers"], {"name": "side", "image": "x"}]}
    found["status"]["containerStatuses"].append({"name": "side", "restartCount": 0, "ready": True, "state": side})
    return found


RUNNING = {"running": {"startedAt": "2026-01-01T00:00:02Z"}}


def test_the_container_that_runs_on_is_named() -> None:
    held_up = with_side(exit(0, "Completed"), RUNNING)
    assert still_running([held_up]) == "of instance 'web-r1-x' web ended with 0, and side still runs"
    assert still_running([with_side(RUNNING, RUNNING)]) == ""
    assert still_running([pod(made(), exit(0, "Completed"), "Succeeded")]) == ""


def test_at_the_deadline_the_hint_is_to_end_the_other_container() -> None:
    message = f"0 of 1 completed, 1 running; {still_running([with_side(exit(0, 'Completed'), RUNNING)])}"
    job = made() | {"status": {"active": 1, "ready": 1}}
    error = cause_at_deadline(APP, job, Seen(pods=[with_side(exit(0, "Completed"), RUNNING)]), message)
    assert "web ended with 0, and side still runs" in error.message
    assert error.hint.startswith("An instance has run to its end when all its containers have")
    timed = ended(made(active_deadline_seconds=5), "FailureTarget", "DeadlineExceeded")
    found = dead_end(APP, timed, Seen(pods=[with_side(exit(0, "Completed"), RUNNING)]))
    assert found is not None
    assert "Of instance 'web-r1-x' web ended with 0, and side still runs." in found.message
    assert "all its containers" in found.hint


def test_what_is_evicted_or_preempted_is_no_try() -> None:
    (rule,) = made()["spec"]["podFailurePolicy"]["rules"]
    assert rule == {"action": "Ignore", "onPodConditions": [{"type": "DisruptionTarget", "status": "True"}]}
    again = job_object(APP, revision(restart_policy="OnFailure"), "localhost:5000", first("Job", 1, 1).workloads[0], "op-1/1")
    assert "podFailurePolicy" not in again["spec"], "Kubernetes takes it with restartPolicy Never only"


@pytest.mark.parametrize(
    ("reason", "words"),
    [
        ("EvictionByEvictionAPI", "was evicted through the cluster's API, as a drain of its node does: Eviction API: evicting"),
        ("PreemptionByScheduler", "was put out by the scheduler for an app of higher priority: Eviction API: evicting"),
        ("SomethingNew", "was taken away (SomethingNew): Eviction API: evicting"),
    ],
)
def test_an_instance_that_was_taken_away_is_not_the_programs_failure(reason: str, words: str) -> None:
    gone = pod(made(), exit(143))
    told = {"type": "DisruptionTarget", "status": "True", "reason": reason, "message": "Eviction API: evicting"}
    gone["status"]["conditions"] = [told]
    assert taken_away(gone) == words
    error = dead_end(APP, ended(made(backoff_limit=0), "Failed", "BackoffLimitExceeded", failed=1), Seen(pods=[gone]))
    assert error is not None
    assert (error.reason, error.fault, error.retryable) == ("JobInterrupted", "cluster", True)
    assert f"its instance 'web-r1-x' {words}" in error.message
    assert error.evidence[0].text == words


def test_an_instance_that_somebody_deletes_is_not_the_programs_failure() -> None:
    gone = pod(made(), exit(143))
    gone["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:30Z"
    error = dead_end(APP, ended(made(backoff_limit=0), "Failed", "BackoffLimitExceeded", failed=1), Seen(pods=[gone]))
    assert error is not None
    assert error.reason == "JobInterrupted"
    assert "was deleted from outside" in error.message


def test_a_program_that_fails_after_an_interruption_is_at_fault() -> None:
    gone = pod(made(), exit(143))
    gone["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:30Z"
    newest = pod(made(), exit(3))
    error = dead_end(APP, ended(made(), "Failed", "BackoffLimitExceeded", failed=7), Seen(pods=[newest, gone]))
    assert error is not None
    assert error.reason == "JobFailed"


@pytest.mark.parametrize(
    ("asked_at", "by_hand"), [("2026-01-01T00:00:07Z", True), ("2026-01-01T00:00:08Z", False), ("2026-01-01T00:00:09Z", False)]
)
def test_what_is_removed_once_the_run_has_failed_was_not_taken_away(asked_at: str, by_hand: bool) -> None:
    """Whichever of the two is heard of first; deletionTimestamp is when its grace is over."""
    leaving = pod(made(), RUNNING, "Running")
    over = datetime.fromisoformat(asked_at) + timedelta(seconds=30)
    leaving["metadata"] |= {"deletionTimestamp": over.isoformat(), "deletionGracePeriodSeconds": 30}
    assert bool(taken_away(as_it_was_left(leaving, "2026-01-01T00:00:08Z", by_itself=True))) == by_hand
    assert taken_away(as_it_was_left(leaving, "", by_itself=True))
    # Where nothing else has failed, it is what the run failed of, also within the same second.
    alone = taken_away(as_it_was_left(leaving, "2026-01-01T00:00:08Z", by_itself=False))
    assert bool(alone) == (by_hand or asked_at.endswith("08Z"))


def removed(found: Object) -> Object:
    found["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:08Z"
    return found


def restarted(times: int) -> Object:
    found = removed(pod(made(), RUNNING, "Running"))
    found["spec"] = {**found["spec"], "restartPolicy": "OnFailure"}
    found["status"]["containerStatuses"][0]["restartCount"] = times
    return found


@pytest.mark.parametrize(
    ("pods", "why", "limit", "by_itself"),
    [
        ([removed(pod(made(), RUNNING, "Running"))], "BackoffLimitExceeded", 0, False),
        ([removed(pod(made(), RUNNING, "Running"))], "DeadlineExceeded", 0, True),
        ([removed(pod(made(), exit(143))), pod(made(), exit(1))], "BackoffLimitExceeded", 0, True),
        # Its one further try was taken away.
        ([removed(pod(made(), exit(143))), pod(made(), exit(1))], "BackoffLimitExceeded", 1, False),
        ([restarted(1), restarted(1)], "BackoffLimitExceeded", 2, True),
        ([restarted(1), restarted(0)], "BackoffLimitExceeded", 2, False),
    ],
)
def test_a_run_fails_by_itself_when_its_tries_are_used_up(pods: list[Object], why: str, limit: int, by_itself: bool) -> None:
    assert has_failed_by_itself(pods, why, limit) == by_itself
