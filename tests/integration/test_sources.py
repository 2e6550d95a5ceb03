"""Sources that are kept: the same archive is one, what is sent is bounded and checked, and what is not needed goes."""

import asyncio
import hashlib
import io
import os
from collections.abc import AsyncIterator
from datetime import timedelta
from urllib.parse import urlsplit

import asyncpg
import httpx
import pytest

from cli import packing
from model.errors import Invalid
from model.operations import Target
from model.sources import KEPT_EACH, KEPT_FOR
from records import Records, connect
from records.ids import new_id
from records.operations import NewOperation
from tests.instance import database
from tests.platform import Platform, eventually
from workflows.registry import BY_NAME

PIECES = (b"one", b"two", b"three")
DIGEST = f"sha256:{hashlib.sha256(b''.join(PIECES)).hexdigest()}"


@pytest.fixture
async def own() -> AsyncIterator[tuple[Records, asyncpg.Connection]]:
    """A database of the test's own, as the platform and as its administrator reach it."""
    async with database() as url:
        records, admin = await connect(url, size=4), await asyncpg.connect(url)
        yield records, admin
        await admin.close()
        await records.close()


async def pieces(*given: bytes) -> AsyncIterator[bytes]:
    for piece in given:
        yield piece


async def kept(records: Records, project_id: str, digest: str = DIGEST, given: tuple[bytes, ...] = PIECES) -> bool:
    """Keep an archive; whether it was new."""
    async with records.transaction() as tx:
        _, fresh = await tx.sources.keep(project_id, digest, sum(map(len, given)), "ann", pieces(*given))
        return fresh


async def last_used(admin: asyncpg.Connection, digest: str, ago: timedelta) -> None:
    await admin.execute("UPDATE sources SET used_at = now() - cast($1 AS interval) WHERE digest = $2", ago, digest)


async def accepted(records: Records, project_id: str, digest: str) -> str:
    """A build of the source that has not ended."""
    kind, operation_id = BY_NAME["image.build"], new_id("op")
    ask = kind.ask.model_validate(
        {
            **{"operation_id": operation_id, "project": "shop", "target": operation_id, "actor": "ann", "source": digest},
            **{"repository": None, "branch": "main", "dockerfile_path": "Dockerfile", "context_path": ".", "image": "shop/web"},
        }
    )
    new = NewOperation(
        kind=kind.name,
        target=Target(kind="build", name=operation_id, id=operation_id),
        project_id=project_id,
        ask=ask,
        workflow_id=operation_id,
        cancellable=True,
        preempts=False,
        request={},
    )
    async with records.transaction() as tx:
        await tx.sources.hold("shop", project_id, digest)
        await tx.operations.accept(new)
    return operation_id


async def test_the_same_archive_is_kept_once_however_often_it_is_sent_at_once(
    own: tuple[Records, asyncpg.Connection],
) -> None:
    records, admin = own
    project = await records.projects.add("shop", "", "ann")
    assert sorted(await asyncio.gather(*(kept(records, project.id) for _ in range(4)))) == [False, False, False, True]
    assert [piece async for piece in records.sources.pieces(project.id, DIGEST)] == list(PIECES)
    assert await admin.fetchval("SELECT count(*) FROM sources") == 1


async def test_a_source_is_its_projects_alone(own: tuple[Records, asyncpg.Connection]) -> None:
    records, _ = own
    shop, other = await records.projects.add("shop", "", "ann"), await records.projects.add("other", "", "zoe")
    await kept(records, shop.id)
    assert [piece async for piece in records.sources.pieces(other.id, DIGEST)] == []
    with pytest.raises(Invalid, match="not a source that is kept in 'other'") as refused:
        await records.sources.hold("other", other.id, DIGEST)
    assert refused.value.problems[0].field == "source"


async def test_what_was_not_used_for_long_or_is_beyond_the_newest_goes_but_no_running_builds(
    own: tuple[Records, asyncpg.Connection],
) -> None:
    records, admin = own
    project = await records.projects.add("shop", "", "ann")
    digests = [f"sha256:{number:064x}" for number in range(KEPT_EACH + 4)]
    for age, digest in enumerate(digests):
        await kept(records, project.id, digest)
        await last_used(admin, digest, timedelta(minutes=age))
    building = digests[-1]
    await accepted(records, project.id, building)
    for digest in (building, digests[3]):
        await last_used(admin, digest, KEPT_FOR + timedelta(hours=1))
    async with records.transaction() as tx:
        assert await tx.sources.trim(project.id) == 3
    left = {row["digest"] for row in await admin.fetch("SELECT digest FROM sources")}
    assert left == (set(digests[: KEPT_EACH + 1]) - {digests[3]}) | {building}
    assert await admin.fetchval("SELECT count(DISTINCT source_id) FROM source_pieces") == len(left)


