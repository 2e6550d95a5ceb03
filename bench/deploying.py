"""P1: deploy an app until RUNNING ÷ kubectl apply and rollout status of the same objects."""

import asyncio
import json
from collections.abc import Callable
from typing import Any

from bench.command import run
from bench.pairs import Figure, measure
from bench.platform import IMAGE, PROJECT, Platform, profile

_KEPT = ("name", "namespace", "labels", "annotations")


def body(name: str, replicas: int = 2) -> dict[str, Any]:
    """A create body whose app is ready as soon as its containers run."""
    return {
        "name": name,
        "imageRef": IMAGE,
        "resources": {"cpu": "0.01", "mem": "32Mi"},
        "instanceNum": replicas,
        "cmd": "sleep 100000",
        "portMappings": [{"protocol": "tcp", "containerPort": 8080}],
        "terminationGracePeriodSeconds": 0,
    }


async def kubectl(env: dict[str, str], *arguments: str, stdin: str = "") -> str:
    """Run kubectl; raises RuntimeError with what it wrote to stderr."""
    return await run(env["KUBECTL"], "--kubeconfig", env["KUBECONFIG"], *arguments, stdin=stdin)


async def p1(platform: Platform, env: dict[str, str], pairs: int, say: Callable[[str], None]) -> Figure:
    """Measure P1: two instances of a present image; each pair deploys a new app and removes it untimed."""
    figure = Figure("P1", "app.create until SUCCEEDED ÷ kubectl apply --server-side + rollout status", 1.1, slack=0.3)
    objects = await objects_of(platform, env, body("p1-sample"))

    async def reference(pair: int) -> float:
        return await by_kubectl(env, f"ref-{pair}", objects.replace("p1-sample", f"ref-{pair}"))

    return await measure(figure, lambda pair: deployed(platform, figure, f"p1-{pair}"), reference, pairs, say)


async def deployed(platform: Platform, figure: Figure, name: str) -> float:
    """Seconds until an app of two instances has SUCCEEDED, where they went in the figure's profile; it is removed untimed."""
    begun = asyncio.get_running_loop().time()
    record = await platform.run("POST", f"/v2/applications/{PROJECT}", body(name))
    taken = asyncio.get_running_loop().time() - begun
    figure.profile[:] = profile(record)
    await platform.run("DELETE", f"/v2/applications/{PROJECT}/{name}")
    return taken


async def by_kubectl(env: dict[str, str], name: str, manifest: str) -> float:
    """Seconds until kubectl has applied the objects and seen the Deployment rolled out; they are removed again untimed."""
    begun = asyncio.get_running_loop().time()
    await kubectl(env, "apply", "--server-side", "-f", "-", stdin=manifest)
    await kubectl(env, "-n", PROJECT, "rollout", "status", f"deployment/{name}", "--timeout=1800s")
    taken = asyncio.get_running_loop().time() - begun
    # Foreground: it is gone when its pods are. `kubectl wait` would ask for a thousand pods one after the other.
    await kubectl(env, "delete", "--cascade=foreground", "--wait", "--timeout=600s", "-f", "-", stdin=manifest)
    return taken


async def objects_of(platform: Platform, env: dict[str, str], new: dict[str, Any]) -> str:
    """The manifest of what app.create makes of a body, as kubectl takes it: the very objects, without what the cluster added."""
    await platform.run("POST", f"/v2/applications/{PROJECT}", new)
    chosen = ("deployment,statefulset,service", "-l", f"mooring.io/app={new['name']}", "-o", "json")
    found = json.loads(await kubectl(env, "-n", PROJECT, "get", *chosen))
    await platform.run("DELETE", f"/v2/applications/{PROJECT}/{new['name']}")
    return json.dumps({"apiVersion": "v1", "kind": "List", "items": [_bare(item) for item in found["items"]]})


def _bare(item: dict[str, Any]) -> dict[str, Any]:
    given = () if item["spec"].get("clusterIP") == "None" else ("clusterIP", "clusterIPs")
    spec = {key: value for key, value in item["spec"].items() if key not in given}
    metadata = {key: value for key, value in item["metadata"].items() if key in _KEPT}
    notes = metadata.get("annotations", {})
    metadata["annotations"] = {key: value for key, value in notes.items() if not key.startswith("deployment.kubernetes.io/")}
    return {"apiVersion": item["apiVersion"], "kind": item["kind"], "metadata": metadata, "spec": spec}
