"""Stacks that go out gray through HTTP on the real cluster: batches and gates said in the template, and the whole way back."""

from typing import Any

import pytest

from model.operations import Status, Verb
from tests.platform import Platform, eventually, unique

# Version 2 of web answers on 8080 only where SERVES says so: a gate can fail although the instance is ready.
DOCUMENT = """apiVersion: apps/v1
kind: Deployment
metadata: {name: store}
spec:
  replicas: 1
  minReadySeconds: 0
  selector: {matchLabels: {app: store}}
  template:
    metadata: {labels: {app: store}}
    spec:
      terminationGracePeriodSeconds: 0
      containers:
      - {name: store, image: 'busybox:VERSION', command: [sleep, "10000"]}
---
apiVersion: apps/v1
kind: Deployment
metadata:
  name: web
  annotations:
    mooring.io/depends-on: store
    mooring.io/rollout: |
      batches: [1, 50%]
      pause: PAUSE
      gates: [{http: {port: 8080, failures: 2, timeoutSeconds: 1}}]
      onFailure: rollback
spec:
  replicas: 4
  minReadySeconds: 0
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      terminationGracePeriodSeconds: 0
      containers:
      - name: web
        image: busybox:VERSION
        command: [sh, -c, "mkdir -p /tmp/w; touch /tmp/w/index.html; PROGRAM"]
"""
SERVES, SILENT = "httpd -f -p 8080 -h /tmp/w", "sleep 10000"


def document(version: str, pause: str = "first", program: str = SERVES) -> str:
    return DOCUMENT.replace("VERSION", version).replace("PAUSE", pause).replace("PROGRAM", program)


class Shop:
    """A deployment of the document: a store, and a web that goes out gray after it."""

    def __init__(self, platform: Platform, project: str, template: str) -> None:
        self.platform = platform
        self.project = project
        self.template = template
        self.name = unique("d")

    async def deploy(self) -> None:
        path = f"/v2/templates/{self.project}"
        body = {"name": self.template, "kind": "kubernetes", "content": document("latest")}
        await self.platform.ask("POST", path, body, expect=201)
        await self.platform.done("POST", f"{path}/{self.template}/deploy", {"deploymentName": self.name})

    async def edit(self, content: str) -> None:
        await self.platform.ask("PUT", f"/v2/templates/{self.project}/{self.template}", {"content": content})

    async def plan(self) -> dict[str, Any]:
        """The dry run's line for web."""
        planned = await self.platform.ask("POST", f"/v2/stacks/{self.project}/{self.name}/upgrade", dryRun="true")
        found: dict[str, Any] = next(one for one in planned["changes"] if one["name"] == "web")
        return found

    async def upgrade(self, on_failure: str = "rollback") -> str:
        path = f"/v2/stacks/{self.project}/{self.name}/upgrade"
        return await self.platform.submit("POST", path, {"onFailure": on_failure, "deadlineSeconds": 60})

    async def web_paused(self, operation: str) -> dict[str, Any]:
        """What the stack's record says of the child it waits for, as soon as it does."""
        found: list[dict[str, Any]] = []

        async def waits() -> bool:
            record = await self.platform.get(f"/v2/operations/{operation}")
            assert record["status"] not in ("FAILED", "SUCCEEDED"), record["error"]
            found[:] = record["waitsFor"]
            return bool(found)

        await eventually(waits, "the stack waits for its gray child", 60)
        return found[0]

    async def versions(self, app: str = "web") -> list[tuple[str, int]]:
        """How many instances have which image, the newest version first."""
        shown = await self.platform.get(f"/v2/applications/{self.project}/{self.name}-{app}")
        images = await self.platform.get(f"/v2/applications/{self.project}/{self.name}-{app}/revisions")
        by_number = {one["revision"]: next(iter(one["images"].values())) for one in images["revisions"]}
        return [(by_number[one["revision"]], one["count"]) for one in shown["versions"] if one["count"]]

    async def ask(self, operation: str, verb: str) -> None:
        await self.platform.ask("POST", f"/v2/operations/{operation}/{verb}", expect=202)


