"""A Job's move: one run at a time, once a revision and restart, whatever the worker that carries it out dies in."""

from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from activities.apps import AppActivities
from activities.job_course import JobCourse
from activities.workloads import Workloads
from model.apps import JobRun
from model.layouts import Layout, at_revision, first, not_run, restarted
from model.moves import Limits
from model.pods import JOB_NAME
from tests.standing import NOW, REVISIONS, FakeCluster, FakeImages, FakeWatches, Object, app_of
from tests.unit.test_job_instances import RUNNING
from tests.unit.test_jobs import ended, exit, made, pod

ONCE = first("Job", 1, 1)
JOBS = {
    number: known.model_copy(update={"spec": known.spec.model_copy(update={"type": "Job", "job": JobRun()})})
    for number, known in REVISIONS.items()
}


class Jobs(FakeCluster):
    """Jobs that end when they are told to, and that take their time to go."""

    made = 0

    async def apply(self, obj: Object, *, force: bool = True) -> Object:
        self.made += 1
        created = {"creationTimestamp": f"2026-01-01T00:00:{self.made:02}Z"}
        return await super().apply({**obj, "metadata": {**obj["metadata"], **created}}, force=force)

    async def delete(self, kind: str, name: str, namespace: str, *, uid: str | None = None) -> bool:
        self.objects[kind, name]["metadata"]["deletionTimestamp"] = NOW.isoformat()
        return True

    def end(self, name: str, how: str = "Complete") -> None:
        """Have a Job end."""
        condition = {"type": how, "status": "True", "reason": how, "lastTransitionTime": NOW.isoformat()}
        self.objects["Job", name]["status"] = {"conditions": [condition], "succeeded": 1}

    def gone(self) -> None:
        """What is on its way out is gone."""
        self.objects = {key: item for key, item in self.objects.items() if "deletionTimestamp" not in item["metadata"]}

    def running(self) -> list[str]:
        """The Jobs that may have instances that run."""
        told = {name: [c["type"] for c in i["status"].get("conditions", [])] for (_, name), i in self.objects.items()}
        return [name for name, kinds in told.items() if not {"Complete", "Failed"} & {*kinds}]


def course(cluster: Jobs, target: Layout, run: str = "op-1/1") -> JobCourse:
    """A worker's way to the target."""
    workloads: Any = Workloads(cluster, FakeImages())  # type: ignore[arg-type]
    return JobCourse(workloads, app_of(target), target, JOBS, frozenset(target.by_track), Limits(least=0, most=1), run)


async def step(cluster: Jobs, target: Layout, run: str = "op-1/1") -> bool:
    """One look and act of a worker that knows nothing; whether it is done."""
    here = course(cluster, target, run)
    sight = await here.look(fresh=True)
    if not sight.done:
        await here.act(sight)
    return sight.done


async def ran(cluster: Jobs, target: Layout, run: str = "op-1/1") -> None:
    """Go the whole way."""
    for _ in range(9):
        if await step(cluster, target, run):
            return
        cluster.gone()
        for name in cluster.running():
            cluster.end(name)
    raise AssertionError("it does not arrive")


async def test_a_run_is_made_once_however_often_it_is_looked_at() -> None:
    cluster = Jobs()
    for _ in range(3):
        assert not await step(cluster, ONCE)
    assert cluster.names("Job") == ["web-r1"]
    cluster.end("web-r1")
    assert await step(cluster, ONCE)
    assert cluster.names("Job") == ["web-r1"]


async def test_what_completed_last_stays_beside_the_next_run_and_what_came_before_goes() -> None:
    cluster, second = Jobs(), at_revision(ONCE, 2)
    await ran(cluster, ONCE)
    await step(cluster, second)
    assert cluster.names("Job") == ["web-r1", "web-r2"]
    await ran(cluster, second)
    assert cluster.names("Job") == ["web-r1", "web-r2"]
    await ran(cluster, at_revision(ONCE, 3))
    assert cluster.names("Job") == ["web-r2", "web-r3"]


