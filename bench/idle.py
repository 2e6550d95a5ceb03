"""P17: what the platform's own processes cost while a thousand apps run and nobody asks for anything."""

import asyncio
from collections.abc import Callable, Iterator

import psutil

from bench.deploying import kubectl
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
    used, lists = _cpu_seconds(), await _lists(env)
    await asyncio.sleep(SECONDS)
    figure.ours.append(_cpu_seconds() - used)
    figure.reference.append(SECONDS)
    say(f"P17: {figure.ours[0]:.2f} cpu seconds, {await _lists(env) - lists} LIST requests of everybody's to the cluster")
    return figure


def _cpu_seconds() -> float:
    return sum(sum(process.cpu_times()[:2]) for process in _own())


def _own() -> Iterator[psutil.Process]:
    """The platform's API and worker, with the processes that they started."""
    for process in psutil.process_iter(["cmdline"]):
        words = process.info["cmdline"] or []
        if words[1:3] in (["-m", "api"], ["-m", "worker"]):
            yield process
            yield from process.children(recursive=True)


async def _lists(env: dict[str, str]) -> int:
    """LIST requests that the API server has answered since its start."""
    lines = (await kubectl(env, "get", "--raw", "/metrics")).splitlines()
    counted = [line for line in lines if line.startswith("apiserver_request_total{") and 'verb="LIST"' in line]
    return int(sum(float(line.rpartition(" ")[2]) for line in counted))
