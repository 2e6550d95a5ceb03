"""Deletions that a finalizer holds: told with the object, the finalizer and since when, and ended by an admin, on record."""

from typing import Any

import pytest

from clients.kubernetes import Cluster
from model.operations import OperationRecord, Status
from tests.e2e.test_cli import mooring
from tests.platform import Platform, eventually, unique

HELD = "example.com/held"
WEB = {"imageRef": "busybox", "cmd": "sleep 600", "terminationGracePeriodSeconds": 0}


async def told(platform: Platform, operation: str, *pieces: str) -> OperationRecord:
    """The record of a running operation once a step says all that."""

    async def says() -> bool:
        record = await platform.operation(operation)
        return any(all(piece in step.message for piece in pieces) for step in record.steps or [])

    await eventually(says, f"{operation} tells {', '.join(pieces)}")
    return await platform.operation(operation)


async def hold(cluster: Cluster, kind: str, name: str, project: str) -> None:
    await cluster.patch(kind, name, project, {"metadata": {"finalizers": [HELD]}})


async def release(platform: Platform, project: str, thing: str) -> OperationRecord:
    """An admin takes it off, from a terminal."""
    ran = await mooring("project", "release", project, "--object", thing, "--finalizer", HELD, "--yes")
    assert ran.code == 0, ran.err
    found = await platform.get("/v2/operations", project=project, kind="object.release")
    return await platform.operation(found["operations"][0]["id"])


@pytest.mark.parametrize("verb", ["kill", "delete"])
async def test_an_app_whose_pod_is_held_says_by_what_and_an_admin_ends_it(
    platform: Platform, cluster: Cluster, project: str, verb: str
) -> None:
    app = unique("app")
    await platform.done("POST", f"/v2/applications/{project}", {**WEB, "name": app})
    (pod,) = (await cluster.list("Pod", project, labelSelector=f"app.kubernetes.io/name={app}"))["items"]
    await hold(cluster, "Pod", pod["metadata"]["name"], project)
    path = f"/v2/applications/{project}/{app}"
    way: tuple[Any, ...] = ("DELETE", path) if verb == "delete" else ("POST", f"{path}/kill")
    operation = await platform.submit(*way)
    thing = f"pods/{pod['metadata']['name']}"
    record = await told(platform, operation, thing, HELD, "held since 20")
    assert record.status is Status.RUNNING
    released = await release(platform, project, thing)
    assert released.result == {"object": thing, "finalizers": [HELD]}
    assert (released.actor, released.target.name) == ("admin", thing)
    await platform.wait(operation)


async def test_a_group_that_is_held_says_by_what(platform: Platform, cluster: Cluster, project: str) -> None:
    await platform.done("POST", f"/v2/configmaps/{project}", {"name": "kept", "data": {"A": "1"}}, wait=0)
    await hold(cluster, "ConfigMap", "kept", project)
    reply = await platform.ask("DELETE", f"/v2/configmaps/{project}/kept", expect=202, wait=0)
    await told(platform, reply["OperationID"], "configmaps/kept", HELD)
    await release(platform, project, "configmaps/kept")
    await platform.wait(reply["OperationID"])


async def test_a_project_that_is_held_names_the_object_in_it(platform: Platform, cluster: Cluster) -> None:
    project = await platform.project()
    metadata = {"name": "strange", "namespace": project, "finalizers": [HELD]}
    await cluster.apply({"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata})
    operation = await platform.submit("DELETE", f"/v2/projects/{project}")
    await told(platform, operation, "configmaps/strange", HELD, "held since 20")
    member = await platform.user("admin", project)
    body = {"object": "configmaps/strange", "finalizers": [HELD]}
    await member.ask("POST", f"/v2/projects/{project}/release", body, expect=403)
    await release(platform, project, "configmaps/strange")
    await platform.wait(operation)
    assert await cluster.find("Namespace", project) is None


async def test_only_what_is_being_deleted_in_the_project_is_released(platform: Platform, cluster: Cluster, project: str) -> None:
    metadata = {"name": "lives", "namespace": project, "finalizers": [HELD]}
    await cluster.apply({"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata})
    path = f"/v2/projects/{project}/release"
    operation = await platform.submit("POST", path, {"object": "configmaps/lives", "finalizers": [HELD]})
    record = await platform.wait(operation, Status.FAILED)
    assert record.error is not None
    assert "is not being deleted" in record.error.message
    await platform.ask("POST", path, {"object": "namespaces/default", "finalizers": [HELD]}, expect=422)
    await cluster.patch("ConfigMap", "lives", project, {"metadata": {"finalizers": None}})
