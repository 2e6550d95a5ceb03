"""Configuration groups: ConfigMaps and Secrets, their entries, versions and rules (manual: 配置管理, ConfigMap接口, Secret接口).

What a group holds is written down in PostgreSQL, version by version; the Kubernetes object of the same name, which apps mount, is
made from it. An entry is text (UTF-8 without NUL), or binary, which no environment variable can carry.
"""

import base64
import binascii
import re
from collections.abc import Iterable, Mapping
from datetime import datetime
from enum import StrEnum
from typing import Annotated, Literal

from pydantic import Field

from model.base import Frozen, Input
from model.errors import Invalid, MooringError, Problem, TooLarge
from model.names import as_told
from model.operations import Ask

LARGEST_GROUP = 2**20  # bytes of all values together (Kubernetes: MaxSecretSize, the same for ConfigMaps)
MOST_ENTRIES = 500
ROUTE_WORDS = frozenset({"validate", "versions", "rollback", "reads", "apps"})
_GROUP = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")
_FILE = re.compile(r"[-._a-zA-Z0-9]+")
_VARIABLE = re.compile(r"[_a-zA-Z0-9]+")
_LONGEST_NAME = 253  # Kubernetes: object names, and the keys of a ConfigMap


class ConfigKind(StrEnum):
    """The two kinds of groups; the value is the operations' target kind."""

    CONFIGMAP = "configmap"
    SECRET = "secret"

    @property
    def object(self) -> str:
        """The Kubernetes kind."""
        return "ConfigMap" if self is ConfigKind.CONFIGMAP else "Secret"

    @property
    def plural(self) -> str:
        """The word of routes and lists."""
        return f"{self}s"

    @property
    def field(self) -> str:
        """The field of an app's body that names its groups."""
        return "configMap" if self is ConfigKind.CONFIGMAP else "secret"


class Entry(Frozen):
    """One entry of a version: `value` is the id of its sealed content, `size` its bytes."""

    value: str
    size: int
    text: bool


class Change(Frozen):
    """What one version did to one entry; never its content."""

    entry: str
    change: Literal["added", "changed", "removed"]


class Group(Frozen):
    """One life of a group: `version` is what it holds, `applied` the version that the cluster was last brought to.

    `seen` is the resourceVersion that its object was left at: any other is somebody else's doing.
    """

    id: str
    project: str
    project_id: str
    kind: ConfigKind
    name: str
    version: int
    applied: int
    created_at: datetime
    created_by: str
    seen: str = ""
    deleted_at: datetime | None = None

    @property
    def in_cluster(self) -> bool:
        """Whether the cluster was brought to what the group holds now."""
        return self.applied == self.version


class GroupVersion(Frozen):
    """One version of a group: who, when, why, and which entries it changed."""

    group_id: str
    number: int
    entries: dict[str, Entry]
    changes: tuple[Change, ...]
    created_at: datetime
    created_by: str
    reason: str


class Held(Frozen):
    """A group as it is now, contents and all, for comparison; they are shown nowhere.

    `earlier` has the ids of contents that it held before and that are asked for.
    """

    group: Group
    entries: dict[str, Entry]
    contents: dict[str, bytes] = Field(repr=False)
    earlier: dict[bytes, str] = Field(default={}, repr=False)

    def id_of(self, entry: str, content: bytes) -> str | None:
        """The id that the entry's content has, or gets again when it is written; None for one that the group never held."""
        return self.entries[entry].value if self.contents.get(entry) == content else self.earlier.get(content)

    def differences(self, wanted: Mapping[str, bytes]) -> tuple[Change, ...]:
        """What happens to which entry when the group is to hold `wanted`, by name."""
        names = sorted(self.contents.keys() | wanted.keys())
        verbs = {name: _verb(self.contents.get(name), wanted.get(name)) for name in names}
        return tuple(Change(entry=name, change=verb) for name, verb in verbs.items() if verb)


def _verb(before: bytes | None, after: bytes | None) -> Literal["added", "changed", "removed"] | None:
    if before == after:
        return None
    if before is None:
        return "added"
    return "removed" if after is None else "changed"


class ApplyConfig(Ask):
    """Input of config.apply: bring the group's object in the cluster to what the record says at that moment."""

    group_id: str


class NewGroup(Input):
    """Body of POST /v2/configmaps/{project} and /v2/secrets/{project}.

    A Secret's data is base64 (manual); a ConfigMap's is text, or base64 for the entries that `encoding` names.
    """

    name: str
    data: dict[str, str] = {}
    encoding: dict[str, Literal["base64"]] = {}


class NewEntry(Input):
    """Body of POST …/{group}/{entry}: the content, as in NewGroup."""

    data: str
    encoding: Literal["base64"] | None = None


class RollbackGroup(Input):
    """Body of POST …/{group}/rollback: the version whose entries shall be the group's again."""

    version: Annotated[int, Field(ge=1, lt=2**31)]
    reason: Annotated[str, Field(max_length=500)] = ""


def group_rule(name: str) -> str | None:
    """What is wrong with a group's name, None when it is legal (manual, 配置管理 2.1)."""
    if len(name) > _LONGEST_NAME or not _GROUP.fullmatch(name):
        return (
            "must contain only lower case letters, digits, '-' and '.', each part between dots starting and ending with a letter "
            f"or digit, and have at most {_LONGEST_NAME} characters"
        )
    if name in ROUTE_WORDS:
        return "is a word of the API's own routes; choose another"
    return "is the cluster's own; choose another" if name.startswith("kube-") else None


