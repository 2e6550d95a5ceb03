"""Gray upgrades through HTTP on the real cluster: exact numbers at each gate, traffic that never fails, gates that turn bad."""

import contextlib
from collections.abc import AsyncIterator
from typing import Any

import pytest

from clients.kubernetes import Cluster
from model.operations import Status
from tests.e2e.test_controls import control, paused
from tests.images import publish
from tests.platform import Platform, eventually

SERVES = "mkdir /tmp/w; echo ok > /tmp/w/index.html; httpd -f -p 8080 -h /tmp/w & trap exit TERM; wait"
# Debian's busybox crashes at wget -T.
PROBER = "while :; do timeout 10 wget -q -O /dev/null http://{}:8080/ && echo well || echo BADLY; sleep 0.05; done"
HTTP = {"http": {"path": "/", "port": 8080}}
THIRTY = {"minReplicas": 1, "maxReplicas": 40, "schedules": [{"cron": "* * * * *", "minutes": 5, "minReplicas": 30}]}


class App:
    """The app `web` of a project of its own."""

    def __init__(self, platform: Platform, project: str) -> None:
        self.platform = platform
        self.project = project

    async def create(self, count: int, kind: str = "Deployment", **fields: Any) -> None:
        body = {
            "name": "web",
            "type": kind,
            "imageRef": "busybox",
            "instanceNum": count,
            "cmd": ["sh", "-c", SERVES],
            "resources": {"cpu": "0.01", "mem": "16Mi"},
            "terminationGracePeriodSeconds": 1,
            "portMappings": [{"protocol": "tcp", "containerPort": 8080}],
            "readinessProbe": {"httpGet": {"path": "/", "port": 8080}, "periodSeconds": 1},
            **fields,
        }
        await self.platform.done("POST", f"/v2/applications/{self.project}", body)

    async def rollout(self, **fields: Any) -> str:
        body = {"image": "busybox:1.35", **fields}
        return await self.platform.submit("POST", f"/v2/applications/{self.project}/web/rollout", body)

    async def versions(self) -> dict[int, int]:
        """By revision how many instances are of it."""
        app = await self.platform.get(f"/v2/applications/{self.project}/web")
        return {version["revision"]: version["count"] for version in app["versions"] if version["count"]}


@pytest.fixture
async def app(platform: Platform) -> App:
    return App(platform, await platform.project("gray"))


@contextlib.asynccontextmanager
async def traffic(platform: Platform, cluster: Cluster, project: str) -> AsyncIterator[None]:
    """Requests to `web` from inside the cluster, one after the other; none of them may fail."""
    address = (await cluster.get("Service", "web", project))["spec"]["clusterIP"]
    command = ["sh", "-c", PROBER.format(address)]
    prober = {"name": "prober", "imageRef": "busybox", "cmd": command, "terminationGracePeriodSeconds": 0}
    await platform.done("POST", f"/v2/applications/{project}", prober)
    listed = await platform.get(f"/v2/instances/{project}/prober/lists")
    (instance,) = [one["name"] for one in listed["instances"]]
    place = f"/v2/containers/{project}/{instance}/prober/logs"

    async def answers() -> list[str]:
        return (await platform.http.get(place, params={"tail": 5000})).text.split()

    async def flows() -> bool:
        return (await answers())[-10:] == ["well"] * 10

    await eventually(flows, "the prober is answered", 60)
    badly = (await answers()).count("BADLY")
    yield
    seen = await answers()
    assert seen.count("BADLY") == badly, f"of {len(seen)} requests some failed"
    assert len(seen) > 50


