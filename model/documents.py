"""YAML documents read with the place of every value, and bounded in size, depth and nodes before anything is built of them.

Aliases, anchors, tags and duplicate keys are refused: none is needed to describe a stack, and each is a known way to make a
small document large or to say one thing and mean another (targets F13, S14). What else is wrong is told beside them, in one
answer. No problem quotes a value: it may be a secret, or a secret written in the wrong place (targets S17).
"""

import hashlib
import json
import re
from collections.abc import Callable
from typing import Any, TypeVar

import yaml
from yaml._yaml import CParser
from yaml.composer import Composer
from yaml.resolver import Resolver

from model.errors import Invalid, Problem, TooLarge
from model.names import as_told

LARGEST_DOCUMENT = 256 * 1024
DEEPEST = 20
MOST_NODES = 20_000
MOST_PROBLEMS = 50
MERGE = "<<"
_BOM = "\ufeff"
# What YAML does not take, libyaml's reader says without a place.
_UNREADABLE = re.compile("[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufefe\uff00-\ufffd\U00010000-\U0010ffff]")
_LINE_END = re.compile("\r\n|\r|\n")

Node = yaml.Node
T = TypeVar("T")


class Problems:
    """What is wrong with one document, collected so that all of it is told at once.

    One that is `kept` was accepted before, perhaps by an earlier release: what only a newer rule refuses is read as it was then.
    """

    def __init__(self, *, kept: bool = False) -> None:
        self.kept = kept
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
        found = Problems(kept=self.kept)
        found._found = self._found
        line, column = self._begins[0] + text.start_mark.line, self._begins[1] + text.start_mark.column
        found._begins = (line + 1, 0) if text.style in ("|", ">") else (line, column + bool(text.style))
        return found

    def root(self, text: yaml.ScalarNode, field: str) -> Node | None:
        """The root of the one YAML document in a text value, None after noting that there is none."""
        known = len(self._found)
        root = _parsed(text.value, field, _only, self)
        if root is None and len(self._found) == known:
            self._found.append(Problem(field=field, message="is empty", line=self._begins[0] + 1, column=self._begins[1] + 1))
        return root

    def check(self, what: str) -> None:
        """Return if nothing was noted, else raise Invalid with the first MOST_PROBLEMS problems in the document's order."""
        if not self._found:
            return
        found = sorted(dict.fromkeys(self._found), key=lambda p: (p.line or 0, p.column or 0))
        told = "; ".join(_told(problem) for problem in found[:5])
        rest = f" (and {len(found) - 5} more)" if len(found) > 5 else ""
        raise Invalid(
            f"{what}: {told}{rest}.",
            hint="Correct the document at the places named and send it again.",
            problems=found[:MOST_PROBLEMS],
        )


class _Refused(Exception):
    """The document breaks a bound, so nothing more of it is read; carries the place."""

    def __init__(self, mark: Any, message: str) -> None:
        super().__init__(message)
        self.mark = mark


class Unread(yaml.ScalarNode):
    """In the place of an alias: what stands there is refused, and nothing is said of what it would be."""


class _Bounded(Composer, CParser, Resolver):
    """libyaml's events put together by PyYAML's own composer, within bounds and without aliases, anchors and tags.

    Those are noted, unnamed, as they may be a secret that was not quoted: the first of each, with how many there are.
    """

    def __init__(self, content: str) -> None:
        CParser.__init__(self, content)
        Composer.__init__(self)
        Resolver.__init__(self)
        self._depth = self._nodes = 0
        self._unwanted: dict[str, list[Any]] = {}

    def compose_node(self, parent: Node | None, index: Any) -> Node | None:
        """One node; raises _Refused beyond the bounds."""
        event: Any = self.peek_event()
        self._nodes += 1
        if self._depth > DEEPEST:
            raise _Refused(event.start_mark, f"is nested deeper than {DEEPEST} levels")
        if self._nodes > MOST_NODES:
            raise _Refused(event.start_mark, f"the document has more than {MOST_NODES} values from here on; split it")
        if isinstance(event, yaml.AliasEvent):
            self._unwanted.setdefault("an alias (*) is not supported; write its content out, or quote a value", []).append(event)
            alias: Any = self.get_event()
            return Unread("tag:yaml.org,2002:str", "", alias.start_mark, alias.end_mark)
        if event.anchor is not None:
            self._unwanted.setdefault("an anchor (&) is not supported; remove it, or quote a value", []).append(event)
            event.anchor = None
        if event.tag is not None:
            self._unwanted.setdefault("a tag (!) is not supported; remove it, or quote a value", []).append(event)
            event.tag = None
        self._depth += 1
        node: Node | None = super().compose_node(parent, index)
        self._depth -= 1
        return node

    def tell(self, problems: Problems, field: str) -> None:
        """Note what is not wanted of what was read."""
        for told, events in self._unwanted.items():
            more = f" ({len(events)} in all)" if len(events) > 1 else ""
            problems.add(events[0].start_mark, field, f"{told}{more}")


def read(content: str, problems: Problems, field: str = "content") -> Node | None:
    """The root node of the one YAML document in `content`, None when it is empty; notes what is wrong but does not hinder reading.

    Raises TooLarge above LARGEST_DOCUMENT bytes, and Invalid with the line and column of what cannot be read.
    """
    return _read(content, field, _only, problems)


