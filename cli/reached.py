"""Where an app is reached from this machine: what the name service tells, and what answers from here."""

import asyncio
from collections.abc import Sequence
from typing import Any

from rich.text import Text

from cli.api import Api, Record, path
from cli.failures import Refused
from cli.words import clean

_TO_ANSWER = 1.0
_TRIED = 20
_SHOWN = 5


async def addresses_of(api: Api, project: str, app: str) -> Record:
    """The app's addresses: `content` as the name service tells it, each with `answers`, whether it takes connections from here.

    `Message` says why there are none. One whose protocol is not tcp is not tried: `answers` is None.
    """
    try:
        found = await api.get(path("/v2/nameservice", project, app))
    except Refused as refused:  # a Job, or stopped
        return {"Message": str(refused), "content": []}
    lines = found["content"][:_TRIED]
    tried = {line[side] for line in lines for side in ("publicAddr", "privateAddr") if line["protocol"] == "tcp" and line[side]}
    answers = dict(zip(tried, await asyncio.gather(*map(_answers, tried)), strict=True))
    content = [{**line, "answers": {side: answers.get(line[side]) for side in ("publicAddr", "privateAddr")}} for line in lines]
    return {"Message": found["Message"], "content": content}


def told(project: str, app: str, found: Record) -> list[Text]:
    """The addresses for a person: what answers from here first; else where it is reached, and how it gets an address outside."""
    lines: Sequence[Record] = found["content"]
    outside = f"mooring app rollout {project} {app} --outside --watch"
    if not lines:
        return [Text(clean(found["Message"]))] if found["Message"] else []
    if here := _that(lines, "publicAddr", True):
        return [_line("Reach it", here)]
    inside = _line("Inside the cluster", dict.fromkeys(f"{line['name']}:{line['port']}" for line in lines))
    if public := [line["publicAddr"] for line in lines if line["publicAddr"]]:
        why = "From outside (it does not answer this machine just now)"
        udp = all(line["protocol"] != "tcp" for line in lines)
        return [_line("From outside" if udp else why, dict.fromkeys(public)), inside]
    give = Text.assemble("Give it an address outside the cluster: ", (outside, "bold"))
    if here := _that(lines, "privateAddr", True):
        return [_line("Reach it from this machine, as long as the instance lives", here), inside, give]
    return [inside, give]


async def of_several(api: Api, project: str, apps: Sequence[str]) -> tuple[Record, list[Text]]:
    """The addresses of several apps: their content, and for a person where each is reached that opens a port."""
    found = await asyncio.gather(*(addresses_of(api, project, app) for app in apps))
    lines = [Text.assemble(f"{app}  ", told(project, app, one)[0]) for app, one in zip(apps, found, strict=True) if one["content"]]
    return {
        "Message": "",
        "content": [{**line, "app": app} for app, one in zip(apps, found, strict=True) for line in one["content"]],
    }, lines


def _that(lines: Sequence[Record], side: str, answers: bool) -> dict[str, Any]:
    return dict.fromkeys(f"http://{line[side]}" for line in lines if line["answers"][side] is answers)


def _line(words: str, addresses: dict[str, Any]) -> Text:
    shown = [*addresses][:_SHOWN]
    more = f" and {len(addresses) - _SHOWN} more: mooring names" if len(addresses) > _SHOWN else ""
    return Text.assemble(f"{words}: ", (", ".join(shown), "bold"), more)


async def _answers(address: str) -> bool:
    """Whether something takes a connection at host:port within a second."""
    host, _, port = address.rpartition(":")
    try:
        async with asyncio.timeout(_TO_ANSWER):
            _, writer = await asyncio.open_connection(host.strip("[]"), int(port))
    except OSError:  # a timeout is one too
        return False
    writer.close()
    return True
