"""What `mooring build DIR` sends: what Git would keep, the same bytes each time, and nothing that leads out."""

import io
import os
import subprocess
import tarfile
from collections.abc import Mapping
from pathlib import Path

import pytest

from cli import packing
from cli.failures import Failure
from clients import archives

FILES = {
    "Dockerfile": "FROM scratch\n",
    ".gitignore": "*.log\n/secret\n!kept.log\n",
    "app.py": "print()\n",
    "debug.log": "x",
    "kept.log": "x",
    "secret": "x",
    "web/\U0001f433 a.txt": "whale\n",
    "web/deep/.gitignore": "tmp/\n",
    "web/deep/tmp/x": "x",
}
KEPT = {"Dockerfile", ".gitignore", "app.py", "kept.log", "web/\U0001f433 a.txt", "web/deep/.gitignore"}


def write(directory: Path, files: Mapping[str, str]) -> Path:
    for name, content in files.items():
        (directory / name).parent.mkdir(parents=True, exist_ok=True)
        (directory / name).write_text(content)
    return directory


def git(directory: Path, *words: str) -> None:
    author = ("-c", "user.name=Ann", "-c", "user.email=ann@localhost")
    subprocess.run(["git", "-C", str(directory), *author, *words], check=True, capture_output=True)


def packed(directory: Path, **fields: str) -> tuple[packing.Packed, dict[str, tarfile.TarInfo]]:
    archive = io.BytesIO()
    found = packing.pack(directory, archive, **fields)
    archives.check(archive)  # the platform takes it
    archive.seek(0)
    with tarfile.open(fileobj=archive) as tar:
        return found, {entry.name: entry for entry in tar.getmembers()}


def test_a_directory_without_git_is_sent_without_what_gitignore_names(tmp_path: Path) -> None:
    found, entries = packed(write(tmp_path, FILES))
    assert entries.keys() == KEPT
    assert found.files == len(KEPT)


def test_of_a_repository_what_is_tracked_or_new_and_not_ignored_is_sent(tmp_path: Path) -> None:
    git(write(tmp_path, FILES), "init", "--quiet")
    git(tmp_path, "add", "--force", "secret", "app.py", "Dockerfile")
    git(tmp_path, "commit", "--quiet", "-m", "First")
    (tmp_path / "Dockerfile").write_text("FROM other\n")  # as it lies there, not as it is committed
    assert packed(tmp_path)[1].keys() == KEPT | {"secret"}
    (tmp_path / "app.py").unlink()
    assert packed(tmp_path)[1].keys() == (KEPT | {"secret"}) - {"app.py"}
    assert packed(tmp_path / "web")[1].keys() == {"\U0001f433 a.txt", "deep/.gitignore"}


def test_a_repository_within_is_left_out_and_told(tmp_path: Path) -> None:
    git(write(tmp_path, {"Dockerfile": "", "lib/x": "x"}), "init", "--quiet")
    git(tmp_path / "lib", "init", "--quiet")
    found, entries = packed(tmp_path)
    assert (entries.keys(), found.left) == ({"Dockerfile"}, ("lib/",))


def test_a_directory_that_the_repository_around_it_ignores_is_sent_all_the_same(tmp_path: Path) -> None:
    git(write(tmp_path, {".gitignore": "*\n", "app/Dockerfile": "", "app/x": ""}), "init", "--quiet")
    assert packed(tmp_path / "app")[1].keys() == {"Dockerfile", "x"}


def test_dockerignore_holds_as_docker_reads_it(tmp_path: Path) -> None:
    write(tmp_path, {"Dockerfile": "", "a/x": "", "a/keep": "", "node_modules/y/z": ""})
    (tmp_path / ".dockerignore").write_text("node_modules\n# no pattern\na\n!a/keep\nDockerfile\n", encoding="utf-8-sig")
    assert packed(tmp_path)[1].keys() == {".dockerignore", "Dockerfile", "a/keep"}
    assert "a/x" in packed(tmp_path, context="a")[1]  # it is not the context's


def test_the_same_files_make_the_same_digest_whoever_has_them_and_since_when(tmp_path: Path) -> None:
    one, other = write(tmp_path / "one", FILES), write(tmp_path / "other", dict(reversed(FILES.items())))
    os.utime(other / "app.py", (1, 1))
    (other / "app.py").chmod(0o600)
    assert packed(one)[0].digest == packed(other)[0].digest
    (other / "app.py").chmod(0o700)
    assert packed(one)[0].digest != packed(other)[0].digest


def test_a_link_within_stays_a_link_and_one_that_leads_out_is_refused_by_its_name(tmp_path: Path) -> None:
    write(tmp_path, {"Dockerfile": "", "a/b": ""})
    (tmp_path / "a/up").symlink_to("../Dockerfile")
    (tmp_path / "dir").symlink_to("a")
    entries = packed(tmp_path)[1]
    assert (entries["a/up"].linkname, entries["dir"].linkname) == ("../Dockerfile", "a")
    for target in ("/etc/passwd", "../../x", "../a/../../x"):
        (tmp_path / "a/out").unlink(missing_ok=True)
        (tmp_path / "a/out").symlink_to(target)
        with pytest.raises(Failure, match="a/out is a link to"):
            packing.pack(tmp_path, io.BytesIO())


def test_what_cannot_be_sent_is_told(tmp_path: Path) -> None:
    with pytest.raises(Failure, match="is not a directory"):
        packing.pack(tmp_path / "none", io.BytesIO())
    git(tmp_path, "init", "--quiet", "--bare", "bare.git")
    with pytest.raises(Failure, match="git clone"):
        packing.pack(tmp_path / "bare.git", io.BytesIO())


def test_without_git_a_directory_is_sent_whole_unless_gitignore_has_a_say(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packing, "_GIT", "no-such-program")
    write(tmp_path, {"Dockerfile": "", "a/b": ""})
    (tmp_path / "link").symlink_to("a")
    assert packed(tmp_path)[1].keys() == {"Dockerfile", "a/b", "link"}
    (tmp_path / "a/.gitignore").write_text("b\n")
    with pytest.raises(Failure, match="install git"):
        packing.pack(tmp_path, io.BytesIO())