async def test_ten_fifty_hundred_percent_of_twenty_and_back_without_a_failed_request(
    app: App, platform: Platform, cluster: Cluster
) -> None:
    # given twenty replicas under traffic, with time to serve on at their end as is the default
    await publish("gray", "gray")
    await app.create(20, terminationGracePeriodSeconds=8)
    async with traffic(platform, cluster, app.project):
        # when they are upgraded in batches with a pause after the first
        operation = await app.rollout(image="busybox:gray", batches=["10%", "50%", "100%"], pause="first", gates=[HTTP])
        record = await paused(platform, operation)
        # then exactly the planned number runs each version, and the pause says how to go on
        assert await app.versions() == {1: 18, 2: 2}
        pods = (await cluster.list("Pod", app.project, labelSelector="mooring.io/app=web"))["items"]
        images = [p["spec"]["containers"][0]["image"] for p in pods if "deletionTimestamp" not in p["metadata"]]
        assert len(images) == 20
        assert sorted(images.count(image) for image in set(images)) == [2, 18]
        assert record.pause is not None
        assert "2 of 20 instances are of revision 2" in record.pause.message
        # and scaling goes on in the pause, by the autoscaler and by hand, with the batch's share of versions (faults: 6)
        place = f"/v2/applications/{app.project}/web"
        await platform.ask("POST", f"{place}/scale", THIRTY, type="auto")

        async def thirty() -> bool:
            told = await platform.get(f"{place}/autoscaling")
            assert told["status"] in ("STARTING", "ACTIVE") or told["suspended"]["OperationID"] != operation, told
            decisions = told["decisions"]
            return bool(decisions) and decisions[0]["status"] == "SUCCEEDED" and await app.versions() == {1: 27, 2: 3}

        await eventually(thirty, "autoscaling has brought thirty", 120)
        await platform.ask("DELETE", f"{place}/autoscaling")
        scaled = await platform.done("POST", f"{place}/scale", type="manual", scale=24)
        assert await app.versions() == {1: 21, 2: 3}
        record = await platform.operation(operation)
        assert record.status is Status.PAUSED
        assert record.pause is not None
        assert "by admin, 3 of 24 instances are to be of revision 2" in record.pause.message
        assert [(c.verb, c.actor, c.words.partition(":")[0]) for c in record.controls or []] == [
            ("scale", "autoscaler", "from 20 to 30"),
            ("scale", "admin", "from 30 to 24"),
        ]
        assert scaled.id in (record.controls or [])[1].words
        # while anything else is refused, naming it
        refused = await platform.ask("POST", f"{place}/restart", expect=409)
        assert refused["OperationID"] == operation

        # when it is resumed and then rolled back from the middle
        await control(platform, operation, "resume")

        async def second() -> bool:
            return (await app.versions()).get(2, 0) == 12

        await eventually(second, "the second batch has begun", 60)
        await control(platform, operation, "rollback")
        ended = await platform.wait(operation, Status.CANCELLED)

        async def before() -> bool:
            found = await platform.get(f"/v2/applications/{app.project}/web")
            return found["Status"] == "RUNNING" and found["InstanceSummary"] == "24/24 running"

        await eventually(before, "all serve again", 60)
    # then the versions before stand at the number that was asked for, told by whom, and no request failed
    assert await app.versions() == {1: 24}
    assert ended.error is not None
    assert (ended.error.reason, "admin rolled it back" in ended.error.message) == ("RolledBack", True)
    assert [(c.verb, c.actor) for c in ended.controls or []][2:] == [("resume", "admin"), ("rollback", "admin")]


async def test_a_retry_right_after_the_way_back_waits_for_what_is_still_ending(app: App, platform: Platform) -> None:
    """Its Deployment of before was told from a stranger's only when it had gone."""
    await app.create(2)
    stubborn = {"cmd": ["sh", "-c", SERVES.replace("trap exit", "trap ''")], "terminationGracePeriodSeconds": 8}
    operation = await app.rollout(batches=[1], pause="first", **stubborn)
    await paused(platform, operation)
    await control(platform, operation, "rollback")
    await platform.wait(operation, Status.CANCELLED)
    await control(platform, operation, "retry")
    record = await paused(platform, operation)
    assert await app.versions() == {1: 1, 2: 1}
    assert record.error is None
    await control(platform, operation, "resume")
    await platform.wait(operation)


