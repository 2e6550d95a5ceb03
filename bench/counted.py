"""P15: what an operation costs by the number of instances: requests to Kubernetes, and events in Temporal's history.

The requests are counted on the wire: API and worker of the bench's own reach the cluster through a proxy that counts and hands on.
"""

import asyncio
import contextlib
import sys
import tempfile
from collections import Counter
from collections.abc import AsyncIterator, Callable, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import aiohttp
import yaml
from aiohttp import web
from temporalio.client import Client

from bench.deploying import body
from bench.platform import ROOT, Platform, answers, opened, running
from bench.scale import ON_SIMULATED_NODES
from clients import kubernetes, temporal
from clients.kubernetes import Cluster
from deploy.local.parts.temporal import make_namespace

SIZES = (10, 100, 1000)
TYPES = ("Deployment", "TApp")
_PROJECT = "bench-counted"
_NAMESPACE = "mooring-bench"
_API = "127.0.0.1:8099"
_OTHER_IMAGE = "public/python:3.11"  # nothing runs on simulated nodes, so any will do that the registry has
_HEADERS = ("Content-Type", "Cache-Control", "Date")
Cost = dict[str, Any]


class Proxy:
    """Hands requests on to the cluster and counts them: a watch once, however long it lasts."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        self.counted: Counter[str] = Counter()

    @property
    def requests(self) -> int:
        """How many were sent, but for watches: these are the worker's own, whatever operations there are."""
        return sum(count for kind, count in self.counted.items() if not kind.startswith("WATCH"))

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Count one request, and pass the reply on as it comes."""
        verb = "WATCH" if request.query.get("watch") == "true" else request.method
        self.counted[f"{verb} {_kind(request.path)}"] += 1
        content_type = request.headers.get("Content-Type", "application/json")
        # The client writes JSON itself, and passes on what is of another type as it is.
        body = (await request.json() if "json" in content_type else await request.read()) if request.can_read_body else None
        reply = await self._cluster.open(
            request.method,
            request.path_qs,
            body,
            timeout=aiohttp.ClientTimeout(total=None),
            content_type=content_type,
            accept=request.headers.get("Accept", "application/json"),
        )
        async with reply:
            headers = {name: reply.headers[name] for name in _HEADERS if name in reply.headers}
            answer = web.StreamResponse(status=reply.status, headers=headers)
            await answer.prepare(request)
            with contextlib.suppress(ConnectionResetError):  # who asked has gone: the end of a watch
                async for piece in reply.content.iter_any():
                    await answer.write(piece)
        return answer


@contextlib.asynccontextmanager
async def proxied(kubeconfig: str, directory: Path) -> AsyncIterator[tuple[Proxy, str]]:
    """The proxy, and a kubeconfig that leads to it."""
    cluster = await kubernetes.connect(kubeconfig)
    proxy, app = Proxy(cluster), web.Application(client_max_size=16 * 2**20)
    app.router.add_route("*", "/{path:.*}", proxy.handle)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    port = runner.addresses[0][1]
    written = directory / "kubeconfig"
    written.write_text(yaml.safe_dump(_kubeconfig(f"http://127.0.0.1:{port}")))
    try:
        yield proxy, str(written)
    finally:
        await runner.cleanup()
        await cluster.close()


@contextlib.asynccontextmanager
async def own_platform(env: dict[str, str]) -> AsyncIterator[tuple[Platform, Proxy, Client]]:
    """API and worker of our own, with a database and a Temporal namespace that nobody else has."""
    with tempfile.TemporaryDirectory() as directory:
        async with proxied(env["KUBECONFIG"], Path(directory)) as (proxy, kubeconfig):
            own = env | {
                "DATABASE_URL": urlsplit(env["DATABASE_URL"])._replace(path="/mooring_bench_counted").geturl(),
                "TEMPORAL_NAMESPACE": _NAMESPACE,
                "MOORING_LISTEN": _API,
                "MOORING_URL": f"http://{_API}",
                "KUBECONFIG": kubeconfig,
            }
            await asyncio.to_thread(make_namespace, env["TEMPORAL_ADDRESS"], _NAMESPACE)
            migrating = await asyncio.create_subprocess_exec(sys.executable, "-m", "records", "migrate", env=own, cwd=ROOT)
            if await migrating.wait():
                raise RuntimeError("the bench's own database could not be made")
            async with running("worker", own), running("api", own):
                client = await temporal.connect(env["TEMPORAL_ADDRESS"], _NAMESPACE)
                await answers(own["MOORING_URL"])
                async with opened(own, _PROJECT, own_worker=True) as platform:
                    yield platform, proxy, client


async def p15(env: dict[str, str], sizes: Sequence[int], say: Callable[[str], None]) -> list[Cost]:
    """Count, for both types of app and each size: create, gray upgrade in two batches, taking a tenth away by name, delete."""
    costs: list[Cost] = []
    async with own_platform(env) as (platform, proxy, client):
        for kind in TYPES:
            await _warm_up(platform, kind)
            for size in sizes:
                name = f"{kind.lower()}-{size}"
                for step, method, path, asked in _operations(name, kind, size):
                    sent = await asked(platform) if callable(asked) else asked
                    proxy.counted.clear()
                    record = await platform.run(method, path, sent)
                    cost = {"type": kind, "instances": size, "operation": step, "requests": proxy.requests}
                    cost |= {"byKind": dict(proxy.counted), **await _history(client, record["workflowId"])}
                    costs.append(cost)
                    say(f"P15: {kind} {size} {step}: {cost['requests']} requests, {cost['events']} events")
    return costs


async def _warm_up(platform: Platform, kind: str) -> None:
    """One app of that type, so that the shared watches run: they are the worker's, not an operation's."""
    await platform.run("POST", f"/v2/applications/{_PROJECT}", body("first", 1) | {"type": kind})
    await platform.run("DELETE", f"/v2/applications/{_PROJECT}/first")


def _operations(name: str, kind: str, size: int) -> list[tuple[str, str, str, Any]]:
    """(what, method, path, body); a body that can only be known then is a function of the platform."""
    app = f"/v2/applications/{_PROJECT}/{name}"
    # Proved by nothing: to prove a version takes a look every 3 s, and how long it is to be is the person's to say.
    create = body(name, size) | ON_SIMULATED_NODES | {"type": kind, "minReadySeconds": 0}
    gray = {"image": _OTHER_IMAGE, "batches": ["10%", "100%"], "pause": "never", "deadlineSeconds": 1800}
    go = max(1, size // 10)

    async def named(platform: Platform) -> dict[str, Any]:
        if kind == "TApp":
            return {"instances": [f"{name}-{size - 1 - n}" for n in range(go)]}
        reply = await platform.http.get(f"/v2/instances/{_PROJECT}/{name}/lists", params={"size": go})
        return {"instances": [item["name"] for item in reply.raise_for_status().json()["instances"]]}

    return [
        ("create", "POST", f"/v2/applications/{_PROJECT}", create),
        ("gray upgrade 10 %, 100 %", "POST", f"{app}/rollout", gray),
        (f"take {go} named away", "POST", f"{app}/scale?type=manual", named),
        ("delete", "DELETE", app, None),
    ]


async def _history(client: Client, workflow_id: str) -> Cost:
    """Events of all runs of the workflow together, and of how many runs."""
    query = f"WorkflowId = '{workflow_id}'"
    lengths: list[int] = []
    async with asyncio.timeout(30):
        while not lengths:  # what has just closed is found a moment later
            lengths = [found.history_length or 0 async for found in client.list_workflows(query) if found.close_time]
    return {"events": sum(lengths), "runs": len(lengths)}


def _kind(path: str) -> str:
    """The collection that a path is of, as the API names it.

    >>> _kind("/apis/apps/v1/namespaces/shop/deployments/web"), _kind("/api/v1/pods")
    ('deployments', 'pods')
    """
    words = path.strip("/").split("/")
    rest = words[3:] if words[0] == "apis" else words[2:]
    rest = rest[2:] if rest[:1] == ["namespaces"] and len(rest) > 2 else rest
    return rest[0] if rest else path


def _kubeconfig(server: str) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "counted", "cluster": {"server": server}}],
        "users": [{"name": "counted", "user": {}}],
        "contexts": [{"name": "counted", "context": {"cluster": "counted", "user": "counted"}}],
        "current-context": "counted",
    }
