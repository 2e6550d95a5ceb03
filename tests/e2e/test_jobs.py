"""Jobs through HTTP on the real cluster: what runs to its end, what fails and says why, stacks that wait for one."""

import asyncio
import json
import os
from typing import Any

import pytest

from clients.kubernetes import Cluster
from model.operations import Status
from tests.platform import Platform, eventually, unique

JOB: dict[str, Any] = {"name": "migrate", "type": "Job", "imageRef": "busybox", "terminationGracePeriodSeconds": 0}
MIGRATE = """apiVersion: batch/v1
kind: Job
metadata: {name: migrate}
spec:
  backoffLimit: 0
  template:
    spec:
      restartPolicy: Never
      terminationGracePeriodSeconds: 0
      containers: [{name: migrate, image: busybox, command: [sh, -c, "MIGRATION"]}]
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, annotations: {mooring.io/depends-on: migrate}}
spec: {minReadySeconds: 0, selector: {matchLabels: {app: web}}, template: {metadata: {labels: {app: web}}, spec: {
  terminationGracePeriodSeconds: 0, containers: [{name: web, image: busybox, command: [sleep, "SECONDS"]}]}}}
"""


class Project:
    """A project with Jobs in it."""

    def __init__(self, platform: Platform, name: str) -> None:
        self.platform = platform
        self.name = name

    async def create(self, cmd: list[str], ends: Status = Status.SUCCEEDED, **fields: Any) -> Any:
        """The record of the creation, ended."""
        body = {**JOB, "cmd": cmd, **fields}
        return await self.platform.wait(await self.platform.submit("POST", f"/v2/applications/{self.name}", body), ends)

    async def change(self, verb: str, body: Any = None, ends: Status = Status.SUCCEEDED, app: str = "migrate", **query: Any) -> Any:
        """The record of what is done to the app, ended."""
        path = f"/v2/applications/{self.name}/{app}/{verb}"
        return await self.platform.wait(await self.platform.submit("POST", path, body, **query), ends)

    async def app(self, name: str = "migrate") -> Any:
        return await self.platform.get(f"/v2/applications/{self.name}/{name}")

    async def runs(self, name: str = "migrate") -> list[tuple[int, str]]:
        """Version and status of each instance, the newest first."""
        listed = await self.platform.get(f"/v2/instances/{self.name}/{name}/lists", size=50)
        return [(one["version"], one["status"]) for one in listed["instances"]]

    async def refused(self, verb: str, body: Any = None, status: int = 409, **query: Any) -> str:
        """Why it is not taken."""
        path = f"/v2/applications/{self.name}/migrate/{verb}"
        told: str = (await self.platform.ask("POST", path, body, expect=status, **query))["Message"]
        return told


@pytest.fixture
async def project(platform: Platform) -> Project:
    return Project(platform, await platform.project("jobs"))


async def test_a_job_runs_to_its_end_and_its_words_stay(project: Project) -> None:
    record = await project.create(["sh", "-c", "echo made 3 tables"], instanceNum=2, parallelism=2)
    assert record.steps is not None
    assert record.steps[-1].title == "Wait until it has run"
    app = await project.app()
    assert (app["Status"], app["InstanceSummary"], app["message"]) == ("COMPLETED", "2/2 completed", "")
    assert await project.runs() == [(1, "COMPLETED"), (1, "COMPLETED")]
    listed = await project.platform.get(f"/v2/instances/{project.name}/migrate/lists")
    log = f"/v2/containers/{project.name}/{listed['instances'][0]['name']}/migrate/logs"
    assert (await project.platform.http.get(log)).text == "made 3 tables\n"


@pytest.mark.parametrize(
    ("cmd", "fields", "reason", "words"),
    [
        (["sh", "-c", "echo no such table; exit 3"], {"backoffLimit": 0}, "JobFailed", "last words: 'no such table'"),
        (["sh", "-c", "echo again; exit 3"], {"backoffLimit": 1, "restartPolicy": "OnFailure"}, "JobFailed", "'again'"),
        (["/bin/nosuch"], {}, "CommandNotFound", "'/bin/nosuch'"),
        (["sh", "-c", "tail /dev/zero"], {"backoffLimit": 0, "resources": {"mem": "16Mi"}}, "OutOfMemory", "limit of 16Mi"),
        (["sh", "-c", "echo for godot; sleep 99"], {"activeDeadlineSeconds": 3}, "JobFailed", "activeDeadlineSeconds of 3"),
    ],
)
async def test_a_job_that_fails_says_why(project: Project, cmd: list[str], fields: dict[str, Any], reason: str, words: str) -> None:
    record = await project.create(cmd, Status.FAILED, **fields)
    assert record.error is not None
    assert record.error.reason == reason
    assert words in record.error.message
    assert (await project.app())["Status"] == "FAILED"


