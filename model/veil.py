"""Hides secrets in what programs say: a container may print its own, and a record must not keep that (targets S17)."""

import base64
from collections.abc import Callable, Iterable
from typing import Any

from model.configs import is_text
from model.troubles import Seen

Hide = Callable[[str], str]
HIDDEN = "…"
_SHORTEST = 4  # what is shorter is found in any text, and hiding it would only garble
_SHORTEST_LINE = 8


def veil(contents: Iterable[bytes]) -> Hide:
    """A function that puts … in the place of these contents, of their longer lines, and of both in base64.

    >>> veil([b"s3cret\\n"])("password=s3cret czNjcmV0Cg==")
    'password=… …'
    """
    forms = {form for content in contents for form in _forms(content)}
    longest_first = sorted(forms, key=len, reverse=True)

    def hide(text: str) -> str:
        for form in longest_first:
            if form in text:
                text = text.replace(form, HIDDEN)
        return text

    return hide


def veiled(seen: Seen, hide: Hide) -> Seen:
    """What was seen of instances with secrets hidden: in logs, in events (a probe's output), in how containers ended."""
    pods = [pod | {"status": _everywhere(pod.get("status", {}), hide)} for pod in seen.pods]
    events = [_everywhere(event, hide) for event in seen.events]
    return seen.model_copy(update={"pods": pods, "events": events, "logs": {ref: hide(log) for ref, log in seen.logs.items()}})


def _forms(content: bytes) -> Iterable[str]:
    shown = [content, content.strip()]
    if is_text(content):
        lines = [line.strip() for line in content.decode().splitlines()]
        yield from (line for line in lines if len(line) >= _SHORTEST_LINE)
        if len(text := content.decode().strip()) >= _SHORTEST:
            yield text
    yield from (base64.b64encode(form).decode() for form in shown if len(form) >= _SHORTEST)


def _everywhere(value: Any, hide: Hide) -> Any:
    if isinstance(value, str):
        return hide(value)
    if isinstance(value, dict):
        return {name: _everywhere(item, hide) for name, item in value.items()}
    return [_everywhere(item, hide) for item in value] if isinstance(value, list) else value
