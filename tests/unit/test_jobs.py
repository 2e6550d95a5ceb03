"""What a Job's object, pods and body say: how far it is, why it failed, what of a body means nothing for it."""

from typing import Any

import pytest

from model.app_bodies import NewApp, spec_of
from model.apps import AppPhase, AppSpec, ContainerSpec, JobRun
from model.change_bodies import Rollout, changed
from model.diagnosis import instance_state
from model.errors import Invalid
from model.job_bodies import deadline_for
from model.jobs import (
    cause_at_deadline,
    dead_end,
    job_object,
    job_status,
    of_run,
    reached,
    run_name,
    run_of,
    time_to_run,
    wanted_logs,
)
from model.layouts import Layout, at_revision, first, not_run, restarted
from model.pod_templates import TEMPLATE
from model.pods import JOB_NAME
from model.troubles import Seen
from tests.standing import REVISIONS, Object, app_of

ONCE = first("Job", 1, 1)
APP = app_of(ONCE)


def revision(number: int = 1, **job: Any) -> Any:
    known = REVISIONS[number]
    return known.model_copy(update={"spec": known.spec.model_copy(update={"type": "Job", "job": JobRun(**job)})})


def made(layout: Layout = ONCE, number: int = 1, began: str = "2026-01-01T00:00:00Z", **job: Any) -> Object:
    found = job_object(app_of(layout), revision(number, **job), "localhost:5000", layout.workloads[0], "op-1/1")
    found["metadata"]["creationTimestamp"] = began
    return found


def ended(job: Object, how: str, reason: str = "", **counts: int) -> Object:
    return job | {"status": {"conditions": [{"type": how, "status": "True", "reason": reason}], **counts}}


def pod(job: Object, state: dict[str, Any], phase: str = "Failed") -> Object:
    name = job["metadata"]["name"]
    template = job["spec"]["template"]
    labels = template["metadata"]["labels"] | {JOB_NAME: name}
    status = {"name": "web", "restartCount": 0, "ready": False, "state": state}
    return {
        "metadata": {"name": f"{name}-x", "uid": "u", "labels": labels, "creationTimestamp": "2026-01-01T00:00:01Z"},
        "spec": template["spec"],
        "status": {"phase": phase, "containerStatuses": [status]},
    }


def exit(code: int, reason: str = "Error", message: str = "") -> dict[str, Any]:
    return {"terminated": {"exitCode": code, "reason": reason, "message": message}}


def test_the_job_of_a_run_says_all_of_it() -> None:
    job = made(backoff_limit=2, parallelism=3, active_deadline_seconds=60, restart_policy="OnFailure")
    spec = job["spec"]
    assert (spec["completions"], spec["parallelism"], spec["backoffLimit"], spec["activeDeadlineSeconds"]) == (1, 3, 2, 60)
    assert spec["template"]["spec"]["restartPolicy"] == "OnFailure"
    assert job["metadata"]["name"] == "web-r1"
    assert "selector" not in spec


def test_every_revision_and_restart_is_a_run_with_a_template_of_its_own() -> None:
    runs = [made(), made(restarted(ONCE, "rs-1")), made(at_revision(ONCE, 2), 2)]
    assert len({job["metadata"]["name"] for job in runs}) == 3
    assert len({job["spec"]["template"]["metadata"]["labels"][TEMPLATE] for job in runs}) == 3


def test_names_of_runs_stay_within_a_labels_length() -> None:
    longest = restarted(at_revision(ONCE, 9999), "rs-1").workloads[0]
    assert len(run_name("a" * 51, longest)) <= 63


def test_a_version_that_is_taken_up_anew_is_not_taken_for_its_restart() -> None:
    assert at_revision(restarted(ONCE, "rs-1"), 2).workloads[0].restart == ""
    assert restarted(not_run(ONCE), "rs-1").workloads[0].runs


