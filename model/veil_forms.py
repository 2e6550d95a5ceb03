"""What a shell makes of a secret in one pipe: base64, base32, hex, URL-coded, reversed, in capitals, quoted for JSON."""

import base64
import json
import re
import string
from collections.abc import Iterable, Iterator
from enum import StrEnum
from typing import NamedTuple
from urllib.parse import quote, quote_plus

from model.configs import is_text

SHORTEST = 4  # what is shorter is found in any text, and hiding it would only garble
_SHORTEST_LINE = 8
_SHORTEST_CODE = 5
# Of what is larger only the lines, base64 and hex as they come are looked for: all forms of 1 MiB would take seconds.
_LARGE = 8 * 1024
_URL_SAFE = str.maketrans("+/", "-_")
# tr knows the letters of ASCII only.
_CAPITALS = str.maketrans(string.ascii_lowercase, string.ascii_uppercase)
_SMALL = str.maketrans(string.ascii_uppercase, string.ascii_lowercase)
_BREAKS = re.compile(r"[\r\n]+")
_PERCENT = re.compile(r"%[0-9A-F]{2}")


class Kind(StrEnum):
    """How forms are searched: all of them across line breaks, hex across any space, base64 with its neighbours."""

    TEXT = "text"
    BASE64 = "base64"
    HEX = "hex"


class Form(NamedTuple):
    """One way in which a secret may be written, without line breaks."""

    kind: Kind
    text: str


def forms(contents: Iterable[bytes]) -> set[Form]:
    """All forms of the contents and of their longer lines; none of what is too short to be told from other text."""
    return {form for content in contents for form in _of(content)}


def _of(content: bytes) -> Iterator[Form]:
    whole = content.strip()
    if len(whole) < SHORTEST:
        return
    if len(content) > _LARGE:
        yield Form(kind=Kind.BASE64, text=base64.b64encode(whole).decode().rstrip("="))
        yield Form(kind=Kind.HEX, text=whole.hex())
    else:
        yield from _coded(whole)
    if not is_text(content):
        return
    text = whole.decode()
    lines = {line for line in map(str.strip, text.splitlines()) if len(line) >= _SHORTEST_LINE}
    for line in {text, *lines}:
        yield _text(line)
        if len(content) <= _LARGE:
            yield from map(_text, _written(line))
            yield from _coded(line.encode())


def _text(text: str) -> Form:
    return Form(kind=Kind.TEXT, text=_BREAKS.sub("", text))


def _coded(value: bytes) -> Iterator[Form]:
    """In base64 wherever it stands in what is encoded, in base32, and in hex."""
    for lead in range(3):
        code, known = base64.b64encode(bytes(lead) + value).decode(), len(value) + lead
        # The characters that the value alone decides: not those that have bits of what is before or after it.
        inner = code[(0, 2, 3)[lead] : known * 8 // 6]
        if len(inner) >= _SHORTEST_CODE:
            yield from (Form(kind=Kind.BASE64, text=inner), Form(kind=Kind.BASE64, text=inner.translate(_URL_SAFE)))
    yield _text(base64.b32encode(value).decode()[: len(value) * 8 // 5])
    yield from (Form(kind=Kind.HEX, text=value.hex()), Form(kind=Kind.HEX, text=value.hex().upper()))


def _written(line: str) -> Iterator[str]:
    every = "".join(f"%{byte:02X}" for byte in line.encode())
    for code in {quote(line), quote(line, safe=""), quote_plus(line), every}:
        yield code
        yield _PERCENT.sub(lambda found: found[0].lower(), code)
    yield from (json.dumps(line)[1:-1], json.dumps(line, ensure_ascii=False)[1:-1])
    yield line[::-1]
    yield "".join(one[::-1] for one in line.splitlines())
    if len(line) >= _SHORTEST_LINE:
        yield from (line.upper(), line.lower(), line.translate(_CAPITALS), line.translate(_SMALL))
