"""Autoscaling through HTTP, on the real cluster with its metrics-server: real load, schedules, refusals (mission B)."""

from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from model.operations import AUTOSCALER, Status
from tests.platform import Platform, eventually, unique

# Each instance burns all the cpu it gets for a while after its start, then sleeps.
BURNS = ["sh", "-c", "end=$(($(date +%s) + 75)); while [ $(date +%s) -lt $end ]; do :; done; exec sleep 100000"]
SMALL = {"imageRef": "busybox", "resources": {"cpu": "0.01", "mem": "16Mi"}, "terminationGracePeriodSeconds": 0}
SLEEPS = {**SMALL, "cmd": "sleep 100000", "minReadySeconds": 0}
ALWAYS = {"cron": "* * * * *", "minutes": 5}


class Scaled:
    """One app and its autoscaling."""

    def __init__(self, platform: Platform, project: str, name: str) -> None:
        self.platform = platform
        self.path = f"/v2/applications/{project}/{name}"

    async def get(self) -> Any:
        return await self.platform.get(f"{self.path}/autoscaling")

    async def set(self, expect: int = 200, **policy: Any) -> Any:
        return await self.platform.ask("POST", f"{self.path}/scale", policy, expect=expect, type="auto")

    async def count(self) -> int:
        return int((await self.platform.get(self.path))["InstanceNum"])

    async def versions(self) -> dict[int, int]:
        return {v["revision"]: v["count"] for v in (await self.platform.get(self.path))["versions"] if v["count"]}

    async def by_hand(self, count: int, expect: int = 202) -> Any:
        return await self.platform.ask("POST", f"{self.path}/scale", expect=expect, type="manual", scale=count)

    def comes_to(self, count: int) -> Callable[[], Awaitable[bool]]:
        async def come() -> bool:
            told = await self.get()
            assert all(d["status"] != "FAILED" for d in told["decisions"]), told["decisions"]
            return await self.count() == count and all(d["status"] == "SUCCEEDED" for d in told["decisions"])

        return come

    async def looked_at_again(self) -> Any:
        """What is found at the first look that begins from now on."""
        before = (await self.get())["evaluatedAt"]
        found: Any = None

        async def again() -> bool:
            nonlocal found
            found = await self.get()
            return found["evaluatedAt"] is not None and found["evaluatedAt"] != before

        await eventually(again, "autoscaling looks at the app again", 120)
        return found


@pytest.fixture
def make(platform: Platform, project: str) -> Callable[..., Awaitable[Scaled]]:
    async def made(**fields: Any) -> Scaled:
        name = unique("app")
        await platform.done("POST", f"/v2/applications/{project}", {**SLEEPS, **fields, "name": name})
        return Scaled(platform, project, name)

    return made


@pytest.mark.timeout(480)
async def test_load_adds_instances_and_its_end_takes_them_away_after_the_window(make: Any, platform: Platform) -> None:
    policy = {"minReplicas": 1, "maxReplicas": 3, "targetCPUUtilization": 50, "stabilizationSeconds": 15}
    app = await make(cmd=BURNS, resources={"cpu": "0.03", "mem": "16Mi"}, scale=policy)
    assert (await platform.get(app.path))["scale"] == policy
    await eventually(app.comes_to(3), "the load brings it to 3 instances", 120)
    await eventually(app.comes_to(1), "the end of the load brings it back to 1", 270)
    *downs, up = (await app.get())["decisions"]
    assert (up["before"], up["after"]) == (1, 2) or (up["before"], up["after"]) == (1, 3)
    assert downs[0]["after"] == 1
    record = await platform.operation(up["OperationID"])
    assert (record.actor, record.kind, record.status) == (AUTOSCALER, "app.scale", Status.SUCCEEDED)
    (cpu,) = record.request["autoscaling"]["metrics"]
    assert (cpu["metric"], cpu["target"], cpu["ready"], cpu["missing"]) == ("cpu", 50, 1, 0)
    assert cpu["current"] > 55
    assert cpu["ratio"] > 1.1


