"""Builds through HTTP: from a real Git server, by the real builder, into the real registry."""

import asyncio
import os
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import httpx
import pytest

from demo.gitserver import GitServer, Repository, serve
from model.operations import OperationRecord, Status
from tests.e2e.revoking import revoke
from tests.platform import Platform, eventually, unique

FROM = f"FROM {os.environ.get('MOORING_REGISTRY', 'localhost:5000')}/public/busybox\n"


def good() -> dict[str, str]:
    """What builds, and has not been built before: the builder's cache outlives a test session."""
    dockerfile = f"{FROM}COPY index.html /var/www/\nRUN echo built by $(whoami) # {unique('build')}\n"
    return {"Dockerfile": dockerfile, "index.html": "hello\n"}


@pytest.fixture(scope="module")
def server() -> Iterator[GitServer]:
    with serve() as running:
        yield running


@pytest.fixture
def repository(server: GitServer) -> Repository:
    return server.create(unique("repo"), good())


@pytest.fixture
async def engine() -> AsyncIterator[httpx.AsyncClient]:
    """The builder itself, to see what runs there."""
    socket = os.environ["DOCKER_HOST"].removeprefix("unix://")
    async with httpx.AsyncClient(transport=httpx.AsyncHTTPTransport(uds=socket), base_url="http://docker") as client:
        yield client


async def build_project(platform: Platform, project: str, repository: Repository, **fields: object) -> str:
    """A new build project; the path of its routes."""
    name = unique("b")
    await platform.ask("POST", f"/v2/builds/{project}", {"name": name, "repository": repository.url, **fields}, expect=201)
    return f"/v2/builds/{project}/{name}"


async def log_of(platform: Platform, build: str, operation_id: str, stage: str) -> str:
    reply = await platform.http.get(f"{build}/records/{operation_id}/logs", params={"stage": stage})
    assert reply.status_code == 200
    return reply.text


async def tags(build: str) -> list[str]:
    """The tags that the registry has of what a build project builds."""
    image = build.removeprefix("/v2/builds/")
    async with httpx.AsyncClient(base_url=f"http://{os.environ['MOORING_REGISTRY']}") as registry:
        reply = await registry.get(f"/v2/{image}/tags/list")
        return (reply.json().get("tags") or []) if reply.status_code == 200 else []


def reason(record: OperationRecord) -> str:
    assert record.error is not None
    return record.error.reason


async def test_a_commit_becomes_an_image_with_a_log_of_each_stage(platform: Platform, project: str, repository: Repository) -> None:
    build = await build_project(platform, project, repository)
    commit = repository.git("rev-parse", "HEAD").strip()
    record = await platform.done("POST", f"{build}/build")
    assert [step.title.rpartition(" ")[0] for step in record.steps or []] == ["Fetch the", "Build the", "Push the", "Move the tag"]
    assert record.result is not None
    assert (record.result["commit"], record.result["tag"]) == (commit, commit[:12])
    assert record.result["image"] == f"{build.removeprefix('/v2/builds/')}:{commit[:12]}"
    assert await tags(build) == [commit[:12]]

    assert commit in await log_of(platform, build, record.id, "fetch")
    assert "built by root" in await log_of(platform, build, record.id, "build")
    assert record.result["digest"] in await log_of(platform, build, record.id, "push")
    whole = (await platform.http.get(f"{build}/records/{record.id}/logs")).text
    assert [line for line in whole.splitlines() if line.startswith("===")] == ["=== fetch ===", "=== build ===", "=== push ==="]


async def test_the_same_commit_again_is_the_same_image_found_in_the_cache(
    platform: Platform, project: str, repository: Repository
) -> None:
    build = await build_project(platform, project, repository, tag="latest")
    first = await platform.done("POST", f"{build}/build")
    again = await platform.done("POST", f"{build}/build")
    assert first.result == again.result
    assert "Using cache" in await log_of(platform, build, again.id, "build")
    assert "built by root" not in await log_of(platform, build, again.id, "build")
    repository.commit({"index.html": "changed\n"}, "Changed")
    changed = await platform.done("POST", f"{build}/build")
    assert first.result is not None
    assert changed.result is not None
    assert changed.result["digest"] != first.result["digest"]
    assert await tags(build) == ["latest"]
    history = await platform.get(f"{build}/records")
    assert next((r["operationId"], r["digest"]) for r in history["records"]) == (changed.id, changed.result["digest"])
    assert history["total"] == 3


