"""ConfigMap and Secret documents: configuration groups that a stack brings along. No problem that is told has a content in it."""

import base64
import binascii
from collections.abc import Iterable

from model.blueprints import Configuration
from model.configs import ConfigKind, entry_rule, is_text
from model.documents import Problems
from model.kubernetes_shapes import ConfigMap, Placed, Secret


def configuration(placed: Placed, deployment: str, problems: Problems) -> Configuration:
    """The group that a document means; notes at their places entries that cannot be."""
    said: ConfigMap | Secret = placed.said
    kind = ConfigKind.SECRET if isinstance(said, Secret) else ConfigKind.CONFIGMAP
    # What is plain text, then what is base64.
    parts = (
        {"stringData": said.string_data, "data": said.data}
        if isinstance(said, Secret)
        else {"data": said.data, "binaryData": said.binary_data}
    )
    plain, encoded = parts
    content: dict[str, bytes] = {}
    for field, data in parts.items():
        for name, value in data.items():
            if rule := entry_rule(name):
                placed.note(problems, [field, name], rule)
            if name in content:
                placed.note(problems, [field, name], f"is given a second time; it is in {plain} already")
            content[name] = value.encode()
            if field == encoded:
                content[name] = _decoded(placed, (field, name), value, plain, problems)
    name = said.metadata.name
    return Configuration(name=name, group=f"{deployment}-{name}", kind=kind, content=content)


def texts(groups: Iterable[Configuration]) -> dict[tuple[ConfigKind, str], tuple[str, dict[str, bool]]]:
    """By kind and name in the document: the name in the project, and each entry with whether it is text."""
    return {(g.kind, g.name): (g.group, {name: is_text(value) for name, value in g.content.items()}) for g in groups}


def _decoded(placed: Placed, path: tuple[str, str], value: str, plain: str, problems: Problems) -> bytes:
    try:
        return base64.b64decode("".join(value.split()), validate=True)
    except (binascii.Error, ValueError):
        placed.note(problems, path, f"must be base64 (RFC 4648, with '+', '/' and padding); plain text goes into {plain}")
        return b""
