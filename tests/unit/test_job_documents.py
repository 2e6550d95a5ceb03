"""Jobs in templates: Kubernetes Job documents and compose services that others wait for to complete."""

from typing import Any

import pytest

from model.apps import JobRun
from model.blueprints import Blueprint, Member
from model.errors import Invalid
from model.layouts import first, not_run
from model.stack_changes import Action, Standing, change
from model.stack_documents import Kind, read_blueprint

JOB = """
apiVersion: batch/v1
kind: Job
metadata: {name: migrate}
spec:
  backoffLimit: 2
  completions: 3
  parallelism: 2
  activeDeadlineSeconds: 60
  template:
    spec:
      restartPolicy: OnFailure
      containers: [{name: m, image: busybox, command: ["true"]}]
"""
WEB = """---
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, annotations: {mooring.io/depends-on: migrate}}
spec: {selector: {matchLabels: {app: web}}, template: {metadata: {labels: {app: web}}, spec: {
  containers: [{name: w, image: busybox}]}}}
"""
MIGRATE = "services:\n  web:\n    image: x\n    depends_on: {migrate: {condition: service_completed_successfully}}\n  migrate:\n"


def kubernetes(content: str) -> Blueprint:
    return read_blueprint(Kind.KUBERNETES, content, "dep")


def compose(said: str) -> Blueprint:
    return read_blueprint(Kind.COMPOSE, f"{MIGRATE}    image: y\n{said}", "dep")


def problem(read: Any, content: str) -> tuple[int | None, str]:
    with pytest.raises(Invalid) as refused:
        read(content)
    (found,) = refused.value.problems
    return found.line, f"{found.field} {found.message}"


def test_a_job_document_is_an_app_that_what_depends_on_it_comes_after() -> None:
    migrate, web = kubernetes(JOB + WEB).members
    assert migrate.spec.type == "Job"
    assert migrate.spec.job == JobRun(restart_policy="OnFailure", backoff_limit=2, parallelism=2, active_deadline_seconds=60)
    assert (migrate.replicas, migrate.app) == (3, "dep-migrate")
    assert (web.after, web.links) == (("migrate",), ())


@pytest.mark.parametrize(
    ("old", "new", "line", "words"),
    [
        ("restartPolicy: OnFailure", "restartPolicy: Always", 12, "'Never' or 'OnFailure'"),
        ("      restartPolicy: OnFailure\n", "", 11, "is required"),
        ("completions: 3", "completions: 0", 7, "at least 1"),
        ("completions: 3", "completionMode: Indexed", 7, "is not carried out"),
        ("completions: 3", "ttlSecondsAfterFinished: 5", 7, "until the app is deleted"),
        ("completions: 3", "suspend: true", 7, "its turn has come"),
        ("completions: 3", "podFailurePolicy: {rules: [a]}", 7, "is not carried out"),
        ('command: ["true"]', "ports: [{containerPort: 80}]", 13, "means nothing for a Job"),
        ('command: ["true"]', "readinessProbe: {tcpSocket: {port: 80}}", 13, "means nothing for a Job"),
        ("metadata: {name: migrate}", "metadata: {name: migrate, annotations: {mooring.io/rollout: 'pause: never'}}", 4, "Job"),
        ("metadata: {name: migrate}", f"metadata: {{name: {'m' * 48}}}", 4, "at most 51"),
        ("batch/v1", "v1", 2, "'batch/v1'"),
    ],
)
def test_what_means_nothing_is_refused_where_it_stands(old: str, new: str, line: int, words: str) -> None:
    found, told = problem(kubernetes, JOB.replace(old, new))
    assert (found, words in told) == (line, True), (found, told)


def test_a_service_does_not_select_a_job() -> None:
    service = "---\napiVersion: v1\nkind: Service\nmetadata: {name: s}\nspec: {selector: {job: a}, ports: [{port: 80}]}\n"
    labelled = JOB.replace("  template:\n    spec:", "  template:\n    metadata: {labels: {job: a}}\n    spec:")
    assert "no Job" in problem(kubernetes, labelled + WEB + service)[1]


def test_cron_jobs_are_refused_by_name() -> None:
    line, told = problem(kubernetes, WEB + JOB.replace("kind: Job", "kind: CronJob").join(["---", ""]))
    assert line == 9
    assert "CronJob is not taken: nothing here starts by the clock" in told


def test_a_service_that_others_wait_for_to_complete_is_a_job_and_no_name_inside_them() -> None:
    web, migrate = compose("    deploy: {replicas: 2}\n").members
    assert migrate.spec.type == "Job"
    assert migrate.spec.job == JobRun(restart_policy="Never", backoff_limit=0)
    assert (migrate.replicas, migrate.answers) == (2, ())
    assert (web.after, web.links, web.spec.type) == (("migrate",), (), "Deployment")


@pytest.mark.parametrize(
    ("said", "run"),
    [
        ("    restart: no\n", JobRun(restart_policy="Never", backoff_limit=0)),
        ("    restart: on-failure\n", JobRun(restart_policy="OnFailure", backoff_limit=6)),
        ("    restart: on-failure:3\n", JobRun(restart_policy="OnFailure", backoff_limit=3)),
    ],
)
def test_restart_says_how_often_it_is_tried(said: str, run: JobRun) -> None:
    assert compose(said).members[1].spec.job == run


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ("    restart: always\n", 'must be "no" or on-failure'),
        ("    restart: on-failure:999\n", "at most 100 times"),
        ("    restart: sometimes\n", "must be always, unless-stopped, no, or on-failure[:times]"),
        ("    ports: ['80']\n", "is not reached"),
        ("    healthcheck: {test: 'true'}\n", "is not reached"),
        ("    scale: 0\n", "at least 1 instance"),
        ("    x-mooring: {rollout: {pause: never}}\n", "runs to its end"),
    ],
)
def test_what_means_nothing_for_it_is_refused(said: str, words: str) -> None:
    line, told = problem(compose, said)
    assert (line, words in told) == (7, True), told


def test_what_serves_does_not_end_and_what_ends_is_not_reached() -> None:
    assert "only what others wait for" in problem(compose, "  c: {image: z, restart: 'no'}\n")[1]
    assert "nothing can be reached at it" in problem(compose, "  c: {image: z, depends_on: [migrate]}\n")[1]
    assert "nothing can be reached at it" in problem(compose, "  c: {image: z, links: [migrate]}\n")[1]


def standing(member: Member, **fields: Any) -> Standing:
    return Standing(app=member.app, app_id="a", spec=member.spec, layout=first("Job", 1, member.replicas or 1), **fields)


def test_a_job_that_differs_is_run_again_and_one_that_does_not_is_left() -> None:
    (member,) = kubernetes(JOB).members
    (other,) = kubernetes(JOB.replace("busybox", "busybox:2")).members
    (more,) = kubernetes(JOB.replace("completions: 3", "completions: 4")).members
    assert change(member, standing(member), {}).action is Action.UNCHANGED
    for differs in (other, more):
        found = change(differs, standing(member), {})
        assert (found.action, found.replaces) == (Action.UPDATE, True)
        assert found.reason.endswith("it is run again")
    assert change(member, standing(member, well=False), {}).reason.endswith("it is run again")
    assert change(other, standing(member), {}, at_once=True).reason.endswith("going back does not run it again")


def test_what_was_gone_back_to_is_as_the_document_says() -> None:
    (member,) = kubernetes(JOB).members
    now = standing(member)
    assert change(member, now.model_copy(update={"layout": not_run(now.layout)}), {}).action is Action.UNCHANGED