async def test_a_failing_dockerfile_is_told_with_its_step_and_last_lines_and_mended(
    platform: Platform, project: str, repository: Repository
) -> None:
    repository.commit({"Dockerfile": f"{FROM}RUN echo no such rule; exit 3\n"}, "Broken")
    build = await build_project(platform, project, repository)
    failed = await platform.wait(await platform.submit("POST", f"{build}/build"), Status.FAILED)
    assert failed.error is not None
    assert failed.error.reason == "BuildFailed"
    assert "RUN echo no such rule; exit 3" in failed.error.message
    assert "no such rule" in failed.error.evidence[0].text
    assert await tags(build) == []

    repository.commit(good(), "Mended")
    retried = await platform.retry(failed.id)
    assert retried.attempt == 2
    assert "=== fetch (attempt 2) ===" in (await platform.http.get(f"{build}/records/{failed.id}/logs")).text


async def test_a_cancelled_build_really_ends(
    platform: Platform, project: str, repository: Repository, engine: httpx.AsyncClient
) -> None:
    mark = unique("mark")
    repository.commit({"Dockerfile": f"{FROM}RUN echo begun; sleep 600 # {mark}\n"}, "Slow")
    build = await build_project(platform, project, repository)
    operation = await platform.submit("POST", f"{build}/build")

    async def runs() -> bool:
        containers = (await engine.get("/v1.41/containers/json", params={"all": "1"})).json()
        return any(mark in container["Command"] for container in containers)

    async def begun() -> bool:
        return "\nbegun" in await log_of(platform, build, operation, "build")

    await eventually(begun, "the build's own output is in the log")
    assert await runs()
    busy = await platform.ask("POST", f"{build}/build", expect=409)
    assert busy["OperationID"] == operation
    assert (await platform.ask("DELETE", build, expect=409))["OperationID"] == operation

    await platform.submit("POST", f"/v2/operations/{operation}/cancel")
    await platform.wait(operation, Status.CANCELLED, seconds=20)
    assert not await runs()
    assert await tags(build) == []
    assert "The build was stopped" in await log_of(platform, build, operation, "build")


async def test_a_log_is_followed_while_it_is_written_and_ends_with_the_build(
    platform: Platform, project: str, repository: Repository
) -> None:
    repository.commit({"Dockerfile": f"{FROM}RUN for i in 1 2 3 4; do echo tick $i {unique('x')}; sleep 1; done\n"}, "Ticks")
    build = await build_project(platform, project, repository)
    operation = await platform.submit("POST", f"{build}/build")
    moments = []
    async with platform.http.stream("GET", f"{build}/records/{operation}/logs", params={"follow": "true"}) as reply:
        async for line in reply.aiter_lines():
            if line.startswith("tick"):
                moments.append(asyncio.get_running_loop().time())
    assert len(moments) == 4
    assert moments[-1] - moments[0] > 2
    assert (await platform.operation(operation)).status is Status.SUCCEEDED


async def test_what_the_repository_lacks_is_told(
    platform: Platform, project: str, repository: Repository, server: GitServer
) -> None:
    cases = (
        ({"branch": "nope"}, "no branch or tag 'nope'; its branches are: main"),
        ({"dockerfilePath": "docker/Dockerfile"}, "no file 'docker/Dockerfile'"),
        ({"contextPath": "web", "dockerfilePath": "web/Dockerfile"}, "no directory 'web'"),
    )
    for fields, words in cases:
        build = await build_project(platform, project, repository, **fields)
        failed = await platform.wait(await platform.submit("POST", f"{build}/build"), Status.FAILED)
        assert reason(failed) == "SourceUnreachable"
        assert failed.error is not None
        assert words in failed.error.message

    gone = server.create(unique("gone"), good())
    build = await build_project(platform, project, gone)
    (server.root / "repositories" / gone.url.rpartition("/")[2] / "HEAD").unlink()
    failed = await platform.wait(await platform.submit("POST", f"{build}/build"), Status.FAILED)
    assert reason(failed) == "SourceUnreachable"


async def test_shell_words_reach_neither_shell(platform: Platform, project: str, repository: Repository, tmp_path: Path) -> None:
    canary = tmp_path / "canary"
    branch, folder = f"x;touch${{IFS}}{canary}", "$(touch canary);&|'\" `id`"
    files = {f"{folder}/Dockerfile": f"{FROM}COPY x /x\n", f"{folder}/x": "x"}
    repository.commit(files, "Odd names", branch=branch)
    build = await build_project(
        platform, project, repository, branch=branch, contextPath=folder, dockerfilePath=f"{folder}/Dockerfile", tag="odd"
    )
    await platform.done("POST", f"{build}/build")
    assert await tags(build) == ["odd"]
    assert not canary.exists()


async def test_branches_are_listed_from_the_repository(platform: Platform, project: str, repository: Repository) -> None:
    commit = repository.commit({"new": "x"}, "New", branch="feature/new")
    listed = await platform.get(f"/v2/builds/{project}/branches", repository=repository.url)
    assert [branch["name"] for branch in listed["branches"]] == ["feature/new", "main"]
    assert listed["branches"][0]["commit"] == commit
    refused = await platform.ask("GET", f"/v2/builds/{project}/branches", repository="file:///etc", expect=422)
    assert refused["problems"][0]["field"] == "repository"


