"""A group's object in the cluster: made of what the record says, compared with what is there (Kubernetes: ConfigMap, Secret v1)."""

import base64
from collections.abc import Mapping
from typing import Any

from model.configs import ConfigKind, Group, is_text

Object = dict[str, Any]
CONFIG = "mooring.io/config"
VERSION = "mooring.io/config-version"
# An instance whose annotation changes is looked after by its kubelet at once, and so gets the new files.
REFRESH = "mooring.io/config-refresh"


def config_object(group: Group, version: int, contents: Mapping[str, bytes]) -> Object:
    """The ConfigMap or Secret of the group's name, labelled with the group's id."""
    labels = {"app.kubernetes.io/managed-by": "mooring", CONFIG: group.id}
    metadata = {"name": group.name, "namespace": group.project, "labels": labels, "annotations": {VERSION: str(version)}}
    made: Object = {"apiVersion": "v1", "kind": group.kind.object, "metadata": metadata}
    if group.kind is ConfigKind.SECRET:
        return {**made, "type": "Opaque", "data": {name: _base64(content) for name, content in contents.items()}}
    return {
        **made,
        "data": {name: content.decode() for name, content in contents.items() if is_text(content)},
        "binaryData": {name: _base64(content) for name, content in contents.items() if not is_text(content)},
    }


def is_ours(found: Object) -> bool:
    """Whether the platform made the object, for whichever life of the group."""
    return CONFIG in found["metadata"].get("labels", {})


def is_of(found: Object, group: Group) -> bool:
    """Whether the object is of this life of the group."""
    owner: str | None = found["metadata"].get("labels", {}).get(CONFIG)
    return owner == group.id


def strays(found: Object, wanted: Object) -> dict[str, dict[str, None]]:
    """Entries that somebody else put into the object, as a merge patch that takes them out."""
    return {
        part: extra
        for part in ("data", "binaryData")
        if (extra := {name: None for name in found.get(part, {}) if name not in wanted.get(part, {})})
    }


def by_hand(found: Object | None, wanted: Object) -> dict[str, str]:
    """By entry what was done to the object outside the platform: "changed", "removed" or "added"; never its content."""
    before, now = _all(wanted), _all(found or {})
    told = {name: "removed" if name not in now else "changed" for name in before if before[name] != now.get(name)}
    return {**told, **{name: "added" for name in now if name not in before}}


def _all(found: Object) -> dict[str, tuple[str, str]]:
    return {name: (part, value) for part in ("data", "binaryData") for name, value in (found.get(part) or {}).items()}


def _base64(content: bytes) -> str:
    return base64.b64encode(content).decode()
