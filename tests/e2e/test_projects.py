"""Projects through HTTP, and what stands in the cluster for them."""

from clients import registry
from clients.kubernetes import Cluster
from clients.settings import Settings
from model.operations import Status
from tests.images import publish
from tests.platform import Platform, eventually, unique


async def test_a_project_is_a_guarded_namespace_and_goes_with_it(platform: Platform, cluster: Cluster) -> None:
    name = unique("t")
    created = await platform.done("POST", "/v2/projects", {"name": name, "description": "shop"})
    assert [step.title for step in created.steps or []] == ["Create the namespace", "Open the project"]
    assert (created.progress.done, created.progress.total) == (2, 2)

    namespace = await cluster.get("Namespace", name)
    assert namespace["metadata"]["labels"]["pod-security.kubernetes.io/enforce"] == "baseline"
    assert (await platform.get(f"/v2/projects/{name}"))["status"] == "ACTIVE"

    await platform.done("DELETE", f"/v2/projects/{name}")
    assert await cluster.find("Namespace", name) is None
    await platform.ask("GET", f"/v2/projects/{name}", expect=404)


async def test_the_name_of_a_strange_namespace_is_refused_with_what_to_do(platform: Platform, cluster: Cluster) -> None:
    name = unique("t")
    await cluster.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})
    operation = await platform.submit("POST", "/v2/projects", {"name": name})
    failed = await platform.wait(operation, Status.FAILED)
    assert failed.error is not None
    assert failed.error.reason == "Conflict"
    assert name in failed.error.message
    stranger = await cluster.get("Namespace", name)
    assert "pod-security.kubernetes.io/enforce" not in stranger["metadata"]["labels"]

    await cluster.delete("Namespace", name)

    async def gone() -> bool:
        return await cluster.find("Namespace", name) is None

    await eventually(gone, f"the namespace {name} is gone")
    retried = await platform.retry(operation)
    assert retried.attempt == 2
    await platform.done("DELETE", f"/v2/projects/{name}")


async def test_the_images_of_a_deleted_project_are_not_the_next_ones_of_its_name(platform: Platform) -> None:
    name = platform.will_have(unique("t"))
    await platform.done("POST", "/v2/projects", {"name": name})
    neighbour = f"{name}-2"
    digest = await publish("v1", name, f"{name}/web")
    await publish("v2", f"{name}-2", f"{name}/web")
    await publish("v1", name, f"{neighbour}/web")
    images = registry.connect(Settings().mooring_registry)
    assert await images.digest_of(f"{name}/web", "v1") == digest

    deleted = await platform.done("DELETE", f"/v2/projects/{name}")
    assert "Remove its images" in [step.title for step in deleted.steps or []]
    await platform.done("POST", "/v2/projects", {"name": name})
    for reference in ("v1", "v2", digest):
        assert await images.digest_of(f"{name}/web", reference) is None
    assert await images.digest_of(f"{neighbour}/web", "v1") == digest
    assert await images.remove_all(f"{neighbour}/web", [digest]) == 1
    assert await images.remove_all(f"{neighbour}/web", [digest]) == 0
    await images.close()
