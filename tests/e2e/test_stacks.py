"""Compose stacks through HTTP, on the real cluster: the order, how each way of ending leaves the apps, and what is refused."""

import json
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from clients.kubernetes import Cluster
from model.operations import OperationRecord, Status
from tests.images import publish
from tests.platform import Platform, eventually, unique

MANUAL = json.loads((Path(__file__).parents[1] / "data" / "compose-create.json").read_text())
SLEEPS = "image: busybox, command: [sh, -c, 'trap exit TERM; sleep 9999 & wait']"
NO_ROOM = "image: busybox, command: sleep 9999, cpu_shares: 1048576"
CRASHES = "image: busybox, command: [sh, -c, 'exit 3']"


class Stacks:
    """The stacks of one project."""

    def __init__(self, platform: Platform, project: str) -> None:
        self.platform = platform
        self.project = project

    async def deploy(self, content: str, name: str | None = None) -> tuple[str, str]:
        """Have a document accepted; the stack's name and its operation."""
        chosen = name or unique("s")
        body = {"stackInstanceName": chosen, "content": content}
        return chosen, await self.platform.submit("POST", f"/v2/composes/{self.project}", body)

    async def delete(self, name: str) -> OperationRecord:
        return await self.platform.done("DELETE", f"/v2/composes/{self.project}/{name}")

    async def read(self, name: str) -> dict[str, Any]:
        found: dict[str, Any] = await self.platform.get(f"/v2/composes/{self.project}/{name}")
        return found

    async def statuses(self, name: str) -> dict[str, str]:
        return {app["service"]: app["Status"] for app in (await self.read(name))["apps"]}

    async def children(self, operation: str) -> dict[str, OperationRecord]:
        """The newest child by service."""
        listed = await self.platform.get("/v2/operations", parent=operation)
        found = [OperationRecord.model_validate(one) for one in reversed(listed["operations"])]
        return {one.target.name.rpartition("-")[2]: one for one in found}

    async def running(self, operation: str, service: str) -> str:
        """The child on a service, once it runs."""

        async def runs() -> bool:
            child = (await self.children(operation)).get(service)
            return child is not None and child.status is Status.RUNNING

        await eventually(runs, f"the child on {service} runs")
        return (await self.children(operation))[service].id


@pytest.fixture(scope="module")
def stacks(platform: Platform, project: str) -> Stacks:
    return Stacks(platform, project)


async def test_the_manuals_document_is_deployed_in_order_and_deleted_in_reverse(stacks: Stacks, cluster: Cluster) -> None:
    own = "busybox\n  command: [sh, -c, 'trap exit TERM; sleep 9999 & wait']"
    content = MANUAL["content"].replace("docker.oa.com:8080/public/helloworld", own)
    name, operation = await stacks.deploy(content)
    deployed = await stacks.platform.wait(operation)
    assert (deployed.progress.done, deployed.progress.total) == (3, 3)
    children = await stacks.children(operation)
    assert {child.parent_id for child in children.values()} == {operation}
    for before in ("c2", "c3"):
        ready = children[before].finished_at
        assert ready is not None
        assert ready <= children["c1"].created_at, f"c1 starts only after {before} is ready"

    found = await stacks.read(name)
    assert found["content"] == content
    assert found["status"] == "DEPLOYED"
    assert [(app["service"], app["order"], app["InstanceSummary"]) for app in found["apps"]] == [
        ("c2", 1, "1/1 running"),
        ("c3", 1, "3/3 running"),
        ("c1", 2, "2/2 running"),
    ]
    assert await stacks.statuses(name) == {"c1": "RUNNING", "c2": "RUNNING", "c3": "RUNNING"}
    pod = (await cluster.get("Deployment", f"{name}-c1", stacks.project))["spec"]["template"]["spec"]
    services = await cluster.list("Service", stacks.project, labelSelector=f"mooring.io/stack-id={found['id']}")
    assert {alias["ip"] for alias in pod["hostAliases"]} == {s["spec"]["clusterIP"] for s in services["items"]}
    assert {alias["hostnames"][0] for alias in pod["hostAliases"]} == {"c2", "c3"}

    deleted = await stacks.delete(name)
    gone = await stacks.children(deleted.id)
    for after in ("c2", "c3"):
        ended = gone["c1"].finished_at
        assert ended is not None
        assert ended <= gone[after].created_at, f"{after} goes only after c1 has gone"
    await stacks.platform.ask("GET", f"/v2/composes/{stacks.project}/{name}", expect=404)
    left = await cluster.list("Service", stacks.project, labelSelector=f"mooring.io/stack-id={found['id']}")
    assert left["items"] == []


