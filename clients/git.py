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

from model.builds import check_branch, check_repository
from model.errors import Evidence, MooringError, SourceUnreachable

Say = Callable[[str], Awaitable[None]]
Network = ipaddress.IPv4Network | ipaddress.IPv6Network

LARGEST_FETCH = 1024**3
LARGEST_TREE = 2 * 1024**3
MOST_FILES = 200_000
_LARGEST_ANSWER = 32 * 1024**2
_STALLED_SECONDS = 30
# Where clouds keep their machines' credentials, beside the link-local 169.254.169.254.
_METADATA = frozenset(map(ipaddress.ip_address, ("100.100.100.200", "192.0.0.192", "fd00:ec2::254")))
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
    """Reads repositories. `allowed` are networks that may be reached although they are the machine's own or reserved."""

    def __init__(self, allowed: Sequence[Network] = ()) -> None:
        self._allowed = tuple(allowed)

    async def branches(self, url: str) -> dict[str, str]:
        """Ask the repository for its branches: name → commit. Raises Invalid, SourceUnreachable."""
        check_repository(url)
        pin = await self._pin(url)
        words = ("ls-remote", "--heads", "--", url)
        listed = await _git(pin, *words, fails=f"The repository {url} cannot be read.", seconds=_STALLED_SECONDS)
        rows = (line.partition("\t") for line in listed.splitlines())
        return {name.removeprefix("refs/heads/"): commit for commit, _, name in rows}

    async def commit_of(self, url: str, branch: str) -> str:
        """The branch's newest commit. Raises Invalid, or SourceUnreachable naming the branches there are."""
        check_branch(branch)
        heads = await self.branches(url)
        if branch not in heads:
            names = ", ".join(sorted(heads)[:20]) or "none at all"
            raise SourceUnreachable(f"The repository {url} has no branch {branch!r}; it has {names}.")
        return heads[branch]

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
        except OSError as error:
            raise SourceUnreachable(f"The host {host!r} of the repository is not known here ({error.strerror}).") from error
        addresses = list(dict.fromkeys(str(entry[4][0]) for entry in found))
        for address in addresses:
            self._check(host, address)
        listed = ",".join(f"[{address}]" if ":" in address else address for address in addresses)
        return (f"http.curloptResolve={host}:{port}:{listed}",)

    def _check(self, host: str, text: str) -> None:
        address = ipaddress.ip_address(text.partition("%")[0])
        mapped = getattr(address, "ipv4_mapped", None)
        address = mapped or address
        if any(address in network for network in self._allowed):
            return
        # Private networks are where a company's Git server stands; these are the machine itself and cloud metadata.
        own = address.is_loopback or address.is_link_local or address.is_unspecified or address in _METADATA
        if own or address.is_multicast or address.is_reserved:
            raise SourceUnreachable(
                f"The repository's host {host!r} is {address}, which builds may not reach.",
                hint="Name a Git server's own address; the platform's operator can allow networks by MOORING_SOURCE_ALLOW.",
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
        raise SourceUnreachable(f"{fails} It did not answer within {seconds} s.") from error
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
    return SourceUnreachable(fails, evidence=[Evidence(type="log", source="git", text=complaint.strip()[-2000:])])
