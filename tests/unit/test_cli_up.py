"""What `mooring up` does of what it finds, against an API that is played."""

import asyncio
from io import StringIO
from typing import Any

import httpx
import pytest
from rich.console import Console

from cli.api import Api, Record
from cli.bodies import ports
from cli.commands.up import _Up
from cli.failures import Failure
from cli.session import Session
from cli.terminal import Terminal
from cli.up_plan import Asked, built_before, exact, own_command
from cli.ways_out import ways
from tests.unit.test_cli_progress import Paused

DIGEST = f"sha256:{'a' * 64}"
BUILT = {"image": "shop/web:0123456789ab", "digest": DIGEST}
PORTS = [{"containerPort": 8080, "protocol": "tcp"}]
APP: Record = {
    **{"Name": "web", "Image": BUILT["image"], "digests": {"web": DIGEST}, "Status": "RUNNING", "NetworkType": 2, "Cmd": None},
    **{"ResInfo": {}, "Environments": [{"name": "LEVEL", "value": "1"}], "PortsInfo": [{"protocol": "tcp", "containerPort": 8080}]},
}


class Played:
    """An API that answers each path with a status and a body, and keeps what it was sent."""

    def __init__(self, **answers: tuple[int, Any]) -> None:
        self.answers = {name.replace("_", "/"): answer for name, answer in answers.items()}
        self.sent: list[str] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.sent.append(f"{request.method} {request.url.path}")
        found = self.answers.get(f"{request.method} {request.url.path}".replace("/v2/", "").replace(" ", "/"))
        status, body = found or (404, {"Code": 4040, "Message": "none", "Reason": "NotFound"})
        return httpx.Response(status, json=body)


def up(played: Played, asked: Asked | None = None) -> _Up:
    here = Terminal(Console(quiet=True), Console(quiet=True), as_json=False)
    return _Up(
        Api(Session("http://platform", "t"), httpx.MockTransport(played)), here, "shop", "web", asked or Asked(), "mooring up ."
    )


def operation(**fields: Any) -> Record:
    return {"id": "op-1", "kind": "app.create", "status": "CANCELLED", "target": {"kind": "app"}, "parentId": None, **fields}


@pytest.mark.parametrize(
    ("app", "ports", "env", "changed"),
    [
        ({}, None, [], {}),
        ({}, PORTS, ["LEVEL=1"], {}),
        ({"Image": "shop/web:before"}, None, [], {"image"}),
        ({"digests": {"web": f"sha256:{'b' * 64}"}}, None, [], {"image"}),
        ({}, None, ["LEVEL=2"], {"dockerEnv"}),
        ({}, [{"containerPort": 9090, "protocol": "tcp"}], [], {"portMappings"}),
        # It was asked on 3000 by the probe that this command wrote, until a rollout took it to 8080.
        ({"readinessProbe": {"tcpSocket": {"port": 3000}}}, None, [], {"readinessProbe"}),
        ({"readinessProbe": {"tcpSocket": {"port": 8080}}}, None, [], {}),
        ({"readinessProbe": {"tcpSocket": {"port": 3000}, "periodSeconds": 2}}, None, [], {}),
        ({"NetworkType": 0}, None, [], {"networkType"}),
        ({"ResInfo": {"cpu": "1", "mem": "64Mi"}}, None, [], {"resources"}),
        ({"ResInfo": {"cpu": "0.5", "mem": "64Mi", "gpu": "0"}}, None, [], {}),
    ],
)
def test_only_what_is_to_be_another_is_rolled_out(
    app: Record, ports: list[dict[str, Any]] | None, env: list[str], changed: set[str]
) -> None:
    asked = Asked(env=env, cpu="0.5" if "ResInfo" in app else None)
    assert set(up(Played(), asked)._changes(APP | app, BUILT, ports)) == set(changed)


def test_an_app_with_a_command_of_its_own_is_told_as_that() -> None:
    assert own_command(APP | {"Cmd": None}, "shop") == own_command(APP | {"Cmd": ""}, "shop") == ""
    told = own_command(APP | {"Name": "web", "Cmd": ["python", "app.py"]}, "shop")
    assert "'python app.py'" in told
    assert 'mooring app rollout shop web --cmd "" --watch' in told


def test_a_tag_that_is_not_the_commits_own_is_pinned() -> None:
    result = {"image": "shop/web:0123456789ab", "tag": "0123456789ab", "commit": "0123456789ab" + "0" * 52, "digest": DIGEST}
    assert exact(result) == BUILT
    assert exact(result | {"image": "shop/web:v1", "tag": "v1"})["image"] == f"shop/web:v1@{DIGEST}"


