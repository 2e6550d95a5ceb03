"""A secret goes through every kind of operation, forced failures included, and is then found nowhere (targets S17).

Generated over what exists: a scenario of every kind runs in a project whose apps have the secret as a file and a variable, and
every table, history, log, object and reply is searched, so that a new kind or table is in it without being listed.
"""

import asyncio
import base64
import json
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import asyncpg
import httpx
import pytest

from clients.kubernetes import KINDS, Cluster
from model.operations import OperationRecord, Status
from tests.faults.scenarios import SCENARIOS, Scenario
from tests.instance import TOKEN, Instance
from tests.platform import Platform, bearer, eventually
from tests.processes import Api, Process

CANARY = "C4n4ryC4n4ryC4n4ry"
_B64 = base64.b64encode(CANARY.encode()).decode()
FORMS = (CANARY, _B64, CANARY.encode().hex(), base64.b64encode(_B64.encode()).decode(), CANARY[::-1], CANARY.upper(), _B64[:12])
GROUP = "canary"
USES = [
    {"type": "Env", "name": GROUP, "key": ["CANARY"]},
    {"type": "Volume", "name": GROUP, "key": ["canary.txt"], "mountPath": "/run/canary"},
]
# Only these may show it: a Secret's values, and what a template's or a stack's document says of one.
SHOWN = ("/v2/secrets/", "/shop?content", "/shop/versions", "/d?content")
DOCUMENT = f"""apiVersion: v1
kind: Secret
metadata: {{name: keys}}
stringData: {{CANARY: {CANARY}}}
---
apiVersion: apps/v1
kind: Deployment
metadata: {{name: web}}
spec:
  selector: {{matchLabels: {{app: web}}}}
  template:
    metadata: {{labels: {{app: web}}}}
    spec:
      terminationGracePeriodSeconds: 0
      containers:
      - name: web
        image: busybox
        command: [sh, -c, 'sleep 9999']
        envFrom: [{{secretRef: {{name: keys}}}}]
        volumeMounts: [{{name: v, mountPath: /run/keys}}]
      volumes: [{{name: v, secret: {{secretName: keys}}}}]
"""
NEW_APP = re.compile(r"/v2/applications/[^/]+")
_AT_ONCE = 3


class CanaryPlatform(Platform):
    """The platform as its admin uses it, with the secret in every project and app; all replies are kept."""

    def __init__(self, api: Api) -> None:
        self.replies: list[str] = []
        self.touched: list[str] = []

        async def keep(reply: httpx.Response) -> None:
            await reply.aread()
            if not (reply.is_success and any(place in str(reply.url) for place in SHOWN)):
                self.replies.append(f"{reply.request.method} {reply.url} {dict(reply.headers)} {reply.text}")

        def connect(token: str | None) -> httpx.AsyncClient:
            return httpx.AsyncClient(base_url=api.url, timeout=60, headers=bearer(token), event_hooks={"response": [keep]})

        super().__init__(connect, TOKEN)

    async def project(self, stem: str = "canary") -> str:
        """A project with the secret in it."""
        name = await super().project(stem)
        self.touched.append(name)
        await self.put(name, {"name": GROUP, "data": {"CANARY": _B64, "canary.txt": _B64}})
        return name

    async def wait(self, operation_id: str, ends: Status = Status.SUCCEEDED, seconds: float = 300) -> OperationRecord:
        """As always, but with patience: much goes on at once."""
        return await super().wait(operation_id, ends, seconds)

    async def put(self, place: str, body: Any, ends: Status = Status.SUCCEEDED) -> None:
        """Create a secret in a project, or change an entry (`project/secret/entry`), and wait for the operation's end."""
        await self.wait(await self.submit("POST", f"/v2/secrets/{place}", body, wait=0), ends)

    async def ask(self, method: str, path: str, body: Any = None, *, expect: int = 200, **query: Any) -> Any:
        """As always, but every new app uses the secret."""
        if method == "POST" and NEW_APP.fullmatch(path):
            body = {**body, "secret": [*body.get("secret", []), *USES]}
        return await super().ask(method, path, body, expect=expect, **query)


@pytest.fixture(scope="module")
async def canary(api: Api, worker: Process) -> AsyncIterator[CanaryPlatform]:
    """The instance, used with the secret."""
    found = CanaryPlatform(api)
    yield found
    await found.clean()


