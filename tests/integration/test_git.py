"""The Git client against a real Git server over http (targets S8–S10)."""

import asyncio
import functools
import subprocess
import threading
from collections.abc import Iterator
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from clients import git as git_client
from clients.git import Git, networks
from demo.gitserver import GitServer, Repository, serve
from model.errors import Invalid, SourceUnreachable

OWN_ADDRESSES = [
    *("127.0.0.1", "localhost", "2130706433", "0x7f.1", "0.0.0.0", "[::1]", "[::ffff:127.0.0.1]"),
    *("169.254.169.254", "100.100.100.200"),
]
FILES = {"Dockerfile": "FROM scratch\n", "web/index.html": "hello\n"}


@pytest.fixture(scope="module")
def server() -> Iterator[GitServer]:
    with serve() as running:
        yield running


@pytest.fixture(scope="module")
def repository(server: GitServer) -> Repository:
    return server.create("shop", FILES)


@pytest.fixture
def git() -> Git:
    return Git(networks("127.0.0.0/8"))


async def quiet(_: str) -> None:
    """Nobody listens."""


async def test_a_commit_is_checked_out_without_its_history(git: Git, repository: Repository, tmp_path: Path) -> None:
    commit = repository.commit({"web/index.html": "hello again\n"}, "Second")
    assert await git.commit_of(repository.url, "main") == commit
    said: list[str] = []

    async def say(text: str) -> None:
        said.append(text)

    await git.checkout(repository.url, commit, tmp_path, say)
    assert (tmp_path / "web/index.html").read_text() == "hello again\n"
    assert not (tmp_path / ".git").exists()
    assert "FETCH_HEAD" in "".join(said)


async def test_an_older_commit_can_still_be_had(git: Git, repository: Repository, tmp_path: Path) -> None:
    older = await git.commit_of(repository.url, "main")
    repository.commit({"new": "x"}, "Newer")
    await git.checkout(repository.url, older, tmp_path, quiet)
    assert not (tmp_path / "new").exists()


async def test_shell_words_in_a_branch_stay_words(git: Git, repository: Repository, tmp_path: Path) -> None:
    canary = tmp_path / "canary"
    branch = f"x;touch${{IFS}}{canary}"
    commit = repository.commit({"odd": "x"}, "Odd", branch=branch)
    assert await git.commit_of(repository.url, branch) == commit
    assert not canary.exists()


async def test_a_tag_is_built_like_a_branch_and_a_branch_of_the_name_goes_first(
    git: Git, repository: Repository, tmp_path: Path
) -> None:
    tagged = await git.commit_of(repository.url, "main")
    repository.git("tag", "v1", "main")
    repository.git("-c", "user.name=Ann", "-c", "user.email=ann@localhost", "tag", "-m", "The first", "v1-told", "main")
    repository.git("push", "--quiet", "--tags", repository.url)
    newer = repository.commit({"later": "x"}, "Later")
    for name in ("v1", "v1-told"):
        assert await git.commit_of(repository.url, name) == tagged
        place = tmp_path / name
        place.mkdir()
        await git.checkout(repository.url, tagged, place, quiet)
        assert not (place / "later").exists()
    repository.commit({"both": "x"}, "A branch of the tag's name", branch="v1")
    assert await git.commit_of(repository.url, "v1") not in (tagged, newer)
    assert "v1-told" not in await git.branches(repository.url), "tags are no branches"


async def test_a_missing_branch_is_told_with_those_there_are(git: Git, repository: Repository) -> None:
    with pytest.raises(SourceUnreachable, match=r"no branch or tag 'nope'; its branches are: .*main"):
        await git.commit_of(repository.url, "nope")


@pytest.mark.parametrize("place", ["{server}/nothing.git", "http://127.0.0.1:1/a.git", "http://no-such-host.invalid/a.git"])
async def test_what_cannot_be_reached_is_told(git: Git, server: GitServer, place: str) -> None:
    with pytest.raises(SourceUnreachable):
        await git.branches(place.format(server=server.url))


@pytest.mark.parametrize("place", ["ext::sh -c 'touch {canary}'", "file://{copy}", "{copy}", "--upload-pack=touch {canary}"])
async def test_other_protocols_are_refused_by_the_client_itself(
    git: Git, repository: Repository, tmp_path: Path, place: str
) -> None:
    canary = tmp_path / "canary"
    with pytest.raises(Invalid):
        await git.branches(place.format(canary=canary, copy=repository.copy))
    assert not canary.exists()


