"""kill -9 of each part of the platform during a deploy: the deploy ends as if nothing had been (targets F1, F3, F14).

These run alone, one after another: what they kill is everybody's.
"""

import asyncio
import json
import os
import signal
import sys
from pathlib import Path
from typing import Any

import pytest

from clients.kubernetes import Cluster
from model.operations import StepStatus
from tests.platform import Platform, eventually

ROOT = Path(__file__).parent.parent.parent
_RUNS_AGAIN_SECONDS = 60


async def pids() -> dict[str, int]:
    """The process of each part that runs, as `make status` tells."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "deploy.local", "status", "--json", cwd=ROOT, stdout=asyncio.subprocess.PIPE
    )
    out, _ = await process.communicate()
    return {part["name"]: part["pid"] for part in json.loads(out) if part["state"] == "running"}


def deploy(name: str) -> dict[str, Any]:
    """An app that takes a few seconds to become ready, so that the kill falls into its deploy."""
    return {
        "name": name,
        "imageRef": "public/busybox:latest",
        "resources": {"cpu": "0.01", "mem": "32Mi"},
        "instanceNum": 2,
        "cmd": ["sh", "-c", "sleep 5; touch /tmp/ready; exec sleep 100000"],
        "readinessProbe": {"exec": {"command": ["test", "-f", "/tmp/ready"]}, "periodSeconds": 1, "failureThreshold": 1000},
        "terminationGracePeriodSeconds": 0,
    }


@pytest.mark.parametrize("part", ["worker", "api", "temporal", "postgres", "kube-apiserver", "kubelet", "containerd"])
async def test_a_deploy_outlives_the_death_of(part: str, platform: Platform, project: str, cluster: Cluster) -> None:
    before = await pids()
    assert part in before, f"{part} does not run; have `make status` show why"
    operation_id = await platform.submit("POST", f"/v2/applications/{project}", deploy(part))

    async def waits_for_instances() -> bool:
        steps = (await platform.operation(operation_id)).steps or []
        return len(steps) == 3 and steps[-1].status is StepStatus.RUNNING

    await eventually(waits_for_instances, "the deploy waits for its instances")
    os.kill(before[part], signal.SIGKILL)

    record = await platform.wait(operation_id, seconds=180)
    assert record.attempt == 1

    async def runs_again() -> bool:
        return (await pids()).get(part, before[part]) != before[part]

    await eventually(runs_again, f"{part} runs again", _RUNS_AGAIN_SECONDS)
    pods = (await cluster.list("Pod", project, labelSelector=f"mooring.io/app={part}"))["items"]
    assert len(pods) == 2, [pod["metadata"]["name"] for pod in pods]
    shown = await platform.get(f"/v2/applications/{project}/{part}")
    assert shown["InstanceSummary"] == "2/2 running"
