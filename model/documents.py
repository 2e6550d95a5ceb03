"""YAML documents read with the place of every value, and bounded in size, depth and nodes before anything is built of them.

Aliases, anchors, tags and duplicate keys are refused: none is needed to describe a stack, and each is a known way to make a
small document large or to say one thing and mean another (targets F13, S14).
"""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar, cast

import yaml
from pydantic import BaseModel, ValidationError
from yaml._yaml import CParser
from yaml.composer import Composer
from yaml.resolver import Resolver

from model.errors import Invalid, Problem, TooLarge
from model.rule_words import in_words

LARGEST_DOCUMENT = 256 * 1024
DEEPEST = 20
MOST_NODES = 20_000
MOST_PROBLEMS = 50

Node = yaml.Node
M = TypeVar("M", bound=BaseModel)
T = TypeVar("T")


class Problems:
    """What is wrong with one document, collected so that all of it is told at once."""

    def __init__(self) -> None:
        self._found: list[Problem] = []
        self._begins = (0, 0)

    def add(self, place: Node | yaml.Mark | None, field: str, message: str) -> None:
        """Note that `field`, at `place`, is wrong; lines and columns count from 1."""
        line, column = self.place(place) if place else (None, None)
        self._found.append(Problem(field=field, message=message, line=line, column=column))

    def place(self, place: Node | yaml.Mark) -> tuple[int, int]:
        """The line and column of a place, from 1."""
        mark: Any = place.start_mark if isinstance(place, Node) else place
        return self._begins[0] + mark.line + 1, self._begins[1] + mark.column + 1

    def inside(self, text: yaml.ScalarNode) -> "Problems":
        """Where to note what is wrong inside a text value that is a document itself: at its place in this one.

        Columns of a block (`|`) are those of its own text: how far it is indented is not kept.
        """
        found = Problems()
        found._found = self._found
        line, column = self._begins[0] + text.start_mark.line, self._begins[1] + text.start_mark.column
        found._begins = (line + 1, 0) if text.style in ("|", ">") else (line, column + bool(text.style))
        return found

    def root(self, text: yaml.ScalarNode, field: str) -> Node | None:
        """The root of the one YAML document in a text value, None after noting that there is none."""
        known = len(self._found)
        root = _parsed(text.value, field, _Bounded.get_single_node, self)
        if root is None and len(self._found) == known:
            self._found.append(Problem(field=field, message="is empty", line=self._begins[0] + 1, column=self._begins[1] + 1))
        return root

    def check(self, what: str) -> None:
        """Return if nothing was noted, else raise Invalid with the first MOST_PROBLEMS problems in the document's order."""
        if not self._found:
            return
        found = sorted(self._found, key=lambda p: (p.line or 0, p.column or 0))
        told = "; ".join(_told(problem) for problem in found[:5])
        rest = f" (and {len(found) - 5} more)" if len(found) > 5 else ""
        raise Invalid(
            f"{what}: {told}{rest}.",
            hint="Correct the document at the places named and send it again.",
            problems=found[:MOST_PROBLEMS],
        )


class _Refused(Exception):
    """The document breaks a bound; carries the place."""

    def __init__(self, mark: Any, message: str) -> None:
        super().__init__(message)
        self.mark = mark


