"""ConfigMaps and Secrets: the manual request by request, versions, rights, sizes, hands in the cluster (manual: 配置管理)."""

import asyncio
import base64
import json
from typing import Any

import pytest

from clients.kubernetes import Cluster
from tests.platform import Platform, eventually, unique

GAME = "\nSPECIAL_LEVEL_KEY=very\nSPECIAL_TYPE_KEY=charm\nlog_level=INFO"
SECRET_GAME = "ClNQRUNJQUxfTEVWRUxfS0VZPXZlcnkKU1BFQ0lBTF9UWVBFX0tFWT1jaGFybQpsb2dfbGV2ZWw9SU5GTw=="
EXAMPLES = {
    "configmaps": ({"game-config": GAME, "HELLO": "world"}, "Kitty"),
    "secrets": ({"game-config": SECRET_GAME, "HELLO": "MjIyMjIyCg=="}, "MTIzNDU2Cg=="),
}
KINDS = pytest.mark.parametrize("kind", EXAMPLES)


async def group(platform: Platform, project: str, kind: str = "configmaps", **data: str) -> str:
    """A group of the test's own; its path."""
    name = unique("group")
    await platform.done("POST", f"/v2/{kind}/{project}", {"name": name, "data": data}, wait=0)
    return f"/v2/{kind}/{project}/{name}"


@KINDS
async def test_the_manuals_requests_give_the_manuals_replies(platform: Platform, kind: str) -> None:
    project = await platform.project()
    there, (data, changed) = f"/v2/{kind}/{project}", EXAMPLES[kind]
    assert await platform.get(f"{there}/validate", name="special-config") == {"Code": 0, "Message": ""}
    made = await platform.ask("POST", there, {"name": "special-config", "data": data})
    manual = {"name": "special-config", "projectName": project, "userName": "admin", "configNum": 2, "data": data}
    assert made["created_at"]
    assert {name: made[name] for name in manual} == manual

    manual["appMapNum"] = {"game-config": 0, "HELLO": 0}
    read = await platform.get(f"{there}/special-config")
    assert {name: read[name] for name in manual} == manual
    after = await platform.ask("POST", f"{there}/special-config/HELLO", {"data": changed})
    manual["data"] = {**data, "HELLO": changed}
    assert {name: after[name] for name in manual} == manual
    assert await platform.get(f"{there}/special-config/HELLO") == {"data": changed}
    assert await platform.get(f"{there}/special-config/HELLO/apps") == {"content": []}

    taken = await platform.get(f"{there}/validate", name="special-config")
    assert taken["Code"] != 0
    assert "already" in taken["Message"]
    illegal = await platform.get(f"{there}/validate", name="Special_Config")
    assert illegal["Code"] != 0
    assert "lower case" in illegal["Message"]
    key = await platform.get(f"{there}/special-config/validate", key_name="log.level")
    assert (key["Code"], key["usableAs"]) == (0, ["Volume"])
    assert (await platform.get(f"{there}/special-config/validate", key_name="HELLO"))["Code"] != 0
    assert (await platform.get(f"{there}/special-config/validate", key_name="a/b"))["Code"] != 0

    gone = await platform.ask("DELETE", f"{there}/special-config/HELLO")
    assert (gone["Code"], gone["Message"]) == (0, "")
    await platform.ask("GET", f"{there}/special-config/HELLO", expect=404)
    gone = await platform.ask("DELETE", f"{there}/special-config")
    assert (gone["Code"], gone["Message"]) == (0, "")
    await platform.ask("GET", f"{there}/special-config", expect=404)


@KINDS
async def test_the_cluster_holds_what_the_group_says(platform: Platform, cluster: Cluster, project: str, kind: str) -> None:
    path = await group(platform, project, kind, a="MQ==", b="Mg==")
    name, object_kind = path.rpartition("/")[2], {"configmaps": "ConfigMap", "secrets": "Secret"}[kind]
    await platform.ask("POST", f"{path}/a", {"data": "Mw=="})
    await platform.ask("DELETE", f"{path}/b")
    assert (await cluster.get(object_kind, name, project))["data"] == {"a": "Mw=="}
    await platform.ask("DELETE", path)
    assert await cluster.find(object_kind, name, project) is None


