"""What holds a deletion is told: which object, which finalizer, since when, and whom to ask."""

import dataclasses
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from pydantic import ValidationError
from temporalio.testing import ActivityEnvironment

from activities.releases import ReleaseActivities
from cli.commands_told import told
from clients.kubernetes import Cluster
from clients.leftovers import find_object
from model.errors import Conflict, DeletionHeld, NotFound
from model.held import Release, ReleaseObject, deletion_held, failures, held, resources_left

Object = dict[str, Any]
NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)
EARLIER = (NOW - timedelta(seconds=30)).isoformat().replace("+00:00", "Z")
# As the namespace controller of Kubernetes 1.33 writes them.
TERMINATING: Object = {
    "metadata": {"name": "shop"},
    "status": {
        "phase": "Terminating",
        "conditions": [
            {
                "type": "NamespaceDeletionDiscoveryFailure",
                "status": "True",
                "reason": "DiscoveryFailed",
                "message": "Discovery failed for some groups, 1 failing: stale GroupVersion discovery: metrics.k8s.io/v1beta1",
            },
            {"type": "NamespaceDeletionContentFailure", "status": "False", "message": "All content successfully deleted"},
            {
                "type": "NamespaceContentRemaining",
                "status": "True",
                "message": "Some resources are remaining: configmaps. has 1 resource instances, widgets.example.com has 2 resource "
                "instances",
            },
        ],
    },
}


def item(name: str, *finalizers: str, deleted: str | None = EARLIER) -> Object:
    metadata: Object = {"name": name, "uid": "u", "resourceVersion": "7", "finalizers": list(finalizers)}
    return {"metadata": metadata | ({"deletionTimestamp": deleted} if deleted else {})}


def test_only_what_was_to_be_gone_and_somebody_holds_is_told() -> None:
    later = (NOW + timedelta(seconds=30)).isoformat()
    items = [
        item("a", "example.com/held", "foregroundDeletion"),
        item("b", "foregroundDeletion", "batch.kubernetes.io/job-tracking"),
        item("c", "example.com/held", deleted=None),
        item("d", "example.com/held", deleted=later),
        item("e"),
    ]
    (found,) = held("configmaps", items, NOW)
    assert found.text == f"configmaps/a is held since {EARLIER} by the finalizer 'example.com/held'"


def test_a_namespace_tells_what_is_left_and_what_cannot_be_removed() -> None:
    assert resources_left(TERMINATING) == ["configmaps", "widgets.example.com"]
    (failure,) = failures(TERMINATING)
    assert "metrics.k8s.io/v1beta1" in failure


def test_the_hint_is_the_command_that_ends_it() -> None:
    error = deletion_held(
        "The namespace 'shop'", "shop", held("configmaps", [item("a", "example.com/held")], NOW), ["the API is away"]
    )
    assert isinstance(error, DeletionHeld)
    for piece in ("configmaps/a", "'example.com/held'", EARLIER, "the API is away"):
        assert piece in error.message
    assert error.fault == "cluster"
    assert "mooring project release shop --object configmaps/a --finalizer example.com/held" in told(error.hint)


@pytest.mark.parametrize(
    "body",
    [
        {"object": "configmaps", "finalizers": ["a"]},
        {"object": "../secrets/x", "finalizers": ["a"]},
        {"object": "configmaps/../x", "finalizers": ["a"]},
        {"object": "configmaps/x?y", "finalizers": ["a"]},
        {"object": "configmaps/x", "finalizers": []},
        {"object": "configmaps/x", "finalizers": ["foregroundDeletion"]},
        {"object": "configmaps/x", "finalizers": ["a\n"]},
    ],
)
def test_no_other_object_and_no_finalizer_of_the_clusters_own_can_be_meant(body: Object) -> None:
    with pytest.raises(ValidationError):
        Release.model_validate(body)


def served(*names: str, **more: Any) -> Object:
    return {"resources": [{"name": name, "singularName": name.removesuffix("s"), "namespaced": True, **more} for name in names]}


