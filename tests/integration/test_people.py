"""People who do not belong, and bodies that do not: every route of OpenAPI (targets S4, S5, S6, S9, S14)."""

import base64
import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from api.app import build
from records import Records
from tests.platform import Platform, bearer, unique
from tests.processes import Api

_OPEN = {"/healthz", "/readyz", "/metrics"}
_METACHARACTERS = ["; touch canary", "$(touch canary)", "`touch canary`", "| touch canary", "a\nb", "--upload-pack=x", "-x", "../x"]
ALG_NONE = ".".join(
    base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=")
    for part in ({"alg": "none", "typ": "JWT"}, {"sub": "admin", "admin": True})
)


def _routes() -> Iterator[Any]:
    for path, verbs in build().openapi()["paths"].items():
        for verb in verbs:
            if path not in _OPEN:
                yield pytest.param(verb.upper(), path, id=f"{verb}-{path}")


ROUTES = list(_routes())
OF_A_PROJECT = [route for route in ROUTES if "{project}" in route.values[1]]


def filled(path: str, **values: str) -> str:
    """The path with a legal value for each of its parameters."""
    return re.sub(r"{(\w+)(:path)?}", lambda found: values.get(found[1], "x"), path)


async def count(platform: Platform) -> int:
    total: int = (await platform.get("/v2/operations", size=1))["total"]
    return total


@pytest.fixture(scope="module")
async def stranger(platform: Platform) -> Platform:
    """Somebody with a token, and with no project."""
    return await platform.user()


@pytest.fixture(scope="module")
async def expired(records: Records) -> str:
    """A token whose time is over; the API makes none that is, so it is put into the records."""
    token, _ = await records.people.add_token("admin", unique("old"), datetime(2020, 1, 1, tzinfo=UTC))
    return token


@pytest.mark.parametrize(("method", "path"), ROUTES)
async def test_no_route_without_a_token_that_is_valid(platform: Platform, expired: str, method: str, path: str) -> None:
    for token in (None, "garbage", "mrg_" + "x" * 43, ALG_NONE + ".", expired):
        reply = await platform.signed_in(token).http.request(method, filled(path), json={})
        assert (reply.status_code, reply.json()["Reason"]) == (401, "Unauthenticated"), token
        assert "Bearer" in reply.headers["www-authenticate"]


@pytest.mark.parametrize(("method", "path"), OF_A_PROJECT)
async def test_anothers_project_is_not_there(platform: Platform, stranger: Platform, project: str, method: str, path: str) -> None:
    before = await count(platform)
    theirs = await stranger.http.request(method, filled(path, project=project), json={})
    nobodys = await stranger.http.request(method, filled(path, project="never-was"), json={})
    assert theirs.status_code in (404, 422), theirs.text
    told = [json.dumps(reply.json()).replace(project, "P").replace("never-was", "P") for reply in (theirs, nobodys)]
    assert told[0] == told[1], "whether the project exists can be told from the reply"
    assert await count(platform) == before


async def test_anothers_operation_is_not_there(platform: Platform, stranger: Platform, project: str) -> None:
    mine = (await platform.get("/v2/operations", project=project))["operations"][0]["id"]
    for method, verb in (("GET", ""), ("GET", "/events"), ("POST", "/cancel"), ("POST", "/retry")):
        theirs = await stranger.http.request(method, f"/v2/operations/{mine}{verb}")
        nobodys = await stranger.http.request(method, f"/v2/operations/op-x{verb}")
        assert (theirs.status_code, nobodys.status_code) == (404, 404)
        assert theirs.json()["Message"] == nobodys.json()["Message"].replace("op-x", mine)
    assert (await stranger.get("/v2/operations", project=project))["operations"] == []
    assert project not in json.dumps(await stranger.get("/v2/projects"))