async def test_a_link_is_reached_by_its_alias(stacks: Stacks) -> None:
    serves = "cd /tmp; echo hi > hello; httpd -p 8080; trap exit TERM; sleep 9999 & wait"
    asks = "until wget -qO- http://db:8080/hello; do sleep 0.2; done; trap exit TERM; sleep 9999 & wait"
    content = (
        f"store: {{image: busybox, expose: [8080], command: [sh, -c, '{serves}']}}\n"
        f"api: {{image: busybox, links: ['store:db'], command: [sh, -c, '{asks}']}}\n"
    )
    name, operation = await stacks.deploy(content)
    await stacks.platform.wait(operation)
    listed = await stacks.platform.get(f"/v2/instances/{stacks.project}/{name}-api/lists")
    (instance,) = [one["name"] for one in listed["instances"]]

    async def reached() -> bool:
        path = f"/v2/containers/{stacks.project}/{instance}/{name}-api/logs"
        return "hi\n" in (await stacks.platform.http.get(path)).text

    await eventually(reached, "api has got store's answer under the name db")
    await stacks.delete(name)


async def test_a_stack_of_which_an_app_is_gone_says_so_wherever_it_is_shown(stacks: Stacks) -> None:
    content = f"a: {{{SLEEPS}}}\nb: {{{SLEEPS}, links: [a]}}\n"
    name, operation = await stacks.deploy(content)
    await stacks.platform.wait(operation)
    await stacks.platform.done("DELETE", f"/v2/applications/{stacks.project}/{name}-a")
    await stacks.platform.done("POST", f"/v2/applications/{stacks.project}/{name}-b/kill")
    told = f"{name}-a was deleted by itself: upgrade the stack to have it again, or delete the stack."
    stopped = f"{name}-b is stopped: start it, or upgrade the stack, which starts it too."
    found = await stacks.read(name)
    listed = await stacks.platform.get(f"/v2/stacks/{stacks.project}", size=200)
    for shown in (found, next(one for one in listed["stacks"] if one["stackInstanceName"] == name)):
        assert (shown["status"], shown["message"]) == ("PARTIAL", f"{told} {stopped}")
        assert [(one["name"], one["status"]) for one in shown["gone"]] == [(f"{name}-a", "DELETED"), (f"{name}-b", "STOPPED")]
    a, b = found["apps"]
    assert (a["Status"], a["message"]) == ("DELETED", told)
    assert [one["until"] for one in b["after"]] == ["ready"]

    path, body = f"/v2/stacks/{stacks.project}/{name}/upgrade", {"content": content}
    planned = (await stacks.platform.ask("POST", path, body, dryRun="true"))["changes"]
    assert [(one["name"], one["action"]) for one in planned] == [("a", "create"), ("b", "start")]
    again = await stacks.platform.submit("POST", path, body)
    await stacks.platform.wait(again)
    assert {service: one.kind for service, one in (await stacks.children(again)).items()} == {"a": "app.create", "b": "app.start"}
    after = await stacks.read(name)
    assert (after["status"], after["message"], await stacks.statuses(name)) == ("DEPLOYED", "", {"a": "RUNNING", "b": "RUNNING"})
    assert after["apps"][1]["AppID"] == b["AppID"], "the killed app goes on under its AppID"
    apps = (await stacks.platform.get(f"/v2/applications/{stacks.project}", size=200))["applications"]
    assert [one["AppID"] for one in apps if one["Name"] == f"{name}-b"] == [b["AppID"]], "and there is none beside it"
    await stacks.delete(name)


async def test_a_stack_that_an_upgrade_brought_back_says_what_runs_and_why_the_upgrade_failed(stacks: Stacks) -> None:
    name, operation = await stacks.deploy(f"a: {{{SLEEPS}}}\n")
    await stacks.platform.wait(operation)
    body = {"content": f"a: {{{CRASHES}}}\n", "onFailure": "rollback"}
    upgrade = await stacks.platform.submit("POST", f"/v2/stacks/{stacks.project}/{name}/upgrade", body)
    failed = await stacks.platform.wait(upgrade, Status.FAILED)
    assert failed.result == {"version": 1, **failed.result, "update": [f"{name}-a"]}
    listed = await stacks.platform.get(f"/v2/stacks/{stacks.project}", size=200)
    for shown in (await stacks.read(name), next(one for one in listed["stacks"] if one["stackInstanceName"] == name)):
        assert (shown["status"], shown["version"]) == ("DEPLOYED", 1)
        assert shown["message"].startswith(
            f"Version 1 runs. The upgrade to version 2 failed and was brought back ({upgrade}): The app"
        )
        assert "exit code 3" in shown["message"]
    await stacks.delete(name)


