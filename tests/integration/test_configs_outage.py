"""Configuration while the cluster is away, and what is done to it while nobody watches: nothing is lost, all is made good."""

import os
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import yaml

from clients.kubernetes import Cluster
from model.operations import Status
from records import Records
from tests.instance import TOKEN, own_instance
from tests.platform import Platform, eventually, over_network
from tests.processes import Api, Process
from tests.tunnel import tunnel


def through(address: str) -> dict[str, Any]:
    """The kubeconfig of the environment with another way to the same cluster, whose certificate does not name it."""
    found: dict[str, Any] = yaml.safe_load(Path(os.environ["KUBECONFIG"]).read_text())
    for one in found["clusters"]:
        one["cluster"] = {"server": f"https://{address}", "insecure-skip-tls-verify": True}
    return found


def server() -> tuple[str, int]:
    """Where the cluster's API is."""
    found = yaml.safe_load(Path(os.environ["KUBECONFIG"]).read_text())
    parts = urlsplit(found["clusters"][0]["cluster"]["server"])
    assert parts.hostname
    return parts.hostname, parts.port or 443


async def test_an_outage_loses_no_change_and_hands_are_noticed_afterwards(cluster: Cluster, tmp_path: Path) -> None:
    async with own_instance(), tunnel(*server()) as way:
        kubeconfig = tmp_path / "kubeconfig"
        kubeconfig.write_text(yaml.safe_dump(through(way.address)))
        worker = Process(tmp_path / "worker.log", "worker", KUBECONFIG=str(kubeconfig))
        api = Api(tmp_path / "api.log", KUBECONFIG=str(kubeconfig))
        worker.start()
        await api.up()
        platform = Platform(over_network(api.url), TOKEN)
        try:
            project = await platform.project()
            path = f"/v2/configmaps/{project}/settings"
            await platform.ask("POST", f"/v2/configmaps/{project}", {"name": "settings", "data": {"a": "1"}}, wait=30)

            way.cut()
            changed = await platform.ask("POST", f"{path}/a", {"data": "2"}, expect=202, wait=1)
            assert changed["inCluster"] is False
            assert "is recorded" in changed["message"]
            read = await platform.get(path)
            assert read["data"] == {"a": "2"}
            assert "by the record alone" in read["message"]
            busy = await platform.ask("POST", f"{path}/a", {"data": "3"}, expect=409, wait=0)
            assert busy["OperationID"] == changed["OperationID"]
            await platform.ask("DELETE", f"{path}/a", expect=503, wait=0)  # who uses it cannot be known

            way.heal()
            await platform.wait(changed["OperationID"], Status.SUCCEEDED)
            assert (await cluster.get("ConfigMap", "settings", project))["data"] == {"a": "2"}

            await worker.kill()
            await cluster.patch("ConfigMap", "settings", project, {"data": {"a": "hacked"}})
            worker.start()

            async def back() -> bool:
                return bool((await cluster.get("ConfigMap", "settings", project))["data"] == {"a": "2"})

            await eventually(back, "what was done while nobody watched is made good", 60)
        finally:
            way.heal()
            await platform.clean()
            await api.kill()
            await worker.kill()


async def test_what_only_a_person_mends_is_not_tried_again_at_a_workers_start(
    platform: Platform, records: Records, worker: Process, cluster: Cluster
) -> None:
    """given an object in a group's way, when the worker starts anew, then nothing more is tried until somebody retries."""
    project = await platform.project()
    stranger = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "settings", "namespace": project}, "data": {"x": "1"}}
    await cluster.apply(stranger)
    made = await platform.ask("POST", f"/v2/configmaps/{project}", {"name": "settings", "data": {"a": "1"}}, expect=409, wait=30)
    failed = await platform.wait(made["OperationID"], Status.FAILED)
    # A group that is to be made good: when that is done the watch has looked at all.
    witness = await platform.ask("POST", f"/v2/configmaps/{project}", {"name": "witness", "data": {"a": "1"}}, wait=30)
    await platform.wait(witness["OperationID"])
    await worker.kill()
    await cluster.patch("ConfigMap", "witness", project, {"data": {"a": "hacked"}})
    worker.start()

    async def back() -> bool:
        return bool((await cluster.get("ConfigMap", "witness", project))["data"] == {"a": "1"})

    await eventually(back, "the other group is put back", 60)
    total, _ = await records.operations.page({"project": project, "target": "settings"}, None, None, 10)
    assert total == 1

    await cluster.delete("ConfigMap", "settings", project)
    await platform.retry(failed.id)
    assert (await cluster.get("ConfigMap", "settings", project))["data"] == {"a": "1"}
