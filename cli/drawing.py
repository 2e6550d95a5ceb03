"""How operations and their steps are drawn: pure functions from what is known to what rich prints."""

from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta

from rich.console import Console, ConsoleOptions, Group, OverflowMethod, RenderableType, RenderResult
from rich.padding import Padding
from rich.progress_bar import ProgressBar
from rich.spinner import Spinner
from rich.table import Table
from rich.text import Text

from cli.watched import OPEN, Step, Watched
from cli.words import clean, took

COLOURS = {
    "ACCEPTED": "cyan",
    "RUNNING": "cyan",
    "WAITING": "yellow",
    "PAUSED": "yellow",
    "CANCELLING": "yellow",
    "SUCCEEDED": "green",
    "UNCHANGED": "green",
    "FAILED": "red",
    "CANCELLED": "magenta",
}
# An operation that stays ACCEPTED for longer is worth a word.
_UNTAKEN = timedelta(seconds=3)
# Of what lasts, such as an app or an instance; what is not here is on its way.
_STATES = {
    "ACTIVE": "green",
    "READY": "green",
    "NOTREADY": "red",
    "RUNNING": "green",
    "COMPLETED": "green",
    "DEPLOYED": "green",
    "PARTIAL": "red",
    "FAILED": "red",
    "STOPPED": "dim",
    "KILLED": "dim",
    "DELETED": "red",
    "DELETING": "magenta",
    "TERMINATING": "magenta",
}
_MARKS = {"SUCCEEDED": ("✔", "+"), "UNCHANGED": ("=", "="), "FAILED": ("✘", "x"), "CANCELLED": ("⊘", "o")}
_ENDS = {"SUCCEEDED": "done", "UNCHANGED": "unchanged", "FAILED": "failed", "CANCELLED": "cancelled"}


