"""From a directory to an image and to an address that answers, by the command line (issue 11: first steps, point 1)."""

import os
import re
import time
from pathlib import Path
from typing import Any

import httpx

from model.operations import Status
from tests.e2e.test_cli import Ran, mooring
from tests.platform import Platform, eventually, unique
from tests.terminal import Pseudo

REGISTRY = os.environ.get("MOORING_REGISTRY", "localhost:5000")
SERVES = 'EXPOSE 8080\nCMD ["httpd", "-f", "-p", "8080", "-h", "/www"]\n'


def write(directory: Path, page: str, *, more: str = "", serves: str = SERVES) -> None:
    directory.mkdir(exist_ok=True)
    (directory / "index.html").write_text(page)
    (directory / "Dockerfile").write_text(f"FROM {REGISTRY}/public/busybox\nCOPY index.html /www/\n{more}{serves}")


async def went_up(directory: Path, project: str, *words: str) -> Ran:
    return await mooring("up", str(directory), "--project", project, *words)


async def page_at(ran: Ran) -> str:
    """What the address answers that the command told."""
    told = re.search(r"It answers: (http://\S+)", ran.out)
    assert told, ran.out + ran.err
    async with httpx.AsyncClient() as client:
        return (await client.get(told[1])).text


async def operations(platform: Platform, project: str) -> list[str]:
    return [one["kind"] for one in (await platform.get("/v2/operations", project=project, size=50))["operations"]]


async def test_from_a_directory_to_an_address_that_answers_in_one_command_and_two_minutes(
    platform: Platform, tmp_path: Path
) -> None:
    project, directory = platform.will_have(unique("up")), tmp_path / "My_Shop"
    write(directory, "first")
    began = time.monotonic()
    first = await went_up(directory, project)
    assert first.code == 0, first.out + first.err
    assert time.monotonic() - began < 120
    assert await page_at(first) == "first"
    assert await operations(platform, project) == ["app.create", "image.build", "project.create"]

    again = await went_up(directory, project)
    assert (again.code, "Nothing has changed" in again.out) == (0, True), again.out + again.err
    assert await operations(platform, project) == ["app.create", "image.build", "project.create"]

    write(directory, "second")
    edited = await went_up(directory, project, "--env", "LEVEL=2")
    assert edited.code == 0, edited.out + edited.err
    assert await page_at(edited) == "second"
    assert (await operations(platform, project))[:2] == ["app.upgrade", "image.build"]
    app = await platform.get(f"/v2/applications/{project}/my-shop")
    assert (app["Environments"], app["revision"]) == ([{"name": "LEVEL", "value": "2"}], 2)

    write(directory, "third", serves='EXPOSE 8080\nCMD ["sh", "-c", "echo no money left >&2; exit 3"]\n')
    broken = await went_up(directory, project)
    assert broken.code == 1
    assert "no money left" in broken.out
    assert f"mooring up {directory} --project {project} --name my-shop" in broken.out

    write(directory, "third")
    mended = await went_up(directory, project)
    assert mended.code == 0, mended.out + mended.err
    assert await page_at(mended) == "third"


async def test_it_moves_to_another_port_and_what_serves_is_reached_until_then(
    platform: Platform, project: str, tmp_path: Path
) -> None:
    directory = tmp_path / "web"

    def listens(port: int) -> str:
        return f'EXPOSE {port}\nCMD ["httpd", "-f", "-p", "{port}", "-h", "/www"]\n'

    write(directory, "first", serves=listens(3000))
    first = await went_up(directory, project)
    assert first.code == 0, first.out + first.err
    place = f"/v2/applications/{project}/web"
    nowhere = {"portMappings": [{"containerPort": 9999}], "deadlineSeconds": 15}
    await platform.wait(await platform.submit("POST", f"{place}/rollout", nowhere), Status.FAILED)
    assert await page_at(first) == "first"

    write(directory, "second", serves=listens(8080))
    moved = await went_up(directory, project)
    assert moved.code == 0, moved.out + moved.err
    assert await page_at(moved) == "second"
    app = await platform.get(place)
    assert app["readinessProbe"]["tcpSocket"] == {"port": 8080}
    assert [port["containerPort"] for port in app["PortsInfo"]] == [8080]


async def test_what_it_cannot_do_is_told_with_what_to_do(platform: Platform, tmp_path: Path) -> None:
    project, directory = await platform.project(), tmp_path / "web"
    write(directory, "x", serves='CMD ["sleep", "1000"]\n')
    silent = await went_up(directory, project)
    assert (silent.code, "EXPOSE 8080" in silent.err, "--port 8080" in silent.err) == (1, True, True), silent.out + silent.err

    write(directory, "x", more="RUN echo no such rule >&2; exit 4\n")
    broken = await went_up(directory, project)
    assert broken.code == 1
    assert "no such rule" in broken.out
    assert "BuildFailed" in broken.out
    assert f"mooring up {directory}" in broken.out

    viewer = await platform.user("viewer", project)
    token = viewer.http.headers["Authorization"].removeprefix("Bearer ")
    refused = await mooring("up", str(directory), "--project", project, MOORING_TOKEN=token)
    assert (refused.code, "build:write" in refused.err) == (1, True), refused.err
    elsewhere = await mooring("up", str(directory), "--project", unique("none"), MOORING_TOKEN=token)
    assert (elsewhere.code, f"--project {project}" in elsewhere.err) == (1, True), elsewhere.err