async def test_a_restart_is_a_run_of_its_own() -> None:
    cluster = Jobs()
    await ran(cluster, ONCE)
    await ran(cluster, restarted(ONCE, "rs-1"))
    assert len(cluster.names("Job")) == 2


async def test_a_run_waits_until_the_one_that_is_not_over_has_gone() -> None:
    cluster, second = Jobs(), at_revision(ONCE, 2)
    await step(cluster, ONCE)
    for _ in range(2):
        await step(cluster, second)
        assert cluster.names("Job") == ["web-r1"]
    assert (await course(cluster, second).look(fresh=True)).message == "web-r1 has to end first"
    cluster.gone()
    await step(cluster, second)
    assert cluster.names("Job") == ["web-r2"]


async def test_what_failed_in_this_attempt_is_told_and_the_next_attempt_makes_it_again() -> None:
    cluster = Jobs()
    await step(cluster, ONCE)
    cluster.end("web-r1", "Failed")
    sight = await course(cluster, ONCE).look(fresh=True)
    assert sight.failed
    assert not (await course(cluster, ONCE, "op-1/2").look(fresh=True)).failed
    await step(cluster, ONCE, "op-1/2")
    cluster.gone()
    assert cluster.names("Job") == []
    await step(cluster, ONCE, "op-1/2")
    assert cluster.running() == ["web-r1"]


async def test_a_retry_waits_for_the_run_it_finds_whatever_became_of_the_tag() -> None:
    cluster, layouts = Jobs(), {1: ONCE}

    async def layout(number: int) -> Layout:
        return layouts[number]

    records: Any = SimpleNamespace(apps=SimpleNamespace(layout=layout))
    activities: Any = AppActivities(records, cluster, FakeImages(), FakeWatches())  # type: ignore[arg-type]
    ask: Any = SimpleNamespace(after=1)
    assert not await activities._has_begun(app_of(ONCE), ask, JOBS[1])
    await step(cluster, ONCE)
    assert await activities._has_begun(app_of(ONCE), ask, JOBS[1])
    layouts[1] = restarted(ONCE, "rs-1")
    assert not await activities._has_begun(app_of(ONCE), ask, JOBS[1])
    layouts[1] = ONCE
    cluster.end("web-r1", "Failed")
    assert not await activities._has_begun(app_of(ONCE), ask, JOBS[1])


async def test_going_back_ends_what_runs_and_runs_nothing() -> None:
    cluster = Jobs()
    await ran(cluster, ONCE)
    await step(cluster, at_revision(ONCE, 2))
    back = not_run(ONCE)
    assert not await step(cluster, back)
    cluster.gone()
    assert await step(cluster, back)
    assert cluster.names("Job") == ["web-r1"]
    assert await step(Jobs(), back)


async def test_a_run_waits_for_the_instances_of_one_that_has_failed_and_leaves_it_there() -> None:
    cluster, second = Jobs(), at_revision(ONCE, 2)
    await step(cluster, ONCE)
    cluster.end("web-r1", "FailureTarget")
    await step(cluster, second)
    assert cluster.names("Job") == ["web-r1"]
    cluster.end("web-r1", "Failed")
    await step(cluster, second)
    assert cluster.names("Job") == ["web-r1", "web-r2"]
    assert "deletionTimestamp" not in cluster.objects["Job", "web-r1"]["metadata"]


async def test_the_pods_of_an_attempt_before_say_nothing_about_the_run() -> None:
    cluster = Jobs()
    await step(cluster, ONCE)
    job = cluster.objects["Job", "web-r1"]
    labels, uid = job["spec"]["template"]["metadata"]["labels"] | {JOB_NAME: "web-r1"}, job["metadata"]["uid"]
    metadata = {"name": "web-r1-x", "labels": labels, "creationTimestamp": NOW.isoformat(), "ownerReferences": [{"uid": uid}]}
    cluster.objects["Pod", "web-r1-x"] = {"kind": "Pod", "metadata": metadata, "spec": {}, "status": {}}
    assert len((await course(cluster, ONCE).look(fresh=True)).pods or []) == 1
    cluster.end("web-r1", "Failed")
    assert (await course(cluster, ONCE, "op-1/2").look(fresh=True)).pods == []


