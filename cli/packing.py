"""A directory as the archive that is sent to be built: what Git would keep of it, the same bytes for the same files.

Git itself says what it would keep, also of a directory that is no repository; Docker's library knows `.dockerignore`.
"""

import gzip
import hashlib
import os
import shutil
import stat
import subprocess
import tarfile
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO

from cli.failures import Failure

_GIT = "git"
_LEFT_OUT = "Take it away, or name it in .gitignore or .dockerignore."
_PIECE = 1024**2


@dataclass(frozen=True)
class Packed:
    """An archive of so many `files`, of `size` bytes, with the digest that the platform knows it by.

    `left` are the repositories within, which are left out.
    """

    digest: str
    size: int
    files: int
    left: tuple[str, ...] = ()


def pack(directory: Path, archive: IO[bytes], dockerfile: str = "Dockerfile", context: str = ".") -> Packed:
    """Write the directory's archive (tar.gz) to the file; raises Failure for what cannot be sent, naming it.

    Order, times, owners and modes are fixed, so that the same files make the same digest. `.dockerignore` holds where the whole
    directory is the build's context; the Dockerfile is sent in any case. Empty directories are left out, as in Git.
    """
    listed = sorted(_listed(directory))
    left = tuple(name for name in listed if _is_directory(directory / name))  # a repository in it is not this one's
    ignored = _ignored(directory, dockerfile) if context == "." else None
    names = [name for name in listed if name not in left and not (ignored and ignored(name))]
    with (
        gzip.GzipFile(filename="", mode="wb", fileobj=archive, compresslevel=6, mtime=0) as zipped,
        tarfile.open(fileobj=zipped, mode="w", format=tarfile.PAX_FORMAT) as tar,
    ):
        for name in names:
            _add(tar, directory, name)
    archive.seek(0)
    digest = hashlib.sha256()
    while piece := archive.read(_PIECE):
        digest.update(piece)
    return Packed(f"sha256:{digest.hexdigest()}", archive.tell(), len(names), left)


def _add(tar: tarfile.TarFile, directory: Path, name: str) -> None:
    file = directory / name
    try:
        mode = file.lstat().st_mode
        entry = tarfile.TarInfo(name)
        if stat.S_ISLNK(mode):
            entry.type, entry.linkname = tarfile.SYMTYPE, os.readlink(file)
            _check_link(name, entry.linkname)
            tar.addfile(entry)
            return
        if not stat.S_ISREG(mode):
            raise Failure(f"{file} is neither a file nor a link, and cannot be sent. {_LEFT_OUT}")
        with open(file, "rb") as content:
            entry.mode = 0o755 if mode & stat.S_IXUSR else 0o644
            entry.size = os.fstat(content.fileno()).st_size
            tar.addfile(entry, content)
    except OSError as error:
        told = error.strerror or "it became shorter meanwhile"
        raise Failure(f"{file} cannot be read: {told}. Mend that, or name it in .gitignore or .dockerignore.") from error


def _check_link(name: str, target: str) -> None:
    parts = PurePosixPath(target).parts
    up = next((count for count, part in enumerate(parts) if part != ".."), len(parts))
    if PurePosixPath(target).is_absolute() or up > len(PurePosixPath(name).parents) - 1 or ".." in parts[up:]:
        raise Failure(f"{name} is a link to {target}, which leads out of the directory, so it cannot be sent. {_LEFT_OUT}")


def _listed(directory: Path) -> set[str]:
    """The names of what Git would keep: tracked, or untracked and not ignored; a repository within as one name."""
    if not directory.is_dir():
        raise Failure(f"{directory} is not a directory. Give one with a Dockerfile in it, such as . for this one.")
    if shutil.which(_GIT) is None:
        if any(file.name == ".gitignore" for file in directory.rglob(".gitignore")):
            raise Failure("What .gitignore leaves out, Git itself says: install git, or give a directory without .gitignore.")
        return set(_walked(directory))
    inside = _git(directory, "rev-parse", "--is-bare-repository", "--is-inside-work-tree", fine=(0, 128)).split()
    if inside[:1] == ["true"]:
        raise Failure(f"{directory} is a bare repository, without files. Give a working copy of it: git clone {directory} COPY")
    if inside[1:] == ["true"] and (known := _names(directory, "ls-files", "-z", "--cached", "--others", "--exclude-standard")):
        return {name for name in known if os.path.lexists(directory / name)}  # a tracked one may have been removed
    # No repository, or one that ignores the whole directory: Git reads its .gitignore all the same, for a repository beside it.
    with tempfile.TemporaryDirectory() as beside:
        _git(directory, "init", "--quiet", "--bare", "--template=", beside)
        return _names(directory, f"--git-dir={beside}", "--work-tree=.", "ls-files", "-z", "--others", "--exclude-standard")


def _walked(directory: Path) -> Iterator[str]:
    for place, directories, files in os.walk(directory):
        for name in [*files, *(one for one in directories if (Path(place) / one).is_symlink())]:
            yield (Path(place) / name).relative_to(directory).as_posix()


def _names(directory: Path, *words: str) -> set[str]:
    return {name for name in _git(directory, *words).split("\0") if name}


def _git(directory: Path, *words: str, fine: tuple[int, ...] = (0,)) -> str:
    # Where it runs within a hook of Git's, that one's repository is not meant.
    environment = {name: value for name, value in os.environ.items() if name not in ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE")}
    ran = subprocess.run([_GIT, *words], cwd=directory, env=environment, capture_output=True, check=False)
    if ran.returncode not in fine:
        raise Failure(f"Git cannot say what {directory} holds: {os.fsdecode(ran.stderr).strip()}")
    return os.fsdecode(ran.stdout)


def _is_directory(file: Path) -> bool:
    return file.is_dir() and not file.is_symlink()


def _ignored(directory: Path, dockerfile: str) -> Callable[[str], bool] | None:
    """Whether `.dockerignore` leaves a name out, as Docker reads it: without a BOM, comments and blank lines."""
    file = directory / ".dockerignore"
    if not file.is_file() or file.is_symlink():
        return None
    from docker.utils.build import PatternMatcher  # it takes a while, and no other command needs it

    lines = (line.strip() for line in file.read_text(encoding="utf-8-sig", errors="replace").splitlines())
    matcher = PatternMatcher([*(line for line in lines if line and not line.startswith("#")), f"!{dockerfile}"])
    return lambda name: bool(matcher.matches(name))
