"""A storm: hundreds or thousands of app.create at once, another project deploying beside, parts failing in the middle."""

import asyncio
import math
import statistics
import time
from collections import Counter
from typing import Any

from bench.endurance.faults import ALL
from bench.endurance.load import Load, apps, deployments, say
from bench.storms import small

_BOUND = 3600.0


async def storm(load: Load, env: dict[str, str], count: int, *, faults: bool) -> dict[str, Any]:
    """Run one; `wrong` says what did not end well, was made twice, or is another in the cluster than in the record."""
    async with load.project("storm") as project, load.project("beside") as other:
        alone = await load.deploys(other, "alone", 10)
        begun = time.monotonic()
        beside = asyncio.create_task(_beside(load, other))
        names = [f"app-{number}" for number in range(count)]
        await load.all_accepted([("POST", f"/v2/applications/{project}", small(name)) for name in names])
        accepted = time.monotonic() - begun
        say(f"{count} are accepted")
        failing = asyncio.create_task(_fail(load)) if faults else None
        await load.quiet([project], _BOUND)
        taken = time.monotonic() - begun
        if failing:
            await failing
        beside.cancel()
        slow = await beside
        wrong = await _wrong(load, env, project, names)
        found: dict[str, Any] = {
            "creates": count,
            "faults": faults,
            "acceptedSeconds": round(accepted, 1),
            "seconds": round(taken, 1),
        }
        found |= {"aloneMedian": _median(alone), "besideMedian": _median(slow), "aloneP95": _p95(alone), "besideP95": _p95(slow)}
        ratio = round((_p95(slow) or math.nan) / (_p95(alone) or math.nan), 2)
        found |= {"besideRatio": ratio, "replies": dict(load.replies), "wrong": wrong}
        say(f"{found}; the projects are removed now")
        return found


async def _beside(load: Load, project: str) -> list[float]:
    """Deploy one after the other until cancelled; the seconds of each."""
    taken: list[float] = []
    try:
        while True:
            taken.append(await load.deployed(project, f"busy-{len(taken)}"))
    except asyncio.CancelledError:
        return taken


async def _fail(load: Load) -> None:
    """Have one part after the other fail, spread over what is left of the storm."""
    begun = await load.live_of_all()
    for number, fault in enumerate(ALL, 1):
        while True:
            if await load.live_of_all() <= begun * (1 - number / (len(ALL) + 1)):
                break
            await asyncio.sleep(1)
        await fault()


async def _wrong(load: Load, env: dict[str, str], project: str, names: list[str]) -> list[str]:
    records = await load.records(project)
    made = Counter(record["target"]["name"] for record in records if record["kind"] == "app.create")
    shown, there = await apps(load, project), await deployments(env, project)
    wrong = [f"{record['id']} is {record['status']}" for record in records if record["status"] != "SUCCEEDED"]
    wrong += [f"{record['id']} took {record['attempt']} attempts" for record in records if record["attempt"] != 1]
    wrong += [f"{name} was created by {made[name]} operations" for name in names if made[name] != 1]
    wrong += [f"{name} has {there[name]} Deployments" for name in {*names, *there} if there[name] != 1]
    wrong += [f"{name} is {shown[name]['Status'] if name in shown else 'not there'}" for name in names if not _runs(shown, name)]
    return wrong


def _runs(shown: dict[str, dict[str, Any]], name: str) -> bool:
    return name in shown and shown[name]["Status"] == "RUNNING"


def _median(taken: list[float]) -> float | None:
    return round(statistics.median(taken), 2) if taken else None


def _p95(taken: list[float]) -> float | None:
    ordered = sorted(taken)
    return round(ordered[max(0, int(len(ordered) * 0.95) - 1)], 2) if ordered else None