async def test_a_schedule_raises_the_minimum_and_a_count_set_by_hand_is_the_base(make: Any, platform: Platform) -> None:
    app = await make()
    await app.set(minReplicas=1, maxReplicas=4, schedules=[{**ALWAYS, "minReplicas": 2}])
    await eventually(app.comes_to(2), "the schedule brings it to 2", 120)
    assert "schedule * * * * *" in (await app.get())["decisions"][0]["message"]

    refused = await app.by_hand(1, expect=422)
    assert refused["problems"][0]["field"] == "scale"
    assert "2 to 4" in refused["Message"]
    await platform.wait((await app.by_hand(4))["OperationID"])
    told = await app.looked_at_again()
    assert (told["status"], told["evaluation"]["decision"]["by"], await app.count()) == ("ACTIVE", "stabilization", 4)

    await platform.ask("DELETE", f"{app.path}/autoscaling")
    await platform.wait((await app.by_hand(1))["OperationID"])
    told = await app.get()
    assert (told["enabled"], told["status"], (await platform.get(app.path))["scale"]) == (False, "OFF", None)
    assert [change["scale"] is None for change in told["changes"]] == [True, False]


async def test_what_cannot_work_is_refused_at_the_door(make: Any, platform: Platform, project: str) -> None:
    app = await make(resources={"mem": "16Mi"})

    async def refused(**policy: Any) -> tuple[str, str]:
        reply = await app.set(expect=422, **policy)
        return reply["problems"][0]["field"], reply["Message"]

    field, message = await refused(minReplicas=1, maxReplicas=3, targetCPUUtilization=50)
    assert (field, "has none" in message) == ("targetCPUUtilization", True)
    assert (await refused(minReplicas=3, maxReplicas=1, targetCPUUtilization=50))[0] == "maxReplicas"
    assert (await refused(minReplicas=1, maxReplicas=3, replicas=2))[0] == "replicas"
    assert (await refused(minReplicas=1, maxReplicas=3, metrics=[{"query": "sum(", "target": 1}]))[0] == "metrics.0.query"
    assert (await refused(minReplicas=1, maxReplicas=3, schedules=[{"cron": "x", "minReplicas": 1, "minutes": 1}]))[0] == (
        "schedules.0.cron"
    )
    assert (await app.get())["enabled"] is False
    body = {
        **SMALL,
        "resources": {},
        "name": unique("app"),
        "scale": {"minReplicas": 1, "maxReplicas": 2, "targetCPUUtilization": 9},
    }
    reply = await platform.ask("POST", f"/v2/applications/{project}", body, expect=422)
    assert reply["problems"][0]["field"] == "scale.targetCPUUtilization"
    viewer = await platform.user("viewer", project)
    await viewer.get(f"{app.path}/autoscaling")
    await viewer.ask("DELETE", f"{app.path}/autoscaling", expect=403)
    await viewer.ask("POST", f"{app.path}/scale", {"minReplicas": 1, "maxReplicas": 2}, expect=403, type="auto")


async def test_a_general_service_is_scaled_too_and_its_killed_instance_is_left_alone(
    make: Any, platform: Platform, project: str
) -> None:
    app = await make(type="TApp", instanceNum=2)
    name = app.path.rpartition("/")[2]
    await platform.done("POST", f"/v2/instances/{project}/{name}-1/1/kill")
    await app.set(minReplicas=1, maxReplicas=4, schedules=[{**ALWAYS, "minReplicas": 2}])
    await eventually(app.comes_to(3), "two run beside the killed one", 120)
    listed = await platform.get(f"/v2/instances/{project}/{name}/lists")
    assert [i["status"] for i in listed["instances"] if i["status"] != "KILLED"] == ["RUNNING", "RUNNING"]