async def test_an_image_that_is_not_there_is_told_at_once(project: Project) -> None:
    record = await project.create(["true"], Status.FAILED, imageRef="nosuch")
    assert record.error is not None
    assert record.error.reason == "ImageNotFound"


async def test_retry_restart_and_rollout_run_it_and_going_back_does_not(project: Project) -> None:
    failed = await project.create(["sh", "-c", "exit 1"], Status.FAILED, backoffLimit=0)
    again = await project.platform.retry(failed.id, Status.FAILED)
    assert again.attempt == 2
    await project.change("rollout", {"cmd": ["true"]})
    assert await project.runs() == [(2, "COMPLETED")]
    await project.change("restart")
    assert await project.runs() == [(2, "COMPLETED"), (2, "COMPLETED")]
    undone = await project.change("rollout", {"cmd": ["false"], "onFailure": "rollback"}, Status.FAILED)
    assert undone.error is not None
    app = await project.app()
    assert (app["Status"], app["revision"]) == ("COMPLETED", 2)
    await project.change("kill")
    assert (await project.app())["Status"] == "STOPPED"
    await project.change("start")
    assert await project.runs() == [(2, "COMPLETED")]


async def test_a_cancelled_rollout_ends_its_run_and_leaves_what_had_run(project: Project) -> None:
    await project.create(["true"])
    operation = await project.platform.submit("POST", f"/v2/applications/{project.name}/migrate/rollout", {"cmd": ["sleep", "600"]})
    await project.platform.ask("POST", f"/v2/operations/{operation}/cancel", expect=202)
    await project.platform.wait(operation, Status.CANCELLED)
    app = await project.app()
    assert (app["Status"], app["revision"]) == ("COMPLETED", 1)
    assert await project.runs() == [(1, "COMPLETED")]


async def test_what_means_nothing_for_a_job_is_refused_with_its_type(project: Project) -> None:
    none = {**JOB, "cmd": ["true"], "instanceNum": 0}
    told = await project.platform.ask("POST", f"/v2/applications/{project.name}", none, expect=422)
    assert "instanceNum: must be at least 1 for a Job" in told["Message"]
    await project.create(["true"])
    assert "'migrate' is a Job" in await project.refused("scale", type="manual", scale="2")
    assert "scale: means nothing for a Job" in await project.refused(
        "scale", {"minReplicas": 1, "maxReplicas": 2, "targetCPUUtilization": 50}, 422, type="auto"
    )
    assert "'migrate' is a Job" in await project.refused("rollback")
    assert "batches: means nothing for a Job" in await project.refused("rollout", {"batches": ["50%"]}, 422)
    found = await project.platform.ask("GET", f"/v2/nameservice/{project.name}/migrate", expect=409)
    assert "'migrate' is a Job" in found["Message"]
    found = await project.platform.ask("POST", f"/v2/instances/{project.name}/migrate-0/0/kill", expect=409)
    assert "'migrate' is a Job" in found["Message"]


async def test_a_stack_waits_for_its_migration_which_runs_again_only_where_it_differs(project: Project) -> None:
    platform, name = project.platform, unique("d")
    job, web = f"{name}-migrate", f"{name}-web"

    def document(migration: str, seconds: int) -> dict[str, str]:
        return {"kind": "kubernetes", "content": MIGRATE.replace("MIGRATION", migration).replace("SECONDS", str(seconds))}

    async def upgrade(migration: str, seconds: int, ends: Status = Status.SUCCEEDED, **fields: str) -> dict[str, str]:
        path = f"/v2/stacks/{project.name}/{name}/upgrade"
        await platform.ask("PUT", f"/v2/templates/{project.name}/{name}", {"content": document(migration, seconds)["content"]})
        planned = await platform.ask("POST", path, fields, dryRun="true")
        await platform.wait(await platform.submit("POST", path, fields), ends)
        return {one["name"]: f"{one['action']} {one['reason']}" for one in planned["changes"]}

    async def told(app: str) -> tuple[str, int, str]:
        found = await project.app(app)
        return found["Status"], found["revision"], found["message"]

    await platform.ask("POST", f"/v2/templates/{project.name}", {"name": name, **document("sleep 1", 9999)}, expect=201)
    await platform.done("POST", f"/v2/templates/{project.name}/{name}/deploy", {"deploymentName": name})
    listed = (await platform.get("/v2/operations", project=project.name, size=50))["operations"]
    ended = {row["target"]["name"]: row for row in listed if row["kind"] == "app.create"}
    assert ended[job]["finishedAt"] <= ended[web]["createdAt"]
    graph = await platform.get(f"/v2/stacks/{project.name}/{name}/graph")
    assert {node["name"]: node["status"] for node in graph["nodes"]} == {"migrate": "COMPLETED", "web": "RUNNING"}

    plan = await upgrade("sleep 1", 9998)
    assert plan["migrate"].startswith("unchanged")
    assert await project.runs(job) == [(1, "COMPLETED")]
    plan = await upgrade("echo two", 9998)
    assert plan["migrate"].endswith("it is run again")
    assert await project.runs(job) == [(2, "COMPLETED"), (1, "COMPLETED")]
    await upgrade("echo no such column; exit 1", 9997, Status.FAILED, onFailure="rollback")
    assert (await project.app(web))["revision"] == 2
    assert [run for run in await project.runs(job) if run[0] > 3] == []
    assert await told(job) == ("COMPLETED", 2, "")
    path = f"/v2/stacks/{project.name}/{name}/rollback"
    planned = await platform.ask("POST", path, {"version": 1}, dryRun="true")
    assert "going back does not run it again" in {one["name"]: one["reason"] for one in planned["changes"]}["migrate"]
    await platform.done("POST", path, {"version": 1})
    assert await told(job) == ("COMPLETED", 1, "")
    assert (2, "COMPLETED") in await project.runs(job), "the run that was left stays for the way back"
    await platform.done("DELETE", f"/v2/stacks/{project.name}/{name}")
    listed = await platform.get(f"/v2/applications/{project.name}")
    assert listed["applications"] == []


