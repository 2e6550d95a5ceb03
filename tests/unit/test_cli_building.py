"""Builds on the command line against an API that is played: what is sent, followed and refused."""

import json
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest
from rich.console import Console
from typer.testing import CliRunner

from cli import building, terminal
from cli.api import Api, Record
from cli.commands.operations import _with_ports
from cli.failures import Failure, Refused
from cli.main import app
from cli.session import Session
from cli.terminal import Terminal

HERE = Terminal(Console(quiet=True), Console(quiet=True), as_json=False)
Answer = Callable[[httpx.Request], httpx.Response]


def api(answer: Answer) -> Api:
    return Api(Session("http://platform", "t"), httpx.MockTransport(answer))


def record(status: str, **fields: object) -> Record:
    return {"id": "op-1", "kind": "image.build", "attempt": 1, "status": status, "request": {}, **fields}


async def test_a_log_that_breaks_off_is_taken_up_without_a_line_twice(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(building, "_AGAIN", 0.0)
    logs = [b"=== build ===\nStep 1\nSt", httpx.ConnectError("away"), b"=== build ===\nStep 1\nStep 2\n\x1b[2Jdone\n"]
    statuses = iter(("RUNNING", "RUNNING", "SUCCEEDED"))

    def answer(request: httpx.Request) -> httpx.Response:
        if request.url.path.endswith("/logs"):
            assert (request.url.params["follow"], request.url.params["attempt"]) == ("true", "1")
            found = logs.pop(0)
            if isinstance(found, Exception):
                raise found
            return httpx.Response(200, content=found)
        return httpx.Response(200, json=record(next(statuses)))

    async with api(answer) as opened:
        ended = await building.follow(opened, HERE, "shop", "web", "op-1")
    assert ended["status"] == "SUCCEEDED"
    assert capsys.readouterr().out == "=== build ===\nStep 1\nStep 2\ndone\n"


@pytest.mark.parametrize(
    ("running", "dockerfile", "taken_up"),
    [("sha256:a", "B", True), ("sha256:a", "A", False), ("sha256:b", "B", False), (None, "B", False)],
)
async def test_the_same_source_that_is_being_built_already_is_followed_and_no_other(
    running: str | None, dockerfile: str, taken_up: bool
) -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        if request.method == "POST":
            return httpx.Response(409, json={"Code": 4090, "Message": "busy", "Reason": "Conflict", "OperationID": "op-1"})
        if request.url.path == "/v2/builds/shop/web":
            return httpx.Response(200, json={"dockerfilePath": "B", "contextPath": "."})
        if request.url.path.endswith("/records"):
            built = {"operationId": "op-1", "dockerfilePath": dockerfile, "contextPath": "."}
            return httpx.Response(200, json={"records": [built]})
        return httpx.Response(200, json=record("RUNNING", request={"source": running}))

    async with api(answer) as opened:
        if taken_up:
            assert await building.begin(opened, "shop", "web", {"source": "sha256:a"}) == "op-1"
        else:
            with pytest.raises(Refused, match="busy"):
                await building.begin(opened, "shop", "web", {"source": "sha256:a"})


async def test_another_dockerfile_changes_the_build_project_and_nothing_else_of_it() -> None:
    known = {
        **{"name": "web", "repository": "https://git.example.com/a.git", "branch": "dev", "contextPath": ".", "tag": "v1"},
        **{"scope": "project", "dockerfilePath": "Dockerfile", "id": "bld-1", "image": "shop/web"},
    }
    sent: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        sent.append(request)
        return httpx.Response(200, json=known)

    async with api(answer) as opened:
        await building.build_project(opened, "shop", "web", None)
        await building.build_project(opened, "shop", "web", "Dockerfile")
        assert [request.method for request in sent] == ["GET", "GET"]
        await building.build_project(opened, "shop", "web", "ops/Dockerfile")
    assert sent[-1].method == "PUT"
    assert b'"branch":"dev"' in sent[-1].content.replace(b" ", b"")
    assert b'"id"' not in sent[-1].content


def test_an_edit_sets_what_is_named_and_says_how_to_build_it(monkeypatch: pytest.MonkeyPatch) -> None:
    known = {
        **{"name": "web", "repository": "https://git.example.com/a.git", "branch": "nope", "contextPath": ".", "tag": None},
        **{"scope": "project", "dockerfilePath": "Dockerfile", "id": "bld-1", "image": "shop/web"},
    }
    sent: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        sent.append(request)
        return httpx.Response(200, json=known | (json.loads(request.content) if request.method == "PUT" else {}))

    monkeypatch.setattr(terminal, "Api", lambda session: api(answer))
    environment = {"MOORING_URL": "http://platform", "MOORING_TOKEN": "t", "TERMINAL_WIDTH": "400"}
    ran = CliRunner().invoke(app, ["build", "edit", "shop", "web", "--branch", "main"], env=environment)
    assert ran.exit_code == 0, ran.output
    assert "mooring build run shop web" in ran.output
    assert [(request.method, request.url.path) for request in sent] == [
        ("GET", "/v2/builds/shop/web"),
        ("PUT", "/v2/builds/shop/web"),
    ]
    whole = json.loads(sent[-1].content)
    assert (whole["branch"], whole["repository"], "id" in whole) == ("main", "https://git.example.com/a.git", False)
    nothing = CliRunner().invoke(app, ["build", "edit", "shop", "web"], env=environment)
    assert (nothing.exit_code, "Say what to change" in nothing.stderr) == (1, True)


async def test_what_has_no_dockerfile_is_told_before_anything_is_made_and_a_compose_file_beside_it_too(tmp_path: Path) -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        assert request.method == "GET"
        return httpx.Response(404, json={"Code": 4040, "Message": "none", "Reason": "NotFound"})

    async with api(answer) as opened:
        with pytest.raises(Failure, match="has no Dockerfile"):
            await building.check(opened, "shop", "web", tmp_path, None)
        with pytest.raises(Failure, match="has no ops/Dockerfile"):
            await building.check(opened, "shop", "web", tmp_path, "ops/Dockerfile")
        (tmp_path / "compose.yaml").write_text("services: {}\n")
        with pytest.raises(Failure, match=r"compose.yaml: a stack .* mooring template create"):
            await building.check(opened, "shop", "web", tmp_path, None)
        with pytest.raises(Failure, match="is not a directory"):
            await building.check(opened, "shop", "web", tmp_path / "none", None)
        (tmp_path / "Dockerfile").write_text("FROM scratch\n")
        await building.check(opened, "shop", "web", tmp_path, None)


@pytest.mark.parametrize("name", ["1234", "___"])
def test_a_directory_whose_name_makes_none_needs_one(name: str, tmp_path: Path) -> None:
    with pytest.raises(Failure, match="--name NAME"):
        building.name_of(tmp_path / name)


def test_a_word_that_is_no_command_of_builds_is_a_directory() -> None:
    environment = {"MOORING_URL": "http://127.0.0.1:1", "MOORING_TOKEN": "t", "TERMINAL_WIDTH": "400"}
    ran = CliRunner().invoke(app, ["build", "./nowhere", "--project", "shop", "--name", "web"], env=environment)
    assert ran.exit_code == 1
    assert "nowhere is not a directory" in ran.stderr
    helped = CliRunner().invoke(app, ["build", "--help"], env=environment)
    assert (helped.exit_code, "mooring build ." in helped.stdout) == (0, True)


def test_the_base_images_are_listed_as_they_are_called(monkeypatch: pytest.MonkeyPatch) -> None:
    """`public` is no project: it was told that there is none of that name."""

    def answer(request: httpx.Request) -> httpx.Response:
        assert "project" not in request.url.params
        images = [{"name": name, "tags": [], "totalTags": 0} for name in ("public/python", "~ann/tool")]
        return httpx.Response(200, json={"registry": "localhost:5000", "total": 2, "images": images})

    monkeypatch.setattr(terminal, "Api", lambda session: api(answer))
    environment = {"MOORING_URL": "http://platform", "MOORING_TOKEN": "t", "MOORING_PROJECT": "shop"}
    ran = CliRunner().invoke(app, ["image", "ls", "public"], env=environment)
    assert (ran.exit_code, "FROM localhost:5000/public/python" in ran.stdout, "~ann" in ran.stdout) == (0, True, False)


async def test_what_was_built_is_told_with_the_ports_that_it_exposes() -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        found = request.url.path == "/v2/images/shop/web:v1@sha256:0"
        gone = {"Code": 4040, "Message": "none", "Reason": "NotFound"}
        return httpx.Response(200, json={"ports": ["8080/tcp"]}) if found else httpx.Response(404, json=gone)

    async with api(answer) as opened:
        built = record("SUCCEEDED", result={"image": "shop/web:v1", "digest": "sha256:0"})
        assert (await _with_ports(opened, built))["ports"] == ["8080/tcp"]
        gone = record("SUCCEEDED", result={"image": "shop/web:v2", "digest": "sha256:0"})
        assert await _with_ports(opened, gone) == gone
