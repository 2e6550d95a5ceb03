"""Bodies that are made to be slow, for each route of OpenAPI: of the permitted size, wrong or nearly right, or with documents."""

import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

from api.json_bodies import DEEPEST, MOST_VALUES
from api.limits import LARGEST_BODY
from model.base import MOST_ITEMS
from model.compose import MOST_SERVICES
from model.documents import LARGEST_DOCUMENT
from model.kubernetes_documents import MOST_DOCUMENTS

Schema = Mapping[str, Any]
Put = Callable[[Any], Any]  # a value in the place that is meant, in a body that has little else
_ROOM = 2000  # bytes of a body beside its one long text
_DEEPEST_PLACE = 7
# What texts are made of, for patterns, parsers and searches to be slow over.
ALPHABETS = ("x", "a-", "a.", "1", "/", " ", "é", "\\", '"', "$(a)")


class Place(NamedTuple):
    """A place in a body where a value goes: how it is told, which field of which of OpenAPI's schemas it is, how to fill it."""

    name: str
    field: tuple[str, str]
    put: Put


class Bodies:
    """What one OpenAPI's routes take. A field that several of them have is tried with the first."""

    def __init__(self, openapi: Schema) -> None:
        self._schemas = openapi["components"]["schemas"]
        self._paths = openapi["paths"]
        seen: set[tuple[str, str, str]] = set()
        self._places: dict[tuple[str, str], list[Place]] = {}
        for method, path, schema in self.routes():
            for wanted in ("array", "object", "string"):
                found = [one for one in self._found(schema, wanted, path) if (wanted, *one.field) not in seen]
                seen |= {(wanted, *one.field) for one in found}
                self._places[f"{method} {path}", wanted] = list({one.field: one for one in found}.values())

    def routes(self) -> Iterator[tuple[str, str, Schema]]:
        """Each route that takes JSON: method, path, and the body's schema."""
        for path, methods in self._paths.items():
            for method, route in methods.items():
                content = route.get("requestBody", {}).get("content", {})
                if "application/json" in content:
                    yield method.upper(), path, content["application/json"]["schema"]

    def hostile(self, route: str, schema: Schema) -> Iterator[tuple[str, bytes]]:
        """Bodies for a route of that schema, each with a name: what is too much for any route, and what is made for this one."""
        yield "900,000 numbers", _json({"a": [1] * 900_000})
        yield "150,000 unknown fields", _json({f"f{number}": 1 for number in range(150_000)})
        yield "as many fields as may be", _json({f"f{number}": 1 for number in range(MOST_ITEMS)})
        yield "as many levels as may be", _json(_nested(DEEPEST - 2, [0] * (MOST_VALUES - DEEPEST)))
        for place in self._places[route, "array"]:
            for name, items in _LISTS.items():
                yield f"{place.name}: {name}", _json(place.put(items))
        for place in self._places[route, "object"]:
            yield f"{place.name}: a thousand keys", _json(place.put({f"k{number}": [1] * 8 for number in range(MOST_ITEMS)}))
        texts = self._places[route, "string"]
        for letters in ALPHABETS if texts else ():
            whole = self._all(schema, _long(letters, LARGEST_BODY // len(list(self._found(schema, "string", ""))) - 100))
            yield f"everywhere {letters!r}", _json(whole)
        for place in texts:
            yield f"{place.name}: one text", _json(place.put(_long("a.", LARGEST_BODY - _ROOM)))

    def documents(self, schema: Schema) -> Iterator[tuple[str, bytes]]:
        """For a route that takes a document: bodies with one that is long to read."""
        shapes = [one for _, one in self._alternatives(schema, "")]
        properties = next((one["properties"] for one in shapes if "content" in one.get("properties", {})), {})
        kinds = [kind for _, one in self._alternatives(properties.get("kind", {}), "") for kind in one.get("enum", [])] or [None]
        for name, text in slow_documents() if properties else ():
            for kind in kinds:
                body = {**self._least(schema), "content": text} | ({"kind": kind} if kind else {})
                yield f"{name} as {kind}", _json(body)

    def _alternatives(self, schema: Schema, of: str) -> Iterator[tuple[str, Schema]]:
        """What the schema may be, each with the name of the schema that it is, or is in."""
        while "$ref" in schema:
            of = schema["$ref"].rpartition("/")[2]
            schema = self._schemas[of]
        inner = next((schema[word] for word in ("anyOf", "oneOf", "allOf") if word in schema), None)
        if inner is None:
            yield of, schema
        for one in inner or ():
            yield from self._alternatives(one, of)

    def _least(self, schema: Schema, depth: int = 0) -> Any:
        """A small value that is about right."""
        _, found = next(self._alternatives(schema, ""))
        if "const" in found or "enum" in found:
            return found.get("const", found.get("enum", [None])[0])
        match found.get("type"):
            case "object":
                return {name: self._least(found["properties"][name], depth + 1) for name in found.get("required", ())}
            case "array":
                return [self._least(found["items"], depth + 1)] * (found.get("minItems", 0) if depth < _DEEPEST_PLACE else 0)
            case "string":
                return "x"
            case "integer" | "number":
                return found.get("minimum", 1)
            case "boolean":
                return True
        return None

    def _found(self, schema: Schema, wanted: str, of: str, here: str = "", depth: int = 0) -> Iterator[Place]:
        """Each place in a body where a value of the type goes."""
        if depth > _DEEPEST_PLACE:
            return
        for owner, one in self._alternatives(schema, of):
            within = here if owner == of else ""
            if one.get("type") == wanted and not ("properties" in one or "enum" in one):
                yield Place("", (owner, within), lambda value: value)
            inner = [(f".{name}", sub, _in_object(self._least(one), name)) for name, sub in one.get("properties", {}).items()]
            if isinstance(one.get("additionalProperties"), dict):
                inner.append((".*", one["additionalProperties"], _in_object({}, "k")))
            if "items" in one:
                inner.append(("[]", one["items"], _in_list))
            for step, sub, wrap in inner:
                for place in self._found(sub, wanted, owner, within + step, depth + 1):
                    yield Place(step + place.name, place.field, wrap(place.put))

    def _all(self, schema: Schema, text: str, depth: int = 0) -> Any:
        """A body with the text in every place that takes one."""
        shapes = [one for _, one in self._alternatives(schema, "")]
        for one in shapes if depth <= _DEEPEST_PLACE else ():
            if "properties" in one:
                return {name: self._all(inner, text, depth + 1) for name, inner in one["properties"].items()}
            if isinstance(one.get("additionalProperties"), dict):
                return {"k": self._all(one["additionalProperties"], text, depth + 1)}
            if "items" in one:
                return [self._all(one["items"], text, depth + 1)]
            if one.get("type") == "string" and "enum" not in one:
                return text
        return self._least(shapes[0])


_LISTS: Mapping[str, list[Any]] = {
    "objects of unknown fields": [{f"a{number}": 1 for number in range(8)}] * (MOST_ITEMS - 10),
    "numbers": [1] * MOST_ITEMS,
    "lists": [[1] * 8] * MOST_ITEMS,
    "empty objects": [{}] * MOST_ITEMS,
    "texts": ["x" * 2000] * (MOST_ITEMS - 10),
}


def shapeless() -> Iterator[tuple[str, bytes]]:
    """What is refused before a route is asked."""
    yield "600,000 empty lists", _cut("[" + "[]," * 600_000)
    yield "300,000 empty objects", _cut("[" + '{"":0},' * 300_000)
    yield "600,000 empty texts", _cut("[" + '"",' * 600_000)
    yield "a million levels", _cut("[" * LARGEST_BODY)
    yield "a long number", _cut("[" + "1" * LARGEST_BODY)
    yield "long numbers", _cut("[" + ("1" * 4000 + ",") * 500)
    yield "numbers nearly as long as may be", _cut("[" + ("1" * 399 + ",") * 5000)
    yield "a text of escapes", _cut('{"name": "' + "\\u0041" * 340_000 + '"}')
    yield "no end of a text", _cut('{"name": "' + '\\"' * 1_000_000)
    yield "no JSON", b"x " * (LARGEST_BODY // 2)
    yield "spaces", b" " * LARGEST_BODY
    yield "lists in UTF-16", ("[" + "[]," * 300_000).encode("utf-16-le")
    yield "halves of pairs", ('{"name": "' + "\ud800" * 600_000).encode(errors="surrogatepass")


def slow_documents() -> Iterator[tuple[str, str]]:
    """Documents of the permitted size and nearly as many values: wrong, nearly right, and right in each language."""
    each = range(MOST_SERVICES)
    yield "services in a row", "".join(_service(f"s{n}", f"links: [s{n - 1}]" if n else "expose: [80]") for n in each)
    yield (
        "services of all",
        "services:\n"
        + "".join(
            f"  s{n}:\n    image: busybox\n    depends_on: [{', '.join(f's{before}' for before in range(max(0, n - 80), n))}]\n"
            for n in each
        ),
    )
    yield "unknown keys", "".join(f"s{n}:\n  image: busybox\n" + "".join(f"  k{key}: x\n" for key in range(40)) for n in each)
    yield "keys given twice", "".join(f"s{n}:\n  image: busybox\n" + "  image: x\n" * 40 for n in each)
    yield "extensions", _within("services:\n  web:\n    image: busybox\n", (f"x-moring-{n}: x\n" for n in range(9000)))
    yield "dollars", "services:\n  web:\n    image: busybox\n    command: " + "$A${B:-" * ((LARGEST_DOCUMENT - 100) // 7)
    yield "a long command", f"web:\n  image: busybox\n  command: {'a' * (LARGEST_DOCUMENT - 100)}\n"
    yield "a list", _within("web:\n  image: busybox\n  environment:\n", (f"  - A{n}=x\n" for n in range(9000)))
    yield "levels", "[" * LARGEST_DOCUMENT
    yield "flow", "{a: [" + "b, [c, d], " * 6000 + "]}"
    yield "aliases", _within("a: &a x\n", (f"k{n}: *a\n" for n in range(9000)))
    yield "one text", "web: " + "x" * (LARGEST_DOCUMENT - 10)
    yield "unreadable", "web: |\n" + "  \x07\x08\n" * (LARGEST_DOCUMENT // 8)
    yield "containers", _POD + "".join(f"  - {{name: c{n}, image: busybox, env: [{_variables(40)}]}}\n" for n in range(20))
    yield "variables", f"{_POD}  - {{name: c, image: busybox, env: [{_variables(900)}]}}\n"
    yield "objects", "".join(_DEPLOYMENT.format(n, _variables(8)) for n in range(MOST_DOCUMENTS))
    yield (
        "groups",
        "".join(
            _CONFIGMAP.format(n, ", ".join(f"k{key}: x" for key in range(30)))
            + _DEPLOYMENT.format(f"d{n}", "").replace("env: []", f"envFrom: [{{configMapRef: {{name: c{n}}}}}]")
            for n in range(MOST_DOCUMENTS // 2)
        ),
    )


_POD = "containers:\n"
_DEPLOYMENT = """---
apiVersion: apps/v1
kind: Deployment
metadata: {{name: a{0}}}
spec:
  selector: {{matchLabels: {{app: a{0}}}}}
  template:
    metadata: {{labels: {{app: a{0}}}}}
    spec: {{containers: [{{name: a, image: busybox, env: [{1}]}}]}}
"""
_CONFIGMAP = "---\napiVersion: v1\nkind: ConfigMap\nmetadata: {{name: c{0}}}\ndata: {{{1}}}\n"


def _service(name: str, more: str) -> str:
    values = "".join(f"  - A{number}=x\n" for number in range(30))
    return f"{name}:\n  image: busybox\n  mem_limit: 64m\n  {more}\n  environment:\n{values}"


def _variables(count: int) -> str:
    return ", ".join(f"{{name: A{number}, value: $(A{number - 1})}}" for number in range(count))


def _within(head: str, lines: Iterator[str]) -> str:
    """The head with as many of the lines as a document may have."""
    made, left = [head], LARGEST_DOCUMENT - len(head)
    for line in lines:
        left -= len(line)
        if left < 0:
            break
        made.append(line)
    return "".join(made)


def _in_object(rest: Any, name: str) -> Callable[[Put], Put]:
    return lambda put: lambda value: {**rest, name: put(value)}


def _in_list(put: Put) -> Put:
    return lambda value: [put(value)]


def _nested(levels: int, value: Any) -> Any:
    for _ in range(levels):
        value = {"a": value}
    return value


def _long(letters: str, length: int) -> str:
    """A text of so many bytes as JSON."""
    return letters * (length // len(json.dumps(letters, ensure_ascii=False).encode(errors="surrogatepass")[1:-1]))


def _json(value: Any) -> bytes:
    return _cut(json.dumps(value, ensure_ascii=False))


def _cut(text: str) -> bytes:
    return text.encode(errors="surrogatepass")[:LARGEST_BODY]
