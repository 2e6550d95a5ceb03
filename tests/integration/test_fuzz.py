"""No request makes a 500: every route of OpenAPI with generated input, right and wrong, of three roles (schemathesis).

SECONDS bound it in all, shared out evenly among the routes. No worker runs, so that nothing of it reaches the cluster: what is
accepted stays a record. Half of the requests name things that are there.
"""

import contextlib
import gzip
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from requests import RequestException
from schemathesis import APIOperation, Case, GenerationMode

from api.app import build
from model.access import Role
from model.error_table import error_table
from model.operations import Outcome, Status
from records import Records
from tests.instance import TOKEN
from tests.platform import Platform, bearer, over_network, unique
from tests.processes import Api

SECONDS = 150.0
_ANSWER_WITHIN = 20
ROLES = ("platform admin", "developer", "viewer")
OPERATIONS: list[APIOperation] = [found.ok() for found in schemathesis.openapi.from_dict(build().openapi()).get_all_operations()]
DOCUMENT = "web:\n  image: busybox\n  mem_limit: 64m\n"
# What a body may be filled with to get further than its names; each is drawn in or left out.
LEGAL: dict[str, Any] = {
    "imageRef": "public/busybox",
    "image": "public/busybox:2",
    "content": DOCUMENT,
    "kind": "compose",
    "repository": "http://127.0.0.1:9/shop.git",
    "data": {"LEVEL": "1"},
    "instanceNum": 2,
    "role": "viewer",
}
_SMALL = {"wait": 0, "follow": False}


@schemathesis.serializer("application/gzip")
def _archive(_: Any, value: Any) -> bytes:
    """What is sent to a route that takes an archive: bytes as they are, all else compressed, so that it is read further."""
    return value if isinstance(value, bytes) else gzip.compress(str(value).encode("utf-8", "surrogatepass"))


class _Over(Exception):
    """The route's time is over, or it has failed."""


@dataclass(frozen=True)
class Place:
    """What is there, and who asks: by the names of path parameters, and by role."""

    url: str
    known: dict[str, str]
    tokens: dict[str, str]


@pytest.fixture(scope="module")
async def place(api: Api, records: Records, without_worker: None) -> Place:
    """A project with an app, a template, a stack, a build and a configuration, and people of each role."""
    admin = Platform(over_network(api.url), TOKEN)
    project = await records.projects.add(unique("t"), "", "admin")
    await records.projects.set_status(project.name, "ACTIVE")
    tokens = {"platform admin": TOKEN}
    for role in (Role.DEVELOPER, Role.VIEWER):
        name = unique("u")
        await admin.ask("POST", "/v2/users", {"name": name}, expect=201)
        await admin.ask("PUT", f"/v2/projects/{project.name}/members/{name}", {"role": role})
        tokens[str(role)] = (await admin.ask("POST", "/v2/tokens", {"user": name, "name": "t"}, expect=201))["token"]
    there = f"{project.name}"
    submitted = [
        await admin.submit("POST", f"/v2/applications/{there}", {"name": "web", "imageRef": "busybox"}),
        await admin.submit("POST", f"/v2/composes/{there}", {"stackInstanceName": "stack", "content": DOCUMENT}),
        await admin.submit("POST", f"/v2/configmaps/{there}", {"name": "settings", "data": {"LEVEL": "1"}}, wait=0),
        await admin.submit("POST", f"/v2/secrets/{there}", {"name": "keys", "data": {"KEY": "c2VjcmV0"}}, wait=0),
    ]
    template = {"name": "shop", "kind": "compose", "content": DOCUMENT}
    await admin.ask("POST", f"/v2/templates/{there}", template, expect=201)
    await admin.ask("POST", f"/v2/builds/{there}", {"name": "image", "repository": LEGAL["repository"]}, expect=201)
    for operation_id in submitted:
        await records.operations.settle(Outcome(operation_id=operation_id, attempt=1, status=Status.SUCCEEDED))
    known = {
        "project": there,
        "operation_id": submitted[0],
        "entry": "LEVEL",
        "instance": "web-0",
        "container": "web",
        "number": "1",
    }
    await admin.http.aclose()
    return Place(api.url, known, tokens)


def names_of(path: str) -> str:
    """The name of what is there of the route's noun."""
    nouns = {"applications": "web", "templates": "shop", "builds": "image", "stacks": "stack", "configmaps": "settings"}
    return (nouns | {"secrets": "keys", "composes": "stack", "podstack": "stack"}).get(path.split("/")[2], "web")


def filled(case: Case, known: dict[str, str], legal: dict[str, Any]) -> None:
    """Have the case name what is there, with `legal` in the place of those fields of its body that it has."""
    for name in case.path_parameters or {}:
        case.path_parameters[name] = known.get(name, names_of(case.path))
    if isinstance(case.body, dict):
        case.body = {key: legal.get(key, value) for key, value in case.body.items()}
        if case.path.count("/") == 3 and "name" in case.body:
            case.body["name"] = unique("f")


def judged(case: Case, url: str, token: str) -> str | None:
    """What is wrong with the reply, None where nothing is."""
    told = f"{case.method} {case.formatted_path} {case.query} {case.body!r}"
    try:
        reply = case.call(base_url=url, headers=bearer(token), timeout=_ANSWER_WITHIN)
    except RequestException as error:
        return f"{type(error).__name__}: {told}"
    if reply.status_code < 400 or (case.path == "/readyz" and reply.status_code == 503):
        return None
    reasons = {row["reason"]: row["status"] for row in error_table()} | {"InternalError": None}
    try:
        reason = reply.json()["Reason"]
    except (ValueError, KeyError):
        return f"{reply.status_code} {reply.text[:200]}: {told}"
    fine = reason in reasons and (reply.status_code < 500 or reply.status_code in (501, 503))
    return None if fine else f"{reply.status_code} {reason}: {told}"


def cases(operation: APIOperation) -> st.SearchStrategy[Case]:
    modes = [GenerationMode.POSITIVE, GenerationMode.NEGATIVE if operation.body or operation.query else GenerationMode.POSITIVE]
    return st.one_of(*(operation.as_strategy(mode) for mode in modes))


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: operation.label)
def test_no_request_makes_a_500(operation: APIOperation, place: Place) -> None:
    until = time.monotonic() + SECONDS / len(OPERATIONS)
    wrong: list[str] = []

    @settings(max_examples=500, phases=[Phase.generate], deadline=None, database=None, suppress_health_check=list(HealthCheck))
    @given(cases(operation), st.sampled_from(ROLES), st.booleans(), st.sets(st.sampled_from(sorted(LEGAL))))
    def probe(case: Case, role: str, known: bool, legal: set[str]) -> None:
        if time.monotonic() > until:
            raise _Over
        if known and (operation.method, operation.path) != ("delete", "/v2/projects/{project}"):
            filled(case, place.known, {name: LEGAL[name] for name in legal})
        for name in _SMALL.keys() & {parameter.name for parameter in operation.query}:
            case.query = (case.query or {}) | {name: _SMALL[name]}
        if found := judged(case, place.url, place.tokens[role]):
            wrong.append(found)
            raise _Over

    with contextlib.suppress(_Over):
        probe()
    assert not wrong, wrong[0]


@pytest.fixture(scope="module", autouse=True)
def log(api: Api) -> Iterator[None]:
    """The API says of no request that it failed unexpectedly."""
    yield
    assert "request failed unexpectedly" not in api.log.read_text(errors="replace")
