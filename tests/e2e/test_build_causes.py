"""Ways in which a build fails, with a real Git server and builder, side by side: each told as what it is (docs/failures.md)."""

import asyncio
import os
from collections.abc import Iterator

import pytest

from demo.gitserver import GitServer, serve
from model.operations import OperationRecord, Status
from tests.platform import Platform, unique

FROM = f"FROM {os.environ.get('MOORING_REGISTRY', 'localhost:5000')}/public/busybox\n"
# By name: the Dockerfile, the reason, words of the message, words of the hint.
CAUSES = {
    "base": (FROM.replace("busybox", "nosuch:1"), "BuildFailed", "public/nosuch:1 not found", "The base image in FROM"),
    "missing": (f"{FROM}COPY app.py /\n", "BuildFailed", "COPY failed", "a file that the source does not have"),
    "program": (f"{FROM}RUN nosuchtool\n", "BuildFailed", "non-zero code: 127", "a program that the base image does not have"),
    "dns": (f"{FROM}RUN wget -q http://nosuch-host.invalid/\n", "BuildFailed", "non-zero code: 1", "a host that is not known"),
    "slip": (f"{FROM}RUNN true\n", "BuildFailed", "unknown instruction: RUNN", "Correct the line"),
}
# By name: the repository's address, and words of the message.
UNREADABLE = {
    "host": ("http://nosuch-host.invalid/x.git", "is not known here"),
    "port": ("http://127.0.0.1:9/x.git", "does not answer there"),
    "gone": ("{server}/nosuch.git", "no such repository"),
}


@pytest.fixture(scope="module")
def server() -> Iterator[GitServer]:
    with serve() as running:
        yield running


@pytest.fixture(scope="module")
async def told(platform: Platform, project: str, server: GitServer) -> dict[str, OperationRecord]:
    """The records of all builds, run side by side."""
    base = server.create(unique("repo"), {"Dockerfile": FROM}).url.rpartition("/")[0]
    repositories = {name: server.create(unique(name), {"Dockerfile": cause[0]}).url for name, cause in CAUSES.items()}
    repositories |= {name: address.format(server=base) for name, (address, _) in UNREADABLE.items()}

    async def build(name: str) -> OperationRecord:
        await platform.ask("POST", f"/v2/builds/{project}", {"name": name, "repository": repositories[name]}, expect=201)
        return await platform.wait(await platform.submit("POST", f"/v2/builds/{project}/{name}/build"), Status.FAILED)

    return dict(zip(repositories, await asyncio.gather(*map(build, repositories)), strict=True))


@pytest.mark.parametrize("name", CAUSES)
async def test_a_failed_build_is_told_with_what_helps(told: dict[str, OperationRecord], name: str) -> None:
    _, reason, words, hint = CAUSES[name]
    error = told[name].error
    assert error is not None
    assert (error.reason, words in error.message) == (reason, True), error.message
    assert hint in error.hint, error.evidence


@pytest.mark.parametrize("name", UNREADABLE)
async def test_a_repository_that_cannot_be_read_is_told_by_its_cause(told: dict[str, OperationRecord], name: str) -> None:
    error = told[name].error
    assert error is not None
    assert (error.reason, UNREADABLE[name][1] in error.message) == ("SourceUnreachable", True), error
    assert error.hint
