"""A template is edited, planned, deployed with the worker dying in the middle, rolled back and deleted (issue 5, must be seen 2).

Time budget: 2 minutes on 2 cores, for six deaths.
"""

from typing import Any

import pytest

from clients.kubernetes import Object
from tests.faults.place import place
from tests.faults.slot import Slot
from tests.faults.worker import Boundary
from tests.platform import Platform, eventually

WORKLOAD = """apiVersion: apps/v1
kind: {kind}
metadata: {{name: {name}, annotations: {{mooring.io/depends-on: "{after}", mooring.io/rollout: "{rollout}"}}}}
spec:
  replicas: {replicas}
  minReadySeconds: 0
  selector: {{matchLabels: {{app: {name}}}}}
  template:
    metadata: {{labels: {{app: {name}}}}}
    spec:
      terminationGracePeriodSeconds: 1
      containers:
      - name: main
        image: busybox
        command: [sh, -c, "trap exit TERM; while :; do sleep 1; done"]
        env: [{{name: VERSION, value: "{version}"}}]
        ports: [{{containerPort: 80}}]
        readinessProbe: {{none: true}}
---
"""
SERVICE = """apiVersion: v1
kind: Service
metadata: {name: the-store}
spec: {selector: {app: store}, ports: [{port: 80}]}
"""
# What is changed gets another variable, `side` another number, `kind` another kind, `old` goes, `cache` comes.
PLANNED = {
    "store": "update",
    "side": "update",
    "calm": "unchanged",
    "type": "recreate",
    "cache": "create",
    "web": "update",
    "old": "delete",
}
KINDS = {
    "store": ["app.upgrade"],
    "side": ["app.scale"],
    "type": ["app.create", "app.delete"],
    "cache": ["app.create"],
    "web": ["app.upgrade"],
    "old": ["app.delete"],
}


def workload(name: str, after: str = "", replicas: int = 1, version: int = 1, kind: str = "Deployment", rollout: str = "{}") -> str:
    return WORKLOAD.format(name=name, after=after, replicas=replicas, version=version, kind=kind, rollout=rollout)


BEFORE = (
    workload("store")
    + workload("side")
    + workload("calm")
    + workload("type")
    + workload("old", "store")
    + workload("web", "store, side", 2)
    + SERVICE
)
AFTER = (
    workload("store", version=2)
    + workload("side", replicas=2)
    + workload("calm")
    + workload("type", kind="StatefulSet")
    + workload("cache")
    + workload("web", "store, cache", 2, 2, rollout="batches: [1]")
    + SERVICE
)


class Shop:
    """The deployment `live` of a template `shop`, as it stands."""

    def __init__(self, slot: Slot, project: str) -> None:
        self.slot = slot
        self.project = project
        self.platform: Platform = slot.platform

    async def plan(self, how: str) -> dict[str, dict[str, Any]]:
        """The dry run's changes by name, in its order."""
        found = await self.platform.ask("POST", f"/v2/stacks/{self.project}/live/{how}", dryRun="true")
        return {change["name"]: change for change in found["changes"]}

    async def state(self) -> dict[str, Any]:
        """What each app is, as far as a way back restores it."""
        listed = await self.platform.get(f"/v2/applications/{self.project}", size=100)
        fields = ("Type", "Status", "InstanceNum", "InstanceSummary", "Environments", "Image", "digests", "PortsInfo")
        return {app["Name"]: {field: app[field] for field in fields} for app in listed["applications"]}

    async def ids(self) -> dict[str, str]:
        listed = await self.platform.get(f"/v2/applications/{self.project}", size=100)
        return {app["Name"].removeprefix("live-"): app["AppID"] for app in listed["applications"]}

    async def pods(self, app: str) -> set[str]:
        """The uids of an app's pods."""
        label = f"mooring.io/app=live-{app}"
        found: list[Object] = (await self.slot.cluster.list("Pod", self.project, labelSelector=label))["items"]
        return {pod["metadata"]["uid"] for pod in found}

    async def children(self, operation: str) -> dict[str, list[str]]:
        """The kinds of its child operations by app."""
        listed = await self.platform.get("/v2/operations", parent=operation, size=200)
        found: dict[str, list[str]] = {}
        for one in listed["operations"]:
            found.setdefault(one["target"]["name"].removeprefix("live-"), []).append(one["kind"])
        return {name: sorted(kinds) for name, kinds in found.items()}


