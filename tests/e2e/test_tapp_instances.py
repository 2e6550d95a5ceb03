"""A TApp's instances as a person meets them: list, detail, killed ones, logs, shell, names (manual: instance接口, 名字服务接口)."""

import asyncio
from typing import Any

import pytest

from model.operations import Status
from tests.e2e.test_cli import mooring
from tests.e2e.test_shells import body, shell
from tests.platform import Platform, eventually
from tests.terminal import Pseudo

PORT = [{"protocol": "tcp", "containerPort": 8088}]
SERVE = ("sh", "-c", "hostname > /tmp/index.html; echo serving; httpd -f -p 8088 -h /tmp")


@pytest.fixture(scope="module")
async def store(platform: Platform, project: str) -> str:
    """A TApp of two instances that answers with its pod's name."""
    asked = body("store", *SERVE, type="TApp", instanceNum=2, portMappings=PORT, networkType=2)
    await platform.done("POST", f"/v2/applications/{project}", asked)
    return "store"


async def listed(platform: Platform, project: str, app: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = (await platform.get(f"/v2/instances/{project}/{app}/lists"))["instances"]
    return found


async def test_a_killed_instance_stays_in_list_and_detail(platform: Platform, project: str, store: str) -> None:
    before = await listed(platform, project, store)
    assert [(i["name"], i["index"], i["version"], i["status"]) for i in before] == [
        ("store-0", 0, 1, "RUNNING"),
        ("store-1", 1, 1, "RUNNING"),
    ]
    await platform.done("POST", f"/v2/instances/{project}/store-1/1/kill")
    killed = (await listed(platform, project, store))[1]
    detail = await platform.get(f"/v2/instances/{project}/store-1", instance_id=before[1]["instanceId"])
    for told in (killed, detail):
        assert (told["status"], told["version"], told["instanceId"]) == ("KILLED", 1, before[1]["instanceId"])
        assert (told["image"], told["ip"]) == ("public/busybox:latest", "")
    assert detail["containers"] == []
    await platform.ask("GET", f"/v2/instances/{project}/store-1", expect=404, instance_id=before[0]["instanceId"])
    await platform.ask("GET", f"/v2/instances/{project}/store-2", expect=404)
    await platform.ask("GET", f"/v2/instances/{project}/store-0-0", expect=404)
    refused = await platform.ask("GET", f"/v2/containers/{project}/store-1/store/logs", expect=409)
    assert "killed" in refused["Message"]
    served = (await platform.get(f"/v2/nameservice/{project}/{store}"))["content"]
    assert [line["instanceName"] for line in served] == ["store-0"]

    await platform.done("POST", f"/v2/instances/{project}/store-1/1/start")
    again = (await listed(platform, project, store))[1]
    assert (again["status"], again["instanceId"]) == ("RUNNING", before[1]["instanceId"])


async def test_detail_containers_log_and_shell_are_the_instances_own(platform: Platform, project: str, store: str) -> None:
    detail = await platform.get(f"/v2/instances/{project}/store-0")
    assert (detail["index"], detail["appName"], detail["ready"]) == (0, "store", True)
    assert {event["reason"] for event in detail["events"]} >= {"Scheduled", "Started"}
    containers = (await platform.get(f"/v2/containers/{project}/store-0/lists"))["containers"]
    assert [(c["name"], c["status"]) for c in containers] == [("store", "RUNNING")]
    assert (await platform.get(f"/v2/containers/{project}/store-0/store"))["name"] == "store"
    assert "serving" in (await platform.http.get(f"/v2/containers/{project}/store-0/store/logs")).text
    async with shell(platform, project, "store-0", "store", query="?command=hostname") as terminal:
        await terminal.end()
    assert b"store-0-0" in terminal.output
    assert (await platform.get(f"/v2/instances/{project}/store-0/shells"))["shells"][0]["command"] == "hostname"
    mapped = (await platform.get(f"/v2/instances/{project}/store-0/portmapping"))["portMappings"]
    assert [m["containerPort"] for m in mapped] == [8088]


async def test_names_lead_to_the_instance_and_to_all(platform: Platform, project: str, store: str) -> None:
    """given the name service's answer, when a pod looks the names up, then they are the addresses that it told."""
    found = await platform.get(f"/v2/nameservice/{project}/{store}", port="", protocol="TCP", instanceName="")
    assert (found["Code"], found["Message"]) == (0, "")
    by_name = {line["instanceName"]: line for line in found["content"]}
    assert set(by_name) == {"store-0", "store-1"}
    assert all(line["publicAddr"] and line["protocol"] == "tcp" and line["port"] == 8088 for line in by_name.values())
    assert by_name["store-1"]["name"] == f"store-1.{project}.svc"

    async def asked(command: str) -> str:
        async with shell(platform, project, "store-0", "store", query=f"?command={command}") as terminal:
            await terminal.end()
        return terminal.output.decode()

    async def resolves() -> bool:
        shown = await asked(f"nslookup%20store-1.{project}.svc.cluster.local")
        return by_name["store-1"]["privateAddr"].partition(":")[0] in shown

    await eventually(resolves, "store-1's name leads to its address")  # a name is cached for seconds
    assert "store-1-0" in await asked(f"wget%20-qO-%20http://store-1.{project}.svc:8088/")
    assert "store-" in await asked(f"wget%20-qO-%20http://store.{project}.svc:8088/")


@pytest.mark.parametrize(
    ("query", "told"),
    [
        ({"port": 9}, "does not open that port. It opens 8088/tcp"),
        ({"protocol": "udp"}, "does not open that port. It opens 8088/tcp"),
        ({"instanceName": "store-7"}, "No instance of the app 'store' serves now with the instance 'store-7'"),
    ],
)
async def test_what_nobody_serves_is_told(platform: Platform, project: str, store: str, query: dict[str, Any], told: str) -> None:
    found = await platform.get(f"/v2/nameservice/{project}/{store}", **query)
    assert found["content"] == []
    assert told in found["Message"]
    await platform.ask("GET", f"/v2/nameservice/{project}/never-was", expect=404)
    await platform.ask("GET", f"/v2/nameservice/{project}/{store}", expect=422, port="x")


async def test_several_apps_are_deleted_and_each_refusal_is_told(platform: Platform, project: str) -> None:
    for name in ("one", "two"):
        await platform.done("POST", f"/v2/applications/{project}", body(name, "sleep", "1000", instanceNum=0))
    key = {"Idempotency-Key": f"rm-{project}"}
    path, asked = f"/v2/applications/{project}/delete", {"apps": ["one", "never-was", "two"]}
    replies = [await platform.http.post(path, json=asked, headers=key) for _ in range(2)]
    assert [reply.status_code for reply in replies] == [207, 207]
    first, again = (reply.json() for reply in replies)
    assert (first["Reason"], "1 of 3" in first["Message"]) == ("NotFound", True)
    assert [line.get("Reason") for line in first["apps"]] == [None, "NotFound", None]
    operations = [line["OperationID"] for line in first["apps"] if "OperationID" in line]
    assert operations == [line["OperationID"] for line in again["apps"] if "OperationID" in line]
    for operation in operations:
        await platform.wait(operation)
    other = await platform.http.post(path, json={"apps": ["one"]}, headers=key)
    assert other.json()["Reason"] == "IdempotencyMismatch"
    await platform.ask("GET", f"/v2/applications/{project}/one", expect=404)

    refused = {"Idempotency-Key": f"none-{project}"}
    assert (await platform.http.post(path, json={"apps": ["one"]}, headers=refused)).status_code == 207
    await platform.done("POST", f"/v2/applications/{project}", body("one", "sleep", "1000", instanceNum=0))
    done = await platform.http.post(path, json={"apps": [{"name": "one"}]}, headers=refused)
    assert done.status_code == 202, "nothing is kept of a request that was refused"
    await platform.wait(done.json()["apps"][0]["OperationID"])


async def test_a_copy_runs_under_another_name_and_in_another_project(platform: Platform, project: str, store: str) -> None:
    other = await platform.project()
    developer = await platform.user("developer", project)
    path = f"/v2/applications/{project}/{store}/copy"
    await platform.done("POST", path, {"name": "store2", "instanceNum": 1})
    made = await platform.get(f"/v2/applications/{project}/store2")
    assert (made["Type"], made["InstanceNum"], made["PortsInfo"]) == ("TApp", 1, PORT)
    await platform.ask("POST", path, {"name": "store2"}, expect=409)
    hidden = await developer.ask("POST", path, {"name": "mine", "project": other}, expect=404)
    nobodys = await developer.ask("POST", path, {"name": "mine", "project": "never-was"}, expect=404)
    assert hidden["Message"].replace(other, "P") == nobodys["Message"].replace("never-was", "P")
    name = (await developer.get("/v2/users/me"))["name"]
    await platform.ask("PUT", f"/v2/projects/{other}/members/{name}", {"role": "viewer"})
    await developer.ask("POST", path, {"name": "mine", "project": other}, expect=403)
    await platform.ask("PUT", f"/v2/projects/{other}/members/{name}", {"role": "developer"})
    await developer.done("POST", path, {"name": "mine", "project": other})
    assert [i["name"] for i in await listed(platform, other, "mine")] == ["mine-0", "mine-1"]


async def test_a_copy_needs_its_configuration_in_its_own_project(platform: Platform, project: str) -> None:
    other = await platform.project()
    group = {"name": "settings", "data": {"MODE": "fast"}}
    await platform.http.post(f"/v2/configmaps/{project}", json=group)
    uses = [{"type": "Env", "name": "settings", "key": ["MODE"]}]
    await platform.done("POST", f"/v2/applications/{project}", body("tuned", "sleep", "1000", configMap=uses, instanceNum=0))
    path = f"/v2/applications/{project}/tuned/copy"
    refused = await platform.ask("POST", path, {"name": "tuned", "project": other}, expect=422)
    assert "settings" in refused["Message"]
    await platform.http.post(f"/v2/configmaps/{other}", json=group)
    await platform.done("POST", path, {"name": "tuned", "project": other})
    assert (await platform.get(f"/v2/applications/{other}/tuned"))["configMap"] == uses


async def test_a_copy_with_an_image_the_members_may_not_use_is_refused(platform: Platform, project: str) -> None:
    other = await platform.project()
    member = await platform.user("viewer", other)
    image = f"{project}/own:1"
    asked = {"name": "own", "imageRef": image, "instanceNum": 0, "resources": {"cpu": "0.02", "mem": "16Mi"}}
    await platform.wait(await platform.submit("POST", f"/v2/applications/{project}", asked), Status.FAILED)
    path = f"/v2/applications/{project}/own/copy"
    refused = await platform.ask("POST", path, {"name": "own", "project": other}, expect=403)
    name = (await member.get("/v2/users/me"))["name"]
    assert name in refused["Message"]
    assert image in refused["Message"]
    await platform.ask("PUT", f"/v2/projects/{project}/members/{name}", {"role": "viewer"})
    await platform.submit("POST", path, {"name": "own", "project": other})


def _in_a_terminal(project: str) -> tuple[int, str]:
    here = Pseudo("shell", project, "store-0", rows=33, cols=101)
    here.sees("#")
    here.type("echo si''ze; stty size\r")
    here.sees("33 101")
    here.resize(40, 120)
    here.type("sleep 0.5; stty size; sleep 600\r")
    here.sees("40 120")
    here.type("\x03")
    here.type("echo after-''interrupt; exit 9\r")
    return here.end(), here.seen


async def test_the_command_line_in_a_terminal(platform: Platform, project: str, store: str) -> None:
    """given a real terminal, when a shell is opened, then size and keys reach it, and its exit status is the command's."""
    code, seen = await asyncio.to_thread(_in_a_terminal, project)
    assert (code, "after-interrupt" in seen) == (9, True), seen


async def test_logs_names_copy_and_rm_on_the_command_line(platform: Platform, project: str, store: str) -> None:
    assert "serving" in (await mooring("logs", project, "store-0")).out
    named = await mooring("names", project, store)
    assert f"store-1.{project}.svc" in named.out
    typed = await mooring("shell", project, "store-0", stdin="echo ty''ped; exit 4\n")
    assert (typed.code, "typed" in typed.out) == (4, True), typed
    copied = await mooring("app", "copy", project, store, "store3", "--instances", "0", "--watch")
    assert copied.code == 0, copied.err
    removed = await mooring("app", "rm", project, "store3", "never-was", "--yes", "--json")
    assert (removed.code, [line.get("Reason") for line in removed.json["apps"]]) == (1, [None, "NotFound"])
    refused = await mooring("shell", project, "store-9")
    assert (refused.code, "no instance 'store-9'" in refused.err) == (1, True), refused