async def test_a_dry_run_names_the_operation_that_the_upgrade_would_fail_at(stacks: Stacks) -> None:
    name, operation = await stacks.deploy(f"a: {{{SLEEPS}}}\n")
    await stacks.platform.wait(operation)
    body = {"cmd": ["sh", "-c", "sleep 9999"], "readinessProbe": {"tcpSocket": {"port": 9}, "periodSeconds": 1}}
    running = await stacks.platform.submit("POST", f"/v2/applications/{stacks.project}/{name}-a/rollout", body)
    path, upgrade = f"/v2/stacks/{stacks.project}/{name}/upgrade", {"content": f"a: {{{SLEEPS}, environment: [A=1]}}\n"}
    (planned,) = (await stacks.platform.ask("POST", path, upgrade, dryRun="true"))["changes"]
    assert f"app.upgrade {running} is " in planned["reason"]
    assert planned["reason"].endswith("wait for its end or cancel it first, else this fails here")
    failed = await stacks.platform.wait(await stacks.platform.submit("POST", path, upgrade), Status.FAILED)
    assert failed.error is not None
    assert failed.error.reason == "Conflict"
    assert running in failed.error.message
    await stacks.platform.ask("POST", f"/v2/operations/{running}/cancel", expect=202)
    await stacks.platform.wait(running, Status.CANCELLED)
    await stacks.platform.retry(failed.id)
    await stacks.delete(name)


async def test_a_failure_in_the_middle_is_told_and_retry_goes_on_from_it(stacks: Stacks, platform: Platform) -> None:
    missing = unique("late")
    content = (
        f"store: {{{SLEEPS}}}\nside: {{{SLEEPS}}}\n"
        f"api: {{image: 'busybox:{missing}', command: [sh, -c, 'trap exit TERM; sleep 9999 & wait'], links: [store]}}\n"
        f"web: {{{SLEEPS}, links: [api, side]}}\n"
    )
    name, operation = await stacks.deploy(content)
    failed = await platform.wait(operation, Status.FAILED)
    children = await stacks.children(operation)
    assert failed.error is not None
    assert failed.error.reason == "ImageNotFound"
    assert f"{name}-api" in failed.error.message
    assert missing in failed.error.message
    assert f"{name}-web" in failed.error.message
    assert (failed.error.evidence[0].type, failed.error.evidence[0].source) == ("operation", children["api"].id)
    assert set(children) == {"store", "side", "api"}
    assert children["side"].status is Status.SUCCEEDED
    assert await stacks.statuses(name) == {"store": "RUNNING", "side": "RUNNING", "api": "FAILED", "web": "PENDING"}
    assert (failed.progress.done, failed.progress.total) == (2, 4)

    await publish(missing, "late")
    mended = await platform.retry(operation)
    again = await stacks.children(operation)
    assert mended.attempt == 2
    assert (mended.progress.done, mended.progress.total) == (4, 4)
    assert {service: child.attempt for service, child in again.items()} == {"store": 1, "side": 1, "api": 2, "web": 1}
    assert again["api"].id == children["api"].id
    await stacks.delete(name)


async def test_a_corrected_document_goes_on_from_a_failed_deploy(stacks: Stacks, platform: Platform) -> None:
    name, operation = await stacks.deploy(f"a: {{{SLEEPS}}}\nb: {{{NO_ROOM}, links: [a]}}\n")
    failed = await platform.wait(operation, Status.FAILED)
    assert failed.error is not None
    assert failed.error.reason == "Unschedulable"
    before = {app["service"]: app["AppID"] for app in (await stacks.read(name))["apps"]}

    _, corrected = await stacks.deploy(f"a: {{{SLEEPS}}}\nb: {{{SLEEPS}, links: [a]}}\n", name)
    await platform.wait(corrected)
    assert {service: child.kind for service, child in (await stacks.children(corrected)).items()} == {"b": "app.upgrade"}
    assert {app["service"]: app["AppID"] for app in (await stacks.read(name))["apps"]} == before
    body = {"stackInstanceName": name, "content": f"a: {{{SLEEPS}}}"}
    refused = await platform.ask("POST", f"/v2/composes/{stacks.project}", body, expect=409)
    assert corrected in refused["Message"]
    superseded = await platform.ask("POST", f"/v2/operations/{operation}/retry", expect=409)
    assert superseded["Reason"] == "Superseded"
    await stacks.delete(name)