async def test_what_is_interrupted_tells_how_to_go_on_and_is_taken_up(platform: Platform, tmp_path: Path) -> None:
    project, directory = await platform.project(), tmp_path / "slow"
    write(directory, "slow", more=f"RUN echo begun; sleep 8 # {unique('mark')}\n")
    seen = Pseudo("up", str(directory), "--project", project, rows=40, cols=200)
    seen.sees("\nbegun", 100)
    seen.type("\x03")
    assert seen.end(60) == 130
    assert f"mooring up {directory} --project {project} --name slow" in " ".join(seen.seen.split())
    gone_on = await went_up(directory, project)
    assert gone_on.code == 0, gone_on.out + gone_on.err
    assert await page_at(gone_on) == "slow"
    assert (await operations(platform, project)).count("image.build") == 1


async def newest(platform: Platform, project: str, name: str) -> Any:
    build = await platform.get(f"/v2/builds/{project}/{name}")
    return await platform.operation(build["lastBuild"]["operationId"])


async def test_a_directory_is_built_with_its_log_and_its_source_is_the_commit(
    platform: Platform, project: str, tmp_path: Path
) -> None:
    directory = tmp_path / "tool"
    write(directory, "\U0001f433", more=f"RUN echo built by $(whoami) # {unique('build')}\n")
    (directory / ".gitignore").write_text("*.log\n")
    (directory / "big.log").write_text("x" * 1000)
    (directory / "\U0001f433 a.txt").write_text("whale")
    built = await mooring("build", str(directory), "--project", project, "--tag", "v1")
    assert built.code == 0, built.out + built.err
    assert "built by root" in built.out
    record = await newest(platform, project, "tool")
    assert record.result is not None
    assert record.request["source"] == f"sha256:{record.result['commit']}"
    assert record.result["image"] == f"{project}/tool:v1"

    again = await mooring("build", str(directory), "--project", project, "--tag", "v2", "--json")
    assert again.json["result"]["digest"] == record.result["digest"]  # found in the builder's cache
    assert again.json["result"]["commit"] == record.result["commit"]

    listed = await mooring("image", "ls", project)
    for words in (f"{project}/tool:v1", f"{project}/tool:v2", "public/busybox:latest", "8080/tcp", record.result["digest"][7:19]):
        assert words in listed.out
    assert "tool" in (await mooring("build", "ls", project)).out
    assert again.json["id"] in (await mooring("build", "show", project, "tool")).out
    assert "Unpacked source" in (await mooring("build", "log", project, "tool", "--operation", record.id)).out
    stranger = await platform.user()
    await stranger.ask("GET", "/v2/images", expect=404, project=project)
    await stranger.ask("GET", f"/v2/images/{project}/tool:v1", expect=403)
    own = await stranger.get("/v2/images")
    assert {image["name"].partition("/")[0] for image in own["images"]} == {"public"}

    assert (await mooring("build", "rm", project, "tool", "--yes")).code == 0
    assert (await mooring("build", "show", project, "tool")).code == 1
    assert f"{project}/tool:v1" in (await mooring("image", "ls", project)).out


async def test_a_failed_build_of_a_directory_is_retried_with_the_same_source(
    platform: Platform, project: str, tmp_path: Path
) -> None:
    directory = tmp_path / "tool"
    write(directory, "x", more="RUN exit 7\n")
    failed = await mooring("build", str(directory), "--project", project)
    assert (failed.code, "BuildFailed" in failed.out, "send the directory again" in failed.out) == (1, True, True), failed.out
    write(directory, "mended")
    retried = await mooring("build", "retry", project, "tool")
    assert (retried.code, "BuildFailed" in retried.out) == (1, True), retried.out
    assert retried.out.count("=== fetch (attempt 2) ===") == 1
    assert "=== fetch ===" not in retried.out
    record = await newest(platform, project, "tool")
    assert (record.attempt, record.status) == (2, Status.FAILED)
    assert (await mooring("build", str(directory), "--project", project)).code == 0


async def test_a_repository_is_built_by_commands(platform: Platform, project: str, tmp_path: Path) -> None:
    missing = await mooring("build", "create", project, "git", "--repository", "http://127.0.0.1:1/none.git", "--branch", "dev")
    assert missing.code == 0, missing.err
    assert f"mooring build run {project} git" in missing.out
    ran = await mooring("build", "run", project, "git")
    assert (ran.code, "SourceUnreachable" in ran.out) == (1, True), ran.out
    begun = await mooring("build", "run", project, "git", "--no-watch")
    assert begun.code == 0
    assert f"mooring build log {project} git --follow" in begun.out

    async def ended() -> bool:
        return (await newest(platform, project, "git")).status is Status.FAILED

    await eventually(ended, "the build that nobody watched has ended")
    assert (await mooring("build", "log", project, "git", "--stage", "fetch")).out.startswith(
        "Repository http://127.0.0.1:1/none.git"
    )
