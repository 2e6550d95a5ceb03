"""Documents' values as models: as far as they can be read, so that all that is wrong is told in one answer, each at its place."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cache
from typing import Any, Generic, NamedTuple, TypeVar

import yaml
from pydantic import BaseModel, ValidationError
from pydantic.json_schema import models_json_schema

from model.documents import DEEPEST, MERGE, MOST_PROBLEMS, Node, Problems, Unread, entries, is_null, items, join
from model.rule_words import in_words

M = TypeVar("M", bound=BaseModel)
Path = tuple[str | int, ...]


class Language(NamedTuple):
    """What is known of a language beside what is carried out of it: its keys, and by key why it is refused here.

    `says_nothing(path, node)` tells whether a key that is not carried out may be passed over.
    """

    name: str
    keys: frozenset[str]
    refused: Mapping[str, str]
    says_nothing: Callable[[Path, Node], bool] = lambda path, node: False

    def unknown(self, key: str, model: type[BaseModel] | None = None) -> str:
        """What is said of a key that has no meaning at its place; `model` has those that have one somewhere."""
        if key in self.refused:
            return self.refused[key]
        if key == MERGE:
            return "a merge (<<) is not supported; write its content out"
        if model and key in _taken(model):
            return (
                "is a known key, and has no meaning at this place; move it to where it belongs (see the indentation), or remove it"
            )
        if key in self.keys:
            return f"is a key of {self.name}, and is not carried out here; remove it"
        return "is not a known key; correct its spelling"


OWN = Language("this platform", frozenset(), {})


class Several(ValueError):
    """What is wrong with several parts of one value: each with its path in it."""

    def __init__(self, found: Sequence[tuple[Path, str]]) -> None:
        super().__init__("; ".join(rule for _, rule in found))
        self.found = found


class Shaped(Generic[M]):
    """A value as far as it is right: `said` of the `node` that is left, None where nothing can be made of it.

    What was left out has its problem already, so what the rest seems to lack because of it is not told: see `is_doubtful`.
    """

    def __init__(self, said: M | None, node: Node, left_out: Iterable[Path]) -> None:
        self.said = said
        self.node = node
        self._left_out = frozenset(left_out)
        self._above = _above(self._left_out)

    @property
    def whole(self) -> M | None:
        """The value, None where anything was left out."""
        return None if self._left_out else self.said

    def is_doubtful(self, *path: str | int) -> bool:
        """Whether something at, above or below a path of `node` was left out."""
        place = _original(self.node, path)
        return place in self._above or any(place[:length] in self._left_out for length in range(len(place) + 1))


class _Thinned(yaml.SequenceNode):
    """A list of which items were left out; `numbers` says which it had of those that stayed."""

    numbers: list[int]


def shaped(model: type[M], node: Node, field: str, problems: Problems, language: Language = OWN) -> M | None:
    """The value as a `model`; None after noting, each at its place, what the model refuses."""
    return partly(model, node, field, problems, language).whole


def partly(model: type[M], node: Node, field: str, problems: Problems, language: Language) -> Shaped[M]:
    """The value as a `model` without what is wrong, all of which is noted, each at its place."""
    lost = set(_unread(node))
    node = _without(node, lost)
    value = plain(node, field, problems)
    context, is_first = {"kept": problems.kept}, True
    for _ in range(2 * DEEPEST):  # what lacks a part that was left out is left out itself, level by level
        try:
            return Shaped(model.model_validate(value, context=context), node, lost)
        except ValidationError as error:
            wrong = [part for one in error.errors(include_url=False) for part in _each(one)]
        found = [(_existing(node, one["loc"]), one) for one in wrong]
        gone = {path for path, one in found if _is_unknown(one) and language.says_nothing(path, _at(node, path))}
        if not gone:
            if is_first:
                _note(model, found, lost, (node, field), problems, language)
            is_first, gone = False, {path for path, _ in found}
            lost |= {_original(node, path) for path in gone}
        if () in gone:
            break
        node = _without(node, gone)
        value = plain(node, field, Problems())
    return Shaped(None, node, lost or {()})


def plain(node: Node, field: str, problems: Problems) -> Any:
    """The value as dicts, lists, None and text as it is written; notes what `entries` notes."""
    if isinstance(node, yaml.MappingNode):
        found = entries(node, field, problems)
        return {name: plain(value, join(field, name), problems) for name, (_, value) in found.items()}
    if isinstance(node, yaml.SequenceNode):
        return [plain(item, place, problems) for place, item in items(node, field, problems)]
    return None if is_null(node) else str(node.value)


def is_empty(node: Node) -> bool:
    """Whether a value holds nothing at all: null, or lists and mappings of such."""
    if isinstance(node, yaml.MappingNode):
        return all(is_empty(value) for _, value in node.value)
    return is_null(node) or (isinstance(node, yaml.SequenceNode) and all(is_empty(item) for item in node.value))


def locate(node: Node, field: str, path: Sequence[str | int]) -> tuple[Node, str]:
    """The place of a path below `node`, as far as it exists, and its whole name; of a key it is where the key stands."""
    place = inner = node
    for part in path:
        if isinstance(part, int) and isinstance(inner, yaml.SequenceNode) and part < len(inner.value):
            field = f"{field}[{_number(inner, part)}]"
            place = inner = inner.value[part]
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


@cache
def _taken(model: type[BaseModel]) -> frozenset[str]:
    """The keys that have a meaning somewhere in the model."""
    _, schema = models_json_schema([(model, "validation")])
    return frozenset(key for part in schema["$defs"].values() for key in part.get("properties", ()))


def _each(found: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    cause = found.get("ctx", {}).get("error")
    if not isinstance(cause, Several):
        yield found
        return
    for path, rule in cause.found:
        yield {**found, "loc": (*found["loc"], *path), "ctx": {"error": rule}}


def _note(
    model: type[BaseModel],
    found: Sequence[tuple[Path, Mapping[str, Any]]],
    lost: set[Path],
    at: tuple[Node, str],
    problems: Problems,
    language: Language,
) -> None:
    above = _above(lost)
    told = [(path, one) for path, one in found if not _follows(_original(at[0], path), one, lost, above)]
    for _, one in told[:MOST_PROBLEMS]:
        place, name = locate(*at, one["loc"])
        key = str(one["loc"][-1]) if one["loc"] else ""
        problems.add(place, name, language.unknown(key, model) if _is_unknown(one) else _rule(one))


def _follows(path: Path, found: Mapping[str, Any], lost: set[Path], above: set[Path]) -> bool:
    """Whether what is found may be so only because something of it was left out."""
    if found["type"] == "missing":
        return bool(lost & {(*path, found["loc"][-1]), (*path, MERGE)})
    return path in above


def _above(paths: Iterable[Path]) -> set[Path]:
    """The paths and all that they lie in."""
    return {path[:length] for path in paths for length in range(len(path) + 1)}


def _is_unknown(found: Mapping[str, Any]) -> bool:
    return bool(found["type"] == "extra_forbidden")


def _rule(found: Mapping[str, Any]) -> str:
    kind = found["type"]
    if found["input"] is None and kind != "missing":
        return "has no value; give one or remove the line"
    if kind in ("model_type", "dict_type", "model_attributes_type"):
        return "must be a mapping (key: value)"
    return in_words(found)


def _unread(node: Node, here: Path = ()) -> Iterator[Path]:
    for part, inner in _parts(node):
        if isinstance(inner, Unread):
            yield (*here, part)
        else:
            yield from _unread(inner, (*here, part))


def _parts(node: Node) -> list[tuple[str | int, Node]]:
    if isinstance(node, yaml.MappingNode):
        return [(key.value, value) for key, value in node.value if isinstance(key, yaml.ScalarNode)]
    return list(enumerate(node.value)) if isinstance(node, yaml.SequenceNode) else []


def _index(node: Any) -> dict[str | int, Node]:
    """What a node holds, by key or number; kept with it, as thousands of problems may be looked up in one."""
    if not hasattr(node, "by_part"):
        node.by_part = dict(reversed(_parts(node)))
    found: dict[str | int, Node] = node.by_part
    return found


def _existing(node: Node, path: Sequence[str | int]) -> Path:
    """The path as far as there is something; what pydantic says beside keys and numbers leads nowhere."""
    found: list[str | int] = []
    for part in path:
        if part not in _index(node):
            break
        found.append(part)
        node = _index(node)[part]
    return tuple(found)


def _at(node: Node, path: Path) -> Node:
    for part in path:
        node = _index(node)[part]
    return node


def _original(node: Node, path: Sequence[str | int]) -> Path:
    """A path of what is left as a path of what was written."""
    found: list[str | int] = []
    for number, part in enumerate(path):
        if part not in _index(node):
            return (*found, *path[number:])
        found.append(_number(node, part) if isinstance(part, int) else part)
        node = _index(node)[part]
    return tuple(found)


def _number(node: Node, index: int) -> int:
    return node.numbers[index] if isinstance(node, _Thinned) else index


def _without(node: Node, paths: Iterable[Path]) -> Node:
    """The value without what is at the paths; what it is made of is shared."""
    by_part: dict[str | int, list[Path]] = {}
    for path in paths:
        by_part.setdefault(path[0], []).append(path[1:])
    if not by_part:
        return node
    if isinstance(node, yaml.MappingNode):
        pairs = [(key, value, by_part.get(key.value, ())) for key, value in node.value]
        left = [(key, _without(value, gone)) for key, value, gone in pairs if () not in gone]
        return yaml.MappingNode(node.tag, left, node.start_mark, node.end_mark)
    kept = [(index, item) for index, item in enumerate(node.value) if () not in by_part.get(index, ())]
    items_left = [_without(item, by_part.get(index, ())) for index, item in kept]
    thinned = _Thinned(node.tag, items_left, node.start_mark, node.end_mark)
    thinned.numbers = [_number(node, index) for index, _ in kept]
    return thinned
