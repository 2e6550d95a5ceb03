"""Git over http(s) by its own program: arguments as a list, no shell, no prompts, no other protocol (targets S8–S10).

What is untrusted is the address, the branch and everything in the repository. So: credentials, other protocols and redirects
are refused; the host's address is looked up once, checked, and pinned for the connection (DNS cannot change its mind in
between); the machine's Git settings, hooks and credential stores have no say; submodules and LFS are not fetched; what
arrives is bounded in size before it is written out.
"""

import asyncio
import contextlib
import ipaddress
import os
import shutil
import signal
import socket
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from urllib.parse import urlsplit

from clients.addresses import Address, Network, is_out_of_bounds, plain
from model.build_words import git_cause
from model.builds import check_branch, check_repository
from model.causes import Cause
from model.errors import Evidence, MooringError, SourceUnreachable
from model.sources import LARGEST_TREE, MOST_FILES

Say = Callable[[str], Awaitable[None]]
Taken = Callable[[Address], Awaitable[bool]]

LARGEST_FETCH = 1024**3
_LARGEST_ANSWER = 32 * 1024**2
_STALLED_SECONDS = 30
_HEADS = "refs/heads/"
# What git says of a server that knows nothing of Git: of one that `git update-server-info` prepared, and of any other.
_PLAIN_FILES, _NOT_FOUND = "dumb http transport", "' not found"
_LOCAL = "Or build a working copy of it from where it lies: `mooring build DIR`."
_COMMIT_LENGTHS = (40, 64)  # SHA-1 and SHA-256 repositories

# Settings that hold for every call; `-c` outranks what a repository's own configuration says.
_SETTINGS = (
    "protocol.allow=never",
    "protocol.http.allow=always",
    "protocol.https.allow=always",
    "http.followRedirects=false",
    "http.lowSpeedLimit=100",
    f"http.lowSpeedTime={_STALLED_SECONDS}",
    "credential.helper=",
    "submodule.recurse=false",
    "core.hooksPath=/dev/null",
    "core.fsmonitor=false",
    # One pack file, whatever the number of objects: its size is what the file size limit bounds.
    "fetch.unpackLimit=1",
    "gc.auto=0",
    "advice.detachedHead=false",
    "init.defaultBranch=main",
)