class _Bounded(Composer, CParser, Resolver):
    """libyaml's events put together by PyYAML's own composer, which is stopped at the first thing that is not wanted."""

    def __init__(self, content: str) -> None:
        CParser.__init__(self, content)
        Composer.__init__(self)
        Resolver.__init__(self)
        self._depth = self._nodes = 0

    def compose_node(self, parent: Node | None, index: Any) -> Node | None:
        """One node; raises _Refused beyond the bounds, and for an alias, anchor or tag, unnamed: it may be an unquoted secret."""
        event: Any = self.peek_event()
        self._nodes += 1
        if isinstance(event, yaml.AliasEvent):
            raise _Refused(event.start_mark, "an alias (*) is not supported; write its content out, or quote a value")
        if event.anchor is not None:
            raise _Refused(event.start_mark, "an anchor (&) is not supported; remove it, or quote a value")
        if event.tag is not None:
            raise _Refused(event.start_mark, "a tag (!) is not supported; remove it, or quote a value")
        if self._depth > DEEPEST:
            raise _Refused(event.start_mark, f"is nested deeper than {DEEPEST} levels")
        if self._nodes > MOST_NODES:
            raise _Refused(event.start_mark, f"the document has more than {MOST_NODES} values from here on; split it")
        self._depth += 1
        node: Node | None = super().compose_node(parent, index)
        self._depth -= 1
        return node


def read(content: str, field: str = "content") -> Node | None:
    """The root node of the one YAML document in `content`, None when it is empty.

    Raises TooLarge above LARGEST_DOCUMENT bytes, and Invalid with the line and column of what cannot be read.
    """

    def only(reader: _Bounded) -> Node | None:
        node = reader.get_node() if reader.check_node() else None
        if reader.check_node():
            begins = reader.peek_event()
            raise _Refused(begins and begins.start_mark, "begins another document here; only the kind kubernetes has several")
        return node

    return _read(content, field, only)


def read_all(content: str, field: str = "content") -> list[Node]:
    """The root nodes of all documents in `content` that are not empty; raises as `read`, the bounds being those of all together."""

    def each(reader: _Bounded) -> list[Node]:
        found: list[Node] = []
        while reader.check_node():
            node = reader.get_node()
            found += [node] if node is not None and not is_null(node) else []
        return found

    return _read(content, field, each)


def _read(content: str, field: str, take: Callable[["_Bounded"], T]) -> T:
    written = content.encode(errors="replace")
    if len(written) > LARGEST_DOCUMENT:
        taken = written[:LARGEST_DOCUMENT]
        line, column = taken.count(b"\n") + 1, LARGEST_DOCUMENT - taken.rfind(b"\n")
        rule = f"exceeds {LARGEST_DOCUMENT // 1024} KiB on this line"
        raise TooLarge(f"line {line}: {field} {rule}.", problems=[Problem(field=field, message=rule, line=line, column=column)])
    problems = Problems()
    found = _parsed(content, field, take, problems)
    problems.check(field)
    return cast("T", found)


def _parsed(content: str, field: str, take: Callable[["_Bounded"], T], problems: Problems) -> T | None:
    """What is taken of a document; None after noting why it cannot be read."""
    try:
        return take(_Bounded(content))
    except _Refused as refused:
        problems.add(refused.mark, field, str(refused))
    except yaml.MarkedYAMLError as error:
        problems.add(error.problem_mark or error.context_mark, field, f"is not YAML: {error.problem or error.context}")
    except yaml.YAMLError:
        problems.add(None, field, "is not YAML: it has a control character")
    except UnicodeEncodeError:
        problems.add(None, field, "is not text: it has half of a surrogate pair")
    return None


def entries(node: Node, field: str, problems: Problems) -> dict[str, tuple[Node, Node]]:
    """A mapping's key → (key node, value node); notes a problem for what is not a mapping, not a plain key, or given twice."""
    found: dict[str, tuple[Node, Node]] = {}
    if not isinstance(node, yaml.MappingNode):
        problems.add(node, field or "content", "must be a mapping (key: value)")
        return found
    for key, value in node.value:
        if not isinstance(key, yaml.ScalarNode):
            problems.add(key, field or "content", "a key must be a plain word")
        elif key.value in found:
            first = found[key.value][0].start_mark.line + 1
            problems.add(key, join(field, key.value), f"is given twice; the first is on line {first}")
        else:
            found[key.value] = (key, value)
    return found


