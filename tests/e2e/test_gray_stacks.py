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


async def test_what_is_wrong_with_a_rollout_is_told_at_its_line(shop: Shop, platform: Platform) -> None:
    wrong = document("1.35").replace("batches: [1, 50%]", "batches: [5]").replace("failures: 2", "failures: none")
    path = f"/v2/templates/{shop.project}/validate"
    told = await platform.ask("POST", path, {"kind": "kubernetes", "content": wrong})
    assert told["Code"] != 0
    assert [(p["line"], p["field"].rpartition("rollout.")[2]) for p in told["problems"]] == [(23, "gates[0].http.failures")]
    gate = "{http: {port: 8080, failures: 2, timeoutSeconds: 1}}"
    query = document("1.35").replace(gate, "{metric: {query: 'max(', condition: '< 1'}}")
    told = await platform.ask("POST", path, {"kind": "kubernetes", "content": query})
    assert [(p["line"], p["field"].rpartition("rollout.")[2]) for p in told["problems"]] == [(23, "gates[0].metric.query")]
