"""Documents that are made to hurt, on every route that takes one: refused at once, with line numbers (targets F13, S14).

Generated over the routes: whatever takes a `content` beside the kinds it may be written in.
"""

import time
from collections.abc import Callable
from typing import Any

import pytest

from tests.platform import Platform, unique

MANY = 10_000
# A second is what the target allows on a machine of its own; here other tests run beside.
WITHIN = 5.0
STAYS = "image: busybox, command: [sh, -c, 'trap exit TERM; sleep 9999 & wait']"
RIGHT = {
    "compose": f"a: {{{STAYS}}}\n",
    "pod": f"containers:\n- {{name: a, {STAYS}}}\n",
    "kubernetes": (
        "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: a}\nspec:\n  selector: {matchLabels: {x: a}}\n"
        "  template: {metadata: {labels: {x: a}}, spec: {containers: [{name: a, image: busybox}]}}\n"
    ),
}
_DOCUMENT = (
    "apiVersion: apps/v1\nkind: Deployment\nmetadata: {{name: {0}, annotations: {{mooring.io/depends-on: {1}}}}}\n"
    "spec: {{selector: {{matchLabels: {{x: y}}}}, template: {{metadata: {{labels: {{x: y}}}}, spec: {{containers: "
    "[{{name: c, image: x}}]}}}}}}\n---\n"
)
BOMB = "a: &a [x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{b}: &{b} [{', '.join([f'*{a}'] * 9)}]\n" for a, b in zip("abcdefgh", "bcdefghi", strict=True)
)
DEEP = "a: " + "[" * 100_000
MANY_MOUNTS = ", ".join(f"{{name: v, mountPath: /{n}}}" for n in range(3900))
DENSE = "".join(f"  s{n}: {{image: x, depends_on: [{', '.join(f'z{m}' for m in range(90))}]}}\n" for n in range(195))
TWICE = "a: {image: x}\nb: {image: x}\na: {image: y}\n"
# (name, kind) → the document, and the line that it is wrong on (None: any).
HOSTILE: dict[tuple[str, str], tuple[str, int | None]] = {
    **{("alias bomb", kind): (BOMB, None) for kind in RIGHT},
    **{("deep", kind): (DEEP, 1) for kind in RIGHT},
    ("10,000", "compose"): ("".join(f"s{n}: {{image: x}}\n" for n in range(MANY)), None),
    ("10,000 modern", "compose"): ("services:\n" + "".join(f"  s{n}: {{image: x}}\n" for n in range(MANY)), None),
    ("10,000", "pod"): ("containers:\n" + "".join(f"- {{name: c{n}}}\n" for n in range(MANY)), None),
    ("10,000", "kubernetes"): ("kind: Service\n---\n" * MANY, None),
    ("dense", "compose"): (f"services:\n{DENSE}", 2),
    ("mounts", "pod"): (
        f"containers:\n- name: a\n  image: x\n  volumeMounts: [{MANY_MOUNTS}]\nvolumes: [{{name: v, emptyDir: }}]\n",
        4,
    ),
    ("cycle", "compose"): ("a: {image: x, links: [b]}\nb: {image: x, links: [c]}\nc: {image: x, links: [a]}\n", None),
    ("cycle modern", "compose"): ("services:\n  a: {image: x, depends_on: [b]}\n  b: {image: x, depends_on: [a]}\n", None),
    ("cycle", "kubernetes"): ("".join(_DOCUMENT.format(one, other) for one, other in ("ab", "bc", "ca")), None),
    ("twice", "compose"): (TWICE, 3),
    ("twice", "pod"): ("replicas: 1\ncontainers: []\nreplicas: 2\n", 3),
    ("twice", "kubernetes"): ("kind: Deployment\napiVersion: apps/v1\nkind: Deployment\n", 3),
    **{("300 KB", kind): (f"# {'x' * 997}\n" * 300, 263) for kind in RIGHT},
}
_SCHEMA = "application/json"


class Route:
    """One route that takes a document; `body(kind, content)` is None for a kind that it does not take."""

    def __init__(self, method: str, path: str, body: Callable[[str, str], dict[str, Any] | None]) -> None:
        self.method, self.path, self.body = method, path, body


