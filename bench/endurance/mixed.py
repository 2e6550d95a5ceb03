"""Random operations for a time, more than the platform bears, with parts that fail; then quiet, and nothing may be left."""

import asyncio
import contextlib
import random
import time
from collections import Counter
from typing import Any

from bench.endurance.faults import ALL
from bench.endurance.load import Load, apps, deployments, say
from bench.endurance.usage import Usage
from bench.storms import small

_LANES = 64  # programs at once, each with the next request as soon as its own was accepted or refused
_NAMES = 300
_FAULTS_EVERY = 240.0
_QUIET = 2700.0
_EXPECTED = {200, 202, 404, 409, 422}
_LOOKS = 60.0


async def mixed(load: Load, env: dict[str, str], seconds: int) -> dict[str, Any]:
    """Ask for random operations; `wrong` says what was answered wrongly, did not end, or is another in the cluster."""
    answered: Counter[str] = Counter()
    wrong: list[str] = []
    end = time.monotonic() + seconds
    memory: list[dict[str, float]] = []
    async with load.project("mixed") as project:

        async def lane(number: int) -> None:
            chance = random.Random(number)
            while time.monotonic() < end:
                what, method, path, body = _asked(chance, project)
                reply = await load.ask(method, path, body)
                answered[f"{what} {reply.status_code}"] += 1
                if reply.status_code not in _EXPECTED:
                    wrong.append(f"{what} was answered {reply.status_code}: {reply.text[:200]}")
                if reply.status_code == 202 and chance.random() < 0.1:
                    await load.ask("POST", f"/v2/operations/{reply.json()['OperationID']}/cancel")

        watching = asyncio.create_task(_watch(memory))
        failing = asyncio.create_task(_fail(end))
        await asyncio.gather(*map(lane, range(_LANES)))
        await failing
        say("quiet now")
        drained = await load.quiet([project], _QUIET)
        watching.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await watching
        memory.append((await Usage.now()).memory)
        records = await load.records(project)
        ends = Counter(f"{one['kind']} {one['status']}" for one in records)
        wrong += [f"{one['id']} failed: {one['error']}" for one in records if one["error"] and one["error"]["fault"] == "platform"]
        wrong += await _differences(load, env, project)
    kept = [{part: one[part] for part in ("api", "worker") if part in one} for one in memory]
    found = {"seconds": seconds, "answered": dict(answered), "ends": dict(ends), "drainedSeconds": round(drained)}
    return {**found, "replies": dict(load.replies), "memory": kept, "wrong": wrong}


def _asked(chance: random.Random, project: str) -> tuple[str, str, str, Any]:
    """A request of random kind for a random app."""
    name = f"app-{chance.randrange(_NAMES)}"
    place = f"/v2/applications/{project}"
    one = f"{place}/{name}"
    choices: list[tuple[int, tuple[str, str, str, Any]]] = [
        (6, ("create", "POST", place, small(name))),
        (6, ("rollout", "POST", f"{one}/rollout", {"cmd": f"sleep {chance.randrange(100_000, 200_000)}"})),
        (2, ("gray", "POST", f"{one}/rollout", {"cmd": f"sleep {chance.randrange(1000)}1", "batches": [1, "100%"]})),
        (4, ("scale", "POST", f"{one}/scale?type=manual&scale={chance.randrange(1, 4)}", None)),
        (2, ("restart", "POST", f"{one}/restart", {})),
        (1, ("kill", "POST", f"{one}/kill", {})),
        (1, ("start", "POST", f"{one}/start", {})),
        (1, ("rollback", "POST", f"{one}/rollback", {})),
        (3, ("delete", "DELETE", one, None)),
    ]
    return chance.choices([asked for _, asked in choices], [weight for weight, _ in choices])[0]


async def _fail(end: float) -> None:
    number = 0
    while time.monotonic() + _FAULTS_EVERY < end:
        await asyncio.sleep(_FAULTS_EVERY)
        await ALL[number % len(ALL)]()
        number += 1


async def _watch(memory: list[dict[str, float]]) -> None:
    while True:
        memory.append((await Usage.now()).memory)
        await asyncio.sleep(_LOOKS)


async def _differences(load: Load, env: dict[str, str], project: str) -> list[str]:
    """Where the record and the cluster are not the same; nothing runs any more."""
    shown, there = await apps(load, project), await deployments(env, project)
    wrong = [f"{name} has {there[name]} Deployments" for name in {*shown, *there} if there[name] != (name in shown)]
    return wrong + [f"{name} is {one['Status']}: {one['message']}" for name, one in shown.items() if one["Status"] == "PENDING"]
