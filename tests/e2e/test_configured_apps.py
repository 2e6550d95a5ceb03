"""Apps that use configuration groups: files, variables, changes while they run, entries that they keep (manual: 配置管理 3)."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from model.operations import Status
from tests.e2e.test_controls import control, paused
from tests.platform import Platform, eventually, unique

MANUAL = json.loads((Path(__file__).parent / "manual_create.json").read_text())
CONFIG_MAP = [
    {"type": "Volume", "name": "special-config", "key": ["game-config", "game-config2.conf"], "mountPath": "/etc/config"},
    {"type": "Env", "name": "special-config2", "key": ["HELLO", "WORLD"]},
]
SECRET = [
    {"type": "Volume", "name": "special-config", "key": ["game-config"], "mountPath": "/etc/config"},
    {"type": "Env", "name": "special-config2", "key": ["WORLD"]},
]
# What it was started with lies beside its files, and all of it is served.
SERVES = {
    "imageRef": "busybox",
    "cmd": ["sh", "-c", "env > /tmp/env; exec httpd -f -p 8080 -h /"],
    "portMappings": [{"protocol": "tcp", "containerPort": 8080}],
    "minReadySeconds": 0,
    "terminationGracePeriodSeconds": 0,
}


@dataclass(frozen=True)
class Configured:
    """A project with the manual's groups, and what its apps are asked."""

    platform: Platform
    project: str

    def path(self, name: str, *rest: str) -> str:
        return "/".join([f"/v2/applications/{self.project}/{name}", *rest])

    async def create(self, **fields: Any) -> str:
        name = unique("app")
        await self.platform.done("POST", f"/v2/applications/{self.project}", {**SERVES, "name": name, **fields})
        return name

    async def instance(self, name: str) -> dict[str, Any]:
        found = await self.platform.get(f"/v2/instances/{self.project}/{name}/lists")
        only: dict[str, Any] = found["instances"][0]
        return only

    async def file(self, name: str, path: str) -> str | None:
        """A file of the app's one instance, None when it has none."""
        return await _served(await self.instance(name), path)

    async def environment(self, name: str) -> dict[str, str]:
        return await _started_with(await self.instance(name))

    async def put(self, kind: str, group: str, entry: str, data: str, expect: int = 200, **more: str) -> Any:
        path = f"/v2/{kind}/{self.project}/{group}/{entry}"
        return await self.platform.ask("POST", path, {"data": data, **more}, expect=expect, wait=30)


async def _served(instance: dict[str, Any], path: str) -> str | None:
    async with httpx.AsyncClient(timeout=5) as http:
        reply = await http.get(f"http://{instance['ip']}:8080{path}")
    return reply.text if reply.is_success else None


async def _started_with(instance: dict[str, Any]) -> dict[str, str]:
    said = await _served(instance, "/tmp/env")
    assert said is not None
    return dict(line.split("=", 1) for line in said.splitlines() if "=" in line)


@pytest.fixture
async def configured(platform: Platform) -> Configured:
    project = await platform.project()
    for kind, values in (
        ("configmaps", ("map 1", "map 2", "hello", "world")),
        ("secrets", ("c2VjcmV0", "eA==", "eA==", "d2lucw==")),
    ):
        one, two, hello, world = values
        groups = {
            "special-config": {"game-config": one, "game-config2.conf": two},
            "special-config2": {"HELLO": hello, "WORLD": world},
        }
        for name, data in groups.items():
            await platform.done("POST", f"/v2/{kind}/{project}", {"name": name, "data": data}, wait=0)
    return Configured(platform, project)


@pytest.mark.parametrize("type", ["Deployment", "TApp"])
async def test_the_manuals_fields_become_files_and_variables(configured: Configured, type: str) -> None:
    env = [{"name": "HELLO", "value": "from dockerEnv"}]
    name = await configured.create(configMap=CONFIG_MAP, secret=SECRET, dockerEnv=env, type=type)
    app = await configured.platform.get(configured.path(name))
    assert (app["configMap"], app["secret"]) == (CONFIG_MAP, SECRET)
    assert await configured.file(name, "/etc/config/game-config") == "secret"
    assert await configured.file(name, "/etc/config/game-config2.conf") == "map 2"
    variables = await configured.environment(name)
    assert (variables["HELLO"], variables["WORLD"]) == ("from dockerEnv", "wins")


async def test_the_manuals_whole_body_deploys(configured: Configured) -> None:
    body = {**MANUAL, "name": unique("demoapp"), "imageRef": "busybox", "instanceNum": 1, "userName": "admin"}
    record = await configured.platform.done(
        "POST", f"/v2/applications/{configured.project}", {**body, "configMap": CONFIG_MAP, "secret": CONFIG_MAP}
    )
    assert record.status is Status.SUCCEEDED
    counted = (await configured.platform.get(f"/v2/secrets/{configured.project}/special-config"))["appMapNum"]
    assert counted == {"game-config": 1, "game-config2.conf": 1}


