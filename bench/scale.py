"""P14: whether a thousand instances are deployed as well as ten, against kubectl, on simulated nodes."""

import asyncio
import json
from collections.abc import Callable
from typing import Any

from bench.deploying import body, by_kubectl, kubectl, objects_of
from bench.pairs import Figure, measure
from bench.platform import PROJECT, Platform, profile

MANY, FEW = 1000, 10
ON_SIMULATED_NODES: dict[str, Any] = {"nodeLabels": {"mooring.io/simulated": "true"}, "deadlineSeconds": 1800}
_SAMPLE = "p14-sample"


async def simulated_nodes(env: dict[str, str]) -> bool:
    """Whether the cluster has nodes for thousands of instances."""
    return bool(await kubectl(env, "get", "nodes", "-l", "mooring.io/simulated=true", "-o", "name"))


async def p14(platform: Platform, env: dict[str, str], pairs: int, say: Callable[[str], None]) -> Figure:
    """Measure P14: the ratio of P1 at a thousand instances, over the same at ten; each is deployed anew and removed untimed."""
    figure = Figure("P14", f"P1's ratio at {MANY} instances ÷ at {FEW}", 1.1, unit="")
    sample = await objects_of(platform, env, body(_SAMPLE, 1) | ON_SIMULATED_NODES)

    async def ratio(size: int, number: int) -> float:
        begun = asyncio.get_running_loop().time()
        record = await platform.run("POST", f"/v2/applications/{PROJECT}", body(f"p14-{size}-{number}", size) | ON_SIMULATED_NODES)
        ours = asyncio.get_running_loop().time() - begun
        await platform.run("DELETE", f"/v2/applications/{PROJECT}/p14-{size}-{number}")
        name = f"ref-{size}-{number}"
        reference = await by_kubectl(env, name, _manifest(sample, name, size))
        say(f"P14: {size} instances in {ours:.2f} s, by kubectl in {reference:.2f} s")
        if size == MANY:
            figure.profile[:] = profile(record)
        return ours / reference

    return await measure(figure, lambda n: ratio(MANY, n), lambda n: ratio(FEW, n), pairs, say)


def _manifest(sample: str, name: str, size: int) -> str:
    objects = json.loads(sample.replace(_SAMPLE, name))
    for item in objects["items"]:
        if item["kind"] == "Deployment":
            item["spec"]["replicas"] = size
    return json.dumps(objects)