async def test_groups_are_listed_by_page_and_found_by_name(platform: Platform) -> None:
    project = await platform.project()
    for name in ("web-a", "web-b", "other"):
        await platform.done("POST", f"/v2/configmaps/{project}", {"name": name, "data": {"k": "v"}}, wait=0)
    found = await platform.get(f"/v2/configmaps/{project}", name="web", size=1, page=1)
    assert (found["total"], found["page"], found["size"]) == (2, 1, 1)
    assert [(c["name"], c["configNum"], c["appMapNum"]) for c in found["configmaps"]] == [("web-b", 1, {"k": 0})]
    assert (await platform.get(f"/v2/secrets/{project}"))["secrets"] == []


async def test_versions_tell_who_changed_what_and_one_goes_back(platform: Platform, project: str) -> None:
    path = await group(platform, project, a="1", b="1")
    developer = await platform.user("developer", project)
    await developer.ask("POST", f"{path}/a", {"data": "2"})
    await developer.ask("POST", f"{path}/a", {"data": "2"})  # says nothing new
    await developer.ask("DELETE", f"{path}/b")
    me = (await developer.get("/v2/users/me"))["name"]
    told = await platform.get(f"{path}/versions")
    assert [(v["version"], v["createdBy"], [tuple(c.values()) for c in v["changes"]]) for v in told["versions"]] == [
        (3, me, [("b", "removed")]),
        (2, me, [("a", "changed")]),
        (1, "admin", [("a", "added"), ("b", "added")]),
    ]
    assert (await platform.get(path, version=1))["data"] == {"a": "1", "b": "1"}
    back = await platform.ask("POST", f"{path}/rollback", {"version": 1})
    assert (back["version"], back["data"], back["changes"]) == (4, {"a": "1", "b": "1"}, "a changed, b added")
    await platform.ask("POST", f"{path}/rollback", {"version": 99}, expect=404)


async def test_many_changes_at_once_all_arrive(platform: Platform, project: str) -> None:
    path = await group(platform, project)
    await asyncio.gather(*(platform.ask("POST", f"{path}/k{n}", {"data": str(n)}, wait=30) for n in range(8)))
    assert (await platform.get(path))["data"] == {f"k{n}": str(n) for n in range(8)}


async def test_a_change_is_an_operation_whose_record_shows_no_value(platform: Platform, project: str) -> None:
    path = await group(platform, project, "secrets", a="MQ==")
    canary = base64.b64encode(b"CANARY").decode()
    accepted = await platform.ask("POST", f"{path}/a", {"data": canary}, expect=202, wait=0)
    record = await platform.wait(accepted["OperationID"])
    assert (record.kind, record.target.kind, record.actor) == ("config.apply", "secret", "admin")
    assert record.request["entries"]["a"]["size"] == 6
    assert "CANARY" not in record.model_dump_json()
    assert canary not in record.model_dump_json()


async def test_reading_a_secret_is_a_right_of_its_own_and_recorded(platform: Platform, project: str) -> None:
    path = await group(platform, project, "secrets", a="MQ==", b="Mg==")
    viewer, developer, stranger = await asyncio.gather(
        platform.user("viewer", project), platform.user("developer", project), platform.user()
    )
    seen = await viewer.get(path)
    assert (seen["data"], seen["valuesHidden"]) == ({"a": "", "b": ""}, True)
    for hidden in (f"{path}/a", f"{path}/reads"):
        assert "secret:read" in (await viewer.ask("GET", hidden, expect=403))["Message"]
    await viewer.ask("POST", f"{path}/a", {"data": "MQ=="}, expect=403)
    await stranger.ask("GET", path, expect=404)
    assert (await developer.get(f"{path}/b")) == {"data": "Mg=="}
    me = (await developer.get("/v2/users/me"))["name"]
    reads = (await developer.get(f"{path}/reads"))["reads"]
    assert [(r["reader"], r["entries"], r["version"]) for r in reads] == [(me, ["b"], 1)]
    await developer.get(path)
    assert (await developer.get(f"{path}/reads"))["reads"][0]["entries"] == ["a", "b"]


