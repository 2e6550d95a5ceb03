"""P17: what the platform's own processes cost while a thousand apps run and nobody asks for anything."""

import asyncio
from collections.abc import Callable

from bench.deploying import kubectl
from bench.endurance.usage import Usage
from bench.pairs import Figure
from bench.platform import PROJECT, Platform
from bench.storms import storm

APPS, SECONDS = 1000, 60.0
_SETTLES = 30.0  # until the last watch of what was created has ended


async def p17(platform: Platform, env: dict[str, str], say: Callable[[str], None]) -> Figure:
    """Measure P17: cpu seconds of API and worker in a minute ÷ a minute of one core; LISTs that the cluster answered are said."""
    figure = Figure("P17", f"API and worker idle beside {APPS} apps for {SECONDS:g} s: cpu seconds ÷ seconds", 0.05)
    operations = await storm(platform, PROJECT, [f"idle-{number}" for number in range(APPS)])
    await asyncio.gather(*map(platform.ended, operations))
    say(f"P17: {APPS} apps run")
    await asyncio.sleep(_SETTLES)
    before, lists = await Usage.now(), await _lists(env)
    await asyncio.sleep(SECONDS)
    after = await Usage.now()
    figure.ours.append(sum(after.cpu[part] - before.cpu[part] for part in ("api", "worker")))
    figure.reference.append(SECONDS)
    say(f"P17: {figure.ours[0]:.2f} cpu seconds, {await _lists(env) - lists} LIST requests of everybody's to the cluster")
    return figure


async def _lists(env: dict[str, str]) -> int:
    """LIST requests that the API server has answered since its start."""
    lines = (await kubectl(env, "get", "--raw", "/metrics")).splitlines()
    counted = [line for line in lines if line.startswith("apiserver_request_total{") and 'verb="LIST"' in line]
    return int(sum(float(line.rpartition(" ")[2]) for line in counted))
