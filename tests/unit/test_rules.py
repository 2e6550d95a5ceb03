"""The rules of the house, read off the source: who imports what, what may decide, who may ask (ARCHITECTURE: the rooms)."""

import ast
import inspect
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute, APIWebSocketRoute

from api.app import build
from model.access import PERMISSIONS, PLATFORM_PERMISSIONS, PROJECT_PERMISSIONS, Role
from model.error_table import error_table
from model.errors import MooringError, error_classes
from workflows.registry import KINDS

ROOT = Path(__file__).parent.parent.parent
# Each room may import itself and these.
ROOMS = {
    "model": set(),
    "records": {"model"},
    "clients": {"model"},
    "activities": {"model", "records", "clients"},
    "workflows": {"model", "clients", "activities"},
    "worker": {"model", "records", "clients", "activities", "workflows"},
    "api": {"model", "records", "clients", "workflows"},
    "cli": set(),
}
# Who alone may import what reaches out of the process.
KEEPERS = {
    "asyncpg": {"records"},
    "aiosql": {"records"},
    "kubernetes": {"clients"},
    "docker": {"clients", "cli"},
    "httpx": {"clients", "cli"},
}
# What would make the same input decide otherwise, or reach out: not in what workflows run outside the sandbox's watch.
NOT_IN_PURE = {
    "random",
    "secrets",
    "time",
    "os",
    "subprocess",
    "socket",
    "asyncio",
    "threading",
    "io",
    "tempfile",
    "uuid",
}
_CLOCKS = {"now", "utcnow", "today"}
_VAGUE = {"manager", "helper", "helpers", "util", "utils", "common"}


def files(*rooms: str) -> list[Path]:
    return [file for room in rooms for file in sorted((ROOT / room).rglob("*.py"))]


def imported(file: Path) -> Iterator[str]:
    """The modules a file imports, wherever in it."""
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            yield from (name.name for name in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            assert node.level == 0, f"{file} imports relatively"
            yield node.module


def test_imports_go_one_way() -> None:
    wrong = [
        f"{file.relative_to(ROOT)} imports {module}"
        for room, may in ROOMS.items()
        for file in files(room)
        for module in imported(file)
        if (top := module.partition(".")[0]) in ROOMS and top not in may | {room}
    ]
    assert not wrong


def test_what_reaches_out_has_its_keeper() -> None:
    wrong = [
        f"{file.relative_to(ROOT)} imports {module}"
        for room in ROOMS
        for file in files(room)
        for module in imported(file)
        if room not in KEEPERS.get(module.partition(".")[0], {room})
    ]
    assert not wrong


@pytest.mark.parametrize("file", files("model", "workflows/planning"), ids=lambda file: str(file.relative_to(ROOT)))
def test_what_decides_is_pure(file: Path) -> None:
    wrong = [module for module in imported(file) if module.partition(".")[0] in NOT_IN_PURE]
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.ImportFrom) and node.module == "pathlib":
            wrong += [name.name for name in node.names if not name.name.startswith("Pure")]
        if isinstance(node, ast.Call):
            if isinstance(node.func, ast.Attribute) and node.func.attr in _CLOCKS:
                wrong.append(f"line {node.lineno}: a clock")
            if isinstance(node.func, ast.Name) and node.func.id in {"open", "print", "input"}:
                wrong.append(f"line {node.lineno}: {node.func.id}")
    assert not wrong


def test_modules_say_what_they_are_about() -> None:
    assert not [file for file in files(*ROOMS, "deploy") if file.stem in _VAGUE]


def test_files_are_short() -> None:
    assert not [file for file in files(*ROOMS, "deploy", "tests") if len(file.read_text().splitlines()) > 400]


def _permissions(dependant: Dependant) -> Iterator[Any]:
    if hasattr(dependant.call, "permission"):
        yield dependant.call.permission  # type: ignore[union-attr]
    for further in dependant.dependencies:
        yield from _permissions(further)


def routes() -> list[APIRoute | APIWebSocketRoute]:
    found = [route for route in _flat(build().routes) if isinstance(route, APIRoute | APIWebSocketRoute)]
    assert len(found) > 20
    return found