def read_all(content: str, problems: Problems, field: str = "content") -> list[Node]:
    """The root nodes of all documents in `content` that are not empty; as `read`, the bounds being those of all together."""

    def each(reader: _Bounded) -> list[Node]:
        found: list[Node] = []
        while reader.check_node():
            node = reader.get_node()
            found += [node] if node is not None and not is_null(node) else []
        return found

    return _read(content, field, each, problems) or []


def _only(reader: _Bounded) -> Node | None:
    node = reader.get_node() if reader.check_node() else None
    if reader.check_node():
        begins = reader.peek_event()
        raise _Refused(begins and begins.start_mark, "begins another document here; only the kind kubernetes has several")
    return node


def _read(content: str, field: str, take: Callable[["_Bounded"], T], problems: Problems) -> T | None:
    written = content.encode(errors="replace")
    if len(written) > LARGEST_DOCUMENT:
        taken = written[:LARGEST_DOCUMENT]
        line, column = taken.count(b"\n") + 1, LARGEST_DOCUMENT - taken.rfind(b"\n")
        rule = f"exceeds {LARGEST_DOCUMENT // 1024} KiB on this line"
        raise TooLarge(f"line {line}: {field} {rule}.", problems=[Problem(field=field, message=rule, line=line, column=column)])
    found = _parsed(content, field, take, problems)
    if found is None:
        problems.check(field)
    return found


def _parsed(content: str, field: str, take: Callable[["_Bounded"], T], problems: Problems) -> T | None:
    """What is taken of a document; None after noting why it cannot be read. A byte order mark may stand before it."""
    content = content.removeprefix(_BOM)
    for found in _UNREADABLE.finditer(content):
        problems.add(_mark(content, found.start()), field, _unreadable(found[0]))
        break
    reader = _Bounded(_in_yaml(_UNREADABLE.sub("", content)))
    try:
        return take(reader)
    except _Refused as refused:
        problems.add(refused.mark, field, str(refused))
    except yaml.MarkedYAMLError as error:
        problems.add(error.problem_mark or error.context_mark, field, f"is not YAML: {error.problem or error.context}")
    finally:
        reader.tell(problems, field)
    return None


def _unreadable(character: str) -> str:
    if character == _BOM:
        return "has a byte order mark (U+FEFF) in the middle, as files put together have; remove it"
    if "\ud800" <= character <= "\udfff":
        return "is not text: it has half of a surrogate pair"
    return f"is not YAML: it has the control character U+{ord(character):04X}; remove it"


def _mark(content: str, index: int) -> yaml.Mark:
    """The place of a character."""
    before = _LINE_END.split(content[:index])
    return yaml.Mark("", index, len(before) - 1, len(before[-1]), None, 0)


# In JSON a backslash stands in a text only; two escapes may be the halves of one character.
_ESCAPED = re.compile(r"\\(?:u([dD][89abAB][0-9a-fA-F]{2})\\u([dD][c-fC-F][0-9a-fA-F]{2})|.)")


def _in_yaml(content: str) -> str:
    """A JSON document with its surrogate pairs as YAML escapes them (`\\U0001f433`); any other content as it is."""
    if not content.lstrip().startswith(("{", "[")) or not _ESCAPED.search(content):
        return content
    try:
        json.loads(content)
    except (ValueError, RecursionError):
        return content
    return _ESCAPED.sub(lambda e: f"\\U{_joined(e[1], e[2]):08x}" if e[1] else e[0], content)


def _joined(high: str, low: str) -> int:
    return ord((bytes.fromhex(high) + bytes.fromhex(low)).decode("utf-16-be"))


def entries(node: Node, field: str, problems: Problems) -> dict[str, tuple[Node, Node]]:
    """A mapping's key → (key node, value node); notes a problem for what is not a mapping, not a plain key, or given twice."""
    found: dict[str, tuple[Node, Node]] = {}
    if isinstance(node, Unread):
        return found
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
    if isinstance(node, Unread):
        return []
    if not isinstance(node, yaml.SequenceNode):
        problems.add(node, field, "must be a list")
        return []
    return [(f"{field}[{index}]", item) for index, item in enumerate(node.value)]


def text(node: Node, field: str, problems: Problems) -> str | None:
    """A scalar as it is written (so that `yes`, `1.10` and `22:22` stay what the person typed); None after noting a problem."""
    if isinstance(node, Unread):
        return None
    if not isinstance(node, yaml.ScalarNode):
        problems.add(node, field, "must be a plain value, not a list or mapping")
    elif is_null(node):
        problems.add(node, field, "has no value; give one or remove the line")
    elif "\0" in node.value:
        problems.add(node, field, "must not contain a NUL character")
    else:
        return str(node.value)
    return None


def is_null(node: Node) -> bool:
    """Whether the value is left out (`key:`), `~` or `null`."""
    return isinstance(node, yaml.ScalarNode) and node.tag == "tag:yaml.org,2002:null"


def digest(content: str) -> str:
    """The SHA-256 of a document in hex: what a record keeps of it, for it may hold secrets."""
    return hashlib.sha256(content.encode()).hexdigest()


def join(field: str, key: str) -> str:
    """The path of a key below a field."""
    shown = key if key == MERGE else as_told(key)
    return f"{field}.{shown}" if field else shown


def _told(problem: Problem) -> str:
    place = f"line {problem.line}, column {problem.column}: " if problem.line else ""
    return f"{place}{problem.field} {problem.message}"
