"""Causes that the real cluster makes, side by side: each is told as what it is, with what helps, as soon as it is certain.

docs/failures.md is the table of them. What it cannot make is in tests/unit/test_causes.py and test_build_words.py.
"""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from clients.kubernetes import Cluster
from model.operations import Status
from tests.images import lose, publish
from tests.platform import Platform, eventually, unique

_ELF_OF_ARM = bytes.fromhex("7f454c460201010000000000000000000200b700") + bytes(100)
_SILENT = {"exec": {"command": ["test", "-f", "/nosuch"]}, "periodSeconds": 1}
_TO_DIE = {"exec": {"command": ["false"]}, "periodSeconds": 1, "failureThreshold": 1}
_APART = {
    "podAntiAffinity": {
        "requiredDuringSchedulingIgnoredDuringExecution": [
            {"labelSelector": {"matchLabels": {"mooring.io/app": "apart"}}, "topologyKey": "kubernetes.io/hostname"}
        ]
    }
}


def shell(script: str) -> dict[str, Any]:
    return {"cmd": ["sh", "-c", script], "minReadySeconds": 8}


# By name: the body's fields, the reason, words of the message, and words of the hint.
CAUSES: dict[str, tuple[dict[str, Any], str, str, str]] = {
    "platform": (
        {"cmd": ["/app"], "minReadySeconds": 8},
        "CommandNotFound",
        "another platform (the host '",
        "--platform linux/",
    ),
    "crlf": (
        {"cmd": ["/entry.sh"], "minReadySeconds": 8},
        "CommandNotFound",
        "the interpreter in its first line",
        "LF line ends",
    ),
    "noexec": ({"cmd": ["/plain.txt"]}, "CommandNotFound", "permission denied", "RUN chmod +x"),
    "lost": ({}, "ImageNotFound", "has lost a part of the image", "Push the same image again"),
    "library": (
        shell("echo 'app: error while loading shared libraries: libpq.so.5: cannot open shared object file' >&2; exit 127"),
        "CommandNotFound",
        "needs the shared library 'libpq.so.5'",
        "Install what brings libpq.so.5",
    ),
    "port": (shell("httpd -p 8080; httpd -f -p 8080"), "CrashLoop", "ddress already in use", "listens on that port already"),
    "readonly": (shell("echo x > /proc/sys/kernel/hostname"), "CrashLoop", "ead-only file system", "writes where nothing can"),
    "full": (
        {**shell("dd if=/dev/zero of=/dev/shm/x bs=1M count=80"), "resources": {"cpu": "0.02", "mem": "128Mi"}},
        "CrashLoop",
        "exit code 1",
        "/dev/shm has 64 MB",
    ),
    "dns": (shell("wget -q -O- http://nosuch-name/"), "CrashLoop", "bad address", "The name it asks for is not known"),
    "refused": (shell("wget -q -O- http://127.0.0.1:9/"), "CrashLoop", "onnection refused", "does not listen there"),
    "startup": (
        {**shell("sleep 1000"), "startupProbe": _TO_DIE},
        "ProbeFailing",
        "startup probe failed (command false): it ended with another exit code than 0 and wrote nothing",
        "Check the probe",
    ),
    "silent": (
        {**shell("sleep 1000"), "readinessProbe": _SILENT, "deadlineSeconds": 25},
        "ProbeFailing",
        "readiness probe failed (command test -f /nosuch)",
        "Check the probe",
    ),
    "disk": (
        {
            **shell("dd if=/dev/zero of=/big bs=1M count=40; sleep 1000"),
            "minReadySeconds": 60,
            "resources": {"cpu": "0.02", "mem": "64Mi", "disk": "5Mi"},
        },
        "CrashLoop",
        "were evicted by their node",
        "Raise resources.disk",
    ),
    "apart": (
        {**shell("sleep 1000"), "instanceNum": 2, "affinity": _APART, "onUnschedulable": "fail"},
        "Unschedulable",
        "anti-affinity",
        "wants a node of its own",
    ),
}


@pytest.fixture(scope="module")
async def image() -> str:
    files = {"app": _ELF_OF_ARM, "entry.sh": b"#!/bin/sh\r\nsleep 1000\r\n"}
    tag = unique("causes")
    await publish(tag, tag, files={**files, "plain.txt": b"text"}, plain=("plain.txt",))
    return f"public/busybox:{tag}"


async def test_each_is_told_as_what_it_is_with_what_helps(platform: Platform, project: str, image: str) -> None:
    """One test, for they run side by side: each would be made anew for every process that has a part of the tests."""
    lost = await lose(unique("lost"))

    async def wrong(name: str) -> str | None:
        """What is not told of one cause as it should be; None where all is."""
        fields, reason, words, hint = CAUSES[name]
        small = {"imageRef": lost if name == "lost" else image, "resources": {"cpu": "0.02", "mem": "16Mi"}}
        body = {"name": name, "terminationGracePeriodSeconds": 1, "deadlineSeconds": 240, **small, **fields}
        operation = await platform.submit("POST", f"/v2/applications/{project}", body)
        error = (await platform.wait(operation, Status.FAILED, seconds=270)).error
        right = error and error.reason == reason and words in error.message and hint in error.hint and error.evidence
        return None if right else f"{name}: {error}"

    assert not [told for told in await asyncio.gather(*map(wrong, CAUSES)) if told]


