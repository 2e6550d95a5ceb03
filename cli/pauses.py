"""A pause of an operation that is watched: a person at a terminal is asked what to do, a program is told how to go on."""

import asyncio
import sys

from rich.console import Console
from rich.text import Text

from cli.api import Api, Record, path
from cli.commands_told import told
from cli.failures import Failure, Refused
from cli.ways_out import next_steps

_LEAVE = "leave"
# What can be asked of it, each under its own key, and what it means.
_CHOICES = {
    "resume": ("r", "go on"),
    "promote": ("p", "go on to the end, without the pauses and gates that are left"),
    "rollback": ("b", "go back to what was before"),
    _LEAVE: ("l", "leave it paused, and stop watching"),
}


def tell(out: Console, record: Record) -> None:
    """Say that it is paused, why, and by which commands it goes on."""
    out.print(_words(record), soft_wrap=True)
    for line in next_steps(record)[1:]:  # the first follows it, which is what is being done
        out.print(Text("  ").append(line), soft_wrap=True)
    out.print(
        Text(f"  It is watched until it has ended, as long as the pause holds. Later: mooring op watch {record['id']}"),
        soft_wrap=True,
    )


async def ask(api: Api, out: Console, record: Record) -> bool:
    """Ask the person at the terminal until the pause is settled; whether it is to be left as it is, unwatched.

    What the API refuses is told and asked again: somebody else may have settled it meanwhile.
    """
    possible = [verb for verb in _CHOICES if verb in record["available"] or verb == _LEAVE]
    out.print(_words(record))
    for verb in possible:
        key, means = _CHOICES[verb]
        out.print(Text.assemble("  ", (key, "bold"), f"  {verb}: {means}"))
    keys = "/".join(_CHOICES[verb][0] for verb in possible)
    while True:
        out.print(Text(f"What shall it do? [{keys}] "), end="")
        answer = (await _line()).strip().lower()
        verb = next((verb for verb in possible if answer in (verb, _CHOICES[verb][0])), None)
        if verb == _LEAVE:
            return True
        if verb is None:
            out.print(Text(f"Type one of {', '.join(possible)}, or its letter."))
            continue
        try:
            await api.post(path("/v2/operations", record["id"], verb))
            return False
        except Refused as refused:
            out.print(Text(told(str(refused)), style="yellow"))


def left(record: Record, again: str) -> Failure:
    """What tells that a command ends at the pause: by which commands that goes on, and `again`, which goes on after it."""
    failure = Failure(f"{_words(record).plain} Once that has ended, go on: {again}")
    failure.body["OperationID"] = record["id"]
    failure.in_the_way = record
    return failure


def can_ask(out: Console) -> bool:
    """Whether a person sees the question and can answer it."""
    return out.is_terminal and sys.stdin.isatty()


def _words(record: Record) -> Text:
    why = told(record["pause"]["message"]) if record["pause"] else ""
    return Text.assemble((f"{record['kind']} {record['project']}/{record['target']['name']} is paused. ", "yellow"), why)


async def _line() -> str:
    """A line that is typed; leaving is what the end of the input means. It can be cancelled, unlike a thread that reads."""
    loop = asyncio.get_running_loop()
    typed: asyncio.Future[str] = loop.create_future()

    def read() -> None:
        if not typed.done():
            typed.set_result(sys.stdin.readline() or _LEAVE)

    loop.add_reader(sys.stdin.fileno(), read)
    try:
        return await typed
    finally:
        loop.remove_reader(sys.stdin.fileno())
