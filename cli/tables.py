"""Tables as every list of the command line has them."""

from collections.abc import Sequence

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from cli.words import ago, moment, now

# Columns that are not broken over lines where the terminal is narrow.
_WHOLE = ("id", "kind", "status", "app", "project", "created", "took", "action", "version")


def facts(named: Sequence[tuple[str, RenderableType | None]]) -> Table:
    """Names and values; those without a value are left out."""
    grid = Table.grid(padding=(0, 2))
    grid.add_column(style="dim", no_wrap=True)
    grid.add_column(overflow="fold")
    for name, value in named:
        if value:
            grid.add_row(name, value)
    return grid


def table(*columns: str) -> Table:
    """A plain table with those columns."""
    made = Table(box=None, header_style="bold", pad_edge=False, padding=(0, 1, 0, 0))
    for column in columns:
        made.add_column(column, no_wrap=column in _WHOLE, overflow="fold")
    return made


def counted(made: Table, shown: int, total: int, *, at_least: bool = False) -> RenderableType:
    """The table, and how many more there are."""
    more = how_many(shown, total, at_least=at_least)
    return Group(made, more) if more else made


def how_many(shown: int, total: int, *, at_least: bool = False) -> Text | None:
    """How many are shown of how many, None where these are all; `at_least` where it was not counted further.

    >>> str(how_many(20, 1000, at_least=True))
    '20 of more than 1000; more with --limit.'
    """
    if shown >= total and not at_least:
        return None
    return Text(f"{shown} of {'more than ' if at_least else ''}{total}; more with --limit.", style="dim")


def when(text: str | None) -> str | None:
    """A time of the API with how long ago that is."""
    at = moment(text)
    return f"{at.astimezone():%Y-%m-%d %H:%M:%S}, {ago(at, now())}" if at else None