async def test_cancel_ends_what_runs_and_leaves_what_is_ready(stacks: Stacks, platform: Platform, cluster: Cluster) -> None:
    name, operation = await stacks.deploy(f"a: {{{SLEEPS}}}\nb: {{{CRASHES}, links: [a]}}\nc: {{{SLEEPS}, links: [b]}}\n")
    await stacks.running(operation, "b")
    await platform.submit("POST", f"/v2/operations/{operation}/cancel")
    await platform.wait(operation, Status.CANCELLED)
    children = await stacks.children(operation)
    assert {service: child.status for service, child in children.items()} == {"a": Status.SUCCEEDED, "b": Status.CANCELLED}
    assert await stacks.statuses(name) == {"a": "RUNNING", "b": "STOPPED", "c": "PENDING"}
    assert await cluster.find("Deployment", f"{name}-b", stacks.project) is None
    await stacks.delete(name)


async def test_a_child_is_cancelled_and_retried_alone(stacks: Stacks, platform: Platform) -> None:
    name, operation = await stacks.deploy(f"a: {{{SLEEPS}}}\nb: {{{CRASHES}, links: [a]}}\nc: {{{SLEEPS}, links: [b]}}\n")
    child = await stacks.running(operation, "b")
    busy = await platform.ask("POST", f"/v2/operations/{child}/retry", expect=409)
    assert busy["OperationID"] == operation
    await platform.submit("POST", f"/v2/operations/{child}/cancel")
    failed = await platform.wait(operation, Status.FAILED)
    assert failed.error is not None
    assert failed.error.reason == "Cancelled"
    assert f"{name}-b" in failed.error.message
    assert set(await stacks.children(operation)) == {"a", "b"}

    alone = await platform.retry(child, Status.FAILED)
    assert (alone.attempt, alone.parent_id) == (2, operation)
    await stacks.delete(name)


async def test_delete_takes_a_running_deploy_over(stacks: Stacks, platform: Platform, cluster: Cluster) -> None:
    name, operation = await stacks.deploy(f"a: {{{SLEEPS}}}\nb: {{{CRASHES}, links: [a]}}\n")
    await stacks.running(operation, "b")
    await stacks.delete(name)
    assert (await platform.operation(operation)).status is Status.CANCELLED
    assert await cluster.find("Deployment", f"{name}-a", stacks.project) is None
    listed = await platform.get(f"/v2/composes/{stacks.project}", size=200)
    assert name not in [stack["stackInstanceName"] for stack in listed["composes"]]


async def test_a_wrong_document_is_refused_whole_before_anything_starts(stacks: Stacks, platform: Platform) -> None:
    content = "a:\n  image: busybox\n  volumes: ['/:/host']\n  links: [zz]\nb:\n  image: ~nobody/x\n  privileged: true\n"
    body = {"stackInstanceName": unique("s"), "content": content}
    refused = await platform.ask("POST", f"/v2/composes/{stacks.project}", body, expect=422)
    problems = refused["problems"]
    assert [(p["line"], p["field"]) for p in problems] == [
        (3, "a.volumes"),
        (4, "a.links[0]"),
        (6, "b.image"),
        (7, "b.privileged"),
    ]
    assert all(before["line"] <= after["line"] for before, after in pairwise(problems))
    operations = await platform.get("/v2/operations", target=body["stackInstanceName"])
    assert operations["total"] == 0


async def test_names_that_are_taken_are_told_at_once(stacks: Stacks, platform: Platform) -> None:
    name = unique("s")
    app = {"name": f"{name}-a", "imageRef": "busybox", "cmd": "httpd -f -p 8080"}
    await platform.done("POST", f"/v2/applications/{stacks.project}", app)
    body = {"stackInstanceName": name, "content": f"a: {{{SLEEPS}}}"}
    refused = await platform.ask("POST", f"/v2/composes/{stacks.project}", body, expect=409)
    assert f"{name}-a" in refused["Message"]


async def test_a_viewer_reads_and_a_stranger_sees_nothing(stacks: Stacks, platform: Platform) -> None:
    viewer, stranger = await platform.user("viewer", stacks.project), await platform.user()
    body = {"stackInstanceName": unique("s"), "content": f"a: {{{SLEEPS}}}"}
    await viewer.ask("GET", f"/v2/composes/{stacks.project}")
    await viewer.ask("POST", f"/v2/composes/{stacks.project}", body, expect=403)
    await stranger.ask("GET", f"/v2/composes/{stacks.project}", expect=404)
    await stranger.ask("POST", f"/v2/composes/{stacks.project}", body, expect=404)
