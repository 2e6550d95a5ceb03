"""A general service (TApp) through HTTP: the manual's walk (最佳实践), and what one instance alone goes through."""

from typing import Any

import pytest

from clients.kubernetes import Cluster, Object
from model.operations import OperationRecord, Status
from model.pod_templates import track_of
from tests.images import publish
from tests.platform import Platform

LOGS = "sh -c 'trap exit TERM; while :; do date >> /data/log/app.log; sleep 1; done'"
PODS = {"cmd": LOGS, "dockerLogDir": "/data/log", "terminationGracePeriodSeconds": 2, "minReadySeconds": 0}


class Service:
    """The TApp `db` of a project of its own."""

    def __init__(self, platform: Platform, cluster: Cluster, project: str) -> None:
        self.platform = platform
        self.cluster = cluster
        self.project = project

    async def create(self, count: int, **fields: Any) -> OperationRecord:
        body = {"name": "db", "type": "TApp", "imageRef": "busybox:walk-1", "instanceNum": count, **PODS, **fields}
        return await self.platform.done("POST", f"/v2/applications/{self.project}", body)

    async def change(self, verb: str, body: Any = None, ends: Status = Status.SUCCEEDED, **query: Any) -> OperationRecord:
        submitted = await self.platform.submit("POST", f"/v2/applications/{self.project}/db/{verb}", body, **query)
        return await self.platform.wait(submitted, ends)

    async def one(self, index: int, verb: str, body: Any = None, ends: Status = Status.SUCCEEDED) -> OperationRecord:
        place = f"/v2/instances/{self.project}/db-{index}/{index}/{verb}"
        return await self.platform.wait(await self.platform.submit("POST", place, body), ends)

    async def pods(self) -> dict[str, Object]:
        items = (await self.cluster.list("Pod", self.project))["items"]
        staying = [pod for pod in items if "deletionTimestamp" not in pod["metadata"]]
        return {track_of(pod["metadata"]["labels"]): pod for pod in staying}

    async def uids(self) -> dict[str, str]:
        return {track: pod["metadata"]["uid"] for track, pod in (await self.pods()).items()}

    async def versions(self) -> dict[str, list[str]]:
        app = await self.platform.get(f"/v2/applications/{self.project}/db")
        return {version["images"]["db"]: version["instances"] for version in app["versions"] if version["count"]}


@pytest.fixture
async def service(platform: Platform, cluster: Cluster) -> Service:
    for mark in ("1", "2", "3"):
        await publish(f"walk-{mark}", mark)
    return Service(platform, cluster, await platform.project("walk"))


async def test_the_manuals_walk(service: Service) -> None:
    # given an app of two general-service instances with a log path
    await service.create(2)
    # when it is scaled to three
    await service.change("scale", type="manual", scale=3)
    before = await service.uids()
    assert sorted(before) == ["0", "1", "2"]
    # and instance 2 alone is upgraded
    updated = await service.one(2, "update", {"image": "busybox:walk-2"})
    # then it is the same pod, and the others were not touched
    assert updated.result is not None
    assert (updated.result["inPlace"], updated.result["recreated"]) == (1, 0)
    assert await service.uids() == before
    assert await service.versions() == {"busybox:walk-2": ["db-2"], "busybox:walk-1": ["db-0", "db-1"]}
    # when all are upgraded
    await service.change("rollout", {"image": "busybox:walk-3"})
    # then all have it, each in its place
    assert await service.uids() == before
    assert await service.versions() == {"busybox:walk-3": ["db-0", "db-1", "db-2"]}
    # and each step is in the app's operation records
    told = await service.platform.get("/v2/operations", project=service.project, target="db")
    assert [row["kind"] for row in told["operations"]] == ["app.upgrade", "instance.update", "app.scale", "app.create"]


async def test_a_killed_instance_keeps_its_place_and_version(service: Service) -> None:
    await service.create(2)
    await service.one(1, "update", {"image": "busybox:walk-2"})
    await service.one(1, "kill")
    assert sorted(await service.pods()) == ["0"]
    app = await service.platform.get(f"/v2/applications/{service.project}/db")
    assert (app["Status"], app["InstanceSummary"]) == ("RUNNING", "1/2 running, 1 killed")
    await service.one(1, "start")
    assert await service.versions() == {"busybox:walk-2": ["db-1"], "busybox:walk-1": ["db-0"]}
    image = (await service.pods())["1"]["spec"]["containers"][0]["image"]
    assert image != (await service.pods())["0"]["spec"]["containers"][0]["image"]


