"""Archives of sources: what a directory can have is kept, what reaches further or pretends is refused (targets S13)."""

import contextlib
import gzip
import io
import tarfile
import time
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clients import archives
from model import sources
from model.errors import Invalid, TooLarge
from model.sources import Entry, Tree


def entry(name: str, content: bytes = b"", **fields: object) -> tuple[tarfile.TarInfo, bytes]:
    made = tarfile.TarInfo(name)
    made.size = len(content)
    for field, value in fields.items():
        setattr(made, field, value)
    return made, content


def link(name: str, target: str) -> tuple[tarfile.TarInfo, bytes]:
    return entry(name, type=tarfile.SYMTYPE, linkname=target)


def archive(*entries: tuple[tarfile.TarInfo, bytes]) -> io.BytesIO:
    plain = io.BytesIO()
    with tarfile.open(fileobj=plain, mode="w", format=tarfile.PAX_FORMAT) as tar:
        for info, content in entries:
            tar.addfile(info, io.BytesIO(content))
    return io.BytesIO(gzip.compress(plain.getvalue(), mtime=0))


def test_files_links_and_modes_are_written_out_as_they_were(tmp_path: Path) -> None:
    odd = "web/\U0001f433 \u2028 'x'\n"
    given_archive = archive(
        entry("web", type=tarfile.DIRTYPE),
        entry(odd, b"whale"),
        entry("./run.sh", b"#!/bin/sh\n", mode=0o700),
        link("web/up", "../run.sh"),
        entry("empty", type=tarfile.DIRTYPE),
        entry("n\udcff", b"not UTF-8"),
    )
    archives.check(given_archive)
    archives.unpack(given_archive, tmp_path)
    assert (tmp_path / odd).read_bytes() == b"whale"
    assert (tmp_path / "n\udcff").read_bytes() == b"not UTF-8"
    assert (tmp_path / "web/up").readlink() == Path("../run.sh")
    assert (tmp_path / "empty").is_dir()
    assert [(tmp_path / name).stat().st_mode & 0o777 for name in ("run.sh", odd)] == [0o755, 0o644]
    assert (tmp_path / "run.sh").stat().st_mtime > 1_000_000_000  # a zip made in the build knows no time before 1980


@pytest.mark.parametrize(
    ("entries", "words"),
    [
        ([entry("../x")], "leads out"),
        ([entry("/etc/x")], "leads out"),
        ([entry("a/../../x")], "leads out"),
        ([link("l", "/etc")], "is a link to '/etc'"),
        ([link("l", "..")], "is a link to"),
        ([link("a/l", "../../x")], "is a link to"),
        ([link("l", "a/../..")], "'..' at its beginning only"),
        ([entry("d", type=tarfile.DIRTYPE), link("l", "d"), entry("l/x")], "not a directory"),
        ([entry("l/x"), link("l", "d")], "twice"),
        ([entry("x"), entry("x")], "twice"),
        ([entry("x"), link("x", "y")], "twice"),
        ([entry("x"), entry("x/y")], "not a directory"),
        ([entry("h", type=tarfile.LNKTYPE, linkname="/etc/passwd")], "neither a file"),
        ([entry("dev", type=tarfile.CHRTYPE)], "neither a file"),
        ([entry("pipe", type=tarfile.FIFOTYPE)], "neither a file"),
        ([entry("n" * 256)], "too long"),
        ([entry("/".join("d" * 65))], "too long"),
        ([entry("\U0001f433" * 64)], "too long"),
    ],
)
def test_what_reaches_further_than_the_directory_is_refused(
    entries: list[tuple[tarfile.TarInfo, bytes]], words: str, tmp_path: Path
) -> None:
    with pytest.raises(Invalid, match=words):
        archives.check(archive(*entries))
    inside = tmp_path / "inside"
    inside.mkdir()
    with pytest.raises(Invalid):
        archives.unpack(archive(*entries), inside)
    assert [path.name for path in tmp_path.iterdir()] == ["inside"]


def _announced(info: tarfile.TarInfo, size: int) -> bytes:
    info.size = size
    return info.tobuf()


def _header(kind: bytes, payload: bytes) -> bytes:
    """A header that extends the entry after it."""
    return _announced(entry("h", type=kind)[0], len(payload)) + payload + bytes(-len(payload) % tarfile.BLOCKSIZE)


