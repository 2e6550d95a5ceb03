"""What careless and hostile requests meet: refused in words, with no side effect, and never a 500 (targets, Bad input)."""

import json
import re
from typing import Any

import pytest

from model.operations import Status
from tests.platform import Platform, unique

SLEEPS = {"imageRef": "busybox", "cmd": "sleep 10000", "terminationGracePeriodSeconds": 0}
JSON = {"Content-Type": "application/json"}
ODD = ("%00", "a%00b", "%2e%2e", "..%2f..%2fx", "%F0%9F%92%A9", "%ff", "a" * 300, "a%20b", "%0a", "%27;--")
ODD_QUERIES = (
    "\0",
    "",
    "-1",
    "9" * 30,
    str(2**63 - 1),
    "2020-01-01",
    "0001-01-01T00:00:00+23:59",
    "9999-12-31T23:59:59-23:59",
    "💩",
)
THE_PLACE = re.compile(r"\{(\w+)\}")


async def routes(platform: Platform) -> list[tuple[str, str, list[str], list[str]]]:
    """(method, path, its parameters in the path, those in the query) of every route."""
    found = []
    for path, methods in (await platform.get("/openapi.json"))["paths"].items():
        for method, described in methods.items() if path.startswith("/v2") else ():
            query = [p["name"] for p in described.get("parameters", []) if p["in"] == "query"]
            found.append((method.upper(), path, THE_PLACE.findall(path), query))
    return found


def told(reply: Any) -> str | None:
    """What is wrong with a reply as a refusal, None when it is none or says Code, Message and Reason."""
    if reply.status_code < 400:
        return None
    body = reply.json() if reply.headers.get("content-type") == "application/json" else {}
    well = reply.status_code in (501, 503) or reply.status_code < 500
    return None if well and body.get("Code") and body.get("Message") and body.get("Reason") else f"{reply.status_code} {reply.text}"


async def test_no_path_or_query_breaks_a_route(platform: Platform, project: str) -> None:
    wrong = []
    for method, path, names, queries in await routes(platform):
        for name in names:
            for odd in ODD:
                there = path.replace(f"{{{name}}}", odd)
                there = THE_PLACE.sub(lambda m: project if m[1] == "project" else "nothing", there)
                reply = await platform.http.request(method, there, params={"type": "manual"})
                wrong += [f"{method} {there}: {said}"] if (said := told(reply)) else []
        for query in queries if method == "GET" else ():
            there = THE_PLACE.sub(lambda m: project if m[1] == "project" else "nothing", path)
            for odd in ODD_QUERIES:
                reply = await platform.http.get(there, params={query: odd})
                wrong += [f"{there}?{query}={odd[:20]!r}: {said}"] if (said := told(reply)) else []
    assert wrong == []


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"priorityClassName": "system-node-critical"}, "priorityClassName"),
        ({"dockerEnv": [{"name": "A", "value": "a\0b"}]}, "dockerEnv.0.value"),
        ({"cmd": ["\ud800"]}, "cmd.0"),
        ({"resources": {"cpu": "9" * 300}}, "resources.cpu"),
        ({"resources": {"mem": "9" * 300}}, "resources.mem"),
        ({"dockerEnv": [{"name": "A", "value": "x" * 140_000}]}, "dockerEnv.0.value"),
        ({"portMappings": [{"containerPort": port} for port in range(1, 102)]}, "portMappings"),
        ({"userName": "x\0"}, "userName"),
        ({"hostNetwork": True}, "hostNetwork"),
        ({"livenessProbe": {"httpGet": {"host": "169.254.169.254", "port": 80}}}, "livenessProbe.httpGet.host"),
        ({"\ud800": 1}, "body"),
    ],
)
async def test_a_body_is_refused_naming_the_field(platform: Platform, project: str, fields: Any, field: str) -> None:
    content = json.dumps({**SLEEPS, "name": unique("x"), **fields})  # in ASCII, so that it can hold half of a surrogate pair
    refused = await platform.http.post(f"/v2/applications/{project}", content=content, headers=JSON)
    assert refused.status_code == 422, refused.text
    assert [problem["field"] for problem in refused.json()["problems"]] == [field]
    assert field in refused.json()["Message"]


