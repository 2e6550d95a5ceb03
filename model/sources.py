"""Sources: a directory that is built as it was sent, one archive known by its digest (mission F; targets S13).

The archive is a stranger's. What it may hold is decided here, entry by entry; reading it within bounds is clients/archives.py.
"""

import re
from datetime import datetime, timedelta
from enum import StrEnum
from pathlib import PurePosixPath

from model.base import Body
from model.errors import Invalid, Problem, TooLarge

# What a build's directory may come to, whether it was fetched or sent.
LARGEST_TREE = 2 * 1024**3
MOST_FILES = 200_000
# So long after it was last sent or built, and so many of a project, a source is kept.
KEPT_FOR = timedelta(days=7)
KEPT_EACH = 10
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
_LONGEST_NAME, _LONGEST_PART, _DEEPEST = 1000, 255, 64
_LARGEST_LIST = 64 * 1024**2  # bytes of all names that are remembered


class Source(Body):
    """A source that is kept: its archive's digest and size in bytes, and who sent it first."""

    digest: str
    size: int
    created_at: datetime
    created_by: str
    used_at: datetime

    @property
    def kept_until(self) -> datetime:
        """When it is removed unless it is sent or built again."""
        return self.used_at + KEPT_FOR


class Entry(StrEnum):
    """What an archive may hold."""

    FILE = "file"
    DIRECTORY = "directory"
    LINK = "link"


class Tree:
    """The entries of one archive as they come: each must be one that a directory can have and that stays within it."""

    def __init__(self) -> None:
        self._known: dict[str, Entry] = {}
        self._listed = 0
        self._added = 0

    def add(self, name: str, entry: Entry, target: str = "") -> str:
        """Take the next entry in and return its name in its plain form, "." for the directory itself.

        Raises Invalid for a name or a link's `target` that leads out of the directory, passes through a link, or comes twice;
        TooLarge for more names than a build's directory may have, or as many entries, however often a directory is named.
        """
        self._added += 1
        if self._added > MOST_FILES:
            raise _too_many()
        plain = _plain(name)
        above = [str(parent) for parent in plain.parents if parent.parts]
        for parent in reversed(above):
            if self._known.get(parent, Entry.DIRECTORY) is not Entry.DIRECTORY:
                raise _refused(name, f"lies in {parent!r}, which is not a directory")
            self._remember(parent, Entry.DIRECTORY)
        if not plain.parts:
            return "."
        before = self._known.get(str(plain))
        if before is not None and (before, entry) != (Entry.DIRECTORY, Entry.DIRECTORY):
            raise _refused(name, "is there twice")
        if entry is Entry.LINK:
            _check_target(name, target, depth=len(above))
        self._remember(str(plain), entry)
        return str(plain)

    def _remember(self, path: str, entry: Entry) -> None:
        if path in self._known:
            return
        self._known[path] = entry
        self._listed += len(path)
        if len(self._known) > MOST_FILES or self._listed > _LARGEST_LIST:
            raise _too_many()


def _too_many() -> TooLarge:
    return TooLarge(
        f"The source holds more than {MOST_FILES} files, or more than {_LARGEST_LIST // 1024**2} MiB of names.",
        hint="Name what the build does not need in .gitignore or .dockerignore.",
    )


def _plain(name: str) -> PurePosixPath:
    plain = PurePosixPath(name)
    if not name or "\0" in name or plain.is_absolute() or ".." in plain.parts:
        raise _refused(name, "leads out of the directory: a name must be relative and have no '..'")
    if _size(name) > _LONGEST_NAME or len(plain.parts) > _DEEPEST or any(_size(part) > _LONGEST_PART for part in plain.parts):
        rule = f"has a name that is too long: at most {_LONGEST_NAME} bytes, {_LONGEST_PART} a part, and {_DEEPEST} parts"
        raise _refused(name, rule)
    return plain


def _size(name: str) -> int:
    """In bytes; names that are not UTF-8 have their bytes as surrogates, as Python's file functions give them."""
    return len(name.encode(errors="surrogateescape"))


def _check_target(name: str, target: str, depth: int) -> None:
    """A link lies in a real directory `depth` deep: going up from there first, and then only down, stays within."""
    parts = PurePosixPath(target).parts
    up = next((count for count, part in enumerate(parts) if part != ".."), len(parts))
    out = PurePosixPath(target).is_absolute() or up > depth or ".." in parts[up:]
    if out or not target or "\0" in target or _size(target) > _LONGEST_NAME:
        raise _refused(
            name,
            f"is a link to {target[:80]!r}: a link must lead to a place within the directory, relative to where it lies, "
            "with '..' at its beginning only",
        )


def _refused(name: str, rule: str) -> Invalid:
    shown = name if len(name) <= 80 else f"…{name[-80:]}"
    hint = "Take it away, or name it in .gitignore or .dockerignore; then send the directory again."
    return Invalid(f"The source's entry {shown!r} {rule}.", hint=hint)


def check_digest(digest: str, field: str = "source") -> str:
    """Return `digest` if it is a source's, else raise Invalid.

    >>> check_digest("sha256:" + "0" * 64)[:10]
    'sha256:000'
    """
    if not _DIGEST.fullmatch(digest):
        rule = "must be a source's digest, sha256: and 64 hex digits, as POST /v2/builds/{project}/sources answers it"
        raise Invalid(f"{field}: {digest[:80]!r} {rule}.", problems=[Problem(field=field, message=rule)])
    return digest