@pytest.fixture
async def shop(platform: Platform) -> Shop:
    made = Shop(platform, await platform.project("gray"), unique("t"))
    await made.deploy()
    return made


async def test_a_stack_goes_out_gray_in_its_turn_and_waits_for_who_resumes_it(shop: Shop, platform: Platform) -> None:
    # given an edit of both apps
    await shop.edit(document("1.35"))
    planned = await shop.plan()
    assert planned["gray"] == {
        "batches": [1, 2, 4],
        "total": 4,
        "pause": "first",
        "readySeconds": 0,
        "gates": 1,
        "onFailure": "rollback",
    }
    # when it is upgraded
    operation = await shop.upgrade()
    waits = await shop.web_paused(operation)
    # then it holds after the first batch, says for whom and how to go on, and the store went out before
    assert (waits["kind"], waits["target"]) == ("app.upgrade", f"{shop.name}-web")
    assert "1 of 4 instances" in waits["pause"]["message"]
    assert "resume goes on" in waits["pause"]["message"]
    assert await shop.versions() == [("busybox:1.35", 1), ("busybox:latest", 3)]
    assert await shop.versions("store") == [("busybox:1.35", 1)]
    record = await platform.operation(operation)
    assert {Verb.RESUME, Verb.PROMOTE, Verb.ROLLBACK} <= set(record.available)
    # and goes on when the stack is resumed
    await shop.ask(operation, "resume")
    await platform.wait(operation)
    child = await platform.operation(waits["operationId"])
    done = [step.title for step in child.steps or [] if step.title.startswith(("Batch", "Gates"))]
    assert done == [
        "Batch 1 of 3: 1 of 4 instances to revision 2",
        "Gates of batch 1 of 3",
        "Batch 2 of 3: 2 of 4 instances to revision 2",
        "Gates of batch 2 of 3",
        "Batch 3 of 3: 4 of 4 instances to revision 2",
        "Gates of batch 3 of 3",
    ]
    assert await shop.versions() == [("busybox:1.35", 4)]


async def test_a_gate_that_fails_brings_the_app_and_the_whole_stack_back(shop: Shop, platform: Platform) -> None:
    # given a version of web that is ready and does not answer
    await shop.edit(document("1.35", "never", SILENT))
    # when it goes out
    failed = await platform.wait(await shop.upgrade(), Status.FAILED)
    # then the gate says why, and everything is as before, the store too
    assert failed.error is not None
    assert failed.error.reason == "GateFailed"
    assert f"{shop.name}-web" in failed.error.message
    assert "brought back to version 1" in failed.error.message
    assert await shop.versions() == [("busybox:latest", 4)]
    assert await shop.versions("store") == [("busybox:latest", 1)]
    stack = await platform.get(f"/v2/stacks/{shop.project}/{shop.name}")
    assert (stack["version"], stack["content"]) == (1, document("latest"))


async def test_a_rollback_while_it_waits_brings_the_whole_stack_back(shop: Shop, platform: Platform) -> None:
    await shop.edit(document("1.35"))
    operation = await shop.upgrade("keep")
    waits = await shop.web_paused(operation)
    await shop.ask(operation, "rollback")
    ended = await platform.wait(operation, Status.CANCELLED)
    assert ended.error is not None
    assert ended.error.reason == "RolledBack"
    assert (await platform.operation(waits["operationId"])).status is Status.CANCELLED
    assert await shop.versions() == [("busybox:latest", 4)]
    assert await shop.versions("store") == [("busybox:latest", 1)]


