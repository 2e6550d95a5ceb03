"""P13 and P16: what many operations at once cost, against kubectl, and against another project that deploys beside them."""

import asyncio
import json
import secrets
from collections.abc import Callable
from typing import Any

from bench.deploying import body, kubectl, objects_of
from bench.pairs import Figure, measure
from bench.platform import PROJECT, Platform
from bench.scale import ON_SIMULATED_NODES

IN_FLIGHT = 32  # requests at once
_SAMPLE = "storm-sample"
_BESIDE = 10  # deploys of the other project, one after the other


def small(name: str) -> dict[str, Any]:
    """One instance on a simulated node, proved by nothing: what is measured is the platform."""
    return body(name, 1) | ON_SIMULATED_NODES | {"minReadySeconds": 0}


async def storm(platform: Platform, project: str, names: list[str]) -> list[str]:
    """Have an app of each name deployed, some requests at once; the ids of the operations."""
    places = asyncio.Semaphore(IN_FLIGHT)

    async def one(name: str) -> str:
        async with places:
            return await platform.submit("POST", f"/v2/applications/{project}", small(name))

    return list(await asyncio.gather(*map(one, names)))


async def p13(platform: Platform, env: dict[str, str], pairs: int, say: Callable[[str], None], count: int = 100) -> Figure:
    """Measure P13: `count` apps asked for at once until all serve; each pair's apps are removed untimed."""
    figure = Figure("P13", f"{count} app.create at once until all SUCCEEDED ÷ kubectl apply of all + wait", 1.3)
    sample = await objects_of(platform, env, small(_SAMPLE))
    clock = asyncio.get_running_loop().time

    async def ours(pair: int) -> float:
        names = [f"storm-{pair}-{number}" for number in range(count)]
        begun = clock()
        operations = await storm(platform, PROJECT, names)
        accepted = clock() - begun
        await asyncio.gather(*map(platform.ended, operations))
        taken = clock() - begun
        say(f"P13: {count} accepted in {accepted:.1f} s, ended in {taken:.1f} s")
        removals = await asyncio.gather(*(platform.submit("DELETE", f"/v2/applications/{PROJECT}/{name}") for name in names))
        await asyncio.gather(*map(platform.ended, removals))
        return taken

    async def reference(pair: int) -> float:
        items = [item for n in range(count) for item in json.loads(sample.replace(_SAMPLE, f"ref-storm-{pair}-{n}"))["items"]]
        for item in items:
            item["metadata"].setdefault("labels", {})["bench"] = f"storm-{pair}"
        manifest = json.dumps({"apiVersion": "v1", "kind": "List", "items": items})
        begun = clock()
        await kubectl(env, "apply", "--server-side", "-f", "-", stdin=manifest)
        chosen = ("deployment", "-l", f"bench=storm-{pair}", "--timeout=1800s")
        await kubectl(env, "-n", PROJECT, "wait", "--for=condition=Available", *chosen)
        taken = clock() - begun
        say(f"P13: {count} by kubectl in {taken:.1f} s")
        await kubectl(env, "delete", "--cascade=foreground", "--wait", "--timeout=600s", "-f", "-", stdin=manifest)
        return taken

    return await measure(figure, ours, reference, pairs, say)


async def p16(platform: Platform, pairs: int, say: Callable[[str], None], count: int = 500) -> Figure:
    """Measure P16: the slowest but one of ten deploys of another project, with `count` operations queued ÷ with none."""
    figure = Figure("P16", f"another project's deploys, the slower ones, beside {count} queued ÷ with none", 3.0)
    other = f"{PROJECT}-beside-{secrets.token_hex(3)}"
    await platform.run("POST", "/v2/projects", {"name": other})

    async def deploys(label: str) -> float:
        taken = []
        for number in range(_BESIDE):
            begun = asyncio.get_running_loop().time()
            await platform.run("POST", f"/v2/applications/{other}", small(f"{label}-{number}"))
            taken.append(asyncio.get_running_loop().time() - begun)
            await platform.run("DELETE", f"/v2/applications/{other}/{label}-{number}")
        return sorted(taken)[-2]

    async def ours(pair: int) -> float:
        names = [f"beside-{pair}-{number}" for number in range(count)]
        operations = await storm(platform, PROJECT, names)
        slower = await deploys(f"busy-{pair}")
        say(f"P16: beside {count} queued {slower:.2f} s")
        await asyncio.gather(*map(platform.ended, operations))
        removals = await asyncio.gather(*(platform.submit("DELETE", f"/v2/applications/{PROJECT}/{name}") for name in names))
        await asyncio.gather(*map(platform.ended, removals))
        return slower

    async def reference(pair: int) -> float:
        return await deploys(f"idle-{pair}")

    try:
        return await measure(figure, ours, reference, pairs, say)
    finally:
        await platform.run("DELETE", f"/v2/projects/{other}?cascade=true")
