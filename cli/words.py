"""How times and foreign text are written for people."""

import re
from datetime import UTC, datetime, timedelta

# A log line of somebody's container must not steer the reader's terminal.
_ESCAPES = re.compile(r"(\x1b\[|\x9b)[0-?]*[ -/]*[@-~]")  # colours and movements (ECMA-48: control sequences)
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")

_SPAN = re.compile(r"([0-9]{1,6})([smhd])")
_UNITS = {"s": timedelta(seconds=1), "m": timedelta(minutes=1), "h": timedelta(hours=1), "d": timedelta(days=1)}


def clean(text: str) -> str:
    r"""Foreign text without the characters that steer a terminal; line breaks and tabs stay.

    >>> clean("\x1b[31mred\x1b[0m \x07\r\n")
    'red \ufffd\n'
    """
    return _CONTROL.sub("\ufffd", _ESCAPES.sub("", text).replace("\r\n", "\n"))


def took(span: timedelta) -> str:
    """A span of time.

    >>> [took(timedelta(seconds=s)) for s in (0.04, 7.26, 61, 4000, 200_000)]
    ['0.0 s', '7.3 s', '1 min 01 s', '1 h 06 min', '2 d 7 h']
    """
    seconds = max(0.0, span.total_seconds())
    if seconds < 59.95:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02} s"
    if whole < 86400:
        return f"{whole // 3600} h {whole // 60 % 60:02} min"
    return f"{whole // 86400} d {whole // 3600 % 24} h"


def ago(moment: datetime, now: datetime) -> str:
    """How long ago, coarsely.

    >>> ago(datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 1, 1, 0, 5, 9, tzinfo=UTC))
    '5 min ago'
    """
    seconds = int((now - moment).total_seconds())
    for size, unit in ((86400, "d"), (3600, "h"), (60, "min")):
        if seconds >= size:
            return f"{seconds // size} {unit} ago"
    return f"{max(0, seconds)} s ago"


def moment(text: str | None) -> datetime | None:
    """A time of the API."""
    return datetime.fromisoformat(text) if text else None


def moment_since(text: str, at: datetime) -> str:
    """From when on, for the API: a span before `at` such as 90s, 5m, 2h or 1d, or a moment as it is written.

    >>> moment_since("5m", datetime(2026, 1, 1, 0, 5, tzinfo=UTC)), moment_since("2030-01-31T12:00:00Z", datetime.now(UTC))
    ('2026-01-01T00:00:00+00:00', '2030-01-31T12:00:00Z')
    """
    found = _SPAN.fullmatch(text)
    return (at - int(found[1]) * _UNITS[found[2]]).isoformat() if found else text


def now() -> datetime:
    """The present, with its zone."""
    return datetime.now(UTC)