@pytest.mark.parametrize(
    ("jobs", "operation", "status"),
    [
        ([ended(made(), "Complete", succeeded=1)], ("app.create", "SUCCEEDED"), "COMPLETED"),
        ([ended(made(), "Complete", succeeded=1)], ("app.upgrade", "FAILED"), "COMPLETED"),
        ([ended(made(), "Failed", "BackoffLimitExceeded")], ("app.create", "FAILED"), "FAILED"),
        ([ended(made(), "Failed", "BackoffLimitExceeded")], ("app.create", "SUCCEEDED"), "FAILED"),
        ([made() | {"status": {"active": 1, "ready": 1}}], ("app.create", "RUNNING"), "RUNNING"),
        ([made() | {"status": {"active": 1, "ready": 1}}], ("app.delete", "RUNNING"), "DELETING"),
        ([made() | {"status": {"active": 1}}], ("app.create", "RUNNING"), "PENDING"),
        ([made() | {"status": {"active": 1}}], ("app.create", "FAILED"), "FAILED"),
        ([made() | {"status": {"active": 1, "ready": 1}}], ("app.create", "FAILED"), "RUNNING"),
        ([], ("app.create", "FAILED"), "FAILED"),
        ([], ("app.upgrade", "CANCELLED"), "STOPPED"),
        ([ended(made(at_revision(ONCE, 2), 2), "Complete")], ("app.upgrade", "CANCELLED"), "STOPPED"),
    ],
)
def test_status_by_the_run_in_force(jobs: list[Object], operation: tuple[str, str], status: str) -> None:
    assert job_status(APP, *operation, jobs)[0] == status


def test_what_does_not_run_says_why() -> None:
    assert "restart runs it" in job_status(app_of(not_run(ONCE)), "app.upgrade", "SUCCEEDED", [])[2]
    assert "restart runs it" in job_status(APP, "app.upgrade", "CANCELLED", [])[2]
    assert "BackoffLimitExceeded" in job_status(APP, None, None, [ended(made(), "Failed", "BackoffLimitExceeded")])[2]
    ran = app_of(not_run(ONCE, ran=True))
    assert job_status(ran, "app.upgrade", "SUCCEEDED", [])[:2] == ("COMPLETED", "1/1 completed")
    assert "no longer kept" in job_status(ran, "app.upgrade", "SUCCEEDED", [])[2]
    assert job_status(ran, "app.upgrade", "SUCCEEDED", [ended(made(), "Complete", succeeded=1)])[2] == ""
    assert not restarted(ran.layout, "rs-1").workloads[0].ran
    stopped = APP.model_copy(update={"phase": AppPhase.STOPPED})
    assert job_status(stopped, "app.kill", "SUCCEEDED", [])[0] == "STOPPED"


def test_a_run_that_goes_is_not_the_one_in_force() -> None:
    job = made()
    assert of_run(APP, [job]) is job
    job["metadata"]["deletionTimestamp"] = "now"
    assert of_run(APP, [job]) is None


def test_it_has_failed_from_when_that_is_decided() -> None:
    run = run_of(ended(made(), "FailureTarget", "DeadlineExceeded", failed=1))
    assert run.over
    assert run.failure == "DeadlineExceeded"
    assert run.message == "0 of 1 completed, 1 try failed"


@pytest.mark.parametrize(
    ("state", "reason", "words"),
    [
        (exit(3, message="no such table\n"), "JobFailed", "exit code 3; its last words: 'no such table'"),
        (exit(137, "OOMKilled"), "OutOfMemory", "more memory than its limit"),
        (exit(127), "CommandNotFound", "exit code 127"),
    ],
)
def test_a_failed_run_tells_the_last_words_of_its_try(state: dict[str, Any], reason: str, words: str) -> None:
    job = ended(made(backoff_limit=0), "Failed", "BackoffLimitExceeded", failed=1)
    error = dead_end(APP, job, Seen(pods=[pod(job, state)]))
    assert error is not None
    assert error.reason == reason
    assert words in error.message
    assert "'web' failed: no further try is made (backoffLimit 0)" in error.message
    assert not error.transient
    assert error.retryable


def test_tries_that_fail_are_no_end_while_another_is_made_but_a_command_that_is_not_there_is() -> None:
    job = made() | {"status": {"active": 1, "failed": 2}}
    assert dead_end(APP, job, Seen(pods=[pod(job, exit(1))])) is None
    looping = pod(job, exit(1), "Running") | {}
    looping["status"]["containerStatuses"][0]["restartCount"] = 9
    assert dead_end(APP, job, Seen(pods=[looping])) is None
    message = 'runc: exec: "/bin/nope": no such file'
    error = dead_end(APP, job, Seen(pods=[pod(job, exit(128, "StartError", message))]))
    assert error is not None
    assert error.reason == "CommandNotFound"


