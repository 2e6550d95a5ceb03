"""What instances write, one or all of an app side by side: lines whole, each with its instance's name before it."""

import asyncio
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from cli.api import Api, Record, path
from cli.failures import Failure, Refused

_LOOK_AGAIN = 3.0  # seconds until instances that came meanwhile are followed too
_AT_ONCE = 20  # the API lets one person follow so many logs
Say = Callable[[str, str], None]


@dataclass(frozen=True)
class Wanted:
    """What is asked for of each instance's log; `query` is the API's own."""

    project: str
    container: str | None
    follow: bool
    query: dict[str, Any]


async def of_instance(api: Api, wanted: Wanted, instance: Record, say: Callable[[str], None]) -> None:
    """Hand over what one instance's container writes, as it comes."""
    chosen = wanted.container or container_of(instance)
    place = path("/v2/containers", wanted.project, instance["name"], chosen, "logs")
    async for text in api.text(place, **wanted.query, follow="true" if wanted.follow else None):
        say(text)


async def of_one(api: Api, wanted: Wanted, instance: str, say: Say) -> None:
    """Hand over the lines of one instance; raises Failure where it has no log."""
    if why := await _lines(api, wanted, instance, say):
        raise Failure(why)


async def of_app(api: Api, wanted: Wanted, app: str, say: Say) -> None:
    """Hand over the lines of all of an app's instances, each with the name of its instance.

    Followed, it goes on with instances that come later, until it is interrupted. One that has not started yet, or has gone, has
    no log; without following that is told where it is so of all.
    """
    read: dict[str, asyncio.Task[str]] = {}
    try:
        while True:
            names = await _instances(api, wanted.project, app)
            for name in names:
                if name not in read or (read[name].done() and read[name].result()):
                    read[name] = asyncio.create_task(_lines(api, wanted, name, say))
            if not wanted.follow:
                break
            await asyncio.sleep(_LOOK_AGAIN)
            _raise(read.values())
        why = await asyncio.gather(*read.values())
        if not read or all(why):
            told = " ".join(dict.fromkeys(why)) or "It has no instances just now."
            raise Failure(f"No instance of {app} has a log. {told} See them: mooring instance ls {wanted.project} {app}")
    finally:
        for task in read.values():
            task.cancel()


def container_of(instance: Record) -> str:
    """The container that is named as the app, or the only one; raises Failure where there are several."""
    containers = [str(c["name"]) for c in instance["containers"]]
    if instance["appName"] in containers:
        return str(instance["appName"])
    if len(containers) == 1:
        return containers[0]
    raise Failure(f"{instance['name']} has several containers: name one of {', '.join(containers)} with --container.")


async def _instances(api: Api, project: str, app: str) -> Sequence[str]:
    found = await api.get(path("/v2/instances", project, app, "lists"), size=200)
    names = [str(one["name"]) for one in found["instances"] if one["status"] != "KILLED"]
    if len(names) > _AT_ONCE:
        raise Failure(
            f"{app} has {found['total']} instances, and at most {_AT_ONCE} logs are shown side by side. "
            f"Name an instance: mooring instance ls {project} {app}"
        )
    return names


async def _lines(api: Api, wanted: Wanted, name: str, say: Say) -> str:
    """Hand over one instance's lines; returns "", or why it has no log."""
    rest = ""

    def take(text: str) -> None:
        nonlocal rest
        *whole, rest = (rest + text).split("\n")
        for line in whole:
            say(name, line)

    try:
        await of_instance(api, wanted, await api.get(path("/v2/instances", wanted.project, name)), take)
    except Refused as refused:
        if refused.status not in (404, 409):  # it has gone meanwhile, or not begun
            raise
        return str(refused)
    if rest:
        say(name, rest)
    return ""


def _raise(tasks: Iterable[asyncio.Task[str]]) -> None:
    for task in tasks:
        if task.done():
            task.result()