@pytest.mark.timeout(600)
async def test_an_edit_is_done_exactly_as_planned_whenever_the_worker_dies_and_taken_back(slot: Slot) -> None:
    # given a template's deployment
    project = await slot.platform.project("crash")
    shop = Shop(slot, project)
    empty = (await place(slot.platform, slot.cluster, project))["objects"]
    template = f"/v2/templates/{project}"
    await slot.platform.ask("POST", template, {"name": "shop", "kind": "kubernetes", "content": BEFORE}, expect=201)
    await slot.platform.done("POST", f"{template}/shop/deploy", {"deploymentName": "live"})
    before, ids, calm = await shop.state(), await shop.ids(), await shop.pods("calm")
    assert {change["action"] for change in (await shop.plan("upgrade")).values()} == {"unchanged"}

    # when it is edited, then the plan says what will happen to each, and what left goes last
    await slot.platform.ask("PUT", f"{template}/shop", {"content": AFTER})
    planned = await shop.plan("upgrade")
    assert {name: change["action"] for name, change in planned.items()} == PLANNED
    assert list(planned)[-1] == "old"
    assert planned["web"]["gray"]["batches"] == [1, 2]

    # when it is upgraded and the worker dies in the plan, while apps are accepted, and inside an app's own operation
    deaths = [
        Boundary(kind="stack.upgrade", project=project, step=1, side="after"),
        Boundary(kind="stack.upgrade", project=project, step=3, side="before"),
        Boundary(kind="app.upgrade", project=project, step=2, side="after"),
        Boundary(kind="app.create", project=project, step=3, side="before"),
    ]
    upgraded = await slot.run_dying(deaths, slot.platform.submit("POST", f"/v2/stacks/{project}/live/upgrade", {}))

    # then exactly what was planned has happened
    assert await shop.children(upgraded.id) == KINDS
    result = upgraded.result or {}
    told = {name: action for action in set(PLANNED.values()) for name in result[action]}
    assert told == {f"live-{name}": action for name, action in PLANNED.items()}
    after, now = await shop.state(), await shop.ids()
    assert set(now) == set(PLANNED) - {"old"}
    assert {name for name in now if now[name] == ids.get(name)} == {"store", "side", "calm", "web"}
    counts = {"store": 1, "side": 2, "calm": 1, "type": 1, "cache": 1, "web": 2}
    summaries = {f"live-{name}": f"{count}/{count} running" for name, count in counts.items()}
    assert {name: app["InstanceSummary"] for name, app in after.items()} == summaries
    assert (after["live-type"]["Type"], before["live-type"]["Type"]) == ("TApp", "Deployment")
    assert await shop.pods("calm") == calm, "what is unchanged is not touched"
    assert {change["action"] for change in (await shop.plan("upgrade")).values()} == {"unchanged"}

    # when it is rolled back, the worker dying again, then everything is as it was
    back = await shop.plan("rollback")
    assert {name: change["action"] for name, change in back.items()} == PLANNED | {"cache": "delete", "old": "create"}
    assert all(change["gray"] is None for change in back.values()), "a way back goes at once"
    dies = [Boundary(kind="stack.upgrade", project=project, step=2, side="after")]
    await slot.run_dying(dies, slot.platform.submit("POST", f"/v2/stacks/{project}/live/rollback", {}))
    assert await shop.state() == before
    assert await shop.pods("calm") == calm

    # when it is deleted, then nothing is left of it: no object in the namespace, no row in a list
    dies = [Boundary(kind="stack.delete", project=project, step=2, side="before")]
    await slot.run_dying(dies, slot.platform.submit("DELETE", f"/v2/stacks/{project}/live"))

    async def nothing_stands() -> bool:
        return bool((await place(slot.platform, slot.cluster, project))["objects"] == empty)

    await eventually(nothing_stands, f"the namespace is as empty as before: {empty}", 60)
    assert await shop.ids() == {}
    for listed in (f"/v2/stacks/{project}", f"/v2/composes/{project}", f"/v2/applications/{project}"):
        assert (await slot.platform.get(listed))["total"] == 0, listed
    assert (await slot.platform.get(f"/v2/stacks/{project}", template="shop"))["total"] == 0
    for gone in ("", "/graph", "/versions"):
        await slot.platform.ask("GET", f"/v2/stacks/{project}/live{gone}", expect=404)
    for gone in ("", "/revisions", "/autoscaling"):
        await slot.platform.ask("GET", f"/v2/applications/{project}/live-web{gone}", expect=404)
    await slot.platform.ask("GET", f"/v2/instances/{project}/live-web/lists", expect=404)
    await slot.platform.ask("GET", f"/v2/nameservice/{project}/live-web", expect=404)
    await slot.platform.ask("DELETE", f"{template}/shop")
    assert (await slot.platform.get(template))["total"] == 0