async def test_a_compose_service_that_others_wait_for_to_complete_is_a_job(project: Project) -> None:
    serves = "command: sh -c 'trap exit TERM; while :; do sleep 1; done'"
    waits = "depends_on: {migrate: {condition: service_completed_successfully}}"
    content = f"services:\n  web:\n    image: busybox\n    {serves}\n    {waits}\n  migrate: {{image: busybox, command: 'true'}}\n"
    await project.platform.done("POST", f"/v2/composes/{project.name}", {"stackInstanceName": "c", "content": content})
    job = await project.app("c-migrate")
    assert (job["Type"], job["Status"], (await project.app("c-web"))["Status"]) == ("Job", "COMPLETED", "RUNNING")


SIDE = """apiVersion: batch/v1
kind: Job
metadata: {name: pair}
spec:
  template:
    spec:
      restartPolicy: Never
      terminationGracePeriodSeconds: 0
      containers:
      - {name: main, image: busybox, command: ["true"]}
      - {name: side, image: busybox, command: [sleep, "9999"]}
"""


async def test_a_second_container_that_runs_on_is_named(project: Project) -> None:
    path, name = f"/v2/templates/{project.name}", unique("t")
    await project.platform.ask("POST", path, {"name": name, "kind": "kubernetes", "content": SIDE}, expect=201)
    body = {"deploymentName": name, "deadlineSeconds": 25}
    deployed = await project.platform.submit("POST", f"{path}/{name}/deploy", body)
    failed = await project.platform.wait(deployed, Status.FAILED)
    assert failed.error is not None
    assert "main ended with 0, and side still runs" in failed.error.message
    assert "all its containers" in failed.error.hint


async def test_an_instance_that_is_deleted_from_outside_is_not_the_programs_failure(project: Project, cluster: Cluster) -> None:
    body = {**JOB, "cmd": ["sh", "-c", "trap 'sleep 2; exit 143' TERM; sleep 9999 & wait"], "backoffLimit": 0}
    operation = await project.platform.submit(
        "POST", f"/v2/applications/{project.name}", {**body, "terminationGracePeriodSeconds": 9}
    )
    pod = await running(project, cluster)
    await cluster.delete("Pod", pod, project.name)
    failed = await project.platform.wait(operation, Status.FAILED)
    assert failed.error is not None
    assert (failed.error.reason, failed.error.fault) == ("JobInterrupted", "cluster")
    assert "was deleted from outside" in failed.error.message


async def test_an_instance_that_is_evicted_is_no_try(project: Project, cluster: Cluster) -> None:
    """given a Job that may not fail once, when its instance is evicted, then another one runs it to its end (faults: 23)."""
    body = {**JOB, "cmd": "sleep 10", "backoffLimit": 0}
    operation = await project.platform.submit("POST", f"/v2/applications/{project.name}", body)
    await evict(project.name, await running(project, cluster))
    await project.platform.wait(operation)


async def running(project: Project, cluster: Cluster) -> str:
    """The pod of the Job's only instance, once it runs."""

    async def runs() -> bool:
        return (1, "RUNNING") in await project.runs()

    await eventually(runs, "the instance runs")
    (pod,) = (await cluster.list("Pod", project.name))["items"]
    name: str = pod["metadata"]["name"]
    return name


async def evict(namespace: str, pod: str) -> None:
    """What `kubectl drain` does to it."""
    eviction = {"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": pod, "namespace": namespace}}
    path = f"/api/v1/namespaces/{namespace}/pods/{pod}/eviction"
    command = [os.environ["KUBECTL"], "--kubeconfig", os.environ["KUBECONFIG"], "create", "--raw", path, "-f", "-"]
    process = await asyncio.create_subprocess_exec(*command, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.DEVNULL)
    await process.communicate(json.dumps(eviction).encode())
    assert process.returncode == 0
