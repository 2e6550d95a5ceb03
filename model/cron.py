"""Times that come again, as cron writes them: five fields, read in a time zone (crontab(5))."""

import functools
from datetime import UTC, datetime, timedelta

from model.base import Frozen

_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_WEEKDAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
_LONGEST_MONTH = (31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)
_FIELDS = (("minute", 0, 59, ()), ("hour", 0, 23, ()), ("day", 1, 31, ()), ("month", 1, 12, _MONTHS), ("weekday", 0, 7, _WEEKDAYS))


class Cron(Frozen):
    """When something begins; Sunday is weekday 0. `either_day`: a day that fits by date or by weekday is enough (crontab(5))."""

    minutes: tuple[int, ...]
    hours: tuple[int, ...]
    days: frozenset[int]
    months: frozenset[int]
    weekdays: frozenset[int]
    either_day: bool

    def on(self, day: datetime) -> bool:
        """Whether that day has such times."""
        by_date, by_weekday = day.day in self.days, day.isoweekday() % 7 in self.weekdays
        fits = by_date or by_weekday if self.either_day else by_date and by_weekday
        return day.month in self.months and fits

    def latest(self, now: datetime, days: int) -> datetime | None:
        """The latest such time that is not after `now`, at most `days` calendar days back, by the clock of `now`'s zone.

        >>> parse("0 8 * * mon-fri").latest(datetime(2026, 11, 22, 12, 0, tzinfo=UTC), 8)  # a Sunday
        datetime.datetime(2026, 11, 20, 8, 0, tzinfo=datetime.timezone.utc)
        """
        for back in range(days + 1):
            day = now - timedelta(days=back)
            if not self.on(day):
                continue
            for hour in reversed(self.hours):
                for minute in reversed(self.minutes):
                    at = day.replace(hour=hour, minute=minute, second=0, microsecond=0, fold=0)
                    if at.astimezone(UTC) <= now.astimezone(UTC):  # within one zone Python compares clocks, not moments
                        return at
        return None


@functools.lru_cache(maxsize=1024)
def parse(text: str) -> Cron:
    """Read "minute hour day month weekday"; raises ValueError with the rule that is broken.

    >>> parse("*/30 8-9 * * *").minutes, parse("0 0 1 jan,jul *").months == {1, 7}
    ((0, 30), True)
    """
    words = text.split()
    if len(words) != len(_FIELDS):
        raise ValueError('must have five fields, minute hour day month weekday, like "0 8 * * mon-fri"')
    minutes, hours, days, months, weekdays = (_values(word, *field) for word, field in zip(words, _FIELDS, strict=True))
    either = not words[2].startswith("*") and not words[4].startswith("*")
    if not either and min(days) > max(_LONGEST_MONTH[month - 1] for month in months):
        raise ValueError("never comes: no such month has such a day")
    return Cron(
        minutes=tuple(sorted(minutes)),
        hours=tuple(sorted(hours)),
        days=frozenset(days),
        months=frozenset(months),
        weekdays=frozenset(day % 7 for day in weekdays),
        either_day=either,
    )


def _values(word: str, name: str, least: int, most: int, names: tuple[str, ...]) -> set[int]:
    found: set[int] = set()
    for part in word.lower().split(","):
        span, slash, step = part.partition("/")
        begin, dash, end = span.partition("-")
        first = least if span == "*" else _number(begin, name, least, most, names)
        last = most if span == "*" or (slash and not dash) else _number(end, name, least, most, names) if dash else first
        every = _number(step, f"{name}'s step", 1, most, ()) if slash else 1
        if last < first:
            raise ValueError(f"{name}: {span!r} ends before it begins")
        found.update(range(first, last + 1, every))
    return found


def _number(text: str, name: str, least: int, most: int, names: tuple[str, ...]) -> int:
    if text in names:
        return names.index(text) + least
    if not (text.isascii() and text.isdecimal()) or not least <= int(text) <= most:
        raise ValueError(f"{name}: {text!r} must be a number from {least} to {most}")
    return int(text)