async def test_a_viewer_may_look_and_not_touch(platform: Platform, project: str) -> None:
    viewer = await platform.user("viewer", project)
    assert (await viewer.get(f"/v2/projects/{project}"))["name"] == project
    for method, path, body in (
        ("DELETE", f"/v2/projects/{project}", None),
        ("PUT", f"/v2/projects/{project}/members/admin", {"role": "admin"}),
        ("POST", f"/v2/applications/{project}", {"name": "web", "imageRef": "busybox"}),
        ("POST", "/v2/projects", {"name": unique("t")}),
        ("POST", "/v2/users", {"name": unique("u")}),
    ):
        refused = await viewer.ask(method, path, body, expect=403)
        assert refused["Reason"] == "Forbidden"


async def test_rights_cannot_be_smuggled_in(platform: Platform, project: str) -> None:
    member = await platform.user("developer", project)
    me = await member.get("/v2/users/me")
    for method, path, body in (
        ("POST", "/v2/projects", {"name": unique("t"), "projectName": "other"}),
        ("POST", "/v2/tokens", {"user": me["name"], "name": "x", "isAdmin": True}),
        ("POST", "/v2/users", {"name": unique("u"), "role": "admin"}),
        ("PUT", f"/v2/projects/{project}/members/{me['name']}", {"role": "viewer", "isAdmin": True}),
        ("POST", f"/v2/applications/{project}", {"name": "web", "imageRef": "busybox", "role": "admin", "projectName": "other"}),
    ):
        refused = await platform.ask(method, path, body, expect=422)
        assert {problem["field"] for problem in refused["problems"]} & {"projectName", "isAdmin", "role"}
    await member.ask("POST", "/v2/tokens", {"user": "admin", "name": "mine"}, expect=403)
    assert await member.get("/v2/users/me") == me


@pytest.mark.parametrize("name", _METACHARACTERS)
async def test_no_name_is_a_command(platform: Platform, project: str, name: str) -> None:
    before = await count(platform)
    for path, body in (
        ("/v2/projects", {"name": name}),
        ("/v2/users", {"name": name}),
        (f"/v2/applications/{project}", {"name": name, "imageRef": "busybox"}),
        (f"/v2/builds/{project}", {"name": name, "repository": "http://127.0.0.1/x.git"}),
        (f"/v2/composes/{project}", {"stackInstanceName": name, "content": "web:\n  image: busybox\n"}),
    ):
        refused = await platform.ask("POST", path, body, expect=422)
        assert refused["Reason"] == "Invalid"
    assert await count(platform) == before


@pytest.mark.parametrize(("method", "path"), ROUTES)
async def test_no_path_is_a_command(platform: Platform, project: str, method: str, path: str) -> None:
    odd = dict.fromkeys(re.findall(r"{(\w+)", path), "%3B%20touch%20canary%20%24%28id%29")
    if odd:
        before = await count(platform)
        tries = [odd] if odd.keys() == {"project"} else [odd, odd | {"project": project}]
        for values in tries:
            reply = await platform.http.request(method, filled(path, **values), json={})
            assert 400 <= reply.status_code < 500, f"{reply.status_code} {reply.text}"
        assert await count(platform) == before


async def test_a_body_that_is_too_large_costs_no_memory(platform: Platform, api: Api) -> None:
    before = _peak_kib(api)

    async def bomb() -> Any:
        for _ in range(300):
            yield b"[" * 1_000_000

    reply = await platform.http.post("/v2/projects", content=bomb(), headers={"Content-Type": "application/json"})
    assert (reply.status_code, reply.json()["Reason"]) == (413, "TooLarge")
    assert _peak_kib(api) - before < 50 * 1024


async def test_a_body_that_nests_too_deep_is_refused(platform: Platform) -> None:
    for body in (b"[" * 1_000_000, b'{"name":' * 200_000 + b"1" + b"}" * 200_000):
        reply = await platform.http.post("/v2/projects", content=body, headers={"Content-Type": "application/json"})
        assert 400 <= reply.status_code < 500, reply.text
    assert (await platform.http.get("/healthz", headers=bearer(None))).status_code == 200


def _peak_kib(api: Api) -> int:
    """The most memory the process has had resident, in KiB."""
    status = Path(f"/proc/{api.pid}/status").read_text()
    return int(re.findall(r"VmHWM:\s+(\d+)", status)[0])