TARGETS = [ONCE, at_revision(ONCE, 2), restarted(ONCE, "rs-1"), not_run(ONCE), at_revision(ONCE, 3)]


@given(st.lists(st.tuples(st.sampled_from(["look", "end", "failing", "fail", "gone", "turn"]), st.integers(0, 4)), max_size=40))
async def test_no_two_runs_of_an_app_are_ever_side_by_side(events: list[tuple[str, int]]) -> None:
    cluster, target, attempt = Jobs(), ONCE, 1
    for event, number in events:
        if event == "turn":
            target, attempt = TARGETS[number], attempt + 1
        elif event == "gone":
            cluster.gone()
        elif event == "look":
            await step(cluster, target, f"op-1/{attempt}")
        elif running := cluster.running():
            cluster.end(running[number % len(running)], {"end": "Complete", "failing": "FailureTarget"}.get(event, "Failed"))
        assert len(cluster.running()) <= 1
    await ran(cluster, target, "op-1/99")
    cluster.gone()  # one that is on its way out is not kept
    assert len(cluster.names("Job")) <= 2


async def test_an_instance_is_known_to_be_taken_away_by_when_it_went() -> None:
    """Kubernetes takes instances away too, of a run that has failed: those are told as they were."""
    for by_hand in (True, False):
        cluster = Jobs()
        here = course(cluster, ONCE)
        await here.act(await here.look(fresh=True))
        job = cluster.objects["Job", "web-r1"]
        own = {"uid": "p", "labels": dict(job["spec"]["template"]["metadata"]["labels"]), "creationTimestamp": NOW.isoformat()}
        own["ownerReferences"] = [{"uid": job["metadata"]["uid"]}]
        pod = {"metadata": {**own, "name": "web-r1-x"}, "spec": job["spec"]["template"]["spec"], "status": {"phase": "Running"}}
        cluster.objects["Pod", "web-r1-x"] = pod
        await here.look(fresh=True)
        asked = NOW + timedelta(seconds=-1 if by_hand else 1)
        gone = {**pod, "metadata": {**pod["metadata"], "deletionTimestamp": asked.isoformat()}}
        if by_hand:
            cluster.objects["Pod", "web-r1-x"] = gone
            assert "web-r1-x was deleted from outside" in (await here.look(fresh=True)).message
        cluster.end("web-r1", "Failed")
        cluster.objects["Pod", "web-r1-x"] = gone
        (told,) = (await here.look(fresh=True)).pods
        assert ("deletionTimestamp" in told["metadata"]) == by_hand


@pytest.mark.parametrize(("asked_at", "whose"), [("07", "another's"), ("09", "the controller's")])
def test_a_removal_that_is_heard_of_with_the_failure_is_told_by_when_it_was_asked_for(asked_at: str, whose: str) -> None:
    """A look that came late saw the instance run, and then both."""
    job = ended(made(backoff_limit=0), "Failed", "BackoffLimitExceeded", failed=1)
    job["metadata"]["uid"] = "j"
    job["status"]["conditions"][0]["lastTransitionTime"] = "2026-01-01T00:00:08Z"
    before, after = (pod(made(), state, phase) for state, phase in ((RUNNING, "Running"), (exit(143), "Failed")))
    for one in (before, after):
        one["metadata"]["ownerReferences"] = [{"uid": "j"}]
    after["metadata"] |= {"deletionTimestamp": f"2026-01-01T00:00:{asked_at}Z", "deletionGracePeriodSeconds": 0}
    course: Any = SimpleNamespace(_pods_seen={before["metadata"]["name"]: before})
    (found,) = JobCourse._pods(course, [after], job)
    assert found == (after if whose == "another's" else before)