async def test_a_spec_that_no_cluster_stores_is_refused_at_once(platform: Platform, project: str) -> None:
    large = [{"name": f"A{n}", "value": "x" * 100_000} for n in range(6)]
    body = {**SLEEPS, "name": unique("x"), "dockerEnv": large}
    assert (await platform.ask("POST", f"/v2/applications/{project}", body, expect=413))["Reason"] == "TooLarge"


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"5", b"\xff", b"[" * 100_000, b'{"instanceNum":' + b"9" * 5000 + b"}"])
async def test_what_is_no_json_object_is_told_as_the_body(platform: Platform, project: str, content: bytes) -> None:
    refused = await platform.http.post(f"/v2/applications/{project}", content=content, headers=JSON)
    assert refused.status_code == 422
    assert [problem["field"] for problem in refused.json()["problems"]] == ["body"]


async def test_bytes_that_are_no_text_in_a_log_do_not_hide_the_reason(platform: Platform, project: str) -> None:
    body = {**SLEEPS, "name": unique("nul"), "cmd": ["sh", "-c", r"printf 'cannot\000open\n'; exit 3"]}
    record = await platform.wait(await platform.submit("POST", f"/v2/applications/{project}", body), Status.FAILED)
    assert record.error is not None
    assert record.error.reason == "CrashLoop"
    assert "cannot" in record.error.message


async def test_another_projects_stream_is_not_there(platform: Platform, project: str) -> None:
    operation = (await platform.get("/v2/operations", project=project))["operations"][0]["id"]
    stranger = await platform.user("admin", await platform.project())
    refused = await stranger.http.get(f"/v2/operations/{operation}/events")
    assert (refused.status_code, refused.json()["Reason"]) == (404, "NotFound")


async def test_another_projects_images_are_not_to_be_had(platform: Platform, project: str) -> None:
    own = await platform.project()
    stranger = await platform.user("admin", own)
    for image in (f"{project}/x", f"localhost:5000/{project}/x", f"LOCALHOST:5000/{project}/x", "~admin/x", "user_admin/x"):
        body = {**SLEEPS, "name": "x", "imageRef": image}
        assert (await stranger.ask("POST", f"/v2/applications/{own}", body, expect=403))["Reason"] == "Forbidden"


async def test_starting_an_app_needs_the_right_to_its_image(platform: Platform, project: str) -> None:
    name, developer = unique("x"), await platform.user("developer", project)
    await platform.submit("POST", f"/v2/applications/{project}", {**SLEEPS, "name": name, "imageRef": "~admin/none"})
    await platform.done("POST", f"/v2/applications/{project}/{name}/kill")
    await developer.ask("POST", f"/v2/applications/{project}/{name}/start", expect=403)


async def test_an_operation_does_not_come_back_in_a_project_of_the_same_name(platform: Platform) -> None:
    name = await platform.project()
    there = f"/v2/applications/{name}"
    failed = await platform.submit("POST", there, {**SLEEPS, "name": "x", "imageRef": "busybox:no-such"})
    await platform.wait(failed, Status.FAILED)
    await platform.done("DELETE", f"/v2/projects/{name}", cascade="true")
    await platform.done("POST", "/v2/projects", {"name": name})
    refused = await platform.ask("POST", f"/v2/operations/{failed}/retry", expect=409)
    assert "deleted" in refused["Message"]
    assert (await platform.get(there))["total"] == 0


@pytest.mark.parametrize("moment", ["2020-01-01T00:00:00Z", "9999-12-31T23:59:59-23:59", "0001-01-01T00:00:00+23:59", "soon", ""])
async def test_a_token_ends_at_a_time_to_come(platform: Platform, moment: str) -> None:
    me = (await platform.get("/v2/users/me"))["name"]
    body = {"user": me, "name": unique("t"), "expiresAt": moment}
    assert "expiresAt" in (await platform.ask("POST", "/v2/tokens", body, expect=422))["Message"]


@pytest.mark.parametrize(
    ("method", "there", "status", "words"),
    [
        ("POST", "/v2/cinder/{project}/volumes", 501, "Cloud disks (/v2/cinder) are not carried out"),
        ("DELETE", "/v2/cinder/{project}/volumes/v-1", 501, "Cloud disks"),
        ("GET", "/v2/aplications/{project}", 404, "is meant, perhaps"),
        ("PATCH", "/v2/applications/{project}", 405, "it takes GET and POST"),
        ("GET", "/v2/applications/{project}?size=1&size=2", 422, "size: is given 2 times; give it once"),
        ("GET", "/v2/applications/{project}/web?app_id=x", 422, "app_id: must be an AppID: 64 digits and letters from a to f"),
    ],
)
async def test_what_there_is_not_is_told_in_words(
    platform: Platform, project: str, method: str, there: str, status: int, words: str
) -> None:
    reply = await platform.http.request(method, there.format(project=project))
    assert (reply.status_code, words in reply.text) == (status, True), reply.text