async def test_a_liveness_probe_that_kills_after_the_start_is_named_on_the_instance(platform: Platform, project: str) -> None:
    probe = {**_TO_DIE, "initialDelaySeconds": 6}
    body = {"name": "alive", "imageRef": "busybox", "cmd": ["sleep", "1000"], "livenessProbe": probe}
    await platform.done("POST", f"/v2/applications/{project}", {**body, "terminationGracePeriodSeconds": 1})

    async def named() -> bool:
        listed = await platform.get(f"/v2/instances/{project}/alive/lists")
        return any("liveness probe failed (command false)" in instance["message"] for instance in listed["instances"])

    await eventually(named, "the instance says that its liveness probe killed it", seconds=60)


async def test_a_program_that_ignores_sigterm_is_told_by_the_kill_that_took_its_grace(platform: Platform, project: str) -> None:
    deaf = {"cmd": ["sh", "-c", "trap '' TERM; while true; do sleep 1; done"], "terminationGracePeriodSeconds": 6}
    await platform.done("POST", f"/v2/applications/{project}", {"name": "deaf", "imageRef": "busybox", **deaf})
    record = await platform.done("POST", f"/v2/applications/{project}/deaf/kill")
    told = [step.message for step in record.steps or [] if step.name == "app.remove_objects"]
    assert "not ended within its grace of 6 s and was killed: its program does not end at SIGTERM" in told[0]


@pytest.fixture
async def device(cluster: Cluster) -> AsyncIterator[None]:
    """The node has one gpu, so that what has it leaves no room: cpu would depend on what else the machine runs."""
    (name,) = [n["metadata"]["name"] for n in (await cluster.list("Node"))["items"] if not n["spec"].get("taints")][:1]

    async def set_to(count: str | None) -> None:
        change = {"status": {"capacity": {"nvidia.com/gpu": count}, "allocatable": {"nvidia.com/gpu": count}}}
        await cluster.patch("Node", f"{name}/status", None, change)

    await set_to("1")
    yield
    await set_to(None)


async def test_what_has_no_room_is_told_at_once_and_fails_as_its_caller_chose(
    platform: Platform, project: str, device: None
) -> None:
    path = f"/v2/applications/{project}"
    app = {"name": "one", "imageRef": "busybox", "cmd": ["sleep", "1000"], "resources": {"gpu": 1, "cpu": "0.02"}}
    await platform.done("POST", path, {**app, "minReadySeconds": 0, "terminationGracePeriodSeconds": 1})

    async def known() -> bool:
        """The door knows of room what it read some seconds ago."""
        accepted = await platform.ask("POST", f"{path}/one/scale", {"onUnschedulable": "wait"}, expect=202, type="manual", scale=5)
        await platform.ask("POST", f"/v2/operations/{accepted['OperationID']}/cancel", expect=202)
        await platform.wait(accepted["OperationID"], Status.CANCELLED)
        return "no room for any of the 4 instances" in accepted.get("notice", "") and "'one' has 1" in accepted["notice"]

    await eventually(known, "the reply says that there is no room, and who has it", seconds=60)
    accepted = await platform.ask("POST", f"{path}/one/scale", {"onUnschedulable": "fail"}, expect=202, type="manual", scale=5)
    failed = await platform.wait(accepted["OperationID"], Status.FAILED)
    assert failed.error is not None
    assert "4 instances have no node: 0 of " in failed.error.message
    assert "insufficient gpu (asked 1, free 0); of gpu 'one' has 1" in failed.error.message
    await platform.done("POST", f"{path}/one/scale", type="manual", scale=1)

    beside = await platform.ask("POST", f"{path}/one/rollout", {"cmd": ["sleep", "2000"], "onUnschedulable": "fail"}, expect=202)
    assert "With maxSurge 0 it needs none" in beside["notice"]
    failed = await platform.wait(beside["OperationID"], Status.FAILED)
    assert failed.error is not None
    assert "the version before holds the place" in failed.error.message
    assert "maxSurge 0" in failed.error.hint
    # The hint, followed, leads out.
    await platform.done("POST", f"{path}/one/rollout", {"cmd": ["sleep", "2000"], "maxSurge": 0})


async def test_a_time_that_cannot_do_is_refused_or_told_at_the_door(platform: Platform, project: str) -> None:
    path = f"/v2/applications/{project}"
    app = {"name": unique("late"), "imageRef": "busybox", "cmd": ["sleep", "1000"], "deadlineSeconds": 30}
    late = {"tcpSocket": {"port": 1}, "initialDelaySeconds": 40}
    refused = await platform.ask("POST", path, {**app, "readinessProbe": late}, expect=422)
    assert (refused["problems"][0]["field"], "readinessProbe" in refused["Message"]) == ("deadlineSeconds", True)
    slow = {"exec": {"command": ["true"]}, "periodSeconds": 10, "failureThreshold": 30}
    accepted = await platform.ask("POST", path, {**app, "startupProbe": slow}, expect=202)
    assert "gives it 300 s to start, but the operation waits for 30 s only" in accepted["notice"]
    await platform.wait(accepted["OperationID"])
