"""A build from the terminal: a directory is sent, the build runs, and its log is shown as it is written."""

import asyncio
import contextlib
import re
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

from rich.text import Text

from cli import packing
from cli.api import TERMINAL, Api, Record, path
from cli.failures import Failure, Interrupted, Refused
from cli.packing import Packed
from cli.progress import PATIENCE
from cli.terminal import Terminal
from cli.words import clean, now

_COMPOSE = ("compose.yaml", "compose.yml", "docker-compose.yaml", "docker-compose.yml")
_AS_BUILT = ("dockerfilePath", "contextPath")
_RECORDS = 20
_OF_BUILD = ("repository", "branch", "dockerfilePath", "contextPath", "tag", "scope")
_AGAIN = 1.0
_LONGEST_NAME = 40


def name_of(directory: Path) -> str:
    """What is built from a directory is called as that; raises Failure where that makes no name.

    >>> name_of(Path("/home/ann/My_Shop.v2"))
    'my-shop-v2'
    """
    name = re.sub(r"[^a-z0-9]+", "-", directory.resolve().name.lower())[:_LONGEST_NAME].strip("-")
    if not name[:1].isalpha():
        raise Failure(f"The directory {directory} has no name that an app or image can have. Give one: --name NAME")
    return name


async def find(api: Api, project: str, name: str) -> Record | None:
    """The build project of that name, None where there is none."""
    try:
        return await api.get(path("/v2/builds", project, name))
    except Refused as refused:
        if refused.status != 404:
            raise
        return None


async def check(api: Api, project: str, name: str, directory: Path, dockerfile: str | None) -> None:
    """Raise Failure, before anything is made, where the directory or its Dockerfile is not there."""
    _check_directory(directory)
    known = None if dockerfile else await find(api, project, name)
    _check_file(directory, dockerfile or (known["dockerfilePath"] if known else "Dockerfile"))


async def build_project(api: Api, project: str, name: str, dockerfile: str | None) -> Record:
    """The build project of that name, made for directories where there is none, with the Dockerfile where one is said."""
    found = await find(api, project, name)
    if found is None:
        said = {"dockerfilePath": dockerfile} if dockerfile else {}
        return await api.post(path("/v2/builds", project), {"name": name, **said})
    if dockerfile and found["dockerfilePath"] != dockerfile:
        return await change(api, project, found, {"dockerfilePath": dockerfile})
    return found


async def change(api: Api, project: str, build: Record, fields: dict[str, Any]) -> Record:
    """The build project with those fields set; the API takes it whole, so the others are sent as they are."""
    whole = {field: build[field] for field in _OF_BUILD} | fields
    return await api.put(path("/v2/builds", project, build["name"]), whole)


@contextlib.contextmanager
def packed(here: Terminal, directory: Path, dockerfile: str, context: str) -> Iterator[tuple[Packed, IO[bytes]]]:
    """The directory's archive; says what is sent."""
    with tempfile.TemporaryFile() as archive:
        found = packing.pack(directory, archive, dockerfile, context)
        say(here, f"{directory}: {found.files} files, {size(found.size)} packed, source {found.digest[7:19]}.")
        if found.left:
            say(here, f"Left out, as repositories of their own: {', '.join(found.left)}")
        yield found, archive


def _check_directory(directory: Path) -> None:
    if not directory.is_dir():
        raise Failure(f"{directory} is not a directory. Give one with a Dockerfile in it, such as . for this one.")


def _check_file(directory: Path, dockerfile: str) -> None:
    if (directory / dockerfile).is_file():
        return
    compose = [name for name in _COMPOSE if (directory / name).is_file()]
    if compose:
        raise Failure(
            f"{directory} has no {dockerfile}, but a {compose[0]}: a stack of several apps is not built from a directory yet. "
            "Build each image (mooring build DIR), name them in it, and deploy it: mooring template create PROJECT NAME FILE"
        )
    raise Failure(f"{directory} has no {dockerfile}. Write one, or say which file it is: --dockerfile PATH")


async def send(api: Api, project: str, found: Packed, archive: IO[bytes]) -> None:
    """Have the platform keep the archive; the same one again changes nothing."""
    await api.send(path("/v2/builds", project, "sources"), archive, found.size)


async def begin(api: Api, project: str, name: str, body: dict[str, Any]) -> str:
    """Begin a build; its operation's id. Where the same is being built already it is that one; raises Refused."""
    try:
        accepted = await api.post(path("/v2/builds", project, name, "build"), body)
    except Refused as refused:
        running = refused.body.get("OperationID")
        if running and body.get("source"):
            record = await api.operation(running)
            same = record["kind"] == "image.build" and record["request"].get("source") == body["source"]
            if same and await _is_as_said(api, project, name, running):
                return str(running)
        raise
    return str(accepted["OperationID"])


async def _is_as_said(api: Api, project: str, name: str, operation_id: str) -> bool:
    build = await api.get(path("/v2/builds", project, name))
    latest = await api.get(path("/v2/builds", project, name, "records"), size=_RECORDS)
    return any(one["operationId"] == operation_id and as_said(one, build) for one in latest["records"])


def as_said(record: Record, build: Record) -> bool:
    """Whether a build took the Dockerfile and the context that its build project says now."""
    return all(record[field] == build[field] for field in _AS_BUILT)


async def follow(api: Api, here: Terminal, project: str, name: str, operation_id: str) -> Record:
    """Show the log of the build's running attempt until it has ended; its record. An API that is away is waited for a while.

    Raises Interrupted where the person stops watching.
    """
    try:
        return await _follow(api, here, project, name, operation_id)
    except asyncio.CancelledError:
        log = f"mooring build log {project} {name} --follow"
        raise Interrupted(f"The watching has ended, the build {operation_id} goes on. See its log: {log}") from None


async def _follow(api: Api, here: Terminal, project: str, name: str, operation_id: str) -> Record:
    record = await api.operation(operation_id)
    place = path("/v2/builds", project, name, "records", operation_id, "logs")
    shown, lost = 0, None
    while True:
        try:
            again = shown
            async for text in api.text(place, follow="true", attempt=record["attempt"]):
                new, again = text[again:], max(0, again - len(text))
                shown += len(new)
                write(here, new)
            record = await api.operation(operation_id, wait=_AGAIN)
            lost = None
        except Failure as failure:
            lost = lost or now()
            again_after = failure.retry_after if isinstance(failure, Refused) else None
            if not (failure.transient or again_after) or now() - lost > PATIENCE:
                raise
            await asyncio.sleep(again_after or _AGAIN)
            continue
        if record["status"] in TERMINAL:
            return record


def say(here: Terminal, text: str) -> None:
    """A line for the person; a program's output is not mixed with it."""
    (here.err if here.as_json else here.out).print(Text(clean(text)), soft_wrap=True)


def size(number: int | None) -> str:
    """Bytes for a person.

    >>> [size(number) for number in (None, 12, 4200, 5_300_000, 2 * 1024**3)]
    ['', '12 B', '4.1 KiB', '5.1 MiB', '2.0 GiB']
    """
    if number is None or number < 1024:
        return "" if number is None else f"{number} B"
    amount, unit = float(number), "B"
    for larger in ("KiB", "MiB", "GiB"):
        if amount >= 1024:
            amount, unit = amount / 1024, larger
    return f"{amount:.1f} {unit}"


def write(here: Terminal, text: str) -> None:
    """A piece of a log as it comes."""
    stream = sys.stderr if here.as_json else sys.stdout
    stream.write(clean(text))
    stream.flush()