async def described(platform: Platform) -> set[tuple[str, str]]:
    """(method, path) of the routes whose body has a `content`, as the API describes itself."""
    api = await platform.get("/openapi.json")

    def takes(schema: dict[str, Any]) -> bool:
        if "$ref" in schema:
            return takes(api["components"]["schemas"][schema["$ref"].rpartition("/")[2]])
        return "content" in schema.get("properties", {}) or any(takes(one) for one in schema.get("anyOf", []))

    return {
        (method.upper(), path)
        for path, methods in api["paths"].items()
        for method, route in methods.items()
        if takes(route.get("requestBody", {}).get("content", {}).get(_SCHEMA, {}).get("schema", {}))
    }


@pytest.fixture(scope="module")
async def routes(platform: Platform, project: str) -> list[Route]:
    """Every such route, with what it needs to be there made: a template of each kind, a stack of its own document."""
    templates = {kind: unique("t") for kind in RIGHT}
    for kind, name in templates.items():
        await platform.ask("POST", f"/v2/templates/{project}", {"name": name, "kind": kind, "content": RIGHT[kind]}, expect=201)
    stack = unique("d")
    await platform.done("POST", f"/v2/composes/{project}", {"stackInstanceName": stack, "content": RIGHT["compose"]})
    found = [
        Route("POST", "/v2/templates/{project}", lambda kind, content: {"name": unique("x"), "kind": kind, "content": content}),
        Route("POST", "/v2/templates/{project}/validate", lambda kind, content: {"kind": kind, "content": content}),
        Route("POST", "/v2/composes/{project}", _of("compose", stackInstanceName=unique("x"))),
        Route("POST", "/v2/podstack/{project}", _of("pod", stackInstanceName=unique("x"))),
        Route("POST", "/v2/podstack/{project}/{app_name}", _of("pod")),
        Route("POST", "/v2/stacks/{project}/{name}/upgrade", _of("compose")),
        *(Route("PUT", "/v2/templates/{project}/{name}", _of(kind)) for kind in RIGHT),
    ]
    known = await described(platform)
    assert {(route.method, route.path) for route in found} == known, "a route that takes a document is not tested here"
    names = iter(templates.values())
    for route in found:
        name = next(names) if route.method == "PUT" else stack
        route.path = route.path.format(project=project, name=name, app_name=f"{stack}-a")
    return found


def _of(only: str, **more: str) -> Callable[[str, str], dict[str, Any] | None]:
    return lambda kind, content: {"content": content, **more} if kind == only else None


@pytest.mark.parametrize("case", HOSTILE, ids=" ".join)
async def test_it_is_refused_at_once_with_its_line(platform: Platform, routes: list[Route], case: tuple[str, str]) -> None:
    content, line = HOSTILE[case]
    asked = 0
    for route in routes:
        body = route.body(case[1], content)
        if body is None:
            continue
        asked += 1
        begun = time.monotonic()
        reply = await platform.http.request(route.method, route.path, json=body)
        took = time.monotonic() - begun
        told = reply.json()
        where = f"{route.method} {route.path}: {reply.status_code} {str(told)[:300]}"
        assert reply.status_code == (200 if route.path.endswith("/validate") else 413 if case[0] == "300 KB" else 422), where
        assert told["Code"] != 0, where
        assert told["problems"], where
        assert all(problem.get("line") for problem in told["problems"]), where
        assert line is None or line in {problem["line"] for problem in told["problems"]}, where
        assert len(reply.content) < 64 * 1024, "a refusal is short"
        assert took < WITHIN, f"{where}: {took:.1f} s"
    assert asked >= 2


async def test_a_body_of_three_megabytes_is_refused_before_it_is_read(platform: Platform, routes: list[Route]) -> None:
    for route in routes:
        body = next(body for kind in RIGHT if (body := route.body(kind, "x" * 3_000_000)))
        begun = time.monotonic()
        reply = await platform.http.request(route.method, route.path, json=body)
        took = time.monotonic() - begun
        assert reply.status_code == 413, f"{route.method} {route.path}: {reply.text[:300]}"
        told = reply.json()
        assert told["Reason"] == "TooLarge"
        assert "2 MiB" in told["Message"]
        assert took < WITHIN
