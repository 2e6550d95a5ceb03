"""P18: how soon a step goes on after SIGKILL of its worker, against the time-outs by which Temporal notices."""

import asyncio
import os
import signal
from collections.abc import Callable

import psutil
from temporalio.api.enums.v1 import PendingActivityState
from temporalio.client import Client, WorkflowHandle

from bench.deploying import body
from bench.pairs import Figure
from bench.platform import PROJECT, Platform
from clients.settings import Settings

_BOUND = 120.0
_NEVER = {"readinessProbe": {"exec": {"command": ["false"]}, "periodSeconds": 1}, "deadlineSeconds": 600}


async def p18(platform: Platform, client: Client, env: dict[str, str], pairs: int, say: Callable[[str], None]) -> Figure:
    """Measure P18: an app that never gets ready, its worker killed while the step looks; then the operation is cancelled.

    The worker that goes on is the one which the platform's supervisor starts again.
    """
    settings = Settings.model_validate(env)
    bound = settings.mooring_sticky_seconds + settings.mooring_heartbeat_seconds
    figure = Figure("P18", "SIGKILL of the worker until the step's next try ÷ sticky and heartbeat time-outs", 1.2)
    for number in range(1, pairs + 1):
        operation = await platform.submit("POST", f"/v2/applications/{PROJECT}", body(f"p18-{number}", 1) | _NEVER)
        record = (await platform.http.get(f"/v2/operations/{operation}")).raise_for_status().json()
        handle = client.get_workflow_handle(record["workflowId"])
        await _tried(handle, 1)
        for pid in _workers():
            os.kill(pid, signal.SIGKILL)
        begun = asyncio.get_running_loop().time()
        await _tried(handle, 2)
        figure.ours.append(asyncio.get_running_loop().time() - begun)
        figure.reference.append(bound)
        say(f"P18: pair {number} of {pairs}: {figure.ours[-1]:.1f} s")
        (await platform.http.post(f"/v2/operations/{operation}/cancel")).raise_for_status()
        await platform.over(operation)
    return figure


async def _tried(handle: "WorkflowHandle[object, object]", attempt: int) -> None:
    """Wait until the step that waits for the app is at its n-th try, and this runs."""
    async with asyncio.timeout(_BOUND):
        while True:
            told = await handle.describe()
            pending = told.raw_description.pending_activities
            running = [one for one in pending if one.state == PendingActivityState.PENDING_ACTIVITY_STATE_STARTED]
            if any(one.attempt >= attempt and one.activity_type.name == "app.move" for one in running):
                return
            await asyncio.sleep(0.05)


def _workers() -> list[int]:
    processes = psutil.process_iter(["cmdline"])
    return [process.pid for process in processes if (process.info["cmdline"] or [])[1:3] == ["-m", "worker"]]
