"""The terminal of one command: what it prints, as tables for people or JSON for programs, and how it ends."""

import asyncio
import io
import json
import sys
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Annotated, Any

import typer
from rich.console import Console, RenderableType
from rich.text import Text
from typer.core import TyperGroup

from cli import report, session
from cli.api import Api
from cli.bodies import HALF
from cli.failures import Failure, Refused

# Where output goes to a file or a pipe, a row is a line, however long.
_PIPE_WIDTH = 400

_JSON = "mooring.json"


def _remembered(ctx: typer.Context, as_json: bool) -> bool:
    ctx.meta[_JSON] = as_json  # shared by all contexts of the call, so that whoever tells a failure knows
    return as_json


AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON document instead, failures too.", callback=_remembered)]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]
Watch = Annotated[bool, typer.Option("--watch", "-w", help="Follow it until it has ended.")]


@dataclass(frozen=True)
class Terminal:
    """Where a command prints; `as_json` when a program reads it."""

    out: Console
    err: Console
    as_json: bool

    def show(self, data: Any, drawn: RenderableType) -> None:
        """Print `data` as JSON, or what is drawn of it."""
        if self.as_json:
            sys.stdout.write(json.dumps(data, indent=2, ensure_ascii=False) + "\n")
        elif self.out.is_terminal:
            self.out.print(drawn, crop=False)  # an address longer than the terminal stays in one piece
        else:
            with self.out.capture() as caught:
                self.out.print(drawn, crop=False)
            for line in caught.get().splitlines():  # tables fill their lines up with blanks
                self.out.print(line.rstrip(), markup=False, soft_wrap=True)

    def complain(self, failure: Failure) -> None:
        """Tell what went wrong on the error stream; never a traceback."""
        if self.as_json:
            sys.stderr.write(json.dumps(failure.body, indent=2, ensure_ascii=False) + "\n")
        else:
            self.err.print(report.refusal(failure.body, failure.in_the_way))


def terminal(*, as_json: bool = False) -> Terminal:
    """The terminal of this process; plain and unwrapped where it is none."""
    return Terminal(console(stderr=False), console(stderr=True), as_json)


def run(as_json: bool, work: Callable[[Api, Terminal], Awaitable[int]]) -> None:
    """Run a command's work with an open API and exit with its status: 0 done, 1 failed or refused, 130 interrupted."""
    here = terminal(as_json=as_json)

    async def opened() -> int:
        async with Api(session.load()) as api:
            try:
                return await work(api, here)
            except Refused as refused:
                if "OperationID" in refused.body:  # what can be done about that operation, its record tells
                    refused.in_the_way = await api.operation(refused.body["OperationID"])
                raise

    raise typer.Exit(asyncio.run(opened()))


def confirm(question: str, yes: bool) -> None:
    """Have the person confirm it, unless they said --yes; a script, which cannot answer, is told about that."""
    try:
        if yes or typer.confirm(question, err=True):
            return
        told = "Nothing was done."
    except typer.Abort:  # the input has ended, or Ctrl-C
        typer.echo(err=True)  # the question's line is still open
        told = "Nothing was done: nobody answered. Say --yes to do it without being asked."
    console(stderr=True).print(Text(told))
    raise typer.Exit(1)


class Guarded(TyperGroup):
    """The commands with their failures told: of reading their files, of asking the API; and an interrupt."""

    def parse_args(self, ctx: typer.Context, args: list[str]) -> list[str]:
        """Refuse a word that is no text, by its number: it may be a secret."""
        for number, word in enumerate(args, 1):
            if HALF.search(word):  # how Python keeps bytes of the command line that are no UTF-8
                raise typer.BadParameter(f"word {number} of the command is not in UTF-8. Write it so, or give bytes in a file.")
        return super().parse_args(ctx, args)

    def invoke(self, ctx: typer.Context) -> Any:
        """Run the command; raises Exit."""
        try:
            return super().invoke(ctx)
        except Failure as failure:
            terminal(as_json=ctx.meta.get(_JSON, False)).complain(failure)
            raise typer.Exit(failure.exit_code) from failure
        except KeyboardInterrupt:
            told = "Interrupted. What the platform has accepted goes on; see it with: mooring op ls --all"
            console(stderr=True).print(told)
            raise typer.Exit(130) from None


def console(*, stderr: bool = False, pipe_width: int = _PIPE_WIDTH) -> Console:
    """A console on standard output or the error stream, as wide as the terminal, or `pipe_width` where there is none."""
    stream = sys.stderr if stderr else sys.stdout
    if isinstance(stream, io.TextIOWrapper):
        stream.reconfigure(errors="replace")  # a terminal without UTF-8 gets question marks, not a traceback
    found = Console(stderr=stderr, highlight=False)
    return found if found.is_terminal else Console(stderr=stderr, highlight=False, width=pipe_width)
