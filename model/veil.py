"""Hides secrets in what programs say: a container may print its own, and a record must not keep that (targets S17).

Hidden are a content, each of its longer lines, and what one pipe of a shell makes of either (model/veil_forms.py), also broken
into lines anywhere, and a part of what is long: the end of a log has the end of it only.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

from model.troubles import Seen
from model.veil_forms import SHORTEST, Kind, forms

Hide = Callable[[str], str]
HIDDEN = "…"
# Of what is longer than two windows each run of a window's length is found, of what is not the whole.
_WINDOW = 16
_BREAKS = {Kind.TEXT: re.compile(r"[\r\n]+"), Kind.BASE64: re.compile(r"[\r\n]+"), Kind.HEX: re.compile(r"\s+")}
# Characters beside a base64 form have some of its bits, or are what fills it up.
_BEFORE, _AFTER = re.compile(r"[A-Za-z0-9+/_-]{0,3}\Z"), re.compile(r"[A-Za-z0-9+/_-]{0,4}={0,2}")
Span = tuple[int, int]


def veil(contents: Iterable[bytes]) -> Hide:
    """A function that puts … in the place of these contents, of their longer lines, and of their other forms.

    >>> veil([b"s3cret\\n"])("password=s3cret czNjcmV0Cg==")
    'password=… …'
    """
    found = forms(contents)
    searched = [_Searched(kind, sorted(form.text for form in found if form.kind is kind)) for kind in Kind]

    def hide(text: str) -> str:
        kept, done = [], 0
        for start, end in sorted(span for one in searched for span in one.spans(text)):
            if start >= done:
                kept += [text[done:start], HIDDEN]
            done = max(done, end)
        return "".join([*kept, text[done:]])

    return hide


class _Searched:
    """The forms of one kind: short ones are found whole, long ones by their windows."""

    def __init__(self, kind: Kind, found: Iterable[str]) -> None:
        self._breaks = _BREAKS[kind]
        self._coded = kind is Kind.BASE64
        self._short: dict[str, list[str]] = {}
        self._windows: dict[str, list[tuple[str, int]]] = {}
        for form in found:
            if len(form) < 2 * _WINDOW:
                self._short.setdefault(form[:SHORTEST], []).append(form)
                continue
            for at in range(0, len(form) - _WINDOW + 1, _WINDOW):
                alike = self._windows.setdefault(form[at : at + _WINDOW], [])
                if not alike or alike[-1][0] is not form:
                    alike.append((form, at))

    def spans(self, text: str) -> Iterator[Span]:
        """Where they are in the text, whose breaks are left out of account."""
        view, places = self._unbroken(text)
        for start, end in self._in_view(view):
            if self._coded:
                start -= len((_BEFORE.search(view[max(0, start - 3) : start]) or [""])[0])
                end += len((_AFTER.match(view, end) or [""])[0])
            yield places[start], places[end - 1] + 1

    def _unbroken(self, text: str) -> tuple[str, Sequence[int]]:
        """The text without its breaks, and where each of its characters stood."""
        if not self._breaks.search(text):
            return text, range(len(text))
        places = [at for at, one in enumerate(text) if not self._breaks.match(one)]
        return "".join(text[at] for at in places), places

    def _in_view(self, view: str) -> Iterator[Span]:
        for at in range(len(view) - SHORTEST + 1) if self._short else ():
            for form in self._short.get(view[at : at + SHORTEST], ()):
                if view.startswith(form, at):
                    yield at, at + len(form)
        at = 0
        while self._windows and at <= len(view) - _WINDOW:
            hits = self._windows.get(view[at : at + _WINDOW])
            if hits is None:
                at += 1
                continue
            # Forms that begin alike, as those of a secret's versions do, go on each in its own way.
            starts, ends = zip(*(_run(view, at, *hit) for hit in hits), strict=True)
            yield min(starts), max(ends)
            at = max(ends)


def _run(view: str, at: int, form: str, offset: int) -> Span:
    """How far the view and the form are the same around a window that they share."""
    start, before = at, offset
    while start > 0 and before > 0 and view[start - 1] == form[before - 1]:
        start, before = start - 1, before - 1
    end, after = at + _WINDOW, offset + _WINDOW
    while end < len(view) and after < len(form) and view[end] == form[after]:
        end, after = end + 1, after + 1
    return start, end


def veiled(seen: Seen, hide: Hide) -> Seen:
    """What was seen of instances with secrets hidden: in logs, in events (a probe's output), in how containers ended."""
    pods = [pod | {"status": _everywhere(pod.get("status", {}), hide)} for pod in seen.pods]
    events = [_everywhere(event, hide) for event in seen.events]
    return seen.model_copy(update={"pods": pods, "events": events, "logs": {ref: hide(log) for ref, log in seen.logs.items()}})


def _everywhere(value: Any, hide: Hide) -> Any:
    if isinstance(value, str):
        return hide(value)
    if isinstance(value, dict):
        return {name: _everywhere(item, hide) for name, item in value.items()}
    return [_everywhere(item, hide) for item in value] if isinstance(value, list) else value
