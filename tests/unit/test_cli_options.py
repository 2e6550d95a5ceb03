"""What options of create, rollout and config become in the body that is sent."""

import json
from pathlib import Path
from typing import Any

import httpx
import pytest
from typer.testing import CliRunner, Result

from cli import terminal
from cli.api import Api
from cli.main import app

GROUPS = {"settings": {"app.ini": {}, "LEVEL": {}}, "keys": {"TOKEN": {}}, "bare": {}}
KNOWN = {
    "containers": ["web"],
    "Environments": [{"name": "A", "value": "1"}],
    "ResInfo": {"cpu": "0.5", "mem": "64Mi", "gpu": "0"},
    "configMap": [{"type": "Volume", "name": "old", "key": ["x"], "mountPath": "/etc/old"}],
    "secret": [],
}


class Server(httpx.AsyncBaseTransport):
    """An API with groups and the app `web`; `sent` is the last body."""

    def __init__(self, known: dict[str, Any]) -> None:
        self.known = known
        self.sent: dict[str, Any] = {}

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Answer one request."""
        words = request.url.path.split("/")[2:]
        if request.method == "POST":
            self.sent = json.loads(await request.aread())
            numbers = {"fromRevision": 1, "toRevision": 2, "revision": 2, "images": []}
            return httpx.Response(202, json={"OperationID": "op-1", "WorkflowID": "app.upgrade/shop/web/op-1", **numbers})
        return httpx.Response(200, json={"entries": GROUPS[words[2]]} if words[0] in ("configmaps", "secrets") else self.known)


def mooring(monkeypatch: pytest.MonkeyPatch, *words: str, **known: Any) -> tuple[Result, dict[str, Any]]:
    """How it ran, and the body that was sent."""
    server = Server({**KNOWN, **known})
    monkeypatch.setattr(terminal, "Api", lambda session: Api(session, server))
    environment = {"MOORING_URL": "http://mooring.example", "MOORING_TOKEN": "t"}
    ran = CliRunner().invoke(app, words, env=environment)
    return ran, server.sent


SETTINGS = {"type": "Env", "name": "settings", "key": ["LEVEL"]}
FILES = {"type": "Volume", "name": "settings", "key": ["LEVEL", "app.ini"], "mountPath": "/etc/app"}
KEYS = {"type": "Env", "name": "keys", "key": ["TOKEN"]}


@pytest.mark.parametrize(
    ("words", "field", "value"),
    [
        (("--config", "settings"), "configMap", [SETTINGS]),
        (("--config", "settings:/etc/app"), "configMap", [FILES]),
        (("--secret", "keys", "--config", "settings"), "secret", [KEYS]),
        (("--cpu", "0.5", "--mem", "64Mi"), "resources", {"cpu": "0.5", "mem": "64Mi"}),
        (("--memory", "64Mi"), "resources", {"mem": "64Mi"}),
        (("--outside", "--port", "8080"), "networkType", 2),
        (("--inside",), "networkType", 0),
    ],
)
def test_create_says_it_in_the_body(words: tuple[str, ...], field: str, value: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    ran, sent = mooring(monkeypatch, "app", "create", "shop", "web", "--image", "x", *words)
    assert ran.exit_code == 0, ran.stderr
    assert sent[field] == value
    assert ("app.ini of config settings can be no variable" in ran.stderr) == ("settings" in words)


@pytest.mark.parametrize(
    ("words", "fields"),
    [
        (("--config", "settings"), {"configMap": [*KNOWN["configMap"], SETTINGS]}),
        (("--config", "settings:/etc/app", "--secret", "keys"), {"configMap": [*KNOWN["configMap"], FILES], "secret": [KEYS]}),
        (("--mem", "128Mi"), {"resources": {"cpu": "0.5", "mem": "128Mi"}}),
        (("--cpu", "1", "--env", "B=2"), {"dockerEnv": [{"name": "A", "value": "1"}, {"name": "B", "value": "2"}]}),
        (("--outside",), {"networkType": 2}),
        (("--cmd", "sleep 5", "--port", "80"), {"cmd": "sleep 5", "portMappings": [{"containerPort": 80, "protocol": "tcp"}]}),
    ],
)
def test_a_rollout_adds_to_what_there_is(words: tuple[str, ...], fields: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    ran, sent = mooring(monkeypatch, "app", "rollout", "shop", "web", *words)
    assert ran.exit_code == 0, ran.stderr
    assert {field: sent[field] for field in fields} == fields
    assert not {"resources"} & (sent.keys() - fields.keys()) or "--cpu" in words


def test_a_group_that_is_attached_again_is_there_once_with_its_entries_of_now(monkeypatch: pytest.MonkeyPatch) -> None:
    before = [{**SETTINGS, "key": ["LEVEL"]}]
    _, sent = mooring(monkeypatch, "app", "rollout", "shop", "web", "--config", "settings", configMap=before)
    assert sent["configMap"] == [SETTINGS]


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("--config", "settings:etc"), "--config settings:/etc/app"),
        (("--secret", ":/etc"), "--secret :/etc is not NAME"),
        (("--config", "bare"), "mooring config set shop bare ENTRY"),
    ],
)
def test_what_cannot_be_attached_is_told_with_what_to_write(
    words: tuple[str, ...], told: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    ran, sent = mooring(monkeypatch, "app", "rollout", "shop", "web", *words)
    assert (ran.exit_code, sent) == (1, {})
    assert told in ran.stderr


def test_what_a_rollout_cannot_say_is_refused_and_not_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    ran, _ = mooring(monkeypatch, "app", "rollout", "shop", "web", "--cpu", "1", ResInfo={"cpu": "1", "cpuRequest": "0.5"})
    assert "cpuRequest differs" in ran.stderr
    renamed = [{**KEYS, "names": {"TOKEN": "PASSWORD"}}]
    ran, sent = mooring(monkeypatch, "app", "rollout", "shop", "web", "--secret", "keys:/run/keys", secret=renamed)
    assert (ran.exit_code, sent) == (1, {})
    ran, _ = mooring(monkeypatch, "app", "rollout", "shop", "web", "--mem", "1Gi", "--container", "side")
    assert "Options cannot add to what side has" in ran.stderr


def test_from_file_takes_files_entries_and_directories(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a.ini").write_text("a")
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / "b.ini").write_text("b")
    words = ("--from-file", str(tmp_path / "a.ini"), "--from-file", f"other={tmp_path / 'a.ini'}", "--from-file", str(folder))
    for word in ("config", "secret"):
        _, sent = mooring(monkeypatch, word, "create", "shop", "settings", *words)
        assert sent["data"] == {"a.ini": "YQ==", "other": "YQ==", "b.ini": "Yg=="}
    ran, sent = mooring(
        monkeypatch, "config", "create", "shop", "x", str(tmp_path / "a.ini"), "--from-file", str(tmp_path / "a.ini")
    )
    assert ("ENTRY=FILE" in ran.stderr, sent) == (True, {})
