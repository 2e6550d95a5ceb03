"""How an app uses configuration groups, and the volumes and variables that come of it (manual: app接口 configMap, secret).

One projected volume per mountPath: the manual's own example mounts a ConfigMap and a Secret at the same path with the same file
names, where the Secret wins, as it does among variables; dockerEnv wins over both. Never subPath, which Kubernetes does not update
in a running container (Kubernetes: Projected Volumes; ConfigMaps, Mounted ConfigMaps are updated automatically).
"""

from collections.abc import Collection, Iterator, Sequence
from typing import Any, Literal

from model.base import Frozen
from model.configs import ConfigKind
from model.errors import Problem

Object = dict[str, Any]
# Pods that use groups carry it, so that they are found in one read however many others there are.
CONFIGURED = "mooring.io/configured"


class ConfigUse(Frozen):
    """One item of `configMap` or `secret`: the entries `key` of the group `name` as files in `mount_path`, or as variables.

    `names` has what a file or variable is called that is not called as its entry (a pod document may say so).
    """

    type: Literal["Volume", "Env"]
    name: str
    key: tuple[str, ...]
    mount_path: str | None = None
    names: dict[str, str] = {}

    def called(self, key: str) -> str:
        """What the file or variable of an entry is called."""
        return self.names.get(key, key)


Uses = Sequence[ConfigUse]


def variables(config_map: Uses, secret: Uses, given: Collection[str]) -> list[Object]:
    """The container's variables from entries; those of the names in `given` (dockerEnv) are left out."""
    chosen: dict[str, Object] = {}
    for ref, uses in (("configMapKeyRef", config_map), ("secretKeyRef", secret)):
        for use, key in _keys(uses, "Env"):
            name = use.called(key)
            chosen[name] = {"name": name, "valueFrom": {ref: {"name": use.name, "key": key}}}
    return [variable for name, variable in chosen.items() if name not in given]


def volumes(container: str, config_map: Uses, secret: Uses) -> list[Object]:
    """One projected volume per mountPath, with just the chosen entries as files of their names."""
    return [
        {"name": _volume(container, number), "projected": {"sources": _sources(files)}}
        for number, files in enumerate(_directories(config_map, secret).values())
    ]


def mounts(container: str, config_map: Uses, secret: Uses) -> list[Object]:
    """Where the container finds those volumes."""
    return [
        {"name": _volume(container, number), "mountPath": path, "readOnly": True}
        for number, path in enumerate(_directories(config_map, secret))
    ]


def conflicts(config_map: Uses, secret: Uses, directories: Sequence[tuple[str, str | None]]) -> list[Problem]:
    """What cannot be mounted as asked; `directories` are the container's others, as (field, path)."""
    found = [*_twice("configMap", config_map), *_twice("secret", secret)]
    paths = {path: f"{field}.{i}.mountPath" for field, i, path in _paths(config_map, secret)}
    for path, field in paths.items():
        for other, taken in directories:
            if taken and f"{taken}/".startswith(f"{path}/"):
                found.append(Problem(field=field, message=f"{path!r} is, or holds, {other} ({taken!r}); mount it elsewhere"))
        for outer in paths:
            if path != outer and path.startswith(f"{outer}/"):
                found.append(Problem(field=field, message=f"{path!r} lies in {outer!r}, which is read-only; mount it elsewhere"))
    return found


def _keys(uses: Uses, type: str) -> Iterator[tuple[ConfigUse, str]]:
    return ((use, key) for use in uses if use.type == type for key in use.key)


def _volume(container: str, number: int) -> str:
    return f"{container}-config-{number}"


def _directories(config_map: Uses, secret: Uses) -> dict[str, dict[str, tuple[ConfigKind, str, str]]]:
    """By mountPath and file where it comes from: the kind, the group, the entry."""
    found: dict[str, dict[str, tuple[ConfigKind, str, str]]] = {}
    for kind, uses in ((ConfigKind.CONFIGMAP, config_map), (ConfigKind.SECRET, secret)):
        for use, key in _keys(uses, "Volume"):
            assert use.mount_path is not None
            found.setdefault(use.mount_path, {})[use.called(key)] = (kind, use.name, key)
    return found


def _sources(files: dict[str, tuple[ConfigKind, str, str]]) -> list[Object]:
    """A source per group; one without items would mean all of its entries, so there is none where all its files are another's."""
    grouped: dict[tuple[ConfigKind, str], list[Object]] = {}
    for file, (kind, group, key) in files.items():
        grouped.setdefault((kind, group), []).append({"key": key, "path": file})
    return [{kind.field: {"name": name, "items": items}} for (kind, name), items in grouped.items()]


def _paths(config_map: Uses, secret: Uses) -> Iterator[tuple[str, int, str]]:
    for field, uses in (("configMap", config_map), ("secret", secret)):
        for index, use in enumerate(uses):
            if use.mount_path is not None:
                yield field, index, use.mount_path


def _twice(field: str, uses: Uses) -> Iterator[Problem]:
    """Within one kind nothing says which of two would win."""
    seen: dict[tuple[str | None, str], str] = {}
    for index, use in enumerate(uses):
        for number, key in enumerate(use.key):
            name = use.called(key)
            place = (use.mount_path, name)
            if place in seen:
                what = f"the file {use.mount_path}/{name}" if use.mount_path else f"the variable {name}"
                yield Problem(field=f"{field}.{index}.key.{number}", message=f"{what} comes from {seen[place]!r} already")
            seen[place] = use.name
