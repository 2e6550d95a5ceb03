"""What is decided before a route is asked: the token, the body's shape, the headers, and that /docs is all this platform's."""

import json
import re
from typing import Any

import pytest
from fastapi.routing import APIRoute

from tests.front import answered, door
from tests.unit.test_rules import routes

APP = door()
JSON = {"Content-Type": "application/json"}
WITH_BODY = sorted(
    {
        (sorted(route.methods)[0], re.sub(r"\{\w+\}", "x", route.path))
        for route in routes()
        if isinstance(route, APIRoute) and route.body_field
    }
)


def told(method: str, path: str, body: str | bytes, **more: Any) -> Any:
    return answered(APP, method, path, content=body, headers=JSON, **more)


@pytest.mark.parametrize("body", ["{", '{"name": 1}', "[" * 700, "[]," * 10])
def test_without_a_token_no_body_is_looked_at(body: str) -> None:
    for method, path in WITH_BODY:
        for query in ("", "?nonsense=1"):
            reply = told(method, path + query, body, token=None)
            assert (reply.status_code, reply.json()["Reason"]) == (401, "Unauthenticated"), f"{method} {path}"


def test_without_a_token_no_body_is_read() -> None:
    taken = []

    async def body() -> Any:
        taken.append(1)
        yield b"x"

    assert answered(APP, "POST", "/v2/users", token=None, content=body(), headers=JSON).status_code == 401
    assert not taken


@pytest.mark.parametrize("depth", [33, 700, 1500, 300_000])
@pytest.mark.parametrize("one", [("[", "]"), ('{"a":', "}")])
def test_a_body_that_nests_deep_is_a_persons_error_whatever_the_route(depth: int, one: tuple[str, str]) -> None:
    nested = one[0] * depth + "1" + one[1] * depth
    for method, path in WITH_BODY if depth < 1000 else WITH_BODY[:2]:
        for body in (nested, f'{{"name": {nested}}}'):
            reply = told(method, path, body)
            assert (reply.status_code, reply.json()["Reason"]) == (422, "Invalid"), f"{method} {path}"


@pytest.mark.parametrize(
    ("body", "field", "words"),
    [
        ('{"name": "a", "name": "b"}', "name", "given twice"),
        ('{"name": "a", "labels": {"x": "1", "y": "2", "x": "3"}}', "x", "given twice"),
        ('{"name": "a", "more": [{"x": 1}, {"deep": {"q": 1, "q": 1}}]}', "q", "given twice"),
        ('{"name": NaN}', "body", "no number"),
        ('{"name": [-Infinity]}', "body", "no number"),
        ('{"name": 1e999}', "body", "too large"),
        ('{"name": ' + "1" * 401 + "}", "body", "more than 400 digits"),
        (b'{"name": "\xed\xa0\x80"}', "body", "UTF-8"),
        ('{"name": "a"}'.encode("utf-16-le"), "body", "UTF-8"),
        (json.dumps({"name": [1] * 20_000}), "body", "at most 10000 values"),
        (json.dumps({"name": [1] * 600_000}), "body", "at most 10000 values"),
        (json.dumps({"name": [1] * 1001}), "name", "at most 1000 items"),
        (json.dumps({f"f{i}": 1 for i in range(1500)}), "body", "at most 1000 fields"),
    ],
)
def test_what_no_body_may_be_is_refused_with_its_name(body: str | bytes, field: str, words: str) -> None:
    for kind in ("application/json", "application/json; charset=utf-8", "application/merge-patch+json"):
        reply = answered(APP, "POST", "/v2/users", content=body, headers={"Content-Type": kind})
        problems = {problem["field"]: problem["message"] for problem in reply.json()["problems"]}
        assert reply.status_code == 422
        assert words in problems[field]


def test_what_stands_in_texts_is_no_value() -> None:
    text = "[{,:" * 100_000 + '\\" "' + "1" * 5000
    assert "at most" not in told("POST", "/v2/users", json.dumps({"name": text, "admin": [[]] * 900})).text


def test_a_command_as_a_text_is_no_longer_than_a_program_s_argument() -> None:
    for command, refused in (("x" * 120_000, False), ("x " * 60_001, True), (["x" * 1000] * 121, False)):
        reply = told("POST", "/v2/applications/x", json.dumps({"name": "a", "imageRef": "busybox", "cmd": command}))
        assert ("as a text" in reply.text) == refused


def test_the_same_key_in_two_objects_is_no_repetition() -> None:
    reply = told("POST", "/v2/users", '{"name": {"name": 1}, "admin": [{"a": 1}, {"a": 1}]}')
    assert "twice" not in reply.text


def test_errors_stop_at_about_a_hundred() -> None:
    reply = told("POST", "/v2/users", json.dumps({f"f{i}": 1 for i in range(900)}))
    assert (reply.status_code, len(reply.json()["problems"])) == (422, 100)
    assert "others after these" in reply.json()["Message"]


@pytest.mark.parametrize("route", [route for route in routes() if isinstance(route, APIRoute)], ids=lambda route: route.path)
def test_no_body_field_takes_a_list_or_object_without_a_bound(route: APIRoute) -> None:
    if route.body_field is None:
        return
    path = re.sub(r"\{\w+\}", "x", route.path)
    for value in ([1] * 1001, {str(i): 1 for i in range(1001)}):
        for field in _fields(route.body_field.field_info.annotation):
            reply = told(sorted(route.methods)[0], path, json.dumps({field: value}))
            assert reply.status_code == 422, f"{path} {field}"
            assert len(reply.json()["problems"]) < 30, f"{path} {field}"


def _fields(annotation: Any) -> list[str]:
    inside = getattr(annotation, "__args__", None) or [annotation]
    return [
        field.alias or name for one in inside for name, field in getattr(one, "model_fields", {}).items() if one is not type(None)
    ]


def test_every_reply_says_nosniff_and_of_the_api_nothing_is_kept() -> None:
    for method, path, token in [
        ("GET", "/docs", None), ("GET", "/openapi.json", None), ("GET", "/nothing", None), ("GET", "/v2/users", None),
        ("POST", "/v2/tokens", "x"), ("GET", "/v2/users/me", "x"), ("GET", "/v2/nothing", "x"), ("GET", "/v2/users", "x"),
    ]:  # fmt: skip
        reply = answered(APP, method, path, token=token)
        assert reply.headers["X-Content-Type-Options"] == "nosniff", path
        assert ("no-store" in reply.headers.get("Cache-Control", "")) == path.startswith("/v2/"), path
    assert answered(APP, "GET", "/v2/users").status_code == 500  # this one has no database: a bug's reply has them too


def test_the_docs_page_loads_nothing_from_another_host() -> None:
    page = answered(APP, "GET", "/docs", token=None)
    assert page.status_code == 200
    assert "default-src 'self'" in page.headers["Content-Security-Policy"]
    loaded = re.findall(r"""(?:src|href)=["']([^"']+)""", page.text)
    assert {path.rpartition(".")[2] for path in loaded} >= {"js", "css"}
    for path in loaded:
        assert path.startswith("/docs/"), path
        assert answered(APP, "GET", path, token=None).status_code == 200
    assert "//" not in re.sub(r"<!--.*?-->", "", page.text).replace("</", "").split("SwaggerUIBundle({")[0].replace("<!DOCTYPE", "")
