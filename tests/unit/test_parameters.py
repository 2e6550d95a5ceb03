"""A query parameter that a route does not have is refused: left out silently, a dry run would be a real one."""

import asyncio
import re
from typing import Any

import httpx
import pytest
from fastapi.routing import APIRoute, APIWebSocketRoute
from starlette.requests import HTTPConnection

from api.parameters import known_only
from model.errors import Invalid
from tests.front import answered as reply_of
from tests.front import door
from tests.unit.test_rules import routes

APP = door()
LIFE = "ab" * 32


def refused(route: APIRoute | APIWebSocketRoute, query: str) -> list[str]:
    """The fields that the check names."""
    try:
        asyncio.run(known_only(HTTPConnection({"type": "http", "route": route, "query_string": query.encode()})))
    except Invalid as error:
        return [problem.field for problem in error.problems]
    return []


def answered(method: str, there: str) -> httpx.Response:
    return reply_of(APP, method, there)


def problems(reply: Any) -> dict[str, str]:
    return {p["field"]: p["message"] for p in reply.json().get("problems", [])}


def test_every_route_takes_what_it_is_described_with_and_nothing_else() -> None:
    described = APP.openapi()["paths"]
    for route in routes():
        if isinstance(route, APIWebSocketRoute):
            named = ["command", "cols", "rows"]
        elif not route.include_in_schema:
            named = []
        else:
            told = described[route.path_format][next(iter(route.methods)).lower()]
            named = [p["name"] for p in told.get("parameters", []) if p["in"] == "query"]
        query = "&&".join(f"{name}=" for name in named)
        assert refused(route, query) == [], route.path
        assert refused(route, f"{query}&nonsense=1") == ["nonsense"], route.path
        assert refused(route, f"{query}&&{query}") == named, route.path


def test_every_route_is_checked_before_anything_else() -> None:
    for path, methods in APP.openapi()["paths"].items():
        for method in methods if not path.endswith("/shell") else ():
            reply = answered(method, re.sub(r"\{\w+\}", "x", path) + "?nonsense=1")
            assert (reply.status_code, set(problems(reply))) == (422, {"nonsense"}), f"{method} {path}"


@pytest.mark.parametrize(
    ("method", "there", "field", "words"),
    [
        ("POST", "stacks/shop/web/upgrade?dryrun=true", "dryrun", "dryRun is meant"),
        ("GET", "operations?projct=shop&size=1", "projct", "project is meant"),
        ("POST", "applications/shop/web/scale?type=manual&scale=4&imgae=x", "imgae", "takes type, scale, app_id, onFailure"),
        ("GET", "users?all=1", "all", "takes none"),
        ("GET", "users?" + "&".join(f"a{number}=1" for number in range(51)), "query", "at most 50 parameters"),
        ("GET", "operations?size=1&size=2", "size", "is given 2 times; give it once"),
        ("GET", "operations/op-x/events?follow=true", "follow", "takes none"),
        ("GET", "nameservice/shop/web?instance_name=x", "instance_name", "instanceName is meant"),
        ("GET", "containers/shop/web-0/web/logs?folow=1", "folow", "follow is meant"),
    ],
)
def test_the_refusal_names_it_and_the_nearest_known_one(method: str, there: str, field: str, words: str) -> None:
    reply = answered(method, f"/v2/{there}")
    assert reply.status_code == 422
    assert reply.json()["Reason"] == "Invalid"
    assert list(problems(reply)) == [field]
    assert words in problems(reply)[field]
    assert f"{field}: {problems(reply)[field]}" in reply.json()["Message"]


@pytest.mark.parametrize("query", [f"app_id={LIFE}&&instance_id={LIFE}", f"&&instance_id={LIFE}", "app_id=&&"])
def test_what_the_manual_writes_is_taken(query: str) -> None:
    of_one = [route for route in routes() if "{tAppInstanceID}" in route.path]
    assert len(of_one) == 3
    assert [refused(route, query) for route in of_one] == [[], [], []]