@pytest.mark.parametrize("host", OWN_ADDRESSES)
async def test_the_machine_itself_is_out_of_reach_unless_allowed(repository: Repository, host: str) -> None:
    port = repository.url.split(":")[2].split("/")[0]
    with pytest.raises(SourceUnreachable, match="may not reach"):
        await Git().branches(f"http://{host}:{port}/shop.git")


async def test_a_redirect_is_not_followed(git: Git, repository: Repository) -> None:
    async def redirect(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        target = f"{repository.url}/info/refs?service=git-upload-pack"
        writer.write(f"HTTP/1.1 302 Found\r\nLocation: {target}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n".encode())
        await writer.drain()
        writer.close()

    async with await asyncio.start_server(redirect, "127.0.0.1", 0) as redirecting:
        port = redirecting.sockets[0].getsockname()[1]
        with pytest.raises(SourceUnreachable):
            await git.branches(f"http://127.0.0.1:{port}/shop.git")


async def test_submodules_are_not_fetched(git: Git, server: GitServer, tmp_path: Path) -> None:
    canary = tmp_path / "canary"
    modules = f'[submodule "x"]\n\tpath = x\n\turl = ext::sh -c "touch% {canary}"\n\tupdate = !touch {canary}\n'
    tricky = server.create("tricky", {**FILES, ".gitmodules": modules, "hooks/post-checkout": f"#!/bin/sh\ntouch {canary}\n"})
    tricky.git("update-index", "--add", "--cacheinfo", f"160000,{'1' * 40},x")
    tricky.git("commit", "--quiet", "-m", "A submodule")
    tricky.git("push", "--quiet", tricky.url, "main")
    place = tmp_path / "source"
    place.mkdir()
    await git.checkout(tricky.url, await git.commit_of(tricky.url, "main"), place, quiet)
    assert list((place / "x").iterdir()) == []
    assert not canary.exists()


async def test_a_tree_that_unpacks_to_too_much_is_refused_before_it_is_written(
    git: Git, server: GitServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    big = server.create("big", {"zeros": "0" * 100_000})
    monkeypatch.setattr(git_client, "LARGEST_TREE", 50_000)
    with pytest.raises(SourceUnreachable, match="100000 bytes"):
        await git.checkout(big.url, await git.commit_of(big.url, "main"), tmp_path, quiet)
    assert not (tmp_path / "zeros").exists()


async def test_a_cancellation_ends_git(git: Git) -> None:
    async def stall(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked.set()
        await reader.read()  # until git goes away
        gone.set()
        writer.close()

    asked, gone = asyncio.Event(), asyncio.Event()
    async with await asyncio.start_server(stall, "127.0.0.1", 0) as stalling:
        port = stalling.sockets[0].getsockname()[1]
        asking = asyncio.create_task(git.branches(f"http://127.0.0.1:{port}/shop.git"))
        await asyncio.wait_for(asked.wait(), 10)
        asking.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asking
        await asyncio.wait_for(gone.wait(), 5)


@pytest.fixture
def web(tmp_path: Path) -> Iterator[str]:
    """A plain web server over two bare repositories, plain.git and prepared.git (`git update-server-info`); its address."""
    served, copy = tmp_path / "web", tmp_path / "copy"
    author = ("-c", "user.name=Ann", "-c", "user.email=ann@localhost")
    words = [
        ("init", "--quiet", "--initial-branch=main", str(copy)),
        ("-C", str(copy), *author, "commit", "--quiet", "--allow-empty", "-m", "First"),
        *(("clone", "--quiet", "--bare", str(copy), str(served / name)) for name in ("plain.git", "prepared.git")),
        ("-C", str(served / "prepared.git"), "update-server-info"),
    ]
    for one in words:
        subprocess.run(["git", *one], check=True)
    handler = functools.partial(SimpleHTTPRequestHandler, directory=str(served))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


async def test_a_repository_behind_a_plain_web_server_is_told_as_such(git: Git, web: str, tmp_path: Path) -> None:
    with pytest.raises(SourceUnreachable) as plain:
        await git.commit_of(f"{web}/plain.git", "main")
    assert "smart HTTP" in plain.value.hint
    assert "mooring build DIR" in plain.value.hint

    commit = await git.commit_of(f"{web}/prepared.git", "main")
    place = tmp_path / "checkout"
    place.mkdir()
    with pytest.raises(SourceUnreachable, match="dumb HTTP") as prepared:
        await git.checkout(f"{web}/prepared.git", commit, place, quiet)
    assert "mooring build DIR" in prepared.value.hint
