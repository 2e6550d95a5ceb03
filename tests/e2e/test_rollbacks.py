"""Going back without naming a revision: what is meant, and that it is told (mission B)."""

from typing import Any

import pytest

from model.operations import Status
from tests.e2e.test_controls import control, paused
from tests.platform import Platform, unique


class App:
    """A Deployment app whose revisions differ in a variable."""

    def __init__(self, platform: Platform, project: str) -> None:
        self.platform = platform
        self.name = unique("app")
        self.path = f"/v2/applications/{project}/{self.name}"
        self.project = project

    async def create(self) -> None:
        fields = {"imageRef": "busybox", "cmd": "sleep 100000", "minReadySeconds": 0, "terminationGracePeriodSeconds": 0}
        body = {**fields, "name": self.name, "instanceNum": 2, "resources": {"cpu": "0.02", "mem": "16Mi"}}
        await self.platform.done("POST", f"/v2/applications/{self.project}", body)

    async def roll(self, level: int, ends: Status = Status.SUCCEEDED, **fields: Any) -> str:
        body = {"dockerEnv": [{"name": "LEVEL", "value": str(level)}], **fields}
        operation = await self.platform.submit("POST", f"{self.path}/rollout", body)
        await self.platform.wait(operation, ends)
        return operation

    async def back(self, **body: Any) -> tuple[Any, Any]:
        """The reply, and the record."""
        reply = await self.platform.ask("POST", f"{self.path}/rollback", body, expect=202)
        return reply, await self.platform.wait(reply["OperationID"])

    async def level(self) -> str:
        return str((await self.platform.get(self.path))["Environments"][0]["value"])


@pytest.fixture
async def app(platform: Platform, project: str) -> App:
    made = App(platform, project)
    await made.create()
    return made


async def test_reply_record_and_title_name_the_revisions(app: App) -> None:
    await app.roll(2)
    await app.roll(3)
    reply, record = await app.back()
    assert [reply[field] for field in ("fromRevision", "toRevision", "revision")] == [3, 2, 4]
    assert [record.result[field] for field in ("fromRevision", "toRevision", "revision")] == [3, 2, 4]
    assert "Roll back from revision 3 to revision 2 (as revision 4)" in [step.title for step in record.steps or []]
    assert await app.level() == "2"


async def test_after_a_rollout_that_left_nothing_there_is_nothing_to_take_back(app: App) -> None:
    """given two versions and a rollout whose image is not there, then going back does not leave the version that serves."""
    await app.roll(2)
    failed = await app.roll(3, Status.FAILED, image="public/never-pushed:1")
    refused = await app.platform.ask("POST", f"{app.path}/rollback", expect=409)
    for words in (failed, "revision 2 is in force", f'POST {app.path}/rollback {{"revision": 1}}'):
        assert words in refused["Message"]
    reply, _ = await app.back(revision=1)
    assert (reply["fromRevision"], reply["toRevision"], reply["revision"]) == (2, 1, 4)
    # The next one goes further back, and not forth again.
    refused = await app.platform.ask("POST", f"{app.path}/rollback", expect=409)
    assert "Revision 4 in force is revision 1 again, and there is none before that" in refused["Message"]
    # The failed one never was in force: it is not what a version later goes back to.
    await app.roll(5)
    reply, _ = await app.back()
    assert reply["toRevision"] == 4


async def test_what_serves_on_is_told_and_which_revisions_never_worked(app: App, platform: Platform) -> None:
    """given a rolling upgrade that failed half-way, then list and detail name what serves and why the other does not."""
    broken = await app.roll(2, Status.FAILED, cmd="/no/such", deadlineSeconds=60)
    listed = (await platform.get(f"/v2/applications/{app.project}", size=100))["applications"]
    for found in (await platform.get(app.path), *(one for one in listed if one["Name"] == app.name)):
        for words in ("Revision 1 serves on (", f"app.upgrade {broken} to revision 2 failed: ", f"POST {app.path}/rollback"):
            assert words in found["message"]
    await app.back()
    ended = {one["revision"]: one["outcome"] for one in (await platform.get(f"{app.path}/revisions"))["revisions"]}
    assert {number: outcome["status"] for number, outcome in ended.items()} == {1: "SUCCEEDED", 2: "FAILED", 3: "SUCCEEDED"}
    assert (ended[2]["OperationID"], ended[2]["reason"]) == (broken, "CommandNotFound")
    instances = (await platform.get(f"/v2/instances/{app.project}/{app.name}/lists"))["instances"]
    assert {one["version"] for one in instances if one["status"] == "RUNNING"} == {3}


async def test_after_a_rollout_that_stopped_in_its_batches_it_is_what_was_before(app: App, platform: Platform) -> None:
    await app.roll(2)
    broken = await app.roll(3, Status.FAILED, cmd="/no/such", batches=[1, "100%"], deadlineSeconds=60)
    versions = {v["revision"]: v["count"] for v in (await platform.get(app.path))["versions"]}
    assert (versions[3], 2 in versions) == (1, True)
    reply, record = await app.back()
    assert f"Return to the versions before {broken} (revision 2)" in [step.title for step in record.steps or []]
    assert reply["toRevision"] == 2
    versions = {v["revision"]: v["count"] for v in (await platform.get(app.path))["versions"]}
    assert versions == {2: 2}


async def test_a_paused_operation_names_the_ways_on(app: App, platform: Platform) -> None:
    body = {"dockerEnv": [{"name": "LEVEL", "value": "2"}], "batches": [1, "100%"], "pause": "first"}
    operation = await platform.submit("POST", f"{app.path}/rollout", body)
    await paused(platform, operation)
    refused = await platform.ask("POST", f"{app.path}/restart", expect=409)
    for words in ("PAUSED", "resume goes on", "promote goes on", "rollback goes back", f"POST /v2/operations/{operation}/resume"):
        assert words in refused["Message"]
    await control(platform, operation, "rollback")
    await platform.wait(operation, Status.CANCELLED)
