"""A real Git server over http on loopback: `git http-backend` behind lighttpd, for the demo and the tests.

Both come from Debian. Repositories are bare, under one directory; reading and pushing need no account, for nothing but this
machine reaches the server.
"""

import contextlib
import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

_CONFIG = """
server.modules = ("mod_alias", "mod_setenv", "mod_cgi")
server.document-root = "{root}/empty"
server.bind = "127.0.0.1"
server.port = {port}
server.errorlog = "{root}/lighttpd.log"
server.upload-dirs = ("{root}")
server.stream-response-body = 1
alias.url = ("/" => "{backend}/")
cgi.assign = ("" => "")
setenv.set-environment = ("GIT_PROJECT_ROOT" => "{root}/repositories", "GIT_HTTP_EXPORT_ALL" => "1", "HOME" => "{root}")
"""
_START_SECONDS = 10
_TRIES = 5
_AUTHOR = {
    "GIT_AUTHOR_NAME": "Demo",
    "GIT_AUTHOR_EMAIL": "demo@localhost",
    "GIT_COMMITTER_NAME": "Demo",
    "GIT_COMMITTER_EMAIL": "demo@localhost",
}


class GitServerError(Exception):
    """The server, or a Git command on a repository, does not work; the message says what to do."""


@dataclass(frozen=True)
class Repository:
    """One repository of the server: its http address, and a working copy to commit from."""

    url: str
    copy: Path

    def commit(self, files: Mapping[str, str | None], message: str, branch: str = "main") -> str:
        """Write (or, for None, remove) files, commit them on `branch`, push over http, and return the commit."""
        if self.git("rev-parse", "--verify", "--quiet", f"refs/heads/{branch}", fine=(0, 1)):
            self.git("checkout", "--quiet", branch)
        else:
            self.git("checkout", "--quiet", "-b", branch)
        for name, content in files.items():
            file = self.copy / name
            if content is None:
                file.unlink()
                continue
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(content)
        return self._push(message, branch)

    def _push(self, message: str, branch: str) -> str:
        self.git("add", "--all")
        self.git("commit", "--quiet", "--allow-empty", "-m", message)
        self.git("push", "--quiet", self.url, f"refs/heads/{branch}")
        return self.git("rev-parse", "HEAD").strip()

    def git(self, *arguments: str, fine: tuple[int, ...] = (0,)) -> str:
        """Run git in the working copy and return what it prints; raises GitServerError unless its status is one of `fine`."""
        return _git(self.copy, *arguments, fine=fine)


@dataclass(frozen=True)
class GitServer:
    """A running server."""

    url: str
    root: Path

    def create(self, name: str, files: Path | Mapping[str, str]) -> Repository:
        """Make a repository whose branch main holds those files, or a directory's, as its first commit."""
        bare, copy = self.root / "repositories" / f"{name}.git", self.root / "copies" / name
        bare.mkdir(parents=True)
        _git(bare, "init", "--quiet", "--bare", "--initial-branch=main")
        _git(bare, "config", "http.receivepack", "true")
        if isinstance(files, Path):
            shutil.copytree(files, copy, ignore=shutil.ignore_patterns("__pycache__"))
            files = {}
        copy.mkdir(parents=True, exist_ok=True)
        _git(copy, "init", "--quiet", "--initial-branch=main")
        repository = Repository(url=f"{self.url}/{name}.git", copy=copy)
        for path, content in files.items():
            (copy / path).parent.mkdir(parents=True, exist_ok=True)
            (copy / path).write_text(content)
        repository._push("First version", "main")
        return repository


@contextlib.contextmanager
def serve() -> Iterator[GitServer]:
    """Run a server on a free port until the block ends; its repositories are gone then. Raises GitServerError."""
    with tempfile.TemporaryDirectory(prefix="mooring-git-") as place:
        root = Path(place)
        for name in ("empty", "repositories", "copies"):
            (root / name).mkdir()
        process, port = _start(root)
        try:
            yield GitServer(url=f"http://127.0.0.1:{port}", root=root)
        finally:
            process.terminate()
            process.wait(timeout=10)


def _start(root: Path) -> tuple[subprocess.Popen[bytes], int]:
    """Start lighttpd; another program may take the free port first, then another is tried."""
    lighttpd = shutil.which("lighttpd", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
    backend = Path(_git(root, "--exec-path").strip()) / "git-http-backend"
    if lighttpd is None or not backend.exists():
        raise GitServerError("The demo's Git server needs lighttpd and git: apt-get install --no-install-recommends lighttpd git")
    for _ in range(_TRIES):
        port = _free_port()
        config = root / "lighttpd.conf"
        config.write_text(_CONFIG.format(root=root, port=port, backend=backend))
        with open(root / "cgi.log", "ab") as log:  # what git http-backend says on its own behalf
            words = [lighttpd, "-D", "-f", str(config)]
            process = subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        if _answers(process, port):
            return process, port
        process.kill()
        process.wait()
    said = "".join(log.read_text() for log in (root / "lighttpd.log", root / "cgi.log") if log.exists())
    raise GitServerError(f"lighttpd does not start: {said or 'it says nothing'}")


def _answers(process: subprocess.Popen[bytes], port: int) -> bool:
    give_up = time.monotonic() + _START_SECONDS
    while process.poll() is None and time.monotonic() < give_up:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            return True
        time.sleep(0.02)
    return False


def _free_port() -> int:
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        port: int = listening.getsockname()[1]
        return port


def _git(directory: Path, *arguments: str, fine: tuple[int, ...] = (0,)) -> str:
    # Neither this machine's Git settings nor the user's take part.
    environment = {"PATH": os.environ["PATH"], "HOME": str(directory), "GIT_CONFIG_NOSYSTEM": "1", **_AUTHOR}
    done = subprocess.run(["git", "-C", str(directory), *arguments], env=environment, capture_output=True, text=True)
    if done.returncode not in fine:
        raise GitServerError(f"git {' '.join(arguments[:2])} failed: {done.stderr.strip()}")
    return done.stdout