def test_only_what_was_built_with_the_same_dockerfile_and_context_is_built_already() -> None:
    build = {"dockerfilePath": "Dockerfile", "contextPath": "."}
    record = {"commit": "c", "status": "SUCCEEDED", **build}
    other, failed = record | {"dockerfilePath": "B"}, record | {"status": "FAILED"}
    assert built_before([failed, record], "c", build) == record
    assert built_before([record], "other", build) is None
    assert built_before([record], "c", build | {"dockerfilePath": "B"}) is None
    assert built_before([record], "c", build | {"contextPath": "src"}) is None
    assert built_before([other, record], "c", build) is None  # its tag is the newer one's now


async def test_a_pause_of_what_runs_on_the_app_ends_it_with_the_commands_that_go_on() -> None:
    api = Api(Session("http://platform", "t"), Paused())
    here = Terminal(Console(quiet=True), Console(quiet=True), as_json=False)
    async with api, asyncio.timeout(10):
        with pytest.raises(Failure, match=r"is paused\..*go on: mooring up \.") as ended:
            await _Up(api, here, "shop", "web", Asked(), "mooring up .")._followed("op-1")
    assert ended.value.in_the_way is not None
    assert "mooring op resume op-1" in [command for _, command in ways(ended.value.in_the_way)]


def test_ready_is_what_the_platform_says_of_a_port() -> None:
    made = up(Played(), Asked(memory="64Mi", deadline=60))._new("shop/web:1", PORTS)
    assert (made["portMappings"], "readinessProbe" in made) == (PORTS, False)
    assert (made["resources"], made["deadlineSeconds"]) == ({"mem": "64Mi"}, 60)


@pytest.mark.parametrize(
    ("before", "now", "followed"),
    [
        (["3000/tcp"], ["8080/tcp"], ["8080/tcp"]),
        (["3000/tcp"], ["3000/tcp"], None),  # what the app listens on beside that was said by its person
        (["3000/tcp"], [], None),
        (None, ["3000/tcp"], ["3000/tcp"]),
        (None, ["8080/tcp"], None),
    ],
)
async def test_another_exposed_port_is_followed(before: list[str] | None, now: list[str], followed: list[str] | None) -> None:
    answers: dict[str, Any] = {f"GET/images/{BUILT['image']}": (200, {"ports": now})}
    if before:
        answers |= {f"GET/images/shop/web:old@{DIGEST}": (200, {"ports": before})}
    found = await up(Played(**answers))._newly_exposed(APP | {"Image": "shop/web:old"}, BUILT)
    assert found == (ports(followed) if followed else None)
    assert await up(Played())._newly_exposed(APP, BUILT) is None


def seen(played: Played, asked: Asked | None = None) -> tuple[_Up, StringIO]:
    out = StringIO()
    console = Console(file=out, width=300)
    api = Api(Session("http://platform", "t"), httpx.MockTransport(played))
    return _Up(api, Terminal(console, console, as_json=False), "shop", "web", asked or Asked(), "mooring up ."), out


FAILED: Record = APP | {"Status": "FAILED", "reason": "CrashLoop", "message": "It ends again and again."}


async def test_over_an_app_that_does_not_serve_it_says_what_is_wrong_and_the_way_out(capsys: pytest.CaptureFixture[str]) -> None:
    """It said that nothing had changed, and waited for its address."""
    played = Played(**{f"GET/images/{BUILT['image']}": (200, {"ports": ["9090/tcp"]})})
    ran, out = seen(played)
    async with asyncio.timeout(10):
        assert await ran._as_it_is(FAILED, operation(status="SUCCEEDED", error=None), BUILT) == 1
    told = out.getvalue() + capsys.readouterr().out
    assert "Nothing has changed" not in told
    for words in ("does not serve", "CrashLoop: It ends again and again.", "mooring up . --port 9090", "mooring logs shop web"):
        assert words in told