async def test_build_projects_are_made_changed_listed_and_deleted(platform: Platform, project: str, repository: Repository) -> None:
    build = await build_project(platform, project, repository)
    name = build.rpartition("/")[2]
    made = await platform.get(build)
    assert (made["branch"], made["dockerfilePath"], made["contextPath"], made["lastBuild"]) == ("main", "Dockerfile", ".", None)
    assert made["image"] == f"{project}/{name}"
    source = {"repository": repository.url, "branch": "dev", "dockerfilePath": "web/Dockerfile", "contextPath": "web"}
    changed = await platform.ask("PUT", build, source)
    assert (changed["branch"], changed["contextPath"]) == ("dev", "web")
    await platform.ask("POST", f"/v2/builds/{project}", {"name": name, "repository": repository.url}, expect=409)
    await platform.ask("POST", f"/v2/builds/{project}", {"name": "branches", "repository": repository.url}, expect=422)
    await platform.ask("PUT", build, {**source, "brunch": "main"}, expect=422)
    assert name in [b["name"] for b in (await platform.get(f"/v2/builds/{project}", size=200))["builds"]]

    await platform.ask("PUT", build, {"repository": repository.url, "tag": "kept"})
    await platform.done("POST", f"{build}/build")
    await platform.ask("DELETE", build)
    await platform.ask("GET", build, expect=404)
    assert await tags(build) == ["kept"]


async def test_a_personal_image_is_its_owners_alone(platform: Platform, project: str, repository: Repository) -> None:
    owner, other = await platform.user("developer", project), await platform.user("developer", project)
    viewer, stranger = await platform.user("viewer", project), await platform.user()
    build = await build_project(owner, project, repository, scope="personal", tag="mine")
    name = (await owner.get("/v2/users/me"))["name"]
    assert (await owner.get(build))["image"].startswith(f"~{name}/")

    await other.ask("POST", f"{build}/build", expect=403)
    await other.ask("PUT", build, {"repository": repository.url, "scope": "project"}, expect=403)
    await viewer.ask("POST", f"{build}/build", expect=403)
    await stranger.ask("GET", build, expect=404)
    record = await owner.done("POST", f"{build}/build")
    assert record.result is not None
    assert record.result["image"] == f"~{name}/{build.rpartition('/')[2]}:mine"
    logs = f"{build}/records/{record.id}/logs"
    assert (await viewer.http.get(logs)).status_code == 200
    assert (await stranger.http.get(logs)).status_code == 404


async def test_builds_side_by_side_leave_one_anothers_layers_alone(platform: Platform, project: str, server: GitServer) -> None:
    repository = server.create(unique("many"), good())
    builds = [await build_project(platform, project, repository) for _ in range(4)]
    for number in range(3):
        repository.commit({"index.html": f"round {number}\n"}, "Another round")
        started = [await platform.submit("POST", f"{build}/build") for build in builds]
        for operation in started:
            await platform.wait(operation)
    assert [len(await tags(build)) for build in builds] == [3, 3, 3, 3]


@pytest.mark.parametrize("reach", ["FROM {registry}/{other}/secret:v1\n", FROM + "ADD http://127.0.0.1:8233/ /x\n"])
async def test_a_dockerfile_cannot_use_the_builders_own_rights(
    platform: Platform, project: str, repository: Repository, reach: str
) -> None:
    told = reach.format(registry=os.environ["MOORING_REGISTRY"], other=unique("other"))
    repository.commit({"Dockerfile": told}, "Reaching out")
    build = await build_project(platform, project, repository)
    failed = await platform.wait(await platform.submit("POST", f"{build}/build"), Status.FAILED)
    assert reason(failed) == "BuildFailed"
    assert "Line" in await log_of(platform, build, failed.id, "build")


@pytest.mark.parametrize("how", ["membership", "token"])
async def test_a_followed_log_ends_with_the_right_to_it(platform: Platform, project: str, server: GitServer, how: str) -> None:
    """given a build that takes long and a reader of its log, when the reader's right goes, then it ends in 5 s (faults: 29)."""
    files = {"Dockerfile": f"{FROM}RUN echo begun {unique('build')} && sleep 60\n"}
    build = await build_project(platform, project, server.create(unique("long"), files))
    operation = await platform.submit("POST", f"{build}/build")
    reader = await platform.user("viewer", project)
    path, words = f"{build}/records/{operation}/logs", ""
    async with reader.http.stream("GET", path, params={"follow": True}) as reply, asyncio.timeout(30):
        pieces = reply.aiter_text()
        async for piece in pieces:
            words += piece
            if "begun" in words:
                break
        await revoke(platform, project, reader, how)
        async with asyncio.timeout(5):
            async for piece in pieces:
                words += piece
    await platform.submit("POST", f"/v2/operations/{operation}/cancel")
    await platform.wait(operation, Status.CANCELLED)