def _record(keyword: bytes, value: bytes) -> bytes:
    """A PAX record with a length of four digits."""
    return b"%04d %s=%s\n" % (len(keyword) + len(value) + 7, keyword, value)


def _zipped(*parts: bytes) -> io.BytesIO:
    return io.BytesIO(gzip.compress(b"".join(parts), compresslevel=1))


def _below_zero(kind: bytes) -> io.BytesIO:
    return _zipped(entry("n", type=kind, size=-2000)[0].tobuf(tarfile.GNU_FORMAT))


def _zeros(count: int) -> io.BytesIO:
    """A gzip of a header and that many zeros, made without holding them."""
    out = io.BytesIO()
    with gzip.GzipFile(fileobj=out, mode="wb", compresslevel=1) as zipped:
        zipped.write(_announced(tarfile.TarInfo("bomb"), count))
        for _ in range(count // 2**20):
            zipped.write(bytes(2**20))
    return out


@pytest.mark.parametrize(
    ("made", "error"),
    [
        (lambda: io.BytesIO(gzip.compress(_announced(tarfile.TarInfo("bomb"), 2**40))), TooLarge),
        (lambda: io.BytesIO(gzip.compress(_announced(entry("p", type=tarfile.XHDTYPE)[0], 2**30))), Invalid),
        (lambda: io.BytesIO(gzip.compress(_announced(entry("p", type=tarfile.GNUTYPE_LONGNAME)[0], 2**30))), Invalid),
        (lambda: io.BytesIO(gzip.compress(5000 * _announced(entry("p", type=tarfile.GNUTYPE_LONGNAME)[0], 0))), Invalid),
        (lambda: _below_zero(tarfile.XHDTYPE), Invalid),
        (lambda: _below_zero(tarfile.REGTYPE), Invalid),
        (lambda: io.BytesIO(gzip.compress(_announced(tarfile.TarInfo("short"), 1000) + b"x")), Invalid),
        (lambda: io.BytesIO(b"PK\x03\x04 no tar"), Invalid),
        (lambda: io.BytesIO(gzip.compress(b"no tar at all")), Invalid),
        (lambda: io.BytesIO(), Invalid),
    ],
)
def test_what_pretends_to_be_large_or_is_no_archive_is_refused_at_once(
    made: Callable[[], io.BytesIO], error: type[Exception]
) -> None:
    with pytest.raises(error):
        archives.check(made())


def test_a_bomb_is_unpacked_in_no_more_memory_than_its_window() -> None:
    bomb = _zeros(64 * 2**20)
    tracemalloc.start()
    archives.check(bomb)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 4 * 2**20


@pytest.mark.parametrize("payload", [b"1" * 2**20, b"1" * 40_000, b"1" * 8192, b"9999 a=b\n", b"0000 a=b\n", b"6 a=bc\n", b"6 a=b"])
def test_a_header_of_broken_records_or_more_than_8_kib_is_refused_at_once(payload: bytes) -> None:
    made = _zipped(_header(tarfile.XHDTYPE, payload), tarfile.TarInfo("a").tobuf())
    began = time.thread_time()
    with pytest.raises(Invalid, match=r"records are broken|more than 8 KiB"):
        archives.check(made)
    assert time.thread_time() - began < 0.1


def test_digits_in_records_cost_no_more_than_other_bytes() -> None:
    """CVE-2024-6232: 8 KiB of digits in each of many whole headers, which tarfile would search for a second each few."""
    digits = _header(tarfile.XHDTYPE, _record(b"comment", b"1" * 8000))
    named = _header(tarfile.XHDTYPE, _record(b"linkpath", b"1" * 8000))
    made = _zipped(*(digits + named + tarfile.TarInfo(f"f{number}").tobuf() for number in range(100)))
    began = time.thread_time()
    archives.check(made)
    assert time.thread_time() - began < 1


def test_records_that_name_an_entry_are_kept_and_others_left_out(tmp_path: Path) -> None:
    of_all = _header(tarfile.XGLTYPE, _record(b"comment", b"a commit"))
    own = _header(tarfile.XHDTYPE, _record(b"mtime", b"1.5") + _record(b"path", "\U0001f433/x".encode()))
    binary = _header(tarfile.XHDTYPE, _record(b"hdrcharset", b"BINARY") + _record(b"path", b"n\xff"))
    archives.unpack(_zipped(of_all, own, tarfile.TarInfo("a").tobuf(), binary, tarfile.TarInfo("b").tobuf()), tmp_path)
    assert (tmp_path / "\U0001f433/x").is_file()
    assert (tmp_path / "n\udcff").is_file()


@pytest.mark.parametrize(
    ("header", "words"),
    [
        (_header(tarfile.XGLTYPE, _record(b"path", b"x")), "for all entries"),
        (_header(tarfile.XHDTYPE, _record(b"GNU.sparse.map", b"1,2")), "sparse"),
        (_header(tarfile.XHDTYPE, _record(b"size", b"-5000")), "ends before it begins"),
    ],
)
def test_records_that_would_mislead_the_reader_are_refused(header: bytes, words: str) -> None:
    with pytest.raises(Invalid, match=words):
        archives.check(_zipped(header, tarfile.TarInfo("a").tobuf(), tarfile.TarInfo("b").tobuf()))


@pytest.mark.parametrize("kind", [tarfile.XHDTYPE, tarfile.XGLTYPE, tarfile.GNUTYPE_LONGNAME, tarfile.GNUTYPE_LONGLINK])
def test_extended_headers_are_counted_for_each_entry_and_in_all(kind: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    plain = tarfile.TarInfo("a")
    header = _header(kind, b"name" if kind in (tarfile.GNUTYPE_LONGNAME, tarfile.GNUTYPE_LONGLINK) else _record(b"comment", b"c"))
    with pytest.raises(Invalid, match="more than 4 extended headers"):
        archives.check(_zipped(header * 5, plain.tobuf()))
    monkeypatch.setattr(archives, "_MOST_EXTENDED", 6)
    directory = entry("name", type=tarfile.DIRTYPE)[0].tobuf()
    archives.check(_zipped(*[header * 2 + directory] * 3))
    with pytest.raises(TooLarge, match="more than 6 extended headers"):
        archives.check(_zipped(*[header * 2 + directory] * 4))
    monkeypatch.setattr(archives, "_MOST_EXTENDED", 200)
    monkeypatch.setattr(archives, "_LARGEST_EXTENDED", 10)
    with pytest.raises(TooLarge):
        archives.check(_zipped(*[header * 4 + directory] * 2))


@pytest.mark.parametrize("name", ["a/", ".", "./"])
def test_an_entry_that_is_named_again_and_again_is_counted(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sources, "MOST_FILES", 100)
    again = entry(name, type=tarfile.DIRTYPE)[0].tobuf()
    archives.check(_zipped(again * 100))
    with pytest.raises(TooLarge, match="100 files"):
        archives.check(_zipped(again * 101))


def test_too_many_names_are_refused_before_they_fill_the_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sources, "MOST_FILES", 100)
    tree = Tree()
    for number in range(100):
        tree.add(str(number), Entry.FILE)
    with pytest.raises(TooLarge, match="100 files"):
        tree.add("one more", Entry.FILE)
    monkeypatch.setattr(sources, "_LARGEST_LIST", 17_000)
    long = Tree()
    for number in range(8):
        long.add(f"{number}/" + "/".join(["x" * 200] * 4), Entry.FILE)  # each name brings the directories above it
    with pytest.raises(TooLarge):
        long.add("9/" + "/".join(["x" * 200] * 4), Entry.FILE)


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_any_bytes_are_an_archive_or_refused_as_none(data: st.DataObject) -> None:
    """Bytes of a real archive, changed anywhere: never an error of the reader's own."""
    real = gzip.decompress(archive(entry("a/b", b"x" * 600), link("l", "a"), entry("n" * 200, b"y")).getvalue())
    changed = bytearray(real)
    for _ in range(data.draw(st.integers(0, 6))):
        changed[data.draw(st.integers(0, len(real) - 1))] = data.draw(st.integers(0, 255))
    packed = gzip.compress(bytes(changed[: data.draw(st.integers(0, len(real)))]))
    with contextlib.suppress(Invalid):
        archives.check(io.BytesIO(packed))