def _flat(given: Any) -> Iterator[Any]:
    for route in given:
        inner = getattr(route, "original_router", None)  # FastAPI keeps an included router as one route
        yield from _flat(inner.routes) if inner is not None else (route,)


def test_every_route_says_who_may() -> None:
    known = PROJECT_PERMISSIONS | PLATFORM_PERMISSIONS | {None}
    for route in routes():
        stated = list(_permissions(route.dependant))
        if route.path.startswith("/v2"):
            assert stated, f"{route.path} states no allow(...)"
            assert set(stated) <= known, f"{route.path} asks for an unknown permission"
        else:
            assert route.path in {"/healthz", "/readyz", "/metrics"}


def _calls(dependant: Dependant) -> Iterator[Any]:
    yield dependant.call
    for further in dependant.dependencies:
        yield from _calls(further)


def test_no_route_needs_a_thread() -> None:
    """FastAPI hands what is not async to a thread, at each request, which costs more than a query."""
    calls = {call if inspect.isroutine(call) else type(call).__call__ for route in routes() for call in _calls(route.dependant)}
    assert not [call for call in calls if not inspect.iscoroutinefunction(call) and not inspect.isasyncgenfunction(call)]


def test_every_kind_asks_for_a_permission_that_somebody_has() -> None:
    assert {kind.permission for kind in KINDS} <= PROJECT_PERMISSIONS | PLATFORM_PERMISSIONS


def test_a_higher_role_may_all_that_a_lower_may() -> None:
    assert PERMISSIONS[Role.VIEWER] < PERMISSIONS[Role.DEVELOPER] < PERMISSIONS[Role.ADMIN] == PROJECT_PERMISSIONS


def test_codes_are_unique_and_every_error_is_documented() -> None:
    codes = [cls.code for cls in error_classes()]
    assert len(codes) == len(set(codes))
    described = build().openapi()["info"]["description"]
    for row in error_table():
        assert row["meaning"], f"{row['reason']} has no meaning"
        assert f"| {row['reason']} | {row['code']} |" in described
        assert row["hint"] != MooringError.hint, f"{row['reason']} does not say what to do"
        assert 400 <= row["status"] < 600


def test_every_operation_and_route_is_described() -> None:
    assert not [kind.name for kind in KINDS if not inspect.getdoc(kind.workflow)]
    assert not [route.path for route in routes() if not inspect.getdoc(route.endpoint)]


def _unbounded(schemas: dict[str, Any], schema: dict[str, Any], place: str, known: frozenset[str] = frozenset()) -> Iterator[str]:
    """The integers of a schema that have no largest value, each as its place."""
    if name := schema.get("$ref", "").rpartition("/")[2]:
        if name not in known:
            yield from _unbounded(schemas, schemas[name], place, known | {name})
        return
    if schema.get("type") == "integer" and not schema.keys() & {"maximum", "exclusiveMaximum", "enum", "const"}:
        yield place
    of_fields = [(f"{place}.{field}", inner) for field, inner in schema.get("properties", {}).items()]
    of_items = [(f"{place}[]", schema[word]) for word in ("items", "additionalProperties") if isinstance(schema.get(word), dict)]
    of_choices = [(place, inner) for word in ("anyOf", "oneOf", "allOf") for inner in schema.get(word, [])]
    for inner_place, inner in (*of_fields, *of_items, *of_choices):
        yield from _unbounded(schemas, inner, inner_place, known)


# A duration may be a number or a text; its own check bounds it.
_DURATIONS = ("duration", "failDuration", "interval")


def test_every_integer_that_is_taken_has_a_largest_value() -> None:
    """Else PostgreSQL's own bound is met inside, and the answer is 500."""
    told = build().openapi()
    found: list[str] = []
    for path, route in told["paths"].items():
        for method, how in route.items():
            taken = [(f"?{one['name']}", one["schema"]) for one in how.get("parameters", [])]
            taken += [("body", one["schema"]) for one in how.get("requestBody", {}).get("content", {}).values()]
            for place, schema in taken:
                found += _unbounded(told["components"]["schemas"], schema, f"{method.upper()} {path} {place}")
    assert not [place for place in found if not place.endswith(_DURATIONS)]