class Git:
    """Reads repositories.

    `allowed` are networks that may be reached although they are the machine's own or reserved; `taken` says of an address whether
    it is the cluster's own, which builds may not reach either.
    """

    def __init__(self, allowed: Sequence[Network] = (), taken: Taken | None = None) -> None:
        self._allowed = tuple(allowed)
        self._taken = taken

    async def branches(self, url: str) -> dict[str, str]:
        """Ask the repository for its branches: name → commit. Raises Invalid, SourceUnreachable."""
        found = await self._references(url, "--heads")
        return {name.removeprefix(_HEADS): commit for name, commit in found.items()}

    async def commit_of(self, url: str, branch: str) -> str:
        """The branch's newest commit, or that of the tag where no branch has the name (as git clone --branch takes either).

        Raises Invalid, or SourceUnreachable naming the branches there are.
        """
        check_branch(branch)
        found = await self._references(url, "--heads", "--tags")
        # A tag with words of its own is an object; what it stands for is listed as its name with ^{}.
        for name in (f"{_HEADS}{branch}", f"refs/tags/{branch}^{{}}", f"refs/tags/{branch}"):
            if name in found:
                return found[name]
        if not found:
            hint = "Push a commit to it, then build again; or correct the address."
            raise SourceUnreachable(f"The repository {url} is empty: it has no branch and no tag.", hint=hint)
        heads = sorted(name.removeprefix(_HEADS) for name in found if name.startswith(_HEADS))
        there = ", ".join(heads[:20]) or "none at all"
        raise SourceUnreachable(
            f"The repository {url} has no branch or tag {branch!r}; its branches are: {there}.",
            hint="Correct the branch, or push it there.",
            cause=Cause.BRANCH,
        )

    async def _references(self, url: str, *which: str) -> dict[str, str]:
        """By full name the objects that a repository's references stand for."""
        check_repository(url)
        pin = await self._pin(url)
        words = ("ls-remote", *which, "--", url)
        listed = await _git(pin, *words, fails=f"The repository {url} cannot be read.", seconds=_STALLED_SECONDS)
        rows = (line.partition("\t") for line in listed.splitlines())
        return {name: object_id for object_id, _, name in rows}

    async def checkout(self, url: str, commit: str, directory: Path, say: Say) -> None:
        """Fetch that one commit without history and write its files into the empty `directory`.

        `say` gets Git's own words as they come. Raises Invalid, or SourceUnreachable, also for a tree over LARGEST_TREE bytes
        or MOST_FILES files. Source: git-fetch(1); servers give any commit a branch holds with protocol version 2.
        """
        check_repository(url)
        if len(commit) not in _COMMIT_LENGTHS or not set(commit) <= set("0123456789abcdef"):
            raise SourceUnreachable(f"{commit[:80]!r} is not a commit.")
        pin = await self._pin(url)
        at = ("-C", str(directory))
        await _git(pin, *at, "init", "--quiet", "--template=", fails="The checkout cannot be made.")
        words = ("fetch", "--depth=1", "--no-tags", "--no-recurse-submodules", "--progress", "--", url, commit)
        await _git(pin, *at, *words, fails=f"The commit {commit[:12]} of {url} cannot be fetched.", say=say)
        await self._measure(pin, at, commit)
        await _git(pin, *at, "checkout", "--quiet", "--detach", commit, fails=f"The commit {commit[:12]} cannot be written out.")
        # It differs from one fetch to the next, so that with it no `COPY . .` would ever be found in the builder's cache.
        await asyncio.to_thread(shutil.rmtree, directory / ".git")

    async def _measure(self, pin: Sequence[str], at: Sequence[str], commit: str) -> None:
        """Refuse a tree that unpacks to more than a build may hold, before it is unpacked."""
        listed = await _git(pin, *at, "ls-tree", "-r", "-l", "-z", "--full-tree", commit, fails="The commit cannot be read.")
        sizes = [row.partition("\t")[0].split()[3] for row in listed.split("\0") if row]
        total = sum(int(size) for size in sizes if size.isdigit())
        if total > LARGEST_TREE or len(sizes) > MOST_FILES:
            raise SourceUnreachable(
                f"The commit {commit[:12]} holds {len(sizes)} files of {total} bytes: over {MOST_FILES} or {LARGEST_TREE}.",
                hint="Keep large files out of the repository, then retry.",
            )

    async def _pin(self, url: str) -> tuple[str, ...]:
        """Git's settings that hold the connection to the addresses looked up and checked just now."""
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80)
        try:
            found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError) as error:  # the second: a name that cannot be one (encodings.idna)
            why = error.strerror if isinstance(error, OSError) else "it is no name of a host"
            raise SourceUnreachable(
                f"The host {host!r} of the repository is not known here ({why}).",
                hint="Correct the host in the repository's address.",
                cause=Cause.ADDRESS,
            ) from error
        addresses = list(dict.fromkeys(str(entry[4][0]) for entry in found))
        for address in addresses:
            await self._check(host, address)
        listed = ",".join(f"[{address}]" if ":" in address else address for address in addresses)
        return (f"http.curloptResolve={host}:{port}:{listed}",)

    async def _check(self, host: str, text: str) -> None:
        address = plain(ipaddress.ip_address(text.partition("%")[0]))
        if any(address in network for network in self._allowed):
            return
        if is_out_of_bounds(address) or (self._taken and await self._taken(address)):
            raise SourceUnreachable(
                f"The repository's host {host!r} is {address}, which builds may not reach.",
                hint="Name a Git server's own address; the platform's operator can allow networks by MOORING_SOURCE_ALLOW.",
                cause=Cause.ADDRESS,
            )


