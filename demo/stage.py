"""What every act of the demo needs: the API as two people use it, the progress view, and checks that end the demo."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from rich.console import Console, RenderableType
from rich.padding import Padding
from rich.rule import Rule
from rich.text import Text

from cli.api import Api, Record
from cli.progress import Progress
from cli.words import now, took


class NotShown(Exception):
    """What the demo was to show did not come true; the message says what was seen instead and where to look."""


@dataclass
class Stage:
    """Where the acts play. `admin` signed in with the caller's token, `ann` is the developer that the first act makes.

    `begun` is when this run's project was made: the records of earlier runs are kept too.
    """

    console: Console
    admin: Api
    project: str
    ann: Api
    begun: str = ""
    acts: int = 0
    seen: list[str] = field(default_factory=list)

    @contextmanager
    def act(self, title: str, words: str) -> Iterator[None]:
        """One act: its number, its title, what is about to be seen, and how long it took."""
        self.acts += 1
        begun = now()
        self.console.print()
        self.console.print(Rule(Text(f"{self.acts}  {title}", style="bold"), align="left", style="dim"))
        self.console.print(Text(words, style="dim"))
        yield
        self.console.print(Text(f"  act {self.acts} took {took(now() - begun)}", style="dim"))

    def show(self, drawn: RenderableType) -> None:
        """Print something below the act's head."""
        self.console.print(Padding(drawn, (0, 0, 0, 2), expand=False))

    def link(self, name: str, place: str) -> None:
        """Tell where to look; an address stays in one piece, however long."""
        self.console.print(Text.assemble(f"  {name}: ", (place, "cyan")), soft_wrap=True)

    def check(self, holds: object, words: str, otherwise: str = "") -> None:
        """Tell that something was verified; raises NotShown where it does not hold, with what was seen `otherwise`."""
        if not holds:
            raise NotShown(f"Not so: {words}." + (f" {otherwise}" if otherwise else ""))
        self.seen.append(words)
        mark = "+" if self.console.options.ascii_only else "✔"
        self.console.print(Text.assemble("  ", (mark, "green"), f" {words}"), soft_wrap=not self.console.is_terminal)

    async def follow(self, *accepted: Record) -> list[Record]:
        """Follow accepted operations on the terminal to their ends, however they end."""
        with Progress(self.ann, self.console) as progress:
            return await progress.follow_all([answer["OperationID"] for answer in accepted])

    async def done(self, *accepted: Record) -> list[Record]:
        """The same, and each has to have SUCCEEDED."""
        records = await self.follow(*accepted)
        for record in records:
            if record["status"] != "SUCCEEDED":
                error = record["error"] or {"reason": "?", "message": "its record gives no error"}
                name = f"{record['kind']} {record['id']}"
                raise NotShown(
                    f"{name} ended {record['status']}: {error['reason']}: {error['message']} See it: mooring op show {record['id']}"
                )
        return records


def span(begun: Any, ended: Any) -> timedelta:
    """The time between two of a record's times."""
    return datetime.fromisoformat(ended) - datetime.fromisoformat(begun)