async def test_a_changed_file_reaches_the_running_container_and_a_variable_needs_a_restart(configured: Configured) -> None:
    name = await configured.create(configMap=CONFIG_MAP, secret=SECRET)
    before = await configured.instance(name)
    changed = await configured.put("configmaps", "special-config", "game-config2.conf", "map 3")
    assert "restartNeeded" not in changed
    await configured.put("secrets", "special-config", "game-config", "Y2hhbmdlZA==")

    async def arrived() -> bool:
        files = [await configured.file(name, f"/etc/config/{file}") for file in ("game-config", "game-config2.conf")]
        return files == ["changed", "map 3"]

    await eventually(arrived, "the changed files are in the container", 15)
    after = await configured.instance(name)
    assert (after["instanceId"], after["restarts"]) == (before["instanceId"], 0)

    told = await configured.put("configmaps", "special-config2", "HELLO", "again")
    app_id = (await configured.platform.get(configured.path(name)))["AppID"]
    restart = configured.path(name, "restart")
    assert told["restartNeeded"] == [{"appId": app_id, "appName": name, "entries": ["HELLO"], "restart": restart}]
    assert f"restart {name}" in told["message"]
    assert (await configured.environment(name))["HELLO"] == "hello"


async def test_an_outdated_variable_is_told_until_the_instances_hold_what_is_in_force(configured: Configured) -> None:
    name = await configured.create(configMap=[{"type": "Env", "name": "special-config2", "key": ["HELLO"]}])
    instance, platform = await configured.instance(name), configured.platform
    entry = {"kind": "configmap", "name": "special-config2", "entries": ["HELLO"]}

    async def told() -> tuple[Any, ...]:
        """What the app says in list and detail, and its instances in theirs."""
        listed = (await platform.get(f"/v2/applications/{configured.project}", size=200))["applications"]
        instances = (await platform.get(f"/v2/instances/{configured.project}/{name}/lists"))["instances"]
        first = (await platform.get(f"/v2/instances/{configured.project}/{instances[0]['name']}"))["restartNeeded"]
        in_list = next(one["restartNeeded"] for one in listed if one["Name"] == name)
        app = await platform.get(configured.path(name))
        return in_list, app["restartNeeded"], [one["restartNeeded"] for one in instances if one["status"] == "RUNNING"], first

    async def is_clear() -> bool:
        return await told() == ([], [], [[]], [])

    before = (await platform.get(f"/v2/configmaps/{configured.project}/special-config2"))["data"]["HELLO"]
    assert await is_clear()
    await configured.put("configmaps", "special-config2", "HELLO", "once more")
    everywhere = [{**entry, "instances": [instance["name"]]}]
    assert await told() == (everywhere, everywhere, [[entry]], [entry])
    assert (
        f"restart the app to have it everywhere: POST {configured.path(name)}/restart"
        in (await platform.get(configured.path(name)))["message"]
    )

    await configured.put("configmaps", "special-config2", "HELLO", before)
    assert await is_clear(), "they hold what is in force again"
    await configured.put("configmaps", "special-config2", "HELLO", "at last")
    assert not await is_clear()
    await platform.done("POST", configured.path(name, "restart"))
    await eventually(is_clear, "who was started anew holds what is in force", 15)
    await configured.put("configmaps", "special-config2", "HELLO", before)


async def test_in_a_gray_upgrade_those_that_hold_what_was_are_told_until_none_does(configured: Configured) -> None:
    # given a gray upgrade that pauses after its first batch, and a change of a variable meanwhile (faults: 32)
    uses, platform = [{"type": "Env", "name": "special-config2", "key": ["HELLO"]}], configured.platform
    name = await configured.create(configMap=uses, instanceNum=2, resources={"cpu": "0.02", "mem": "16Mi"})
    body = {"dockerEnv": [{"name": "LEVEL", "value": "2"}], "batches": [1], "pause": "first"}
    upgrade = await platform.submit("POST", configured.path(name, "rollout"), body)
    await paused(platform, upgrade)
    await configured.put("configmaps", "special-config2", "HELLO", "later")
    held: dict[int, list[str]] = {}

    async def is_told() -> bool:
        """Whether app, list and instances name exactly those that really hold what was; `held` is by version what they do."""
        instances = (await platform.get(f"/v2/instances/{configured.project}/{name}/lists"))["instances"]
        serving = [one for one in instances if one["status"] == "RUNNING"]
        try:
            values = [(await _started_with(one))["HELLO"] for one in serving]
        except httpx.TransportError:  # it has gone since
            return False
        held.clear()
        for one, value in zip(serving, values, strict=True):
            held.setdefault(one["version"], []).append(value)
        entry = {"kind": "configmap", "name": "special-config2", "entries": ["HELLO"]}
        outdated = sorted(one["name"] for one, value in zip(serving, values, strict=True) if value == "hello")
        wanted = [{**entry, "instances": outdated}] if outdated else []
        (listed,) = (await platform.get(f"/v2/applications/{configured.project}"))["applications"]
        app = await platform.get(configured.path(name))
        each = {one["name"]: one["restartNeeded"] for one in serving}
        right = {one["name"]: [entry] if one["name"] in outdated else [] for one in serving}
        return (listed["restartNeeded"], app["restartNeeded"], each) == (wanted, wanted, right)

    # then both versions are told, and when one grows its new instance is not
    assert await is_told()
    assert held == {1: ["hello"], 2: ["hello"]}
    await platform.done("POST", configured.path(name, "scale"), type="manual", scale=3)
    await eventually(is_told, "those that were there before are told")
    assert ["hello", "later"] in map(sorted, held.values()), "instances of one version hold different values"
    # and it stays when the upgrade is over
    await control(platform, upgrade, "resume")
    await platform.wait(upgrade)
    await eventually(is_told, "who was there in the pause is told")
    assert sorted(held[2]) == ["hello", "later", "later"]
    # until nobody holds it any more
    await platform.done("POST", configured.path(name, "restart"))
    await eventually(is_told, "nobody is told")
    assert held == {2: ["later"] * 3}


