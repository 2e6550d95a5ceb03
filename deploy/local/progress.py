"""What the terminal shows while the platform comes up: a line a step, with the seconds it has taken."""

import threading
import time
from types import TracebackType

from rich.console import Console
from rich.live import Live
from rich.table import Table

from deploy.local import wait

# Steps that are over sooner leave no line of their own: nobody waited for them.
WORTH_A_LINE = 0.5
# Without a terminal (a log, CI) a step that goes on is mentioned again this often.
REMIND_SECONDS = 15
# What a step says while it cannot begin yet: its seconds count from its turn, and it is only named.
WAITS = "waits for its turn"


class Progress:
    """A live table of the running steps on a terminal; plain lines where output goes to a file."""

    def __init__(self, console: Console) -> None:
        self.console = console
        self._steps: dict[str, tuple[float, str]] = {}
        self._lock = threading.Lock()
        self._live = Live(get_renderable=self._table, console=console, refresh_per_second=4, transient=True)
        self._ended = threading.Event()
        self._reminder = threading.Thread(target=self._remind, daemon=True)

    def __enter__(self) -> "Progress":
        if self.console.is_terminal:
            self._live.start()
        else:
            self._reminder.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None) -> None:
        self._ended.set()
        if self.console.is_terminal:
            self._live.stop()

    def begin(self, step: str) -> None:
        with self._lock:
            self._steps[step] = (time.monotonic(), "")

    def say(self, step: str, words: str) -> None:
        with self._lock:
            if step in self._steps:
                began, before = self._steps[step]
                self._steps[step] = (time.monotonic() if before == WAITS else began, words)

    def end(self, step: str) -> None:
        """Tell how long it took, from its turn on."""
        with self._lock:
            began, _ = self._steps.pop(step)
        seconds = time.monotonic() - began
        if seconds >= WORTH_A_LINE:
            self.console.print(f"[green]✓[/] {step} [dim]{seconds:.1f} s[/]", highlight=False)

    def fail(self, step: str, words: str) -> None:
        with self._lock:
            self._steps.pop(step, None)
            rest = bool(self._steps)
        if not wait.interrupted.is_set():
            first = words.partition("\n")[0]
            self.console.print(f"✗ {step}: {first}", style="red", markup=False, highlight=False, soft_wrap=True)
            if rest:
                self.console.print("  What does not need it goes on, and is kept.", highlight=False)

    def _rows(self) -> list[tuple[str, str, str]]:
        """What is under way: step, seconds, words; and a last row for what waits for its turn."""
        now = time.monotonic()
        with self._lock:
            steps = list(self._steps.items())
        rows = [(step, f"{now - began:.0f} s", words) for step, (began, words) in steps if words != WAITS]
        waiting = [step for step, (_, words) in steps if words == WAITS]
        return [*rows, ("Then", "", ", ".join(waiting))] if waiting else rows

    def _table(self) -> Table:
        table = Table.grid(padding=(0, 1))
        for step, seconds, words in self._rows():
            table.add_row("[yellow]…[/]", step, seconds, f"[dim]{words}[/]")
        return table

    def _remind(self) -> None:
        while not self._ended.wait(REMIND_SECONDS):
            for row in self._rows():
                self.console.print("… " + " ".join(part for part in row if part), markup=False, highlight=False)