async def test_a_cancel_while_it_waits_brings_back_the_app_in_its_batches_only(shop: Shop, platform: Platform) -> None:
    await shop.edit(document("1.35"))
    operation = await shop.upgrade("keep")
    await shop.web_paused(operation)
    await shop.ask(operation, "cancel")
    await platform.wait(operation, Status.CANCELLED)
    assert await shop.versions() == [("busybox:latest", 4)]
    assert await shop.versions("store") == [("busybox:1.35", 1)]


async def test_a_pause_and_a_promotion_of_the_stack_reach_its_app(shop: Shop, platform: Platform) -> None:
    # given an upgrade that would not pause by itself
    await shop.edit(document("1.35", "never"))
    operation = await shop.upgrade()
    child: list[str] = []

    async def begun() -> bool:
        listed = await platform.get("/v2/operations", parent=operation)
        child[:] = [one["id"] for one in listed["operations"] if one["target"]["name"] == f"{shop.name}-web"]
        return bool(child)

    await eventually(begun, "web is being upgraded", 60)
    # when the stack is paused
    await shop.ask(operation, "pause")
    waits = await shop.web_paused(operation)
    # then the child holds at its next batch, and promoting the stack brings it to its end
    assert waits["operationId"] == child[0]
    await shop.ask(operation, "promote")
    await platform.wait(operation)
    assert await shop.versions() == [("busybox:1.35", 4)]


async def test_a_rollback_of_a_stack_that_is_paused_waits_for_nobody(shop: Shop, platform: Platform) -> None:
    await shop.edit(document("1.35"))
    operation = await shop.upgrade("keep")
    await shop.ask(operation, "pause")

    async def holds() -> bool:
        return (await platform.operation(operation)).status is Status.PAUSED

    await eventually(holds, "the stack is paused", 60)
    await shop.ask(operation, "rollback")
    ended = await platform.wait(operation, Status.CANCELLED)
    assert ended.error is not None
    assert ended.error.reason == "RolledBack"
    assert all(step.status != "RUNNING" for step in (await platform.operation(operation)).steps or [])
    assert await shop.versions("store") == [("busybox:latest", 1)]


async def test_what_is_wrong_with_a_rollout_is_told_at_its_line(platform: Platform, project: str) -> None:
    wrong = document("1.35").replace("batches: [1, 50%]", "batches: [5]").replace("failures: 2", "failures: none")
    path = f"/v2/templates/{project}/validate"
    told = await platform.ask("POST", path, {"kind": "kubernetes", "content": wrong})
    assert told["Code"] != 0
    assert [(p["line"], p["field"].rpartition("rollout.")[2]) for p in told["problems"]] == [(24, "gates[0].http.failures")]
    gate = "{http: {port: 8080, failures: 2, timeoutSeconds: 1}}"
    query = document("1.35").replace(gate, "{metric: {query: 'max(', condition: '< 1'}}")
    told = await platform.ask("POST", path, {"kind": "kubernetes", "content": query})
    assert [(p["line"], p["field"].rpartition("rollout.")[2]) for p in told["problems"]] == [(24, "gates[0].metric.query")]


async def test_a_retry_that_is_promoted_goes_on_where_the_gate_failed(shop: Shop, platform: Platform) -> None:
    # given an upgrade that stays where its gate failed
    await shop.edit(document("1.35", "never", SILENT).replace("onFailure: rollback", "onFailure: keep"))
    operation = await shop.upgrade("keep")
    failed = await platform.wait(operation, Status.FAILED)
    assert failed.error is not None
    assert failed.error.reason == "GateFailed"
    assert await shop.versions() == [("busybox:1.35", 1), ("busybox:latest", 3)]
    # when it is retried and promoted at once, then its app is promoted too, also where it was not accepted yet
    await platform.submit("POST", f"/v2/operations/{operation}/retry")
    await shop.ask(operation, "promote")
    await platform.wait(operation)
    (child,) = (await platform.get("/v2/operations", parent=operation, target=f"{shop.name}-web"))["operations"]
    record = await platform.operation(child["id"])
    assert record.attempt == 2
    assert [(control.verb, control.attempt) for control in record.controls or []] == [("promote", 2)]
    assert await shop.versions() == [("busybox:1.35", 4)]


