"""Instances and containers as a person sees them, on the real cluster: what runs, where it is reached, and why what fails fails."""

import asyncio
from typing import Any

import httpx
import pytest

from clients.kubernetes import Cluster
from model.operations import OperationRecord, Status
from tests.platform import Platform, eventually

IMAGE = "public/busybox:latest"
SLEEP = ["sleep", "1000"]
# A program that ends at once may look ready for a second on a busy machine: minReadySeconds makes these tests indifferent to that.
HELD = {"minReadySeconds": 8}
FAILING: dict[str, dict[str, Any]] = {
    "crash": {"cmd": ["sh", "-c", "echo cannot reach the store >&2; exit 3"], **HELD},
    "command": {"cmd": ["/no/such/program"]},
    "called": {"cmd": ["sh", "-c", "nosuchtool --serve"], **HELD},
    "memory": {
        "cmd": ["sh", "-c", "x=a; while true; do x=$x$x; done"],
        "resources": {"cpu": "0.1", "mem": "16Mi"},
        **HELD,
    },
    "probe": {"cmd": SLEEP, "deadlineSeconds": 40, "readinessProbe": {"tcpSocket": {"port": 8088}, "periodSeconds": 1}},
    "big": {"cmd": SLEEP, "resources": {"cpu": "64", "mem": "16Mi"}},
    "label": {"cmd": SLEEP, "nodeLabels": {"mooring-test-disk": "ssd"}},
}
TOLD = {
    "crash": ("CrashLoop", "exit code 3", "FAILED"),
    "command": ("CommandNotFound", "'/no/such/program'", "FAILED"),
    "called": ("CommandNotFound", "exit code 127", "FAILED"),
    "memory": ("OutOfMemory", "limit of 16Mi", "FAILED"),
    "probe": ("ProbeFailing", "readiness probe failed", "PENDING"),
    "big": ("Unschedulable", "insufficient cpu (asked 64, free ", "PENDING"),
    "label": ("Unschedulable", "no label mooring-test-disk=ssd", "PENDING"),
}


def body(name: str, **more: Any) -> dict[str, Any]:
    """A create body of a small app that stops at once."""
    small = {"instanceNum": 1, "resources": {"cpu": "0.02", "mem": "16Mi"}, "terminationGracePeriodSeconds": 1}
    return {"name": name, "imageRef": IMAGE, **small, **more}


@pytest.fixture(scope="module")
async def failed(platform: Platform, project: str) -> dict[str, OperationRecord]:
    """The records of the creates of FAILING, run side by side."""

    async def create(name: str) -> OperationRecord:
        operation = await platform.submit("POST", f"/v2/applications/{project}", body(name, **FAILING[name]))
        return await platform.wait(operation, Status.FAILED, seconds=240)

    return dict(zip(FAILING, await asyncio.gather(*map(create, FAILING)), strict=True))


@pytest.fixture(scope="module")
async def web(platform: Platform, project: str) -> str:
    """A NAT app of two instances that answers on 8088."""
    serve = ["sh", "-c", "echo hello from $HOSTNAME > /tmp/index.html; httpd -f -p 8088 -h /tmp"]
    ports = [{"protocol": "tcp", "containerPort": 8088}]
    asked = body("web", cmd=serve, instanceNum=2, networkType=2, portMappings=ports)
    await platform.done("POST", f"/v2/applications/{project}", asked)
    return "web"


async def first(platform: Platform, project: str, app: str) -> dict[str, Any]:
    """The app's first instance in the list."""
    listed = await platform.get(f"/v2/instances/{project}/{app}/lists")
    found: dict[str, Any] = listed["instances"][0]
    return found


@pytest.mark.parametrize("name", FAILING)
async def test_an_app_that_cannot_run_says_why_on_its_record_and_its_instance(
    platform: Platform, project: str, failed: dict[str, OperationRecord], name: str
) -> None:
    reason, words, status = TOLD[name]
    error = failed[name].error
    assert error is not None
    assert (error.reason, words in error.message) == (reason, True), error.message

    async def told() -> bool:
        instance = (await first(platform, project, name))["name"]
        detail = await platform.get(f"/v2/instances/{project}/{instance}")
        return (detail["status"], detail["reason"]) == (status, reason) and words in detail["message"] and detail["events"]

    # Between two crashes a container runs for a moment: the instance is then RUNNING.
    await eventually(told, f"the instance of {name} is {status} for {reason}: {words}")


@pytest.mark.parametrize("name", ["crash", "called", "memory"])
async def test_the_evidence_has_how_the_container_ended(failed: dict[str, OperationRecord], name: str) -> None:
    error = failed[name].error
    assert error is not None
    assert "container" in {e.type for e in error.evidence}


async def test_the_last_words_of_a_crash_are_evidence_and_log(
    platform: Platform, project: str, failed: dict[str, OperationRecord]
) -> None:
    error = failed["crash"].error
    assert error is not None
    assert [e.text for e in error.evidence if e.type == "log"] == ["cannot reach the store"]
    instance = (await first(platform, project, "crash"))["name"]
    container = await platform.get(f"/v2/containers/{project}/{instance}/crash")
    assert (container["exitCode"], container["image"]) == (3, IMAGE)
    log = await platform.http.get(f"/v2/containers/{project}/{instance}/crash/logs", params={"previous": "true"})
    assert (log.status_code, log.text.strip()) == (200, "cannot reach the store")


async def test_running_instances_are_listed_page_by_page(platform: Platform, project: str, web: str) -> None:
    path = f"/v2/instances/{project}/{web}/lists"
    whole = await platform.get(path)
    assert (whole["total"], whole["page"], whole["size"]) == (2, 0, 10)
    for instance in whole["instances"]:
        assert (instance["status"], instance["reason"], instance["image"]) == ("RUNNING", "", IMAGE)
        assert instance["ip"]
        assert instance["host"]
        assert instance["startedAt"]
    second = await platform.get(path, size=1, page=1)
    assert (second["total"], second["instances"]) == (2, whole["instances"][1:])
    assert (await platform.get(path, page=7))["instances"] == []


