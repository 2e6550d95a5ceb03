"""Which instances still hold a variable as it was before its entry was changed: they read it when they started (pure).

A file of an entry is new in a running container by itself, a variable only in the next life of its container.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from model.base import Frozen
from model.configs import ConfigKind
from model.pods import Object, containers, is_over, leaves, runs_to_end

_NAMED = 5


class VariableRead(Frozen):
    """One entry that a container has read as a variable, at its start `at`."""

    kind: ConfigKind
    group: str
    key: str
    at: datetime


def variables_read(pod: Object) -> set[VariableRead]:
    """What the running containers of an instance hold; nothing of one on its way out, or that runs to its end."""
    if leaves(pod) or is_over(pod) or runs_to_end(pod):
        return set()
    since = {c.name: datetime.fromisoformat(c.running_since) for c in containers(pod) if c.running_since}
    return {
        VariableRead(kind=kind, group=ref["name"], key=ref["key"], at=since[container["name"]])
        for container in pod["spec"]["containers"]
        if container["name"] in since
        for variable in container.get("env", [])
        for kind in ConfigKind
        if (ref := variable.get("valueFrom", {}).get(f"{kind.field}KeyRef"))
    }


def lines(outdated: Iterable[VariableRead]) -> list[dict[str, Any]]:
    """The entries by group, as replies name them."""
    found: dict[tuple[ConfigKind, str], set[str]] = {}
    for read in outdated:
        found.setdefault((read.kind, read.group), set()).add(read.key)
    return [{"kind": kind, "name": group, "entries": sorted(keys)} for (kind, group), keys in sorted(found.items())]


def lines_of_app(outdated: Mapping[str, Iterable[VariableRead]]) -> list[dict[str, Any]]:
    """The same with the instances that hold them; `outdated` has what is, by instance."""
    found: dict[tuple[ConfigKind, str], tuple[set[str], set[str]]] = {}
    for instance, reads in outdated.items():
        for read in reads:
            keys, instances = found.setdefault((read.kind, read.group), (set(), set()))
            keys.add(read.key)
            instances.add(instance)
    return [
        {"kind": kind, "name": group, "entries": sorted(keys), "instances": sorted(instances)}
        for (kind, group), (keys, instances) in sorted(found.items())
    ]


def words(app_path: str, needed: Iterable[Mapping[str, Any]]) -> str:
    """What an app's message says of it, "" where nothing is outdated."""
    told = [
        f"{', '.join(one['entries'])} of the {ConfigKind(one['kind']).object} {one['name']} changed after "
        f"{_names(one['instances'])} had read it"
        for one in needed
    ]
    return f"{'; '.join(told)}: restart the app to have it everywhere: POST {app_path}/restart." if told else ""


def _names(instances: list[str]) -> str:
    more = len(instances) - _NAMED
    return ", ".join(instances[:_NAMED]) + (f" and {more} more" if more > 0 else "")