def networks(listed: str) -> tuple[Network, ...]:
    """Networks from a setting: CIDRs with commas between; raises ValueError.

    >>> networks("127.0.0.0/8, ::1/128")
    (IPv4Network('127.0.0.0/8'), IPv6Network('::1/128'))
    """
    return tuple(ipaddress.ip_network(word.strip()) for word in listed.split(",") if word.strip())


async def _git(pin: Sequence[str], *arguments: str, fails: str, say: Say | None = None, seconds: float | None = None) -> str:
    """Run git and return what it prints; raises SourceUnreachable, with the end of its complaint as evidence.

    It has `seconds`, or as long as the caller lets it. A cancellation ends the program with all it started before it is passed on.
    """
    settings = [word for setting in (*_SETTINGS, *pin) for word in ("-c", setting)]
    process = await asyncio.create_subprocess_exec(
        *("prlimit", f"--fsize={LARGEST_FETCH}", "--core=0", "--", "git", *settings, *arguments),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env=_environment(),
        start_new_session=True,
    )
    assert process.stdout
    assert process.stderr
    try:
        async with asyncio.timeout(seconds):
            out, complaint = await asyncio.gather(_read(process.stdout), _listen(process.stderr, say))
            status = await process.wait()
    except TimeoutError as error:
        hint = "See whether the Git server runs, and whether host and port in the address are right."
        raise SourceUnreachable(f"{fails} It did not answer within {seconds} s.", hint=hint, cause=Cause.AWAY) from error
    finally:
        await _end(process)
    if status:
        raise _unreachable(fails, complaint)
    return out


def _environment() -> dict[str, str]:
    return {
        "PATH": os.environ.get("PATH", os.defpath),
        "HOME": "/nonexistent",
        "LC_ALL": "C.UTF-8",
        "GIT_ALLOW_PROTOCOL": "http:https",
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_TERMINAL_PROMPT": "0",
        "GIT_ASKPASS": "",
        "GIT_LFS_SKIP_SMUDGE": "1",
    }


async def _read(stream: asyncio.StreamReader) -> str:
    parts = bytearray()
    while piece := await stream.read(65536):
        parts += piece
        if len(parts) > _LARGEST_ANSWER:
            raise SourceUnreachable(f"The repository's list is larger than {_LARGEST_ANSWER} bytes.")
    return parts.decode(errors="replace")


async def _listen(stream: asyncio.StreamReader, say: Say | None) -> str:
    """Hand git's words on as they come; returns their end. Progress that overwrites its line is passed on when it is done."""
    kept, line = "", ""
    while piece := await stream.read(4096):
        line += piece.decode(errors="replace")
        *done, line = line.split("\n")
        line = line[-4096:]
        words = "".join(f"{entry.rpartition(chr(13))[2]}\n" for entry in done)
        kept = (kept + words)[-4000:]
        if words and say:
            await say(words)
    return kept + line


async def _end(process: asyncio.subprocess.Process) -> None:
    if process.returncode is None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        await asyncio.shield(process.wait())


def _unreachable(fails: str, complaint: str) -> MooringError:
    evidence = [Evidence(type="log", source="git", text=complaint.strip()[-2000:])]
    if _PLAIN_FILES in complaint:
        fails = f"{fails} Its server only hands out files (dumb HTTP); a build needs Git's own protocol (smart HTTP)."
        hint = f"Serve it by `git http-backend` or a Git server. {_LOCAL}"
        return SourceUnreachable(fails, hint=hint, cause=Cause.ADDRESS, evidence=evidence)
    told, hint, cause = git_cause(complaint) or ("", None, None)
    if _NOT_FOUND in complaint:
        hint = f"Check the address; a bare repository behind a plain web server is not found either: it needs smart HTTP. {_LOCAL}"
    return SourceUnreachable(f"{fails} {told}.".replace(" .", ""), hint=hint, cause=cause, evidence=evidence)