async def test_an_update_that_fails_goes_back_alone(service: Service) -> None:
    await service.create(2)
    before = await service.uids()
    failed = await service.one(0, "update", {"image": "busybox:walk-none"}, Status.FAILED)
    assert failed.error is not None
    assert failed.error.reason == "ImageNotFound"
    assert await service.uids() == before
    broken = {"cmd": "/no/such", "onFailure": "rollback", "deadlineSeconds": 60}
    told = await service.change("rollout", broken, Status.FAILED)
    assert told.error is not None
    assert told.error.reason == "CommandNotFound"
    assert await service.versions() == {"busybox:walk-1": ["db-0", "db-1"]}


async def test_instances_find_each_other_by_name(service: Service) -> None:
    await service.create(2, portMappings=[{"protocol": "tcp", "containerPort": 8080}], readinessProbe={"none": True})
    services = {
        item["metadata"]["name"]: item["spec"] for item in (await service.cluster.list("Service", service.project))["items"]
    }
    assert services["db-0"]["clusterIP"] == services["db-1"]["clusterIP"] == "None"
    assert services["db"]["clusterIP"] != "None"


@pytest.fixture(scope="module")
async def alone(platform: Platform, cluster: Cluster, project: str) -> Service:
    """A TApp of one instance that no test changes."""
    await publish("walk-1", "1")
    found = Service(platform, cluster, project)
    await found.create(1)
    return found


@pytest.mark.parametrize(
    ("place", "status", "words"),
    [
        ("db-7/7/kill", 404, "has no instance 7"),
        ("db-1/0/kill", 422, "is not the index"),
        ("db-0/0/start", 409, "is not killed"),
        ("db-0/0/kill?app_id=" + "ab" * 32, 404, "AppID"),
        ("db-0/0/kill?&&instance_id=" + "cd" * 32, 404, "id"),
        ("other-0/0/kill", 404, "no instance"),
    ],
)
async def test_what_is_not_an_instance_is_told(alone: Service, place: str, status: int, words: str) -> None:
    reply = await alone.platform.http.post(f"/v2/instances/{alone.project}/{place}")
    assert reply.status_code == status, reply.text
    assert words in reply.json()["Message"]


async def test_an_instance_that_is_to_get_the_image_it_runs_keeps_its_version(service: Service) -> None:
    await service.create(2)
    updated = await service.one(1, "update", {"image": "busybox:walk-1"})
    assert updated.result is not None
    assert updated.result["unchanged"] == "nothing to do: db-1 (revision 1) is the very same already, image and all"
    app = await service.platform.get(f"/v2/applications/{service.project}/db")
    assert [(version["revision"], version["count"]) for version in app["versions"]] == [(1, 2)]
    # Another image is another version, and it is told what differs.
    await service.one(1, "update", {"image": "busybox:walk-2"})
    app = await service.platform.get(f"/v2/applications/{service.project}/db")
    newest, first = app["versions"]
    assert (newest["differs"], first["differs"]) == (["containers.db.image"], [])
    assert newest["digests"] != first["digests"]


async def test_a_deployments_instance_is_told_as_what_it_is(service: Service) -> None:
    body = {"name": "web", "imageRef": "busybox", "cmd": "sleep 100000", "minReadySeconds": 0, "terminationGracePeriodSeconds": 0}
    await service.platform.done("POST", f"/v2/applications/{service.project}", body)
    pod = (await service.platform.get(f"/v2/instances/{service.project}/web/lists"))["instances"][0]["name"]
    for verb, sent in (("kill", None), ("start", None), ("update", {"image": "busybox:walk-2"})):
        place = f"/v2/instances/{service.project}/{pod}/{pod.rpartition('-')[2]}/{verb}"
        refused = await service.platform.ask("POST", place, sent, expect=409)
        for words in ("'web' is a Deployment app", f'/web/scale?type=manual {{"instances": ["{pod}"]}}', "/web/rollout"):
            assert words in refused["Message"]
