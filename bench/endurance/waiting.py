"""Thousands of operations that wait for apps which never become ready: what they cost, and what they hold up."""

import asyncio
import contextlib
import statistics
import time
from typing import Any

from bench.endurance.load import Load, say
from bench.endurance.usage import Usage
from bench.storms import small

_IN_A_PROJECT = 1700  # below the bound of live operations
_ALL_WAIT = 5400.0
_MEASURED = 120.0
_DEPLOYS = 7
_CALM = 60.0
# A simulated node says that what runs on it is ready; what asks for more than any has is never scheduled.
_NEVER = {"resources": {"cpu": "900", "mem": "32Mi"}, "onUnschedulable": "wait", "deadlineSeconds": 10800}


async def waiting(load: Load, env: dict[str, str], count: int) -> dict[str, Any]:
    """Have so many wait; tell cpu of each part, a deploy beside against one alone, and how long their cancelling takes."""
    async with contextlib.AsyncExitStack() as held:
        other = await held.enter_async_context(load.project("beside"))
        alone = await load.deploys(other, "alone", _DEPLOYS)
        before = await Usage.now()
        await asyncio.sleep(_CALM)
        idle = (await Usage.now()).shares_since(before)
        projects = -(-count // _IN_A_PROJECT)
        begun = time.monotonic()
        names = [await held.enter_async_context(load.project(f"waiting{number}")) for number in range(projects)]
        share = count // projects
        requests = [
            ("POST", f"/v2/applications/{name}", small(f"app-{number}") | _NEVER) for number in range(share) for name in names
        ]
        operations = await load.all_accepted(requests)
        say(f"{len(operations)} are accepted")
        await _all_suspended(load, names, len(operations))
        begun, taken = time.monotonic(), time.monotonic() - begun
        say(f"all wait, after {taken:.0f} s")
        await asyncio.sleep(_CALM)
        before = await Usage.now()
        await asyncio.sleep(_MEASURED)
        costs = await Usage.now()
        shares = costs.shares_since(before)
        say(f"cpu: {shares}")
        beside = await load.deploys(other, "beside", _DEPLOYS)
        begun = time.monotonic()
        await load.all_accepted([("POST", f"/v2/operations/{one}/cancel", None) for one in operations])
        say(f"all are told to cancel after {time.monotonic() - begun:.0f} s")
        await load.quiet(names, 1800)
        cancelled = time.monotonic() - begun
        left = [one for name in names for one in await load.records(name) if one["kind"] == "app.create"]
        wrong = [f"{one['id']} is {one['status']}" for one in left if one["status"] != "CANCELLED"]
        found = {"waiting": len(operations), "untilAllWaitSeconds": round(taken), "cpu": shares, "idleCpu": idle}
        found |= {"memory": costs.memory, "cancelledSeconds": round(cancelled), "replies": dict(load.replies), "wrong": wrong}
        medians = {"aloneMedian": round(statistics.median(alone), 2), "besideMedian": round(statistics.median(beside), 2)}
        return {**found, **medians, "besideRatio": round(statistics.median(beside) / statistics.median(alone), 2)}


async def _all_suspended(load: Load, projects: list[str], count: int) -> None:
    """Wait until none of the operations stands in the line: each has had its place, and waits for the cluster."""
    begun = time.monotonic()
    while True:
        replies = [
            await load.ask("GET", "/v2/operations", project=name, status=status, size=1)
            for name in projects
            for status in ("ACCEPTED", "WAITING")
        ]
        left = sum(reply.raise_for_status().json()["total"] for reply in replies)
        if not left:
            return
        if time.monotonic() - begun > _ALL_WAIT:
            raise RuntimeError(f"{left} of {count} have had no place after {_ALL_WAIT:g} s")
        say(f"{left} or more are in the line")
        await asyncio.sleep(30)