def items(node: Node, field: str, problems: Problems) -> list[tuple[str, Node]]:
    """A list's (field, node) pairs; notes a problem for what is not a list."""
    if not isinstance(node, yaml.SequenceNode):
        problems.add(node, field, "must be a list")
        return []
    return [(f"{field}[{index}]", item) for index, item in enumerate(node.value)]


def text(node: Node, field: str, problems: Problems) -> str | None:
    """A scalar as it is written (so that `yes`, `1.10` and `22:22` stay what the person typed); None after noting a problem."""
    if not isinstance(node, yaml.ScalarNode):
        problems.add(node, field, "must be a plain value, not a list or mapping")
    elif is_null(node):
        problems.add(node, field, "has no value; give one or remove the line")
    elif "\0" in node.value:
        problems.add(node, field, "must not contain a NUL character")
    else:
        return str(node.value)
    return None


def plain(node: Node, field: str, problems: Problems) -> Any:
    """The value as dicts, lists, None and text as it is written; notes what `entries` notes."""
    if isinstance(node, yaml.MappingNode):
        found = entries(node, field, problems)
        return {name: plain(value, join(field, name), problems) for name, (_, value) in found.items()}
    if isinstance(node, yaml.SequenceNode):
        return [plain(item, place, problems) for place, item in items(node, field, problems)]
    return None if is_null(node) else str(node.value)


def shaped(model: type[M], node: Node, field: str, problems: Problems, refused: Mapping[str, str]) -> M | None:
    """The value as a `model`; None after noting, each at its place, what the model refuses.

    `refused` has by key why it has no meaning here; any other unknown key is called a slip.
    """
    try:
        return model.model_validate(plain(node, field, problems))
    except ValidationError as error:
        for found in error.errors(include_url=False)[:MOST_PROBLEMS]:
            place, name = locate(node, field, found["loc"])
            key = str(found["loc"][-1]) if found["loc"] else ""
            problems.add(place, name, _rule(found, refused.get(key)))
    return None


def locate(node: Node, field: str, path: Sequence[str | int]) -> tuple[Node, str]:
    """The place of a path below `node`, as far as it exists, and its whole name; of a key it is where the key stands."""
    place = inner = node
    for part in path:
        if isinstance(part, int) and isinstance(inner, yaml.SequenceNode) and part < len(inner.value):
            place = inner = inner.value[part]
            field = f"{field}[{part}]"
        elif isinstance(part, str) and isinstance(inner, yaml.MappingNode):
            field = join(field, part)
            known = next((pair for pair in inner.value if pair[0].value == part), None)
            if known is None:
                break
            place, inner = known
    return place, field


def inside(node: Node, *path: str) -> Node:
    """The value at a path of keys that exist."""
    for key in path:
        node = next(value for known, value in node.value if known.value == key)
    return node


def _rule(found: Mapping[str, Any], refused: str | None) -> str:
    kind = found["type"]
    if kind == "extra_forbidden":
        return refused or "is not a known key; correct its spelling"
    if found["input"] is None and kind != "missing":
        return "has no value; give one or remove the line"
    if kind in ("model_type", "dict_type", "model_attributes_type"):
        return "must be a mapping (key: value)"
    return in_words(found)


def is_null(node: Node) -> bool:
    """Whether the value is left out (`key:`), `~` or `null`."""
    return isinstance(node, yaml.ScalarNode) and node.tag == "tag:yaml.org,2002:null"


def digest(content: str) -> str:
    """The SHA-256 of a document in hex: what a record keeps of it, for it may hold secrets."""
    return hashlib.sha256(content.encode()).hexdigest()


def join(field: str, key: str) -> str:
    """The path of a key below a field; an over-long key is cut."""
    shown = key if len(key) <= 80 else key[:77] + "…"
    return f"{field}.{shown}" if field else shown


def _told(problem: Problem) -> str:
    place = f"line {problem.line}, column {problem.column}: " if problem.line else ""
    return f"{place}{problem.field} {problem.message}"