async def test_a_general_service_goes_by_named_instances_and_returns_to_the_exact_map(app: App, platform: Platform) -> None:
    # given a TApp of which one instance was updated singly
    await app.create(4, "TApp")
    await publish("gray-other", "other")
    await platform.done("POST", f"/v2/instances/{app.project}/web-3/3/update", {"image": "busybox:gray-other"})
    assert await app.versions() == {1: 3, 2: 1}
    # when all are upgraded, named ones first, with a promote at the first pause
    operation = await app.rollout(cmd=["sh", "-c", f"{SERVES} "], batches=[["web-2"], ["0", "web-3"]], pause="each")
    await paused(platform, operation)
    assert await app.versions() == {1: 2, 2: 1, 3: 1}
    await control(platform, operation, "promote")
    await platform.wait(operation)
    assert await app.versions() == {3: 4}
    # then that operation can be taken back, to exactly which instance had which version
    await platform.done("POST", f"/v2/applications/{app.project}/web/rollback", {"operation": operation})
    found = await platform.get(f"/v2/applications/{app.project}/web")
    assert {v["revision"]: v["instances"] for v in found["versions"] if v["count"]} == {
        1: ["web-0", "web-1", "web-2"],
        2: ["web-3"],
    }


async def test_a_metric_that_turns_bad_takes_the_upgrade_back_by_itself(app: App, platform: Platform) -> None:
    # given an app that tells its errors, and a new version that makes more of them
    tells = "mkdir -p /tmp/m; echo errors_ratio {} > /tmp/m/metrics; httpd -f -p 9090 -h /tmp/m & "
    await app.create(2, cmd=["sh", "-c", tells.format("0.01") + SERVES], metricsPort=9090)
    query = "max(errors_ratio)"
    gate = {"metric": {"query": query, "condition": "< 0.05", "duration": "60s", "failDuration": "3s", "interval": "1s"}}
    # when it is rolled out with a gate on that metric
    operation = await app.rollout(cmd=["sh", "-c", tells.format("0.3") + SERVES], batches=[1], gates=[gate], onFailure="rollback")
    ended = await platform.wait(operation, Status.FAILED)
    # then it fails by the gate, with query, values and times, and what was before stands
    assert ended.error is not None
    assert ended.error.reason == "GateFailed"
    assert query in ended.error.message
    (seen,) = ended.error.evidence
    assert (seen.type, seen.source) == ("metric", query)
    values = [line.split(maxsplit=1) for line in seen.text.splitlines()]
    assert values[-1][1] == "0.3"
    assert all(at.startswith("20") for at, _ in values)
    assert await app.versions() == {1: 2}


async def test_a_gate_that_nobody_answers_pauses_and_can_be_promoted(app: App, platform: Platform) -> None:
    await app.create(2)
    deaf = {"http": {"path": "/", "port": 9, "failures": 1}}
    operation = await app.rollout(batches=[1], gates=[deaf], onFailure="pause")
    record = await paused(platform, operation)
    assert record.pause is not None
    assert "Batch 1 of 2 failed: The gate GET :9/ failed" in record.pause.message
    await control(platform, operation, "promote")
    ended = await platform.wait(operation)
    assert await app.versions() == {2: 2}
    assert [step.status for step in ended.steps or [] if step.title.startswith("Gates")] == ["FAILED"]


async def test_kill_takes_a_paused_upgrade_over(app: App, platform: Platform) -> None:
    await app.create(2)
    operation = await app.rollout(batches=[1], pause="first")
    await paused(platform, operation)
    await platform.done("POST", f"/v2/applications/{app.project}/web/kill")
    assert (await platform.operation(operation)).status is Status.CANCELLED


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"batches": [3]}, "batches.0"),
        ({"batches": [["web-0"]]}, "batches.0"),
        ({"batches": ["50%", "10%"]}, "batches.1"),
        ({"pause": "first"}, "pause"),
        ({"gates": [{"http": {"path": "/..", "port": 1}}]}, "gates.0.http.path"),
        ({"gates": [{"metric": {"query": "sum(", "condition": "< 1"}}]}, "gates.0.metric.query"),
        ({"gates": [HTTP], "readySeconds": 60, "deadlineSeconds": 10}, "deadlineSeconds"),
    ],
)
async def test_what_makes_no_sense_is_refused_by_its_field(
    platform: Platform, two: App, fields: dict[str, Any], field: str
) -> None:
    refused = await platform.ask(
        "POST", f"/v2/applications/{two.project}/web/rollout", {"image": "busybox:1.35", **fields}, expect=422
    )
    assert field in f"{refused['Message']} {[problem['field'] for problem in refused['problems']]}"


@pytest.fixture(scope="module")
async def two(platform: Platform, project: str) -> App:
    """An app of two instances that no test changes."""
    found = App(platform, project)
    await found.create(2)
    return found