def operations(family: list[Watched], now: datetime, height: int | None = None, *, cut: bool = False) -> Group:
    """Operations with their steps, those that an operation started below it; `height` is the room there is, in lines.

    Where the room does not suffice, finished steps are folded into a count, so that what runs stays in sight; `cut` gives each
    step one line, however long its words are.
    """
    ordered = list(_ordered(family))
    room = None if height is None else max(1, (height - 2 * len(ordered)) // max(1, len(ordered)))
    return Group(*(_indented(known, operation(known, now, room, cut=cut), family) for known in ordered))


def operation(known: Watched, now: datetime, room: int | None = None, *, cut: bool = False) -> Group:
    """One operation: a head line, a line for each step, and what keeps the view from hearing more."""
    steps = list(known.steps.values())
    folded = 0
    if room is not None and len(steps) > room:
        running = [step for step in steps if step.status == OPEN]
        kept = running or steps[-1:]
        folded, steps = len(steps) - len(kept), kept
    parts: list[RenderableType] = [_Head(known, now)]
    if folded:
        parts.append(Text(f"  {folded} steps before", style="dim"))
    if steps:
        parts.append(_Steps(steps, now, ended=known.ended, cut=cut))
    if trouble := known.trouble or _untaken(known, now):
        parts.append(Text(f"  {trouble}", style="yellow"))
    return Group(*parts)


def lines(known: Watched) -> Iterator[tuple[tuple[str, int, int], str]]:
    """The same as plain lines, each with a key under which a later one replaces it: operation, attempt, step."""
    name = f"{known.kind} {known.target}"
    for seq, step in known.steps.items():
        yield (known.id, known.attempt, seq), f"{name}: {_plain(step)}"
    if known.trouble:
        yield (known.id, known.attempt, -1), f"{name}: {known.trouble}"
    if known.ended and known.created_at and known.finished_at:
        again = f", attempt {known.attempt}" if known.attempt > 1 else ""
        yield (known.id, known.attempt, 0), f"{name}: {known.status} in {took(known.finished_at - known.created_at)}{again}"


def status(word: str) -> Text:
    """An operation's status in its colour."""
    return Text(word, style=COLOURS.get(word, ""))


def state(word: str) -> Text:
    """The state of an app, an instance or a project in its colour."""
    return Text(word, style=_STATES.get(word, "yellow"))


def _ordered(family: list[Watched]) -> Iterator[Watched]:
    ids = {known.id for known in family}
    for known in family:
        if known.parent not in ids:
            yield known
            yield from (child for child in family if child.parent == known.id)


def _indented(known: Watched, drawn: Group, family: Iterable[Watched]) -> Padding:
    below = any(known.parent == other.id for other in family)
    return Padding(drawn, (0, 0, 0, 4 if below else 0))


def _untaken(known: Watched, now: datetime) -> str:
    if known.status == "WAITING":
        return f"waits for its turn: more was asked for than works at once; `mooring op show {known.id}` says where it stands"
    late = known.status == "ACCEPTED" and known.created_at and now - known.created_at > _UNTAKEN
    return "accepted; no worker has taken it up yet" if late else ""


class _Head:
    """What the operation is, how far, and its id whole: that is what one goes on with, so on a narrow terminal it has a line."""

    def __init__(self, known: Watched, now: datetime) -> None:
        self._known = known
        self._now = now

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        known, row = self._known, Table.grid(padding=(0, 1))
        span = took((known.finished_at or self._now) - known.created_at) if known.created_at else ""
        attempt = f"attempt {known.attempt}" if known.attempt > 1 else ""
        bar = ProgressBar(total=max(known.total, 1), completed=known.done, width=16, complete_style=COLOURS.get(known.status, ""))
        count = f"{known.done}/{known.total}" if known.total else ""
        name = Text.assemble((known.kind, "bold"), " ", known.target)
        cells = (name, status(known.status), bar, count, span, attempt)
        told = Text(known.id, style="dim", no_wrap=True)
        wide = 16 + len(cells) + sum(len(str(cell)) for cell in (name, known.status, count, span, attempt, known.id))
        row.add_row(*cells, *([told] if wide <= options.max_width else []))
        yield row
        if wide > options.max_width:
            yield Text("  ").append(told)


class _Steps:
    """The steps as a grid; how finely it can be drawn depends on the terminal."""

    def __init__(self, steps: list[Step], now: datetime, *, ended: bool, cut: bool) -> None:
        self._steps = steps
        self._now = now
        self._ended = ended
        self._overflow: OverflowMethod = "ellipsis" if cut else "fold"
        self._cut = cut

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        if not console.is_terminal:  # a row is a line, however long: a grid gives up marks and times for a long message
            yield from self._plain(options.ascii_only)
            return
        grid = Table.grid(padding=(0, 1), expand=True)
        grid.add_column(width=3, justify="right")
        grid.add_column(no_wrap=self._cut, overflow=self._overflow, max_width=max(20, options.max_width // 2))
        grid.add_column(no_wrap=True, justify="right", min_width=7)
        grid.add_column(no_wrap=True)
        grid.add_column(ratio=1, overflow=self._overflow, no_wrap=self._cut)
        for step in self._steps:
            grid.add_row(*self._row(step, options.ascii_only))
        yield grid

    def _plain(self, ascii_only: bool) -> Iterator[Text]:
        """A line for each step, with columns as wide as what is in them; the message's later lines stand below it."""
        rows = [[clean(str(cell)) for cell in self._row(step, ascii_only)] for step in self._steps]
        titles, spans, tries = (max(len(row[column]) for row in rows) for column in (1, 2, 3))
        for mark, title, span, again, message in rows:
            head = f"  {mark} {title:<{titles}}  {span:>{spans}}  {f'{again:<{tries}}  ' if tries else ''}"
            words = message.replace("\n", "\n" + " " * len(head))
            yield Text(f"{head}{words}".rstrip(), no_wrap=True, overflow="ignore")

    def _row(self, step: Step, ascii_only: bool) -> tuple[Text | Spinner, ...]:
        span = Text(took((step.finished_at or self._now) - step.started_at), style="dim")
        tries = Text(f"try {step.attempt}" if step.attempt > 1 else "", style="yellow")
        words = clean(step.message).strip()
        message = Text(words if self._ended else words.split("\n")[-1], style="red" if step.status == "FAILED" else "dim")
        return _mark(step.status, self._now, ascii_only), Text(clean(step.title)), span, tries, message


def _mark(word: str, now: datetime, ascii_only: bool) -> Text:
    if word == OPEN:
        spinner = Spinner("line" if ascii_only else "dots", style="cyan")
        spinner.start_time = 0.0
        drawn = spinner.render(now.timestamp())
        assert isinstance(drawn, Text)
        return drawn
    fine, coarse = _MARKS.get(word, ("?", "?"))
    return Text(coarse if ascii_only else fine, style=COLOURS.get(word, ""))


def _plain(step: Step) -> str:
    """A step in one line; words that an earlier line had are not told again."""
    told = [_ENDS.get(step.status, "" if step.news else "running")]
    if step.finished_at:
        told.append(f"in {took(step.finished_at - step.started_at)}")
    if step.attempt > 1:
        told.append(f"(try {step.attempt})")
    message = " | ".join(clean(step.message).strip().split("\n")) if step.news else ""
    return ": ".join(part for part in (clean(step.title), " ".join(filter(None, told)), message) if part)