def test_its_own_time_being_over_names_the_field_and_what_it_was_at() -> None:
    job = ended(made(active_deadline_seconds=5), "FailureTarget", "DeadlineExceeded")
    running = pod(job, {"running": {"startedAt": "2026-01-01T00:00:02Z"}}, "Running")
    (ref,) = wanted_logs([running])
    error = dead_end(APP, job, Seen(pods=[running], logs={ref: "one\nwaiting for godot\n"}))
    assert error is not None
    assert error.reason == "JobFailed"
    assert "activeDeadlineSeconds of 5" in error.message
    assert "Its last words: 'waiting for godot'." in error.message


def test_at_the_operations_deadline_it_is_said_that_the_run_goes_on() -> None:
    job = made() | {"status": {"active": 1, "ready": 1}}
    error = cause_at_deadline(APP, job, Seen(pods=[]), "0 of 1 completed, 1 running")
    assert error.reason == "DeadlineExceeded"
    assert "ready" not in error.message
    assert "goes on by itself" in error.hint


def test_instances_that_ended_well_have_completed_and_others_say_why_not() -> None:
    job = made()
    well = instance_state(pod(job, exit(0, "Completed"), "Succeeded"), Seen(pods=[]))
    assert (well.status, well.reason) == ("COMPLETED", "Completed")
    bad = instance_state(pod(job, exit(3, message="no such table")), Seen(pods=[]))
    assert bad.status == "FAILED"
    assert "'no such table'" in bad.message


def test_where_a_move_got_to_is_the_newest_run() -> None:
    second = at_revision(ONCE, 2)
    old, new = made(), made(second, 2, began="2026-01-01T01:00:00Z")
    known = {("", j["spec"]["template"]["metadata"]["labels"][TEMPLATE]): w.workloads[0] for j, w in ((old, ONCE), (new, second))}
    assert reached(second, known, [old, new]) == second
    assert reached(second, known, [old]).workloads == ONCE.workloads
    assert reached(second, known, []) == second


def body(**fields: Any) -> NewApp:
    return NewApp.model_validate({"name": "migrate", "imageRef": "busybox", "type": "Job"} | fields)


def test_a_body_says_how_it_is_run() -> None:
    spec = spec_of(body(restartPolicy="OnFailure", backoffLimit=1, parallelism=2, activeDeadlineSeconds=30, instanceNum=2))
    assert spec.job == JobRun(restart_policy="OnFailure", backoff_limit=1, parallelism=2, active_deadline_seconds=30)
    assert spec_of(body()).job == JobRun()
    after = changed(spec, Rollout(backoff_limit=0, image="busybox:2"))
    assert after.job == spec.job.model_copy(update={"backoff_limit": 0})


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"restartPolicy": "Always"}, "restartPolicy"),
        ({"portMappings": [{"containerPort": 80}]}, "portMappings"),
        ({"readinessProbe": {"tcpSocket": {"port": 80}}}, "readinessProbe"),
        ({"maxSurge": 1}, "maxSurge"),
        ({"type": "Deployment", "backoffLimit": 0}, "backoffLimit"),
        ({"type": "TApp", "restartPolicy": "Never"}, "restartPolicy"),
    ],
)
def test_what_means_nothing_is_refused_by_its_name(fields: dict[str, Any], field: str) -> None:
    with pytest.raises(Invalid) as refused:
        spec_of(body(**fields))
    assert refused.value.problems[0].field == field


def test_an_operation_waits_as_long_as_the_run_may_take() -> None:
    assert deadline_for(body(), spec_of(body())) == 3600
    timed = body(activeDeadlineSeconds=1000)
    assert deadline_for(timed, spec_of(timed)) == 1120
    assert deadline_for(body(deadlineSeconds=7), spec_of(body())) == 7
    assert time_to_run(AppSpec(containers=(ContainerSpec(name="a", image="b"),))) is None
