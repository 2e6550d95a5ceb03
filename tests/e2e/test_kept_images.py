"""A tag that moved changes nothing that did not name it: an image stays what it is, by digest (faults: 38, 33)."""

from typing import Any

import pytest

from model.operations import Status
from tests.images import publish
from tests.platform import Platform, unique

PROBE = {"readinessProbe": {"exec": {"command": ["true"]}, "periodSeconds": 1}}


class App:
    """A Deployment app of an image whose tag moves."""

    def __init__(self, platform: Platform, project: str, tag: str) -> None:
        self.platform, self.project, self.name, self.image = platform, project, unique("app"), f"public/busybox:{tag}"
        self.path = f"/v2/applications/{project}/{self.name}"

    async def create(self) -> None:
        fields = {"imageRef": self.image, "cmd": "sleep 100000", "minReadySeconds": 0, "terminationGracePeriodSeconds": 0}
        body = {**fields, "name": self.name, "instanceNum": 1, "resources": {"cpu": "20m", "mem": "16Mi"}}
        await self.platform.done("POST", f"/v2/applications/{self.project}", body)

    async def digest(self, path: str = "") -> str:
        found = await self.platform.get(path or self.path)
        return str(found["digests"][found["containers"][0]])

    async def revisions(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = (await self.platform.get(f"{self.path}/revisions"))["revisions"]
        return found


@pytest.fixture
async def app(platform: Platform, project: str) -> App:
    tag = unique("moves")
    await publish(tag, "one")
    made = App(platform, project, tag)
    await made.create()
    return made


async def test_a_moved_tag_reaches_only_who_names_it(app: App, platform: Platform) -> None:
    """given an app whose tag moved, then only what names the image takes the new one; what else is done keeps the old."""
    old = await app.digest()
    new = await publish(app.image.rpartition(":")[2], "two")
    assert new != old
    cancelled = await platform.submit("POST", f"{app.path}/rollout", {"image": app.image, "cmd": "/no/such"})
    await platform.wait(cancelled, Status.FAILED)
    await platform.done("POST", f"{app.path}/rollback")
    assert await app.digest() == old

    reply = await platform.ask("POST", f"{app.path}/rollout", PROBE, expect=202)
    was = {"image": app.image, "digest": old}
    assert reply["images"] == [{"container": app.name, "image": app.image, "digest": old, "before": was}]
    record = await platform.wait(reply["OperationID"])
    assert await app.digest() == old
    assert next(step for step in record.steps or [] if step.title == "Find the image").message.endswith("as before")
    await platform.done("POST", f"{app.path}/scale", type="manual", scale=2)
    await platform.done("POST", f"{app.path}/restart")
    assert await app.digest() == old
    await platform.done("POST", f"{app.path}/kill")
    await platform.done("POST", f"{app.path}/start")
    assert await app.digest() == old
    copy = unique("copy")
    await platform.done("POST", f"{app.path}/copy", {"name": copy, "instanceNum": 1})
    assert await app.digest(f"/v2/applications/{app.project}/{copy}") == old
    await platform.done("DELETE", f"/v2/applications/{app.project}/{copy}")

    reply = await platform.ask("POST", f"{app.path}/rollout", {"image": app.image}, expect=202)
    assert reply["images"] == [{"container": app.name, "image": app.image, "digest": None, "before": was}]
    record = await platform.wait(reply["OperationID"])
    assert await app.digest() == new
    words = next(step for step in record.steps or [] if step.title == "Find the image").message
    assert f"{app.image} {old[:19]}… → {new[:19]}…" in words
    listed = await app.revisions()
    assert listed[0]["changes"] == [{"field": f"containers.{app.name}.digest", "before": old, "after": new}]
    assert {r["revision"]: r["outcome"]["status"] for r in listed} == {
        **{r["revision"]: "SUCCEEDED" for r in listed},
        2: "FAILED",
    }


async def test_the_same_again_makes_no_revision(app: App, platform: Platform) -> None:
    before, key = await app.revisions(), {"Idempotency-Key": unique("key")}
    pods = await platform.get(f"/v2/instances/{app.project}/{app.name}/lists")
    same = {"resources": {"cpu": 0.02, "mem": "16384Ki"}, "cmd": "sleep 100000"}
    for body in ({}, same, {"image": app.image}, {**same, "image": app.image}):
        reply = await platform.ask("POST", f"{app.path}/rollout", body)
        assert reply["unchanged"]
        assert "Nothing differs" in reply["Message"]
        assert f"POST {app.path}/restart" in reply["Message"]
    made = await platform.http.post(f"{app.path}/rollout", json=same, headers=key)
    again = await platform.http.post(f"{app.path}/rollout", json=same, headers=key)
    assert made.json()["OperationID"] == again.json()["OperationID"]
    other = await platform.http.post(f"{app.path}/rollout", json={"cmd": "sleep 1"}, headers=key)
    assert other.status_code == 409, other.text
    assert await app.revisions() == before
    assert await platform.get(f"/v2/instances/{app.project}/{app.name}/lists") == pods


async def test_the_same_again_goes_on_after_a_failure(app: App, platform: Platform) -> None:
    broken = {"cmd": "/no/such", "deadlineSeconds": 60}
    first = await platform.submit("POST", f"{app.path}/rollout", broken)
    await platform.wait(first, Status.FAILED)
    second = await platform.submit("POST", f"{app.path}/rollout", broken)
    await platform.wait(second, Status.FAILED)
    assert second != first


async def test_a_stack_keeps_the_images_of_its_other_parts(platform: Platform, project: str) -> None:
    tag, name = unique("moves"), unique("s")[:12]
    old = await publish(tag, "one")

    def content(level: int, cpu: str) -> str:
        asked = f"resources: {{limits: {{cpus: '{cpu}', memory: 16m}}}}"
        web = f"  web: {{image: 'busybox:{tag}', command: sleep 100000, deploy: {{{asked}}}, environment: {{LEVEL: '{level}'}}}}\n"
        return f"services:\n{web}  db: {{image: 'busybox:{tag}', command: sleep 100000, deploy: {{{asked}}}}}\n"

    async def digests() -> set[str]:
        found = [await platform.get(f"/v2/applications/{project}/{name}-{one}") for one in ("web", "db")]
        return {digest for one in found for digest in one["digests"].values()}

    await platform.done("POST", f"/v2/composes/{project}", {"stackInstanceName": name, "content": content(1, "0.02")})
    await publish(tag, "two")
    body = {"content": content(2, "20m")}
    plan = await platform.ask("POST", f"/v2/stacks/{project}/{name}/upgrade", body, dryRun="true")
    assert {one["name"]: (one["action"], one["reason"]) for one in plan["changes"]} == {
        "web": ("update", f"env of {name}-web"),
        "db": ("unchanged", ""),
    }
    await platform.done("POST", f"/v2/stacks/{project}/{name}/upgrade", body)
    assert await digests() == {old}
