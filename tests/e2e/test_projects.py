"""Projects through HTTP, and what stands in the cluster for them."""

from clients.kubernetes import Cluster
from model.operations import Status
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