async def test_a_source_that_is_being_taken_by_a_build_is_not_removed_meanwhile(
    own: tuple[Records, asyncpg.Connection],
) -> None:
    records, admin = own
    project = await records.projects.add("shop", "", "ann")
    await kept(records, project.id)
    await last_used(admin, DIGEST, KEPT_FOR * 2)
    async with records.transaction() as accepting:
        await accepting.sources.hold("shop", project.id, DIGEST)
        async with records.transaction() as tx:
            assert await tx.sources.trim() == 0
    async with records.transaction() as tx:
        assert await tx.sources.trim() == 0  # it counts from when it was taken


@pytest.fixture
def archive(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    directory = tmp_path_factory.mktemp("source")
    (directory / "Dockerfile").write_text("FROM scratch\n")
    packed = io.BytesIO()
    packing.pack(directory, packed)
    return packed.getvalue()


async def send(platform: Platform, project: str, content: bytes | AsyncIterator[bytes]) -> httpx.Response:
    return await platform.http.post(f"/v2/builds/{project}/sources", content=content)


async def test_what_is_sent_is_answered_with_its_digest_and_the_same_again_is_the_same(platform: Platform, archive: bytes) -> None:
    project = await platform.project("sources")
    first, again = await send(platform, project, archive), await send(platform, project, archive)
    assert (first.status_code, again.status_code) == (201, 200)
    assert first.json()["digest"] == again.json()["digest"] == f"sha256:{hashlib.sha256(archive).hexdigest()}"
    viewer, stranger = await platform.user("viewer", project), await platform.user()
    assert (await send(viewer, project, archive)).status_code == 403
    assert (await send(stranger, project, archive)).status_code == 404
    assert (await send(platform.signed_in(None), project, archive)).status_code == 401


async def test_what_is_no_source_or_too_much_of_one_is_refused(platform: Platform, archive: bytes) -> None:
    project = await platform.project("sources")
    for content in (b"", b"no archive", archive[: len(archive) // 2]):
        refused = await send(platform, project, content)
        assert (refused.status_code, refused.json()["Reason"]) == (422, "Invalid"), refused.text
    largest = int(os.environ.get("MOORING_SOURCE_MIB", "100"))

    async def too_much() -> AsyncIterator[bytes]:
        for _ in range(largest + 1):
            yield bytes(2**20)

    refused = await send(platform, project, too_much())
    assert (refused.status_code, refused.json()["Reason"]) == (413, "TooLarge"), refused.text
    assert "MOORING_SOURCE_MIB" in refused.json()["Message"]


async def test_a_sender_that_goes_away_leaves_nothing(platform: Platform, archive: bytes) -> None:
    project = await platform.project("sources")
    parts = urlsplit(str(platform.http.base_url))
    reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
    head = f"POST /v2/builds/{project}/sources HTTP/1.1\r\nHost: x\r\nContent-Length: {len(archive)}\r\n"
    authorization = platform.http.headers["Authorization"]
    writer.write(f"{head}Authorization: {authorization}\r\n\r\n".encode() + archive[:50])
    await writer.drain()
    writer.close()
    await reader.read()

    async def answers() -> bool:
        return (await send(platform, project, archive)).status_code == 201

    await eventually(answers, "the whole archive is new to the platform")


async def test_a_build_without_repository_needs_a_source_that_is_kept(platform: Platform) -> None:
    project = await platform.project("sources")
    made = await platform.ask("POST", f"/v2/builds/{project}", {"name": "web"}, expect=201)
    assert made["repository"] is None
    for body, words in (
        ({}, "the build project has no repository"),
        ({"source": "latest"}, "must be a source's digest"),
        ({"source": f"sha256:{'0' * 64}"}, "is not a source that is kept"),
    ):
        refused = await platform.ask("POST", f"/v2/builds/{project}/web/build", body, expect=422)
        assert words in refused["Message"]
        assert refused["problems"][0]["field"] == "source"
    await platform.ask("POST", f"/v2/builds/{project}", {"name": "sources"}, expect=422)
