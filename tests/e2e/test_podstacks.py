"""Pod stacks through HTTP, on the real cluster: the manual's bodies, several containers in one app, and what is refused."""

import json
from pathlib import Path
from typing import Any

import pytest

from clients.kubernetes import Cluster
from tests.platform import Platform, unique

MANUAL = json.loads((Path(__file__).parents[1] / "data" / "podstack-create.json").read_text())
STAYS = "command: [sh, -c, 'httpd -p 8080; httpd -p 80; trap exit TERM; sleep 9999 & wait']"


def swapped(content: str) -> str:
    """The manual's document with images that are here, and stay."""
    for image in ("docker.oa.com:8080/public/mysql:latest", "docker.oa.com:8080/public/2048:latest"):
        content = content.replace(f"image: {image}", f"image: busybox\n  {STAYS}")
    return content


@pytest.fixture(scope="module")
async def pod666(platform: Platform, project: str) -> dict[str, Any]:
    """The manual's app, deployed; the reply of its creation."""
    body = {**MANUAL, "content": swapped(MANUAL["content"])}
    made: dict[str, Any] = await platform.ask("POST", f"/v2/podstack/{project}", body, expect=202)
    await platform.wait(made["OperationID"])
    return made


async def test_the_manuals_body_makes_one_app_of_two_containers(
    platform: Platform, project: str, cluster: Cluster, pod666: dict[str, Any]
) -> None:
    app = await platform.get(f"/v2/applications/{project}/pod666")
    assert (app["AppID"], app["Status"], app["InstanceSummary"]) == (pod666["AppID"], "RUNNING", "3/3 running")
    assert app["containers"] == ["mysql", "2048app"]
    pod = (await cluster.get("Deployment", "pod666", project))["spec"]["template"]["spec"]
    assert [c["name"] for c in pod["containers"]] == ["mysql", "2048app"]
    assert {v["name"] for v in pod["volumes"]} == {"rethinkdb-storage", "mysql-log", "mysql-data", "2048app-log"}
    operation = await platform.operation(pod666["OperationID"])
    assert "hhh" not in operation.model_dump_json(), "the record keeps no value of the document's environment"


async def test_a_field_of_the_instance_is_a_variable(platform: Platform, project: str, pod666: dict[str, Any]) -> None:
    name = unique("p")
    said = "command: [sh, -c, 'echo I am $(WHO) in $(WHERE); trap exit TERM; sleep 9999 & wait']"
    env = (
        "env:\n  - {name: WHERE, valueFrom: {fieldRef: {fieldPath: metadata.namespace}}}\n"
        "  - {name: WHO, valueFrom: {fieldRef: {fieldPath: metadata.name}}}\n"
    )
    body = {"stackInstanceName": name, "content": f"containers:\n- name: c\n  image: busybox\n  {said}\n  {env}"}
    await platform.done("POST", f"/v2/podstack/{project}", body)
    listed = await platform.get(f"/v2/instances/{project}/{name}/lists")
    instance = listed["instances"][0]["name"]
    log = (await platform.http.get(f"/v2/containers/{project}/{instance}/c/logs")).text
    assert f"I am {instance} in {project}" in log


async def test_an_update_with_the_manuals_body_and_a_rollout_of_one_container(
    platform: Platform, project: str, pod666: dict[str, Any]
) -> None:
    content = swapped(MANUAL["content"]).replace("value: 2048app", "value: changed").replace("replicas: 3", "replicas: 2")
    await platform.done("POST", f"/v2/podstack/{project}/pod666", {"content": content}, app_id=pod666["AppID"])
    app = await platform.get(f"/v2/applications/{project}/pod666")
    assert (app["AppID"], app["revision"], app["InstanceSummary"]) == (pod666["AppID"], 2, "2/2 running")
    revisions = await platform.get(f"/v2/applications/{project}/pod666/revisions")
    assert [change["field"] for change in revisions["revisions"][0]["changes"]] == ["containers.2048app.env"]

    path = f"/v2/applications/{project}/pod666/rollout"
    refused = await platform.ask("POST", path, {"image": "busybox:1.35"}, expect=422)
    assert "mysql, 2048app" in refused["Message"]
    await platform.done("POST", path, {"image": "busybox:1.35", "container": "2048app", "minReadySeconds": 0})
    newest = (await platform.get(f"/v2/applications/{project}/pod666/revisions"))["revisions"][0]
    assert (newest["revision"], newest["images"]) == (3, {"mysql": "busybox", "2048app": "busybox:1.35"})


async def test_a_document_without_replicas_leaves_their_number(platform: Platform, project: str) -> None:
    name = unique("p")
    body = {"stackInstanceName": name, "content": f"containers:\n- {{name: c, image: busybox, {STAYS}}}\nreplicas: 2\n"}
    await platform.done("POST", f"/v2/podstack/{project}", body)
    without = {"content": body["content"].replace("replicas: 2\n", "")}
    assert (await platform.ask("POST", f"/v2/podstack/{project}/{name}", without))["unchanged"]
    changed = {"content": without["content"].replace("sleep 9999", "sleep 9998")}
    await platform.done("POST", f"/v2/podstack/{project}/{name}", changed)
    assert (await platform.get(f"/v2/applications/{project}/{name}"))["InstanceNum"] == 2


async def test_what_is_wrong_is_told_with_its_line_and_nothing_begins(platform: Platform, project: str) -> None:
    content = "containers:\n- name: a\n  image: ~nobody/x\nvolumes:\n- name: v\n  hostPath: {path: /}\nhostNetwork: true\n"
    body = {"stackInstanceName": unique("p"), "content": content}
    refused = await platform.ask("POST", f"/v2/podstack/{project}", body, expect=422)
    told = [(p["line"], p["field"]) for p in refused["problems"]]
    assert {(6, "volumes[0].hostPath"), (7, "hostNetwork")} <= set(told)
    await platform.ask("GET", f"/v2/applications/{project}/{body['stackInstanceName']}", expect=404)
    changed = await platform.ask("POST", f"/v2/podstack/{project}/nobody", {"content": "replicas: 1"}, expect=422)
    assert changed["problems"][0]["field"] == "containers"


async def test_a_viewer_may_not_and_a_stranger_sees_nothing(platform: Platform, project: str) -> None:
    viewer, stranger = await platform.user("viewer", project), await platform.user()
    body = {"stackInstanceName": unique("p"), "content": f"containers:\n- {{name: c, image: busybox, {STAYS}}}\n"}
    await viewer.ask("POST", f"/v2/podstack/{project}", body, expect=403)
    await stranger.ask("POST", f"/v2/podstack/{project}", body, expect=404)