async def test_hands_in_the_cluster_are_noticed_told_and_put_back(platform: Platform, cluster: Cluster, project: str) -> None:
    path = await group(platform, project, kept="1", lost="2")
    name = path.rpartition("/")[2]

    async def told() -> list[Any]:
        found = await platform.get("/v2/operations", project=project, target=name, actor="mooring")
        return [o["request"].get("changedByHand") for o in found["operations"] if o["status"] == "SUCCEEDED"]

    async def is_back() -> bool:
        found = await cluster.find("ConfigMap", name, project)
        return bool(found and found.get("data") == {"kept": "1", "lost": "2"} and await told())

    await cluster.patch("ConfigMap", name, project, {"data": {"kept": "hacked", "lost": None, "more": "x"}})
    await eventually(is_back, "the entries are put back")
    assert (await told())[0] == {"kept": "changed", "lost": "removed", "more": "added"}
    await cluster.delete("ConfigMap", name, project)

    async def again() -> bool:
        return await is_back() and len(await told()) > 1

    await eventually(again, "the object is made again")


async def test_an_object_that_is_not_the_platforms_is_left_alone(platform: Platform, cluster: Cluster, project: str) -> None:
    name = unique("stranger")
    made = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, "namespace": project}, "data": {"a": "theirs"}}
    await cluster.apply(made)
    refused = await platform.ask("POST", f"/v2/configmaps/{project}", {"name": name, "data": {"a": "ours"}}, expect=409)
    assert "not the platform's" in refused["Message"]
    assert refused["OperationID"]
    assert (await cluster.get("ConfigMap", name, project))["data"] == {"a": "theirs"}
    await platform.ask("DELETE", f"/v2/configmaps/{project}/{name}")
    assert await cluster.find("ConfigMap", name, project)


async def test_large_and_binary_values_up_to_what_an_object_holds(platform: Platform, cluster: Cluster, project: str) -> None:
    largest = bytes(range(256)) * 4096
    path = await group(platform, project)
    body = {"data": base64.b64encode(largest).decode(), "encoding": "base64"}
    made = await platform.ask("POST", f"{path}/blob", body, wait=30)
    assert made["entries"] == {"blob": {"size": 2**20, "text": False}}
    assert made["encoding"] == {"blob": "base64"}
    assert await platform.get(f"{path}/blob") == body
    found = await cluster.get("ConfigMap", path.rpartition("/")[2], project)
    assert base64.b64decode(found["binaryData"]["blob"]) == largest
    refused = await platform.ask("POST", f"{path}/more", {"data": "x"}, expect=413)
    assert all(word in refused["Message"] for word in ("1048577 bytes", "1048576", "'blob'"))
    assert refused["problems"][0]["field"] == "data.blob"


@pytest.mark.parametrize(
    ("kind", "body", "field"),
    [
        ("configmaps", {"name": "kube-root-ca.crt"}, "name"),
        ("configmaps", {"name": "a..b"}, "name"),
        ("configmaps", {"name": "validate"}, "name"),
        ("configmaps", {"name": "x", "data": {"..": "a"}}, "data..."),
        ("configmaps", {"name": "x", "data": {"a": 1}}, "data.a"),
        ("configmaps", {"name": "x", "data": {"a": "\0"}}, "data.a"),
        ("configmaps", {"name": "x", "data": {"a": "CANARY!"}, "encoding": {"a": "base64"}}, "data.a"),
        ("configmaps", {"name": "x", "encoding": {"a": "base64"}}, "encoding.a"),
        ("secrets", {"name": "x", "data": {"a": "CANARY!"}}, "data.a"),
        ("secrets", {"name": "x", "stringData": {}}, "stringData"),
    ],
)
async def test_a_body_is_refused_naming_the_field_never_the_value(
    platform: Platform, project: str, kind: str, body: Any, field: str
) -> None:
    refused = await platform.ask("POST", f"/v2/{kind}/{project}", body, expect=422)
    assert [p["field"] for p in refused["problems"]] == [field]
    assert "CANARY" not in json.dumps(refused)


async def test_the_same_key_and_body_is_one_change(platform: Platform, project: str) -> None:
    path = await group(platform, project, "secrets", a="MQ==")
    key = {"Idempotency-Key": unique("key")}
    first, second = [await platform.http.post(f"{path}/a", json={"data": "Mg=="}, headers=key) for _ in range(2)]
    assert (first.status_code, second.status_code) == (200, 200)
    assert first.json()["OperationID"] == second.json()["OperationID"]
    other = await platform.http.post(f"{path}/a", json={"data": "Mw=="}, headers=key)
    assert other.json()["Reason"] == "IdempotencyMismatch"
