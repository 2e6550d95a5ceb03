"""Options of an app that create and rollout have in common, and the body's fields that they come to."""

import re
from collections.abc import Mapping, Sequence
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from cli import bodies
from cli.api import Api, Record, path
from cli.failures import Failure


class OnUnschedulable(StrEnum):
    """What is done where there is no room."""

    WAIT = "wait"
    FAIL = "fail"


File = Annotated[
    Path | None,
    typer.Option("--file", "-f", help="A file with the API's body as YAML or JSON; - reads it. Options win over it."),
]
Command = Annotated[str | None, typer.Option("--cmd", help="The command instead of the image's own.", show_default=False)]
Variables = Annotated[
    list[str] | None, typer.Option("--env", "-e", help="A variable as NAME=VALUE; may be repeated.", show_default=False)
]
Ports = Annotated[
    list[str] | None,
    typer.Option("--port", help="A port it listens on, such as 8080 or 53/udp; may be repeated.", show_default=False),
]
Outside = Annotated[
    bool | None,
    typer.Option("--outside/--inside", help="Reachable from outside the cluster, or not (networkType 2 or 0).", show_default=False),
]
Cpu = Annotated[str | None, typer.Option("--cpu", help="Cores an instance may use, such as 0.5 or 500m.", show_default=False)]
Memory = Annotated[
    str | None, typer.Option("--mem", "--memory", help="Memory an instance may use, such as 256Mi.", show_default=False)
]
Configs = Annotated[
    list[str] | None,
    typer.Option(
        "--config",
        help="A config's entries: NAME as variables, NAME:/path as files there. May be repeated.",
        show_default=False,
    ),
]
Secrets = Annotated[
    list[str] | None,
    typer.Option("--secret", help="The same of a secret: NAME, or NAME:/path. May be repeated.", show_default=False),
]
NoRoom = Annotated[
    OnUnschedulable | None,
    typer.Option(
        "--on-unschedulable",
        help="Where there is no room: wait until the deadline, or fail in 5 s; by default it fails after 60 s.",
        show_default=False,
    ),
]
_VARIABLE = re.compile(r"\w+", re.ASCII)
_PLURALS = {"configMap": ("--config", "configmaps", "config"), "secret": ("--secret", "secrets", "secret")}


def plain(command: str | None, port: Sequence[str] | None, outside: bool | None) -> dict[str, Any]:
    """The fields that need no look at anything."""
    return bodies.given(
        cmd=command,
        portMappings=bodies.ports(port) if port else None,
        networkType=None if outside is None else 2 if outside else 0,
    )


def amounts(known: Mapping[str, Any], cpu: str | None, memory: str | None) -> dict[str, Any]:
    """`resources` with those that are given set; the others as they are.

    Raises Failure where a request differs from its limit: a body has one amount for both.
    """
    given = bodies.given(cpu=cpu, mem=memory)
    if not given:
        return {}
    if own := [name for name in known if name.endswith("Request")]:
        raise Failure(
            f"Its {', '.join(own)} differs from what it may use, and a rollout sets one amount for both. Edit its document."
        )
    kept = {name: int(value) if name == "gpu" else value for name, value in known.items() if value not in ("0", 0)}
    return {"resources": {**kept, **given}}


async def groups(
    api: Api, project: str, known: Record, configs: Sequence[str] | None, secrets: Sequence[str] | None
) -> dict[str, Any]:
    """`configMap` and `secret` with those that are named added; the entries are those that the groups have now.

    Raises Failure for what is not NAME or NAME:/path, for a group without entries, and where a use cannot be sent as it is.
    """
    fields = {}
    for field, named in (("configMap", configs), ("secret", secrets)):
        uses = [await _use(api, project, field, one) for one in named or []]
        if uses:
            before = [use for use in known.get(field, []) if not any(_is_same_place(use, new) for new in uses)]
            if any("names" in use for use in before):
                raise Failure(
                    f"Entries of {before[0]['name']} have other names in it, which a rollout cannot say. Edit its document."
                )
            fields[field] = [*before, *uses]
    return fields


async def _use(api: Api, project: str, field: str, text: str) -> dict[str, Any]:
    option, plural, word = _PLURALS[field]
    group, _, place = text.partition(":")
    if not group or (":" in text and not place.startswith("/")):
        raise Failure(f"{option} {text} is not NAME or NAME:/path. Write it as {option} settings, or {option} settings:/etc/app.")
    found = await api.get(path(f"/v2/{plural}", project, group), values="false")
    if not found["entries"]:
        raise Failure(f"{word} {group} has no entries yet. Add one: mooring {word} set {project} {group} ENTRY")
    if place:
        return {"type": "Volume", "name": group, "key": sorted(found["entries"]), "mountPath": place}
    variables = sorted(entry for entry in found["entries"] if _VARIABLE.fullmatch(entry))
    if not variables:
        raise Failure(f"No entry of {word} {group} has the name of a variable. Have them as files: {option} {group}:/etc/{group}")
    if files := sorted({*found["entries"]} - {*variables}):
        typer.echo(
            f"Note: {', '.join(files)} of {word} {group} can be no variable: have it as a file, {option} {group}:/etc/{group}",
            err=True,
        )
    return {"type": "Env", "name": group, "key": variables}


def _is_same_place(use: Record, other: Record) -> bool:
    return all(use.get(name) == other.get(name) for name in ("type", "name", "mountPath"))
