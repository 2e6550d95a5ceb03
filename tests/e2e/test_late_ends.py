"""Apps without a readiness probe that die a little later: a version is proved first, and what became of it is told (faults: 5)."""

from typing import Any

from model.operations import Status
from tests.platform import Platform, eventually, unique

GOOD: dict[str, Any] = {"imageRef": "busybox", "cmd": "sleep 100000", "terminationGracePeriodSeconds": 0, "instanceNum": 2}


async def test_an_upgrade_takes_nothing_that_serves_for_a_version_that_dies_after_seconds(platform: Platform, project: str) -> None:
    name = unique("late")
    path = f"/v2/applications/{project}/{name}"
    await platform.done("POST", f"/v2/applications/{project}", {**GOOD, "name": name, "resources": {"cpu": "0.02", "mem": "16Mi"}})
    good = {one["name"] for one in (await platform.get(f"/v2/instances/{project}/{name}/lists"))["instances"]}
    upgrade = await platform.submit("POST", f"{path}/rollout", {"cmd": ["sh", "-c", "sleep 7; exit 1"]})
    failed = await platform.wait(upgrade, Status.FAILED)
    assert failed.error is not None
    assert failed.error.reason == "CrashLoop", failed.error
    left = {one["name"]: one["status"] for one in (await platform.get(f"/v2/instances/{project}/{name}/lists"))["instances"]}
    assert {one: left.get(one) for one in good} == dict.fromkeys(good, "RUNNING")


async def test_what_became_of_it_after_its_success_is_told_on_record_app_and_list(platform: Platform, project: str) -> None:
    name = unique("soon")
    body = {**GOOD, "name": name, "instanceNum": 1, "minReadySeconds": 0, "cmd": ["sh", "-c", "sleep 7; echo no more >&2; exit 3"]}
    record = await platform.done("POST", f"/v2/applications/{project}", body)

    async def told() -> bool:
        return (await platform.operation(record.id)).afterwards is not None

    await eventually(told, "the record tells what became of the app", 60)
    found = (await platform.operation(record.id)).afterwards
    assert found is not None
    assert "exit code 3" in found.message
    (listed,) = [app for app in (await platform.get(f"/v2/applications/{project}"))["applications"] if app["Name"] == name]
    app = await platform.get(f"/v2/applications/{project}/{name}")
    assert (listed["reason"], app["reason"]) == (found.reason, found.reason)