def entry_rule(name: str) -> str | None:
    """What is wrong with an entry's name, None when it is legal (manual, 配置管理 2.2)."""
    if rule := file_rule(name):
        return rule
    return "is a word of the API's own routes; choose another" if name in ROUTE_WORDS else None


def file_rule(name: str) -> str | None:
    """What is wrong with the name of an entry's file, None when it is legal: it lies in its directory itself."""
    if len(name) > _LONGEST_NAME or not _FILE.fullmatch(name) or name == "." or name.startswith(".."):
        return f"must be letters, digits, '-', '_' and '.', at most {_LONGEST_NAME} of them, neither '.' nor with '..' at its start"
    return None


def variable_rule(name: str) -> str | None:
    """What is wrong with an entry's name as an environment variable's, None when it is legal (manual, 配置管理 2.2)."""
    return None if _VARIABLE.fullmatch(name) else "must contain only letters, digits and '_' to be an environment variable"


def checked(name: str, rule: str | None, field: str) -> str:
    """Return `name` when `rule` finds nothing, else raise Invalid naming `field`."""
    if rule is None:
        return name
    raise Invalid(f"{field}: {as_told(name)!r} {rule}.", problems=[Problem(field=field, message=rule)])


def content_of(kind: ConfigKind, body: NewGroup) -> dict[str, bytes]:
    """The entries' bytes of a create body. Raises Invalid naming the entry, TooLarge."""
    unknown = sorted(body.encoding.keys() - body.data.keys())
    if unknown:
        raise _invalid(f"encoding.{as_told(unknown[0])}", "names no entry of data")
    for name in body.data:
        checked(name, entry_rule(name), f"data.{as_told(name)}")
    return {name: read(kind, data, body.encoding.get(name), f"data.{name}") for name, data in body.data.items()}


def read(kind: ConfigKind, data: str, encoding: str | None, field: str) -> bytes:
    """The bytes that a value of a body stands for; white space in base64 is passed over. Raises Invalid, never with the value."""
    if kind is ConfigKind.CONFIGMAP and encoding is None:
        return data.encode()
    try:
        return base64.b64decode("".join(data.split()), validate=True)
    except (binascii.Error, ValueError) as error:
        raise _invalid(field, "must be base64 (RFC 4648, with '+', '/' and padding)") from error


def written(kind: ConfigKind, value: bytes) -> str:
    """A value as replies write it: a Secret's, and what is no text, as base64."""
    return value.decode() if kind is ConfigKind.CONFIGMAP and is_text(value) else base64.b64encode(value).decode()


def is_text(value: bytes) -> bool:
    """Whether the value is UTF-8 without NUL, which a variable and a ConfigMap's `data` can hold."""
    try:
        return "\0" not in value.decode()
    except UnicodeDecodeError:
        return False


def check_sizes(kind: ConfigKind, sizes: Mapping[str, int]) -> None:
    """Raise TooLarge naming the largest entry when Kubernetes could not hold the group in one object."""
    total = sum(sizes.values())
    if total > LARGEST_GROUP:
        largest = max(sizes, key=lambda name: sizes[name])
        rule = f"the entry {largest!r} has {sizes[largest]} bytes"
        raise TooLarge(
            f"The group would have {total} bytes; one {kind.object} holds at most {LARGEST_GROUP}: {rule}.",
            hint="Make it smaller, or spread the entries over several groups.",
            problems=[Problem(field=f"data.{largest}", message=rule)],
        )
    if len(sizes) > MOST_ENTRIES:
        raise TooLarge(f"The group would have {len(sizes)} entries; it may have {MOST_ENTRIES}.", hint="Use several groups.")


def changes(before: Mapping[str, Entry], after: Mapping[str, Entry]) -> tuple[Change, ...]:
    """What happens to which entry between two versions, by name."""
    found = []
    for name in sorted(before.keys() | after.keys()):
        if name not in before:
            found.append(Change(entry=name, change="added"))
        elif name not in after:
            found.append(Change(entry=name, change="removed"))
        elif before[name].value != after[name].value:
            found.append(Change(entry=name, change="changed"))
    return tuple(found)


def forbidden_in_use(before: Mapping[str, Entry], after: Mapping[str, bytes | Entry]) -> dict[str, str]:
    """By entry what must not happen to it while an app uses it: its removal, or that text becomes binary or the reverse."""
    found = {name: "be removed" for name in before if name not in after}
    kinds = {True: "text", False: "binary"}
    for name in before.keys() & after.keys():
        given = after[name]
        text = given.text if isinstance(given, Entry) else is_text(given)
        if before[name].text != text:
            found[name] = f"change from {kinds[before[name].text]} to {kinds[text]}"
    return found


def told(entries: Iterable[Change]) -> str:
    """Changes as a few words.

    >>> told([Change(entry="a", change="added"), Change(entry="b", change="removed")])
    'a added, b removed'
    """
    return ", ".join(f"{c.entry} {c.change}" for c in entries) or "nothing changed"


def verdict(error: MooringError | None) -> dict[str, object]:
    """The reply of `validate`: Code 0, or the error's Code and words (manual: 验证ConfigMap名称)."""
    return {"Code": 0, "Message": ""} if error is None else {"Code": error.code, "Message": error.message, "Reason": error.reason}


def _invalid(field: str, rule: str) -> Invalid:
    return Invalid(f"{field}: {rule}.", problems=[Problem(field=field, message=rule)])