async def test_a_secret_is_found_nowhere(canary: CanaryPlatform, instance: Instance, cluster: Cluster, logs: Path) -> None:
    places = asyncio.Semaphore(_AT_ONCE)

    async def run(scenario: Scenario) -> None:
        async with places:
            project = await scenario.given(canary)
            await canary.wait(await scenario.when(canary, project), scenario.ends)

    one_of_each = {scenario.kind: scenario for scenario in SCENARIOS.values()}
    await asyncio.gather(*map(run, one_of_each.values()), _fail(canary, cluster), _documents(canary))
    found = [
        *await _in_database(instance.database_url),
        *await _in_temporal(instance),
        *await _in_cluster(cluster, canary.touched),
        *(f"reply: {reply[:300]}" for reply in canary.replies if _has(reply)),
        *_in_logs(logs),
    ]
    assert found == []


async def _fail(canary: CanaryPlatform, cluster: Cluster) -> None:
    """What goes wrong with the secret at hand: programs that print it, bodies that hold it, objects that stand in the way."""
    project = await canary.project()
    apps, secrets = f"/v2/applications/{project}", f"/v2/secrets/{project}"
    says = (
        'echo "password $CANARY"; base64 /run/canary/canary.txt; echo "u:$CANARY" | base64; echo $CANARY | rev;'
        " echo $CANARY | tr a-z A-Z;"
        " od -An -v -tx1 /run/canary/canary.txt | tr -d ' '; echo $CANARY | fold -w 7; exit 3"
    )
    body = {"imageRef": "busybox", "terminationGracePeriodSeconds": 0}
    crash = await canary.submit("POST", apps, {**body, "name": "crash", "cmd": ["sh", "-c", says]})
    probe = {"exec": {"command": ["sh", "-c", "echo $CANARY; exit 1"]}, "periodSeconds": 1}
    unready = {**body, "name": "unready", "cmd": "sleep 1000", "readinessProbe": probe, "deadlineSeconds": 20}
    waits = await canary.submit("POST", apps, unready)
    missing = await canary.submit("POST", apps, {**body, "name": "missing", "imageRef": "busybox:none"})

    await canary.ask("POST", secrets, {"name": "bad", "data": {"a": f"{CANARY}!"}}, expect=422)
    await canary.ask("POST", secrets, {"name": "bad", "data": {"a": {CANARY: CANARY}}}, expect=422)
    await canary.ask("POST", secrets, {"name": "bad", "data": {"a": _B64}, "more": CANARY}, expect=422)
    large = base64.b64encode(CANARY.encode() * 60_000).decode()
    await canary.ask("POST", secrets, {"name": "bad", "data": {"a": large}}, expect=413)
    await canary.ask("DELETE", f"{secrets}/{GROUP}/CANARY", expect=409)
    await canary.ask("POST", f"{secrets}/{GROUP}/CANARY", {"data": "//79"}, expect=409)

    metadata = {"name": "taken", "namespace": project}
    await cluster.apply({"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "data": {"a": "eA=="}})
    await canary.put(project, {"name": "taken", "data": {"a": _B64}}, Status.FAILED)
    await canary.put(project, {"name": "frozen", "data": {"a": "eA=="}})
    await cluster.patch("Secret", "frozen", project, {"immutable": True})
    await canary.put(f"{project}/frozen/a", {"data": _B64}, Status.FAILED)

    record = await canary.wait(crash, Status.FAILED)
    assert record.error is not None
    told = [evidence.text for evidence in record.error.evidence]
    assert any("password …" in text for text in told), told
    for operation in (waits, missing):
        await canary.wait(operation, Status.FAILED)
    for name in ("crash", "unready"):
        await canary.get(f"{apps}/{name}")
        for pod in (await canary.get(f"/v2/instances/{project}/{name}/lists"))["instances"]:
            await canary.get(f"/v2/instances/{project}/{pod['name']}")
    for path in (secrets, f"{secrets}/{GROUP}/versions", f"{secrets}/{GROUP}/CANARY/apps"):
        await canary.get(path)

    await cluster.patch("Secret", GROUP, project, {"data": {"CANARY": "eA==", "more": _B64}})

    async def put_back() -> bool:
        return "more" not in (await cluster.get("Secret", GROUP, project))["data"]

    await eventually(put_back, "the entry that was put in by hand is gone")


async def _documents(canary: CanaryPlatform) -> None:
    """A template with the secret in its text: refused, kept, drawn, deployed, changed, failing, taken back, deleted."""
    project = await canary.project()
    templates = f"/v2/templates/{project}"
    for wrong in (
        DOCUMENT.replace(f": {CANARY}", f": *{CANARY}"),
        DOCUMENT.replace(f": {CANARY}", f": !{CANARY} x"),
        DOCUMENT.replace(f": {CANARY}", f": &{CANARY} x"),
        DOCUMENT.replace(f": {CANARY}", f": [{CANARY}]"),
        DOCUMENT.replace("stringData", "data").replace(CANARY, f"{CANARY}!"),
        DOCUMENT.replace("stringData", "more"),
        DOCUMENT.replace("name: keys", "name: Keys", 1),
    ):
        body = {"name": "bad", "kind": "kubernetes", "content": wrong}
        await canary.ask("POST", templates, body, expect=422)
        assert (await canary.ask("POST", f"{templates}/validate", {"kind": "kubernetes", "content": wrong}))["Code"]
    body = {"name": "shop", "kind": "kubernetes", "content": DOCUMENT}
    await canary.ask("POST", templates, body, expect=201)
    await canary.ask("POST", f"{templates}/validate", {"kind": "kubernetes", "content": DOCUMENT})
    await canary.done("POST", f"{templates}/shop/deploy", {"deploymentName": "d"})
    stack = f"/v2/stacks/{project}/d"
    await canary.ask(
        "PUT", f"{templates}/shop", {"content": DOCUMENT.replace("CANARY: ", "MORE: ").replace("sleep 9999", "exit 3")}
    )
    await canary.ask("POST", f"{stack}/upgrade", dryRun="true")
    await canary.wait(await canary.submit("POST", f"{stack}/upgrade", {"onFailure": "rollback"}), Status.FAILED)
    for path in (f"{templates}/shop/graph", f"{stack}/graph", f"{templates}/shop/operations", templates):
        await canary.get(path)
    for path in (f"{templates}/shop", stack):
        shown = await canary.get(path, content="true")
        assert CANARY in shown["content"]
        hidden = await canary.get(f"{path}/reads")
        assert hidden["total"] == 1
    assert any(CANARY in (line["diff"] or "") for line in (await canary.get(f"{templates}/shop/versions"))["versions"])
    other = await canary.project()
    await canary.ask("POST", f"/v2/templates/{other}", body, expect=201)
    await canary.done("POST", f"/v2/templates/{other}/shop/deploy", {"deploymentName": "d"})
    await canary.done("DELETE", f"/v2/stacks/{other}/d")
    await canary.ask("DELETE", f"/v2/templates/{other}/shop")


def _has(text: str) -> bool:
    return any(form in text for form in FORMS)


def _in_logs(logs: Path) -> list[str]:
    return [f"log {file.name}" for file in logs.rglob("*.log") if _has(file.read_text(errors="replace"))]


async def _in_database(url: str) -> list[str]:
    """Each table, as a dump would write its rows."""
    connection = await asyncpg.connect(url)
    try:
        names = await connection.fetch("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
        assert len(names) > 15
        found = []
        for (table,) in names:
            for form in FORMS:
                if await connection.fetchval(f'SELECT count(*) FROM "{table}" t WHERE strpos(cast(t AS text), $1) > 0', form):
                    found.append(f"table {table}: {form}")
        assert await connection.fetchval("SELECT count(*) FROM config_values") > 0
        return found
    finally:
        await connection.close()


async def _in_temporal(instance: Instance) -> list[str]:
    """Every run's history, search attributes, memo and summary."""
    connection = await asyncpg.connect(instance.database_url)
    rows = await connection.fetch("SELECT workflow_id, kind FROM operations WHERE run_id IS NOT NULL")
    await connection.close()
    assert {row["kind"] for row in rows} >= {scenario.kind for scenario in SCENARIOS.values()}
    found = []
    for row in rows:
        handle = instance.client.get_workflow_handle(row["workflow_id"])
        parts = [event.SerializeToString() for event in (await handle.fetch_history()).events]
        parts.append((await handle.describe()).raw_description.SerializeToString())
        found += [row["workflow_id"] for part in parts if any(form.encode() in part for form in FORMS)]
    return found


async def _in_cluster(cluster: Cluster, projects: list[str]) -> list[str]:
    """Every object of the projects, their events too, but the Secrets themselves."""
    found = []
    for project in projects:
        for kind in (kind for kind, (_, _, namespaced) in KINDS.items() if namespaced and kind != "Secret"):
            for item in (await cluster.list(kind, project))["items"]:
                probe = item.get("reason") == "Unhealthy"  # the kubelet's own words of what the probe printed
                found += [f"{kind} {project}/{item['metadata']['name']}"] if not probe and _has(json.dumps(item)) else []
    return found
