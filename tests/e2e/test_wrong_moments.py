"""What is asked of an instance or an app that is not there, or not in a state for it: refused with what is so and what to do."""

import json
import re
from typing import Any
from urllib.parse import parse_qsl

import pytest

from model.operations import Status
from tests.images import publish
from tests.platform import Platform, unique

SMALL = {"imageRef": "busybox", "cmd": "sleep 100000", "resources": {"cpu": "0.01", "mem": "16Mi"}, "minReadySeconds": 0}
VERBS = ("kill", "start", "update")
APP_VERBS = ("rollout", "rollback", "restart", "scale?type=manual&scale=2")


@pytest.fixture(scope="module")
async def place(platform: Platform, project: str) -> str:
    """A TApp `db` with db-1 killed, a stopped one `off`, a Deployment app `web`, a stopped one `idle`."""
    apps = f"/v2/applications/{project}"
    for name, kind, count in (("db", "TApp", 2), ("off", "TApp", 1), ("web", "Deployment", 1), ("idle", "Deployment", 1)):
        body = {**SMALL, "name": name, "type": kind, "instanceNum": count, "terminationGracePeriodSeconds": 0}
        await platform.done("POST", apps, body)
    await platform.done("POST", f"{apps}/off/kill")
    await platform.done("POST", f"{apps}/idle/kill")
    await platform.done("POST", f"/v2/instances/{project}/db-1/1/kill")
    return project


def sent(verb: str) -> dict[str, Any] | None:
    return {"image": "busybox:1.35"} if verb in ("update", "rollout") else {} if verb != "kill" else None


REFUSED = [
    # of a stopped app
    *((verb, "off-0/0", 409, ["'off' is stopped: none of its instances runs", "/off/start"]) for verb in VERBS),
    # an index that is not there, or not that instance's
    *((verb, "db-7/7", 404, ["'db' has no instance 7; it has: 0, 1", "/db/lists"]) for verb in VERBS),
    *((verb, "db-1/0", 422, ["tAppInstanceID: '0' is not the index of 'db-1'"]) for verb in VERBS),
    *((verb, "db-0/x", 422, ["tAppInstanceID: 'x' is not the index of 'db-0'"]) for verb in VERBS),
    # of a Deployment app, running or stopped
    *((verb, "web-0/0", 404, ["'web' has no instance 'web-0'; it has: web-", "/web/lists"]) for verb in VERBS),
    *((verb, "idle-0/0", 404, ["'idle' has no instance 'idle-0'; it has none now", "/idle/lists"]) for verb in VERBS),
    # another app's AppID, another instance's id, no app at all
    *((verb, f"db-0/0?app_id={'ab' * 32}", 404, ["no app 'db' with the AppID abab"]) for verb in VERBS),
    *((verb, f"db-0/0?instance_id={'ab' * 32}", 404, ["'db-0' does not have the id abab", "/db/lists"]) for verb in VERBS),
    *((verb, "zz-0/0", 404, ["no instance 'zz-0'", "<app>-<index>", "/v2/applications/"]) for verb in VERBS),
    # what it is already
    ("kill", "db-1/1", 409, ["'db-1' is killed already", "/db-1/1/start"]),
    ("start", "db-0/0", 409, ["'db-0' is not killed", "/db-0/0/kill"]),
]


@pytest.mark.parametrize(("verb", "which", "status", "words"), REFUSED)
async def test_an_instance_at_the_wrong_moment(
    platform: Platform, place: str, verb: str, which: str, status: int, words: list[str]
) -> None:
    path, _, query = which.partition("?")
    refused = await platform.ask(
        "POST", f"/v2/instances/{place}/{path}/{verb}", sent(verb), expect=status, **dict(parse_qsl(query))
    )
    assert not [word for word in words if word not in refused["Message"]], refused["Message"]


@pytest.mark.parametrize(
    ("app", "verb", "words"),
    [
        ("off", "kill", ["'off' is stopped already", "/off/start", "DELETE /v2/applications/"]),
        ("db", "start", ["'db' is started already", "/db/restart"]),
        *(("off", verb, ["'off' is stopped: what it runs is changed only", "/off/start"]) for verb in APP_VERBS),
    ],
)
async def test_an_app_at_the_wrong_moment(platform: Platform, place: str, app: str, verb: str, words: list[str]) -> None:
    path, _, query = verb.partition("?")
    refused = await platform.ask("POST", f"/v2/applications/{place}/{app}/{path}", sent(path), expect=409, **dict(parse_qsl(query)))
    assert not [word for word in words if word not in refused["Message"]], refused["Message"]


async def test_a_killed_instance_takes_another_image_and_has_it_from_its_start_on(platform: Platform, place: str) -> None:
    await publish("moment", "moment")
    await platform.done("POST", f"/v2/instances/{place}/db-1/1/update", {"image": "busybox:moment"})
    killed = await platform.get(f"/v2/instances/{place}/db-1")
    assert (killed["status"], killed["image"]) == ("KILLED", "busybox:moment")
    await platform.done("POST", f"/v2/instances/{place}/db-1/1/start")
    assert (await platform.get(f"/v2/instances/{place}/db-1"))["image"] == "busybox:moment"


async def test_the_request_that_a_deadline_names_gives_more_time_and_helps(platform: Platform, project: str) -> None:
    """given instances that count late, then the request of the hint, followed by hand, leads out of it (faults: 11)."""
    name = unique("late")
    path = f"/v2/applications/{project}/{name}"
    body = {**SMALL, "name": name, "minReadySeconds": 13, "terminationGracePeriodSeconds": 0}
    await platform.done("POST", f"/v2/applications/{project}", body)
    scaling = await platform.submit("POST", f"{path}/scale", {"deadlineSeconds": 15}, type="manual", scale=2)
    failed = await platform.wait(scaling, Status.FAILED)
    assert failed.error is not None
    found = re.search(r"POST (/v2/operations/\S+/retry) (\{.*?\})", failed.error.hint)
    assert found, failed.error.hint
    assert json.loads(found[2]) == {"deadlineSeconds": 30}
    assert await platform.submit("POST", found[1], json.loads(found[2])) == scaling
    assert (await platform.wait(scaling)).attempt == 2