async def test_an_instance_is_found_by_name_and_refused_by_another_id(
    platform: Platform, project: str, web: str, cluster: Cluster
) -> None:
    instance = await first(platform, project, web)
    path = f"/v2/instances/{project}/{instance['name']}"
    pod = await cluster.get("Pod", instance["name"], project)
    assert instance["instanceId"] == pod["metadata"]["uid"]
    detail = await platform.get(path, instance_id=instance["instanceId"])
    assert (detail["appName"], len(detail["AppID"]), [c["name"] for c in detail["containers"]]) == (web, 64, [web])
    refused = await platform.ask("GET", path, expect=404, instance_id="another")
    assert "another one by now" in refused["Message"]


async def test_nat_gives_an_address_that_answers(platform: Platform, project: str, web: str) -> None:
    instance = await first(platform, project, web)
    path = f"/v2/instances/{project}/{instance['name']}"
    mapped = await platform.get(f"{path}/portmapping")
    assert mapped["total"] == 1
    mapping = mapped["portMappings"][0]
    assert (mapping["protocol"], mapping["containerPort"]) == ("tcp", 8088)
    assert mapping["privateAddr"] == f"{instance['ip']}:8088"
    url = await platform.ask("POST", f"{path}/url")
    assert url == {"Code": 0, "Message": "", "url": url["url"], "urls": [url["url"]]}
    assert url["url"] == f"http://{mapping['hostIp']}:{mapping['hostPort']}"

    async def answers() -> bool:
        try:
            async with httpx.AsyncClient(timeout=5) as browser:
                return (await browser.get(url["url"])).text.startswith("hello from web-")
        except httpx.TransportError:
            return False

    await eventually(answers, f"{url['url']} answers (the node takes a new NodePort up a moment after the instances serve)")


async def test_overlay_has_no_address_outside_and_says_what_to_do(
    platform: Platform, project: str, failed: dict[str, OperationRecord]
) -> None:
    instance = await first(platform, project, "probe")
    url = await platform.ask("POST", f"/v2/instances/{project}/{instance['name']}/url")
    assert (url["Code"], url["url"], url["urls"]) == (0, "", [])
    assert "portMappings" in url["Message"]


async def test_containers_are_listed_and_read(platform: Platform, project: str, web: str) -> None:
    instance = await first(platform, project, web)
    path = f"/v2/containers/{project}/{instance['name']}"
    listed = await platform.get(f"{path}/lists")
    assert (listed["total"], [c["name"] for c in listed["containers"]]) == (1, [web])
    assert await platform.get(f"{path}/{web}") == listed["containers"][0]
    assert (listed["containers"][0]["status"], listed["containers"][0]["restarts"]) == ("RUNNING", 0)
    await platform.ask("GET", f"{path}/nosuch", expect=404)
    refused = await platform.ask("GET", f"{path}/{web}/logs", expect=404, previous="true")
    assert "no earlier log" in refused["Message"]


@pytest.mark.parametrize("name", ["%2e%2e", "nosuch", "x%3FlabelSelector=a", "a%20b", "-web"])
async def test_what_is_no_instance_answers_404(platform: Platform, project: str, name: str) -> None:
    await platform.ask("GET", f"/v2/instances/{project}/{name}/portmapping", expect=404)


async def test_a_pod_that_is_not_ours_is_not_shown(platform: Platform, project: str, cluster: Cluster) -> None:
    container = {"name": "foreign", "image": f"localhost:5000/{IMAGE}", "command": SLEEP}
    metadata = {"name": "foreign", "namespace": project}
    spec = {"containers": [container], "terminationGracePeriodSeconds": 0}
    await cluster.apply({"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec})
    await platform.ask("GET", f"/v2/instances/{project}/foreign", expect=404)
    await platform.ask("GET", f"/v2/containers/{project}/foreign/foreign/logs", expect=404)


async def test_a_stranger_sees_nothing_and_a_viewer_reads(platform: Platform, project: str, web: str) -> None:
    instance = (await first(platform, project, web))["name"]
    stranger, viewer = await platform.user(), await platform.user("viewer", project)
    reads = [
        ("GET", f"/v2/instances/{project}/{web}/lists"),
        ("GET", f"/v2/instances/{project}/{instance}"),
        ("GET", f"/v2/instances/{project}/{instance}/portmapping"),
        ("POST", f"/v2/instances/{project}/{instance}/url"),
        ("GET", f"/v2/containers/{project}/{instance}/lists"),
        ("GET", f"/v2/containers/{project}/{instance}/{web}"),
    ]
    for method, path in reads:
        await stranger.ask(method, path, expect=404)
        await viewer.ask(method, path)


async def test_a_killed_app_has_no_instances(platform: Platform, project: str) -> None:
    await platform.done("POST", f"/v2/applications/{project}", body("brief", cmd=SLEEP))
    app = await platform.get(f"/v2/applications/{project}/brief")
    path = f"/v2/instances/{project}/brief/lists"
    assert (await platform.get(path))["total"] == 1
    await platform.done("POST", f"/v2/applications/{project}/brief/kill")
    assert await platform.get(path, app_id=app["AppID"]) == {"total": 0, "page": 0, "size": 10, "instances": []}
    await platform.done("DELETE", f"/v2/applications/{project}/brief", app_id=app["AppID"])
    assert (await platform.get(path, app_id=app["AppID"]))["total"] == 0
    await platform.ask("GET", path, expect=404)
