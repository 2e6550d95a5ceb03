"""The manual's bodies as they stand in it, images swapped: compose, podstack and the whole create body (issue 5)."""

import asyncio
import json
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from clients.kubernetes import Cluster, Object
from model.operations import OperationRecord
from tests.platform import Platform

DATA = Path(__file__).parents[1] / "data"
STAYS = "busybox\n  command: [sh, -c, 'trap exit TERM; sleep 9999 & wait']"
LISTENS = "busybox\n  command: [sh, -c, 'httpd -p {}; trap exit TERM; sleep 9999 & wait']"
NOT_YET = ("volumes", "internalVolumes")
GROUPS = {"special-config": ("game-config", "game-config2.conf"), "special-config2": ("HELLO", "WORLD")}


def manual(name: str, **images: str) -> dict[str, Any]:
    """The body of that name, with other images in its document."""
    body: dict[str, Any] = json.loads((DATA / f"{name}.json").read_text())
    for image, other in images.items():
        body["content"] = body["content"].replace(f"docker.oa.com:8080/public/{image}", other)
    return body


async def pods(cluster: Cluster, project: str, app: str) -> list[Object]:
    """The app's pods."""
    found: list[Object] = (await cluster.list("Pod", project, labelSelector=f"mooring.io/app={app}"))["items"]
    return found


def created(pod: Object) -> datetime:
    """When it was made."""
    return datetime.fromisoformat(pod["metadata"]["creationTimestamp"])


def ready(pod: Object) -> datetime:
    """When it became ready."""
    return datetime.fromisoformat(next(c["lastTransitionTime"] for c in pod["status"]["conditions"] if c["type"] == "Ready"))


async def test_the_compose_body_starts_c1_after_c2_and_c3_are_ready(platform: Platform, cluster: Cluster) -> None:
    # given the manual's body, and a project of its own for the manual's names
    project = await platform.project("manual")
    body = manual("compose-create", helloworld=STAYS)
    # when it is deployed
    accepted = await platform.ask("POST", f"/v2/composes/{project}", body, expect=202)
    assert accepted["stackInstanceName"] == "compose"
    await platform.wait(accepted["OperationID"])
    # then each app is called deployment name + "-" + name, with the manual's numbers
    listed = await platform.get(f"/v2/applications/{project}")
    shown = {app["Name"]: (app["InstanceSummary"], app["ResInfo"]["mem"]) for app in listed["applications"]}
    memory = {"compose-c1": 256, "compose-c2": 256, "compose-c3": 128}
    count = {"compose-c1": 2, "compose-c2": 1, "compose-c3": 3}
    assert shown == {name: (f"{count[name]}/{count[name]} running", str(memory[name] * 2**20)) for name in count}
    # and no pod of c1 was made before all of c2 and c3 were ready, by the cluster's own clock and by the records
    first = min(created(pod) for pod in await pods(cluster, project, "compose-c1"))
    for name in ("compose-c2", "compose-c3"):
        assert max(ready(pod) for pod in await pods(cluster, project, name)) <= first, f"c1 starts only after {name} is ready"
    children = await platform.get("/v2/operations", parent=accepted["OperationID"])
    records = {one["target"]["name"]: OperationRecord.model_validate(one) for one in children["operations"]}
    assert {record.kind for record in records.values()} == {"app.create"}
    for name in ("compose-c2", "compose-c3"):
        assert records[name].finished_at is not None
        assert records[name].finished_at <= records["compose-c1"].created_at  # type: ignore[operator]
    (container,) = (await pods(cluster, project, "compose-c1"))[0]["spec"]["containers"]
    assert {"name": "CONTAINER_NAME", "value": "c1"} in container["env"]


async def test_the_podstack_body_is_one_app_of_its_name(platform: Platform, cluster: Cluster) -> None:
    project = await platform.project("manual")
    body = manual("podstack-create", **{"mysql:latest": LISTENS.format(8080), "2048:latest": LISTENS.format(80)})
    made = await platform.ask("POST", f"/v2/podstack/{project}", body, expect=202)
    assert made["Name"] == "pod666"
    await platform.wait(made["OperationID"])
    app = await platform.get(f"/v2/applications/{project}/pod666")
    assert (app["InstanceSummary"], app["containers"]) == ("3/3 running", ["mysql", "2048app"])
    assert app["scale"] == body["scale"]
    for pod in await pods(cluster, project, "pod666"):
        assert all(status["ready"] for status in pod["status"]["containerStatuses"])


async def test_the_whole_create_body_but_disks_deploys(platform: Platform, cluster: Cluster) -> None:
    # given the groups and the node labels that the body names
    project = await platform.project("manual")
    body = manual("app-create")
    (node,) = (await cluster.list("Node"))["items"][:1]
    await cluster.patch("Node", node["metadata"]["name"], None, {"metadata": {"labels": body["nodeLabels"]}})
    for kind in ("configmaps", "secrets"):
        for group, keys in GROUPS.items():
            data = dict.fromkeys(keys, "bWFudWFs" if kind == "secrets" else "plain")
            await platform.done("POST", f"/v2/{kind}/{project}", {"name": group, "data": data}, wait=0)
    # when it is sent as it is, then what is not carried out is named
    refused = await platform.ask("POST", f"/v2/applications/{project}", body, expect=501)
    assert "volumes" in refused["Message"]
    # when it is sent without the disks
    asked = {**{field: value for field, value in body.items() if field not in NOT_YET}, "imageRef": "busybox"}
    accepted = await platform.ask("POST", f"/v2/applications/{project}", asked, expect=202)
    await platform.wait(accepted["OperationID"])
    # then every field is what was asked for
    app = await platform.get(f"/v2/applications/{project}/demoapp")
    same = ("configMap", "secret", "scale", "nodeLabels")
    assert {field: app[field] for field in same} == {field: body[field] for field in same}
    assert (app["Name"], app["Status"], app["InstanceSummary"]) == ("demoapp", "RUNNING", "2/2 running")
    assert (app["Environments"], app["PortsInfo"]) == (body["dockerEnv"], body["portMappings"])
    assert (app["ResInfo"], app["Username"], app["Cmd"]) == (body["resources"], "Jack", "sleep 10000")
    for pod in await pods(cluster, project, "demoapp"):
        (container,) = pod["spec"]["containers"]
        paths = [mount["mountPath"] for mount in container["volumeMounts"]]
        assert sorted(paths) == ["/data/dir", "/etc/config", "/log/dir"]
        assert {"PATH1", "PATH2", "HELLO", "WORLD"} <= {env["name"] for env in container["env"]}
        assert pod["spec"]["nodeName"] == node["metadata"]["name"]
    counted = await asyncio.gather(*(platform.get(f"/v2/{kind}/{project}/special-config") for kind in ("configmaps", "secrets")))
    assert [group["appMapNum"] for group in counted] == [dict.fromkeys(GROUPS["special-config"], 1)] * 2
    # and what it uses is kept for it
    held = await platform.ask("DELETE", f"/v2/configmaps/{project}/special-config/game-config", expect=409)
    assert "demoapp" in held["Message"]


@pytest.mark.parametrize("field", NOT_YET)
async def test_a_disk_is_never_silently_ignored(platform: Platform, project: str, field: str) -> None:
    body = manual("app-create")
    kept = {name: value for name, value in body.items() if name not in NOT_YET or name == field}
    refused = await platform.ask("POST", f"/v2/applications/{project}", kept, expect=501)
    assert field in refused["Message"]
    assert refused["Reason"] == "NotImplementedYet"