STATEFUL = """apiVersion: apps/v1
kind: StatefulSet
metadata:
  name: db
  annotations:
    mooring.io/rollout: '{"batches": [["db-1"]], "pause": "first"}'
spec:
  replicas: 3
  minReadySeconds: 0
  selector: {matchLabels: {app: db}}
  template:
    metadata: {labels: {app: db}}
    spec:
      terminationGracePeriodSeconds: 0
      containers:
      - {name: db, image: 'busybox:VERSION', command: [sleep, "10000"]}
"""


async def test_instances_of_a_stateful_set_go_in_the_order_that_its_template_names(platform: Platform, project: str) -> None:
    template, name = unique("t"), unique("d")
    body = {"name": template, "kind": "kubernetes", "content": STATEFUL.replace("VERSION", "latest")}
    await platform.ask("POST", f"/v2/templates/{project}", body, expect=201)
    await platform.done("POST", f"/v2/templates/{project}/{template}/deploy", {"deploymentName": name})
    edited = {"content": STATEFUL.replace("VERSION", "1.35")}
    await platform.ask("PUT", f"/v2/templates/{project}/{template}", edited)
    operation = await platform.submit("POST", f"/v2/stacks/{project}/{name}/upgrade", {})

    async def waits() -> bool:
        return bool((await platform.get(f"/v2/operations/{operation}"))["waitsFor"])

    await eventually(waits, "it pauses after the first batch", 60)
    listed = {one["stackInstanceName"]: one for one in (await platform.get(f"/v2/stacks/{project}", size=200))["stacks"]}
    assert [one["target"] for one in listed[name]["lastOperation"]["waitsFor"]] == [f"{name}-db"], "the list tells it too"
    app = await platform.get(f"/v2/applications/{project}/{name}-db")
    assert {one["revision"]: one["instances"] for one in app["versions"]} == {
        2: [f"{name}-db-1"],
        1: [f"{name}-db-0", f"{name}-db-2"],
    }
    await platform.ask("POST", f"/v2/operations/{operation}/resume", expect=202)
    await platform.wait(operation)
    app = await platform.get(f"/v2/applications/{project}/{name}-db")
    assert [(one["revision"], one["count"]) for one in app["versions"]] == [(2, 3)]


async def test_a_pod_document_says_its_batches_too(platform: Platform, project: str) -> None:
    name = unique("p")
    pod = "containers:\n- {name: c, image: 'busybox:VERSION', command: [sleep, '9999']}\n"
    pod += "replicas: 2\nterminationGracePeriodSeconds: 0\nx-mooring: {rollout: {batches: [1], pause: each}}\n"
    body = {"stackInstanceName": name, "content": pod.replace("VERSION", "latest")}
    await platform.done("POST", f"/v2/podstack/{project}", body)
    changed = {"content": pod.replace("VERSION", "1.35").replace("replicas: 2", "replicas: 3")}
    operation = await platform.submit("POST", f"/v2/podstack/{project}/{name}", changed)

    async def pauses() -> bool:
        return (await platform.operation(operation)).status is Status.PAUSED

    await eventually(pauses, "it pauses after the first batch", 60)
    app = await platform.get(f"/v2/applications/{project}/{name}")
    assert {one["revision"]: one["count"] for one in app["versions"]} == {2: 1, 1: 2}
    await platform.ask("POST", f"/v2/operations/{operation}/promote", expect=202)
    await platform.wait(operation)
    wrong = await platform.ask("POST", f"/v2/podstack/{project}/{name}", {"content": pod.replace("[1]", "[9]")}, expect=422)
    assert (wrong["problems"][0]["line"], wrong["problems"][0]["field"]) == (5, "x-mooring.rollout.batches[0]")
