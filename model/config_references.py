"""What a document's references to configuration groups stand for: groups of the document itself, or of its project.

They become what an app's body says too (model/config_mounts.py: ConfigUse), so that use is counted, protected and mounted one way.
"""

import itertools
from collections.abc import Collection, Mapping, Sequence, Sized
from typing import NamedTuple

from model.base import Frozen
from model.config_mounts import ConfigUse
from model.configs import ConfigKind

# A group's entries, each with whether it is text; by kind and name those of a project.
Entries = Mapping[str, bool]
Known = Mapping[tuple[ConfigKind, str], Entries]
_NAMED = 10
# Entries that one document takes without naming each: one line means all of a group, and mounts them again in each place.
MOST_TAKEN = 20_000


class Chosen(NamedTuple):
    """One entry of a group, by its name in the project."""

    kind: ConfigKind
    group: str
    key: str


class Found(Frozen):
    """A group that a reference leads to; `entries` is None where it is not known, or not there and that does not matter."""

    kind: ConfigKind
    group: str
    entries: dict[str, bool] | None
    strict: bool = True

    def entry(self, key: str) -> Chosen:
        """One of its entries; raises ValueError where it has none of that name."""
        if self.strict and self.entries is not None and key not in self.entries:
            there = ", ".join(sorted(self.entries)[:_NAMED]) or "no entries at all"
            raise ValueError(f"names the entry {key!r}, and the {self.kind.object} {self.group!r} has {there}")
        return Chosen(self.kind, self.group, key)

    def all(self) -> list[Chosen]:
        """All its entries, none where they are not known; raises ValueError where it has none."""
        if self.strict and self.entries == {}:
            raise ValueError(f"means all entries, and the {self.kind.object} {self.group!r} has none")
        return [Chosen(self.kind, self.group, key) for key in sorted(self.entries or {})]

    def is_text(self, key: str) -> bool:
        """Whether the entry is text, as far as is known."""
        return self.entries is None or self.entries.get(key, True)


class References:
    """The groups a document may name: `own` by the names in it, then those `known` in the project.

    Not `strict`, a group or entry that the project lacks is no problem: for drawing and deleting what was deployed.
    """

    def __init__(
        self,
        known: Known | None = None,
        *,
        strict: bool = False,
        own: Mapping[tuple[ConfigKind, str], tuple[str, Entries]] | None = None,
        unsure: Collection[tuple[ConfigKind, str]] = (),
    ) -> None:
        self._known = known or {}
        self._strict = strict
        self._own = own or {}
        self._unsure = unsure
        self._taken = 0

    def take(self, chosen: Sized) -> bool:
        """Count what the document means without naming each; whether that may be all. Raises ValueError where it may not.

        Not `strict`, what goes beyond is as if it were not known.
        """
        self._taken += len(chosen)
        if self._strict and self._taken > MOST_TAKEN:
            raise ValueError(f"means entries of groups beyond {MOST_TAKEN} in all; name those that are needed, or mount fewer")
        return self._taken <= MOST_TAKEN

    def with_own(
        self, own: Mapping[tuple[ConfigKind, str], tuple[str, Entries]], unsure: Collection[tuple[ConfigKind, str]] = ()
    ) -> "References":
        """The same with the groups of a document: by kind and name in it, the name in the project and the entries.

        What those that are `unsure` hold is not known, as something is wrong with them.
        """
        return References(self._known, strict=self._strict, own=own, unsure=unsure)

    def find(self, kind: ConfigKind, name: str) -> Found:
        """What the name stands for; raises ValueError where there is no such group."""
        if (kind, name) in self._unsure:
            return Found(kind=kind, group=name, entries=None, strict=False)
        if own := self._own.get((kind, name)):
            return Found(kind=kind, group=own[0], entries=dict(own[1]))
        known = self._known.get((kind, name))
        if known is None and self._strict:
            raise ValueError(f"names the {kind.object} {name!r}, and neither the document nor the project has it")
        return Found(kind=kind, group=name, entries=None if known is None else dict(known), strict=self._strict)


def uses(chosen: Mapping[str, Chosen], mount_path: str | None = None) -> tuple[tuple[ConfigUse, ...], tuple[ConfigUse, ...]]:
    """By what a file or variable is called, where it comes from → the container's `configMap` and `secret`."""
    made: dict[tuple[ConfigKind, str, int], dict[str, str]] = {}
    for name, (kind, group, key) in chosen.items():
        # An entry that is wanted under two names is used twice.
        number = next(n for n in itertools.count() if key not in made.get((kind, group, n), {}))
        made.setdefault((kind, group, number), {})[key] = name
    found: dict[ConfigKind, list[ConfigUse]] = {kind: [] for kind in ConfigKind}
    for (kind, group, _), names in made.items():
        found[kind].append(
            ConfigUse(
                type="Volume" if mount_path else "Env",
                name=group,
                key=tuple(names),
                mount_path=mount_path,
                names={key: name for key, name in names.items() if key != name},
            )
        )
    return tuple(found[ConfigKind.CONFIGMAP]), tuple(found[ConfigKind.SECRET])


def joined(parts: Sequence[tuple[tuple[ConfigUse, ...], tuple[ConfigUse, ...]]]) -> tuple[tuple[ConfigUse, ...], ...]:
    """Several of those as one."""
    return tuple(tuple(use for part in parts for use in part[side]) for side in (0, 1))
