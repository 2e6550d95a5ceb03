"""An app, the records and the cluster of its moves, in memory: what is applied stands at once, as controllers would have it."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Callable, Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

from clients.watch import Changed
from model.apps import App, AppSpec, ContainerSpec, JobRun, Revision
from model.errors import ClusterUnreachable, Conflict
from model.layouts import Layout
from model.operations import TERMINAL, Ask
from model.suspension import NoRoom, Suspended

Object = dict[str, Any]
NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)
LONG_AGO = (NOW - timedelta(hours=1)).isoformat()
REVISIONS = {
    number: Revision(
        app_id="ab" * 32,
        number=number,
        spec=AppSpec(type="TApp", containers=(ContainerSpec(name="web", image=f"busybox:v{number}"),), min_ready_seconds=0),
        digests={"web": f"sha256:{str(number) * 64}"},
        created_at=NOW,
        created_by="ann",
        reason="",
    )
    for number in (1, 2, 3)
}


class FakeCluster:
    """Objects by kind and name, and the controllers: what is applied stands at once, but for instances in `broken`.

    Of a Deployment in `stuck` new instances do not get ready: it goes no further than its maxUnavailable lets it.
    """

    def __init__(self) -> None:
        self.objects: dict[tuple[str, str], Object] = {}
        self.broken: set[str] = set()
        self.stuck: set[str] = set()
        self.refused: set[str] = set()
        self.lags = False
        self._count = 0
        self._version = 0

    def names(self, kind: str) -> list[str]:
        return sorted(name for found, name in self.objects if found == kind)

    async def apply(self, obj: Object, *, force: bool = True) -> Object:
        key = (obj["kind"], obj["metadata"]["name"])
        if key[1] in self.refused:
            raise ClusterUnreachable("away")
        known = self.objects.get(key)
        if known and known.get("by") == "hand" and not force:
            raise Conflict("The cluster says: conflict.")
        self._count += 1
        made = json.loads(json.dumps(obj))
        generation = known["metadata"]["generation"] + 1 if known else 1
        made["metadata"] |= {"uid": known["metadata"]["uid"] if known else f"uid-{self._count}", "generation": generation}
        made["status"] = known.get("status", {}) if known else {}
        self.objects[key] = made
        self.control()
        return self._told(made)

    async def list(self, kind: str, namespace: str = "", labelSelector: str = "", **_: str) -> Object:
        key, _, value = labelSelector.partition("=")
        found = [o for (k, _), o in self.objects.items() if k == kind and o["metadata"]["labels"].get(key) == value]
        for item in found:
            self._version += 1
            item["metadata"]["resourceVersion"] = str(self._version)
        return {"metadata": {"resourceVersion": str(self._version)}, "items": json.loads(json.dumps(found))}

    async def find(self, kind: str, name: str, namespace: str) -> Object | None:
        return self.objects.get((kind, name))

    async def patch(self, kind: str, name: str, namespace: str, change: Object, *, strategic: bool = False) -> Object:
        found = self.objects[kind, name]
        for part in ("labels", "annotations"):
            found["metadata"].setdefault(part, {}).update(change.get("metadata", {}).get(part, {}))
        if "replicas" in change.get("spec", {}):
            found["spec"]["replicas"] = change["spec"]["replicas"]
            found["metadata"]["generation"] += 1
        for container in change.get("spec", {}).get("containers", []):
            found["spec"]["containers"][0]["image"] = container["image"]
        self.control()
        return self._told(found)

    async def delete(self, kind: str, name: str, namespace: str, *, uid: str | None = None) -> bool:
        was = self.objects.pop((kind, name), None)
        if kind == "Pod":  # its maker makes another
            self.control()
        return was is not None

    def _told(self, item: Object) -> Object:
        self._version += 1
        item["metadata"]["resourceVersion"] = str(self._version)
        told: Object = json.loads(json.dumps(item))
        return told

    def control(self) -> None:
        if self.lags:
            return
        for (kind, name), item in list(self.objects.items()):
            if kind == "Deployment":
                count = item["spec"]["replicas"]
                counts = {"replicas": count, "updatedReplicas": count, "availableReplicas": 0 if name in self.broken else count}
                if name in self.stuck and item["spec"]["strategy"]["rollingUpdate"]["maxUnavailable"] != "100%":
                    counts["updatedReplicas"] = 1
                item["status"] = {**counts, "observedGeneration": item["metadata"]["generation"]}
            elif kind == "StatefulSet" and item["spec"]["replicas"]:
                self.objects.setdefault(("Pod", f"{name}-0"), self._pod(name, item))
            elif kind == "StatefulSet":
                self.objects.pop(("Pod", f"{name}-0"), None)

    def _pod(self, name: str, item: Object) -> Object:
        self._count += 1
        template = json.loads(json.dumps(item["spec"]["template"]))
        ready = name not in self.broken
        status = {"name": "web", "containerID": f"c-{self._count}", "ready": ready, "state": {"running": {"startedAt": LONG_AGO}}}
        conditions = [{"type": "Ready", "status": str(ready), "lastTransitionTime": LONG_AGO}]
        metadata = {**template["metadata"], "name": f"{name}-0", "uid": f"uid-{self._count}"}
        return {
            "metadata": metadata,
            "spec": template["spec"],
            "status": {"phase": "Running", "containerStatuses": [status], "conditions": conditions},
        }


class FakeImages:
    """Only says where the registry is."""

    registry = "localhost:5000"


class Unsure(Changed):
    """Something may always have changed: read."""

    async def wait(self, seconds: float) -> bool:
        """Come at once, after everybody else had a turn."""
        await asyncio.sleep(0)
        return True

    @property
    def pending(self) -> bool:
        """Always."""
        return True

    def take(self) -> None:
        """Nothing is told."""


class FakeSuspensions:
    """Keeps which steps were suspended; `taken` says whether they are."""

    def __init__(self) -> None:
        self.suspended: list[str] = []
        self.released: list[str] = []
        self.without_room: NoRoom | None = None

    async def suspend(
        self, ask: Ask, workflow_id: str, place: tuple[str, str], kinds: Iterable[str], look: int, no_room: NoRoom | None
    ) -> Suspended:
        self.suspended.append(ask.operation_id)
        self.without_room = no_room
        return Suspended(seconds=10)

    async def no_room(self, operation_id: str) -> NoRoom | None:
        return self.without_room

    async def release(self, operation_id: str) -> None:
        self.released.append(operation_id)

    async def forget(self, operation_id: str) -> None:
        pass


class FakeWatches:
    """Hints that come at once, and say: read."""

    @contextlib.asynccontextmanager
    async def subscribed(self, *_: str) -> AsyncIterator[Changed]:
        yield Unsure()


class FakeRecords:
    """One app, its layouts by id, and the operations by id; it stands for its own stores.

    `within` is what was scaled in an upgrade's pauses, the newest first.
    """

    def __init__(self, app: App, *layouts: Layout) -> None:
        self.app = app
        self.layouts = dict(enumerate(layouts, 1))
        self.rows: dict[str, Object] = {"op-1": {"preempted_by": None, "ask": {}}}
        self.within: list[Object] = []
        self.asked: Callable[[], None] = lambda: None
        self.settles: int | None = 0

    @property
    def apps(self) -> "FakeRecords":
        return self

    @property
    def operations(self) -> "FakeRecords":
        return self

    @property
    def configs(self) -> "FakeRecords":
        return self

    async def veil(self, project_id: str, pods: Iterable[Object]) -> Callable[[str], str]:
        return lambda text: text

    async def scalings(self, project: str, app: str, upgrade: str) -> list[Object]:
        return [row for row in self.within if row["ask"]["within"] == upgrade]

    async def take_from(self, operation_id: str, by: str) -> bool:
        found = next(row for row in self.within if row["id"] == operation_id)
        found |= {"status": "CANCELLING", "preempted_by": by}
        return True

    async def wait_settled(self, operation_id: str, seconds: float) -> bool:
        found = next(row for row in self.within if row["id"] == operation_id)
        return found["status"] in TERMINAL

    async def get(self, operation_id: str) -> Object:
        self.asked()
        return self.rows[operation_id]

    async def by_id(self, app_id: str) -> App:
        return self.app

    async def layout(self, number: int) -> Layout:
        return self.layouts[number]

    async def set_layout(self, app_id: str, layout: Layout) -> None:
        self.app = self.app.model_copy(update={"layout": layout})

    async def numbered(self, app_id: str, numbers: Iterable[int]) -> dict[int, Revision]:
        return {number: await self.revision(app_id, number) for number in numbers}

    async def revision(self, app_id: str, number: int) -> Revision:
        job = JobRun() if self.app.type == "Job" else None
        spec = REVISIONS[number].spec.model_copy(update={"type": self.app.type, "job": job, "min_ready_seconds": self.settles})
        return REVISIONS[number].model_copy(update={"spec": spec})


def app_of(layout: Layout) -> App:
    made = {"project": "shop", "project_id": "prj-1", "name": "web", "cluster": "default", "phase": "LIVE", "username": "ann"}
    return App.model_validate(
        {"id": "ab" * 32, **made, "type": layout.type, "layout": layout, "created_at": NOW, "created_by": "ann"}
    )