async def test_what_instances_report_is_scaled_by_too_within_their_own_project(make: Any, platform: Platform) -> None:
    reports = ["sh", "-c", "mkdir /w && echo waiting_jobs 250 > /w/metrics && exec httpd -f -p 9100 -h /w"]
    app = await make(cmd=reports, metricsPort=9100)
    by_jobs = {"minReplicas": 1, "maxReplicas": 5, "metrics": [{"query": "max(waiting_jobs)", "target": 100}]}
    await app.set(**by_jobs)
    await eventually(app.comes_to(3), "250 waiting jobs at 100 each bring it to 3", 120)
    (decision,) = (await app.get())["decisions"]
    assert decision["message"].endswith("250 ÷ 100 asks for 3.")

    elsewhere = await platform.project("other")
    body = {**SLEEPS, "name": unique("app"), "scale": by_jobs}
    await platform.done("POST", f"/v2/applications/{elsewhere}", body)
    told = await Scaled(platform, elsewhere, body["name"]).looked_at_again()
    assert told["evaluation"]["metrics"][0]["message"] == "no series answers the query"
    assert told["evaluation"]["decision"]["wanted"] == 1


async def test_in_the_pause_of_a_gray_upgrade_it_goes_on_and_the_way_back_keeps_the_number(make: Any, platform: Platform) -> None:
    app = await make(instanceNum=4)
    gray = {"dockerEnv": [{"name": "A", "value": "1"}], "batches": [1, "100%"], "pause": "first"}
    operation = await platform.submit("POST", f"{app.path}/rollout", gray)

    async def paused() -> bool:
        return (await platform.operation(operation)).status is Status.PAUSED

    await eventually(paused, "the first batch is there", 90)
    await app.set(minReplicas=1, maxReplicas=30, schedules=[{**ALWAYS, "minReplicas": 6}])
    await eventually(app.comes_to(6), "it is scaled in the pause", 120)
    assert await app.versions() == {1: 4, 2: 2}
    told = await app.looked_at_again()
    assert (told["status"], told["suspended"]) == ("ACTIVE", None)
    assert await paused()

    await platform.ask("POST", f"/v2/operations/{operation}/rollback", expect=202)
    await platform.wait(operation, Status.CANCELLED)
    assert await app.versions() == {1: 6}
    (decision,) = (await app.get())["decisions"]
    assert (decision["before"], decision["after"]) == (4, 6)


async def test_a_copy_takes_the_policy_along_unless_it_says_otherwise(platform: Platform, project: str) -> None:
    scale = {"minReplicas": 2, "maxReplicas": 5, "targetCPUUtilization": 50}
    body = {
        "name": "web",
        "imageRef": "busybox",
        "cmd": "sleep 100000",
        "instanceNum": 0,
        "resources": {"cpu": "0.01", "mem": "16Mi"},
    }
    await platform.done("POST", f"/v2/applications/{project}", body)
    path = f"/v2/applications/{project}/web"
    await platform.ask("POST", f"{path}/scale", scale, type="auto")

    await platform.done("POST", f"{path}/copy", {"name": "with"})
    copied = (await platform.get(f"/v2/applications/{project}/with"))["scale"]
    assert {field: copied[field] for field in scale} == scale
    await platform.done("POST", f"{path}/copy", {"name": "without", "scale": None, "instanceNum": 1})
    assert (await platform.get(f"/v2/applications/{project}/without"))["scale"] is None
    await platform.done("POST", f"{path}/copy", {"name": "other", "scale": {**scale, "maxReplicas": 3}})
    assert (await platform.get(f"/v2/applications/{project}/other"))["scale"]["maxReplicas"] == 3
    # A number that the policy would change at once is no copy's number.
    refused = await platform.ask("POST", f"{path}/copy", {"name": "few", "instanceNum": 1}, expect=422)
    assert "1 is outside the 2 to 5 instances" in refused["Message"]


async def test_a_rollout_that_would_end_autoscaling_by_cpu_is_refused(make: Any, platform: Platform) -> None:
    app = await make()
    await app.set(minReplicas=1, maxReplicas=2, targetCPUUtilization=50)
    refused = await platform.ask("POST", f"{app.path}/rollout", {"resources": {"mem": "32Mi"}}, expect=422)
    assert f"DELETE {app.path}/autoscaling" in refused["Message"]
    assert (await platform.get(app.path))["scale"]["targetCPUUtilization"] == 50