async def test_an_entry_in_use_stays_whatever_the_route(configured: Configured) -> None:
    name = await configured.create(configMap=CONFIG_MAP)
    there = f"/v2/configmaps/{configured.project}/special-config"
    app_id = (await configured.platform.get(configured.path(name)))["AppID"]
    use = {"appId": app_id, "appName": name, "type": "Volume", "mountPath": "/etc/config"}
    assert await configured.platform.get(f"{there}/game-config/apps") == {"content": [use]}
    assert (await configured.platform.get(there))["appMapNum"] == {"game-config": 1, "game-config2.conf": 1}

    await configured.put("configmaps", "special-config", "unused", "x")
    for refused in (
        await configured.platform.ask("DELETE", f"{there}/game-config", expect=409),
        await configured.platform.ask("DELETE", there, expect=409),
        await configured.put("configmaps", "special-config", "game-config", "/9g=", 409, encoding="base64"),
    ):
        assert name in refused["Message"]
        assert "OperationID" not in refused
    await configured.platform.ask("DELETE", f"{there}/unused")

    # A rollback that would take it away is refused too.
    await configured.put("configmaps", "special-config", "late", "x")
    uses = [{"type": "Env", "name": "special-config", "key": ["late"]}]
    await configured.platform.done("POST", configured.path(name, "rollout"), {"configMap": uses})
    refused = await configured.platform.ask("POST", f"{there}/rollback", {"version": 1}, expect=409)
    assert "'late'" in refused["Message"]

    await configured.platform.done("POST", configured.path(name, "rollout"), {"configMap": []})
    await configured.platform.ask("DELETE", there)
    gone = await configured.platform.ask("POST", configured.path(name, "rollback"), {"revision": 1}, expect=422)
    assert "special-config" in gone["Message"]


async def test_what_an_instance_of_an_earlier_version_uses_stays(configured: Configured) -> None:
    name = await configured.create(configMap=CONFIG_MAP)
    broken = {"configMap": [], "cmd": "/no/such", "maxUnavailable": 0}
    failed = await configured.platform.submit("POST", configured.path(name, "rollout"), broken)
    await configured.platform.wait(failed, Status.FAILED)
    assert (await configured.platform.get(configured.path(name)))["configMap"] == []
    refused = await configured.platform.ask("DELETE", f"/v2/configmaps/{configured.project}/special-config", expect=409)
    assert name in refused["Message"]


async def test_what_is_not_there_is_refused_before_anything_begins(configured: Configured) -> None:
    uses = [
        {**CONFIG_MAP[0], "key": ["nope"]},
        {**CONFIG_MAP[1], "name": "none"},
        {**CONFIG_MAP[1], "name": "special-config", "key": ["game-config"]},
    ]
    body = {**SERVES, "name": unique("app"), "configMap": uses}
    refused = await configured.platform.ask("POST", f"/v2/applications/{configured.project}", body, expect=422)
    assert [p["field"] for p in refused["problems"]] == ["configMap.0.key.0", "configMap.1.name", "configMap.2.key.0"]
    assert "it has game-config" in refused["problems"][0]["message"]
    await configured.platform.ask("GET", configured.path(body["name"]), expect=404)


async def test_a_stopped_app_holds_nothing_and_is_not_started_without_its_entries(configured: Configured) -> None:
    name = await configured.create(configMap=CONFIG_MAP)
    await configured.platform.done("POST", configured.path(name, "kill"))
    await configured.platform.ask("DELETE", f"/v2/configmaps/{configured.project}/special-config")
    refused = await configured.platform.ask("POST", configured.path(name, "start"), expect=422)
    assert "special-config" in refused["Message"]
