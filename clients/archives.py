"""A source's archive, tar.gz, read within bounds: checked before it is kept, written out where it is built (targets S13).

Python's tarfile reads it, but sees the unpacked bytes only through a window: no header may ask for much at once, and nothing lies
beyond what a build's directory may come to. Headers that extend an entry are counted, and of their records tarfile is given only
those it needs. So neither memory nor time grows with what a stranger's archive pretends.
"""

import contextlib
import gzip
import shutil
import tarfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO, NoReturn, Self

from model.errors import Invalid, TooLarge
from model.sources import LARGEST_TREE, MOST_FILES, Entry, Tree

_LARGEST_READ = 1024**2
_LARGEST_HEADER = 8 * 1024
# Headers that extend the entry after them, by a long name or by records: so many before one entry, and in a whole archive.
_EACH_EXTENDED, _MOST_EXTENDED, _LARGEST_EXTENDED = 4, MOST_FILES, 64 * 1024**2
_PIECE = 256 * 1024
_LONG = (tarfile.GNUTYPE_LONGNAME, tarfile.GNUTYPE_LONGLINK)
_RECORDS = (tarfile.XHDTYPE, tarfile.SOLARIS_XHDTYPE, tarfile.XGLTYPE)
_NEEDED = (b"path", b"linkpath", b"size")
_BY_TAR = "Make it with `mooring build DIR`, or tar."
_KINDS = {tarfile.REGTYPE: Entry.FILE, tarfile.AREGTYPE: Entry.FILE, tarfile.DIRTYPE: Entry.DIRECTORY, tarfile.SYMTYPE: Entry.LINK}
# What tarfile and gzip raise for bytes that are no archive.
_BROKEN = (tarfile.TarError, gzip.BadGzipFile, EOFError, zlib.error, ValueError, IndexError, OverflowError)


class _Window:
    """The unpacked bytes as tarfile wants them."""

    def __init__(self, file: IO[bytes]) -> None:
        self._unpacked = gzip.GzipFile(fileobj=file, mode="rb")

        self._instead: bytes | None = None
        self._before = self._extended = self._extended_size = 0

    def read(self, size: int) -> bytes:
        """Up to `size` bytes; raises Invalid where a header asks for more than any content is read by, or for less than none."""
        if self._instead is not None:
            instead, self._instead = self._instead, None
            return instead
        if not 0 <= size <= _LARGEST_READ:
            raise Invalid(f"The source's archive has a header that asks for {size} bytes.", hint=_BY_TAR)
        return self._unpacked.read(size)

    def instead(self, content: bytes) -> None:
        """What the next read gives."""
        self._instead = content

    def extended(self, size: int) -> None:
        """Count a header of `size` bytes that extends the next entry; raises Invalid where no name needs as much."""
        self._before += 1
        self._extended += 1
        self._extended_size += size
        if not 0 <= size <= _LARGEST_HEADER:
            raise Invalid(f"The source's archive has a header of more than {_LARGEST_HEADER // 1024} KiB.", hint=_BY_TAR)
        if self._before > _EACH_EXTENDED:
            raise Invalid(f"The source's archive has an entry with more than {_EACH_EXTENDED} extended headers.", hint=_BY_TAR)
        if self._extended > _MOST_EXTENDED or self._extended_size > _LARGEST_EXTENDED:
            raise TooLarge(
                f"The source's archive has more than {_MOST_EXTENDED} extended headers, or more than "
                f"{_LARGEST_EXTENDED // 1024**2} MiB of them.",
                hint="Name what the build does not need in .gitignore or .dockerignore.",
            )

    def entry(self) -> None:
        """An entry's own header was read: what extends the next one is counted anew."""
        self._before = 0

    def seek(self, position: int) -> int:
        """Go there by unpacking what lies between; raises TooLarge beyond LARGEST_TREE, Invalid for what lies before."""
        if position < self.tell():  # gzip would unpack all anew, once for each such entry
            raise Invalid("The source's archive has an entry that ends before it begins.", hint=_BY_TAR)
        if position > LARGEST_TREE:
            raise TooLarge(
                f"The source unpacks to more than {LARGEST_TREE // 1024**3} GiB.",
                hint="Name large files in .gitignore or .dockerignore.",
            )
        return self._unpacked.seek(position)

    def tell(self) -> int:
        """How many bytes lie before."""
        return self._unpacked.tell()