@pytest.mark.parametrize(("status", "words"), [("RUNNING", "still runs what was before"), ("FAILED", "does not serve")])
async def test_after_a_rollout_that_failed_it_tells_that_one(
    status: str, words: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    ran, out = seen(Played(**{f"GET/images/{BUILT['image']}": (200, {"ports": ["8080/tcp"]})}))
    told: list[Record] = []
    monkeypatch.setattr(ran, "_failed", lambda record, *more: told.append(record) or 1)
    failed = operation(kind="app.upgrade", status="FAILED", error={"reason": "ProbeFailing"})
    assert await ran._as_it_is(APP | {"Status": status}, failed, BUILT) == 1
    assert (told, words in out.getvalue(), "Nothing has changed" in out.getvalue()) == ([failed], True, False)


async def test_waiting_for_an_address_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cli.commands.up._TO_ANSWER", 0.1)
    ran, out = seen(Played(**{"GET/nameservice/shop/web": (200, {"Message": "none yet", "content": []})}))
    assert await ran._answers(BUILT, None) == 1
    assert "Waiting until its address answers" in out.getvalue()


def test_the_command_to_go_on_with_has_no_value_of_a_variable_in_it() -> None:
    asked = Asked(80, ["PASSWORD=hunter2"], cpu="0.5", deadline=60)
    assert asked.options == " --port 80 --cpu 0.5 --deadline 60 --env PASSWORD=…"
    assert "--cpu AMOUNT --mem AMOUNT" in asked.options_after("Unschedulable"), "followed word for word it would fail again"
    assert "--cpu 0.5 --mem AMOUNT" in asked.options_after("OutOfMemory")


async def test_a_project_that_may_not_be_made_names_those_there_are() -> None:
    refused = (403, {"Code": 4030, "Message": "no", "Reason": "Forbidden"})
    played = Played(**{"POST/projects": refused, "GET/projects": (200, {"projects": [{"name": "own"}]})})
    with pytest.raises(Failure, match="--project own"):
        await up(played)._make_project()


async def test_a_project_that_is_there_is_left_alone() -> None:
    played = Played(**{"GET/projects/shop": (200, {"name": "shop"})})
    await up(played)._make_project()
    assert played.sent == ["GET /v2/projects/shop"]


@pytest.mark.parametrize(
    ("status", "newest", "anew"),
    [
        ("RUNNING", operation(status="SUCCEEDED"), False),
        ("FAILED", operation(status="FAILED"), False),
        ("STOPPED", operation(), True),
    ],
)
async def test_what_a_cancelled_deploy_left_is_deployed_anew(status: str, newest: Record, anew: bool) -> None:
    listed = (200, {"total": 2, "next": None, "operations": [operation(target={"kind": "build"}), newest]})
    played = Played(**{"GET/operations": listed, "GET/applications/shop/web": (200, APP | {"Status": status})})
    app, found = await up(played)._app(BUILT)
    assert (app is None, found) == (anew, newest)


@pytest.mark.parametrize(
    ("running", "port", "ends"),
    [
        ({"request": {"imageRef": "shop/web:before"}}, None, "cancelled"),
        ({"request": {"imageRef": BUILT["image"], "portMappings": PORTS}}, 9090, "cancelled"),
        ({"request": {"imageRef": BUILT["image"], "portMappings": PORTS}}, 8080, "by itself"),
        ({"request": {"imageRef": "shop/web:before"}, "actor": "bob"}, None, "by itself"),
        ({"request": {"image": "shop/web:before"}, "kind": "app.upgrade", "status": "PAUSED"}, None, "by itself"),
        ({"request": {"image": "shop/web:before"}, "kind": "app.upgrade"}, None, "cancelled"),
        ({"request": {"image": "shop/web:before", "batches": [1]}, "kind": "app.upgrade"}, None, "by itself"),
        ({"request": {"imageRef": "shop/web:before"}, "parentId": "op-0"}, None, "by itself"),
        ({"request": {"imageRef": BUILT["image"], "portMappings": [{"containerPort": 8080}]}}, 8080, "by itself"),
        ({"request": {}, "kind": "app.scale"}, None, "by itself"),
    ],
)
async def test_what_one_began_and_no_longer_wants_is_cancelled(
    running: Record, port: int | None, ends: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A port that nobody listens on held the run after its mend for five minutes."""
    newest = operation(**{"status": "RUNNING", "actor": "ann", **running})
    played = Played(**{"GET/users/me": (200, {"name": "ann"}), "POST/operations/op-1/cancel": (202, {})})
    ran, out = seen(played, Asked(port=port))
    followed: list[str] = []

    async def follow(operation_id: str) -> Record:
        followed.append(operation_id)
        return newest

    monkeypatch.setattr(ran, "_followed", follow)
    await ran._gone_by(newest, BUILT)
    cancelled = "POST /v2/operations/op-1/cancel" in played.sent
    assert (followed, "cancelled" if cancelled else "by itself") == (["op-1"], ends)
    assert cancelled or "mooring op cancel op-1" in out.getvalue()


async def test_an_app_that_was_stopped_is_not_started_behind_its_persons_back() -> None:
    listed = (200, {"total": 1, "next": None, "operations": [operation(kind="app.kill", status="SUCCEEDED")]})
    played = Played(**{"GET/operations": listed, "GET/applications/shop/web": (200, APP | {"Status": "STOPPED"})})
    with pytest.raises(Failure, match="mooring app start shop web"):
        await up(played)._app(BUILT)


async def test_an_image_that_exposes_nothing_needs_a_port() -> None:
    played = Played(**{"GET/images/shop/web:1": (200, {"ports": []})})
    with pytest.raises(Failure, match=r"mooring up \. --port 8080"):
        await up(played)._exposed("shop/web:1")
    played = Played(**{"GET/images/shop/web:1": (200, {"ports": ["8080/tcp", "53/udp"]})})
    assert await up(played)._exposed("shop/web:1") == [*PORTS, {"containerPort": 53, "protocol": "udp"}]
