"""What no JSON body may be, whatever its route: found before a model sees it, by bounds that no right body reaches (F13, S14)."""

import json
import math
import re
from typing import Any

from model.errors import Invalid, Problem

DEEPEST = 32
MOST_VALUES = 10_000
_LONGEST_NUMBER = 400
# What a text is made of, were it JSON, once escaped characters are out of its strings. Nothing of it is tried twice.
_TOKEN = re.compile(rb'"[^"]*+"?|[\[{,]|\s++|[^\s"\[{,]++')
# A value has at most this many: its key, a colon, itself, a comma, and what opens and closes it, with some to spare.
_MOST_TOKENS = 8 * MOST_VALUES
_NUMBER = re.compile(rb"[:\]}]*+[-+.0-9eE]{%d}" % (_LONGEST_NUMBER + 1))


class _Unfit(ValueError):
    """The text is JSON to Python only: what JSON has no number for."""


def check_json(body: bytes) -> None:
    """Return for a body within the bounds, and for text that is no JSON, which its route tells with the place.

    Raises Invalid for a key that is given twice, of which one would be lost silently, for more than DEEPEST levels or MOST_VALUES
    values, for a number that JSON does not have, and for what is not UTF-8 (RFC 8259, 8.1), as which it is looked through here.
    """
    if not _is_utf8(body):
        raise _invalid("body", "must be text in UTF-8")
    _count(body)
    twice: list[str] = []

    def pairs(found: list[tuple[str, Any]]) -> dict[str, Any]:
        made: dict[str, Any] = {}
        for name, value in found:
            if name in made:
                twice.append(name)
            made[name] = value
        return made

    try:
        value = json.loads(body, object_pairs_hook=pairs, parse_constant=_no_number)
    except RecursionError as error:
        raise _deep() from error
    except _Unfit as error:
        raise _invalid("body", str(error)) from error
    except ValueError:
        return
    _measure(value)
    if twice:
        raise _invalid(twice[0][:100], "is given twice in one object, and only one of them could hold; give it once")


def _is_utf8(body: bytes) -> bool:
    """Whether Python reads it as that: it takes what has NUL bytes for UTF-16 or UTF-32."""
    try:
        body.decode()
    except UnicodeDecodeError:
        return False
    return b"\0" not in body


def _count(body: bytes) -> None:
    """Refuse what has far too many values before any is made: Python reads a text in one go, and nothing else runs meanwhile."""
    left = _MOST_TOKENS
    for found in _TOKEN.finditer(body.replace(rb"\\", b"").replace(rb"\"", b"")):
        token = found[0]
        left -= not token.isspace()
        if left < 0:
            raise _many()
        if len(token) > _LONGEST_NUMBER and _NUMBER.match(token):
            raise _invalid("body", f"has a number of more than {_LONGEST_NUMBER} digits")


def _measure(value: Any) -> None:
    left, count = [(value, 1)], 0
    while left:
        found, depth = left.pop()
        inside = found.values() if isinstance(found, dict) else found if isinstance(found, list) else ()
        count += len(inside)
        if depth > DEEPEST:
            raise _deep()
        if count > MOST_VALUES:
            raise _many()
        if isinstance(found, float) and not math.isfinite(found):
            raise _invalid("body", "has a number that is too large")
        left.extend((one, depth + 1) for one in inside)


def _no_number(word: str) -> None:
    raise _Unfit(f"has {word}, which is no number in JSON")


def _many() -> Invalid:
    return _invalid("body", f"must hold at most {MOST_VALUES} values")


def _deep() -> Invalid:
    return _invalid("body", f"must not be nested deeper than {DEEPEST} levels")


def _invalid(field: str, rule: str) -> Invalid:
    return Invalid(f"{field}: {rule}.", problems=[Problem(field=field, message=rule)])