class _Header(tarfile.TarInfo):
    """A header, judged before tarfile follows it: `_proc_member` is the method that CPython's tarfile offers for this."""

    def _proc_member(self, archive: tarfile.TarFile) -> Self:
        window = archive.fileobj
        assert isinstance(window, _Window)
        if self.type in _LONG + _RECORDS:
            window.extended(self.size)
        else:
            window.entry()
        if self.type in _RECORDS:
            payload = window.read(self._block(self.size))[: self.size]  # type: ignore[attr-defined]
            window.instead(_needed(payload, of_all=self.type == tarfile.XGLTYPE))
        if self.type == tarfile.GNUTYPE_SPARSE:
            _odd(self)
        found: Self = super()._proc_member(archive)  # type: ignore[misc]
        return found


def _needed(payload: bytes, *, of_all: bool) -> bytes:
    """The records of a PAX header that an entry's place and size need, the character set first.

    Up to 3.11.9 tarfile searches for the character set in a time that grows with the square of a run of digits, and holds the
    interpreter meanwhile (CVE-2024-6232): found at the beginning, nothing is searched.
    """
    records = _records(payload)
    needed = b"".join(records[keyword] for keyword in _NEEDED if keyword in records)
    if any(keyword.startswith(b"GNU.sparse.") for keyword in records):
        raise Invalid("The source's archive has a sparse file.", hint="Make it with `mooring build DIR`, or tar without --sparse.")
    if of_all and needed:
        raise Invalid("The source's archive has one name or size for all entries.", hint=_BY_TAR)
    binary = records.get(b"hdrcharset", b"").endswith(b"=BINARY\n")
    return b"" if of_all else (b"21 hdrcharset=BINARY\n" if binary else b"20 hdrcharset=UTF-8\n") + needed


def _records(payload: bytes) -> dict[bytes, bytes]:
    """Each record of a PAX header, whole, by its keyword: "LENGTH KEYWORD=VALUE\\n", the length that of the record."""
    found, start = {}, 0
    while start < len(payload):
        length = payload[start : start + len(str(_LARGEST_HEADER)) + 1].partition(b" ")[0]
        end = start + int(length) if length.isdigit() else start
        record = payload[start:end]
        keyword, equals, _ = record[len(length) + 1 :].partition(b"=")
        if not (keyword and equals and end <= len(payload) and record.endswith(b"\n")):
            raise Invalid("The source's archive has a header whose records are broken.", hint=_BY_TAR)
        found[keyword] = record
        start = end
    return found


def check(file: IO[bytes]) -> None:
    """Read the whole archive without writing anything; raises Invalid, or TooLarge, for one that must not be unpacked."""
    for _ in _entries(file):
        pass


def unpack(file: IO[bytes], directory: Path) -> None:
    """Write the archive's files into the empty `directory`, with the time of now, as a checkout has; raises what `check` does."""
    for archive, member, name in _entries(file):
        place = directory / name
        if member.isdir():
            place.mkdir(parents=True, exist_ok=True)
            continue
        place.parent.mkdir(parents=True, exist_ok=True)
        if member.issym():
            place.symlink_to(member.linkname)
            continue
        with _told(), open(place, "xb") as out:
            content = archive.extractfile(member)
            assert content
            shutil.copyfileobj(content, out, _PIECE)
        place.chmod(0o755 if member.mode & 0o100 else 0o644)


def _entries(file: IO[bytes]) -> Iterator[tuple[tarfile.TarFile, tarfile.TarInfo, str]]:
    """Each entry with its checked name."""
    file.seek(0)
    tree = Tree()
    with _told():
        window = _Window(file)
        archive = tarfile.TarFile(fileobj=window, tarinfo=_Header, encoding="utf-8", errors="surrogateescape")  # type: ignore[arg-type]
    while True:
        with _told():
            member = archive.next()
        if member is None:
            break
        archive.members.clear()  # it would remember them all
        entry = _KINDS.get(member.type)
        if entry is None:
            _odd(member)
        if member.offset_data + member.size > LARGEST_TREE:
            window.seek(LARGEST_TREE + 1)
        name = tree.add(member.name, entry, member.linkname)
        yield archive, member, name


@contextlib.contextmanager
def _told() -> Iterator[None]:
    try:
        yield
    except _BROKEN as error:
        raise Invalid(
            "The source is not a whole tar.gz archive.", hint="Send it again: `mooring build DIR` makes it as it has to be."
        ) from error


def _odd(member: tarfile.TarInfo) -> NoReturn:
    raise Invalid(
        f"The source's entry {member.name[-80:]!r} is neither a file, a directory nor a symbolic link.",
        hint="Take it away, or name it in .gitignore or .dockerignore; then send the directory again.",
    )