DISCOVERY: Object = {
    "/api/v1": {
        "resources": [*served("configmaps", shortNames=["cm"])["resources"], *served("nodes", namespaced=False)["resources"]]
    },
    "/apis/example.com": {
        "preferredVersion": {"groupVersion": "example.com/v2"},
        "versions": [{"groupVersion": "example.com/v2"}, {"groupVersion": "example.com/v1"}],
    },
    "/apis/example.com/v2": served("gadgets"),
    "/apis/example.com/v1": served("gadgets", "widgets"),
}


class FakeCluster(Cluster):
    """One object; `changed` times somebody else is quicker."""

    def __init__(self, found: Object, changed: int = 0) -> None:
        self.found, self.changed, self.paths = found, changed, list[str]()

    async def ask(self, method: str, path: str, body: Object | None = None, **_: str) -> Object:
        if path in DISCOVERY:
            return DISCOVERY[path]
        self.paths.append(f"{method} {path}")
        if "/namespaces/" not in path or self.found == {}:
            raise NotFound("The cluster says: the server could not find the requested resource")
        if method == "PATCH":
            if self.changed:
                self.changed -= 1
                raise Conflict("changed")
            assert body is not None
            self.found["metadata"] |= body["metadata"]
        return json.loads(json.dumps(self.found))


async def run(step: Callable[..., Any], ask: ReleaseObject) -> Any:
    environment = ActivityEnvironment()
    environment.info = dataclasses.replace(environment.info, scheduled_time=datetime.now(UTC))
    return await environment.run(step, ask)


ASK = ReleaseObject(
    operation_id="op-1", project="shop", target="configmaps/a", actor="ann", object="configmaps/a", finalizers=("example.com/held",)
)


async def test_the_named_finalizers_go_and_no_others() -> None:
    cluster = FakeCluster(item("a", "example.com/held", "other.org/kept"), changed=2)
    step = ReleaseActivities(cluster).take_finalizers
    assert await run(step, ASK) == ["example.com/held"]
    assert cluster.found["metadata"]["finalizers"] == ["other.org/kept"]
    assert set(cluster.paths) == {f"{method} /api/v1/namespaces/shop/configmaps/a" for method in ("GET", "PATCH")}
    assert await run(step, ASK) == []


async def test_what_is_not_being_deleted_keeps_its_finalizers() -> None:
    cluster = FakeCluster(item("a", "example.com/held", deleted=None))
    with pytest.raises(Conflict, match="is not being deleted"):
        await run(ReleaseActivities(cluster).take_finalizers, ASK)
    assert cluster.found["metadata"]["finalizers"] == ["example.com/held"]


@pytest.mark.parametrize(
    ("thing", "write"),
    [
        ("configmap/a", "Write configmaps,"),
        ("cm/a", "Write configmaps,"),
        ("widget.example.com/a", "Write widgets.example.com,"),
        ("nodes/a", "Write its plural with its group"),
        ("deployments/a", "Write its plural with its group"),
        ("deployments.none/a", "Write its plural with its group"),
    ],
)
async def test_a_resource_that_the_cluster_has_not_is_refused_with_what_to_write(thing: str, write: str) -> None:
    with pytest.raises(NotFound, match="has no resource") as told:
        await run(ReleaseActivities(FakeCluster({})).take_finalizers, ASK.model_copy(update={"object": thing}))
    assert write in told.value.hint


async def test_an_object_is_looked_for_in_every_served_version_and_one_that_has_gone_is_released() -> None:
    cluster = FakeCluster(item("a"))
    await find_object(cluster, "shop", "widgets.example.com/a")
    await find_object(cluster, "shop", "gadgets.example.com/a")
    versions = [path.removeprefix("GET /apis/example.com/").partition("/")[0] for path in cluster.paths]
    assert versions == ["v1", "v2"]
    assert await run(ReleaseActivities(FakeCluster({})).take_finalizers, ASK) == []
