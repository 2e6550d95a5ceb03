"""The dollars of a compose file (Compose Specification, 12-interpolation): `$$` is one, any other begins a variable.

Nothing is filled in here, so a variable is refused with what to do, and never arrives as it is written.
"""

import re
from difflib import SequenceMatcher

import yaml

from model.documents import Node, Problems, Unread, join

_DOLLAR = re.compile(r"\$(\$|\{|[A-Za-z_])?")
_VARIABLE = (
    "has a variable of the file in it ($NAME or ${…}), and nothing is filled in here: write the value out; $$ is a plain dollar"
)
_OWN, _ALIKE = "x-mooring", 0.9
_LONE = "has a $ that begins no variable: write $$ for a plain dollar"


def plain_dollars(node: Node, problems: Problems, field: str = "") -> Node:
    """The document with `$` for each `$$` in its values; notes values with variables, which stay as they are written.

    Values of extensions (`x-…`) of others are left alone.
    """
    if isinstance(node, Unread):
        return node
    if isinstance(node, yaml.MappingNode):
        pairs = [(key, _value(key, value, problems, field)) for key, value in node.value]
        return yaml.MappingNode(node.tag, pairs, node.start_mark, node.end_mark, node.flow_style)
    if isinstance(node, yaml.SequenceNode):
        listed = [plain_dollars(item, problems, f"{field}[{index}]") for index, item in enumerate(node.value)]
        return yaml.SequenceNode(node.tag, listed, node.start_mark, node.end_mark, node.flow_style)
    if not isinstance(node, yaml.ScalarNode) or "$" not in node.value:
        return node
    begun = [found[1] for found in _DOLLAR.finditer(node.value) if found[1] != "$"]
    if begun and not problems.kept:
        problems.add(node, field or "content", _VARIABLE if any(begun) else _LONE)
    text = _DOLLAR.sub(lambda found: "$" if found[1] == "$" else found[0], node.value)
    return yaml.ScalarNode(node.tag, text, node.start_mark, node.end_mark, node.style)


def is_extension(key: str) -> bool:
    """Whether a key is somebody's extension that a reader may pass over (Compose Specification: x-), and no slip for the own one.

    >>> is_extension("x-monitoring"), is_extension("x-moring")
    (True, False)
    """
    word = key.lower()
    return word.startswith("x-") and not word.startswith("x-moor") and SequenceMatcher(None, word, _OWN).ratio() < _ALIKE


def _value(key: Node, value: Node, problems: Problems, field: str) -> Node:
    if isinstance(key, yaml.ScalarNode) and is_extension(key.value):
        return value
    return plain_dollars(value, problems, join(field, str(key.value)))
