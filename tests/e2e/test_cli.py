"""The command `mooring` against the platform: what a person or a script at a terminal gets."""

import asyncio
import json
import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from model.operations import Status
from tests.platform import Platform

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Ran:
    """How a command ended."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """Its one JSON document."""
        return json.loads(self.out)


async def mooring(*words: str, stdin: str = "", **environment: str) -> Ran:
    """Run the command as a script does, without a terminal."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "cli", *words),
        cwd=ROOT,
        env={**os.environ, **environment},
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, err = await asyncio.wait_for(process.communicate(stdin.encode()), 120)
    return Ran(process.returncode or 0, out.decode(), err.decode())


async def test_login_tries_the_token_then_keeps_it_unseen(platform: Platform, tmp_path: Path) -> None:
    url, token = os.environ["MOORING_URL"], os.environ["MOORING_TOKEN"]
    bare = {"XDG_CONFIG_HOME": str(tmp_path), "MOORING_URL": "", "MOORING_TOKEN": ""}
    kept = tmp_path / "mooring" / "session.json"

    refused = await mooring("login", "--url", url, stdin="mrg_wrong\n", **bare)
    assert (refused.code, kept.exists()) == (1, False)
    assert "unknown, expired or revoked" in refused.err

    done = await mooring("login", "--url", url, stdin=f"{token}\n", **bare)
    assert done.code == 0, done.err
    assert token not in done.out + done.err
    assert kept.stat().st_mode & 0o077 == 0
    assert (await mooring("op", "ls", "--limit", "1", **bare)).code == 0


async def test_signed_out_it_says_what_to_do(tmp_path: Path) -> None:
    ran = await mooring("op", "ls", XDG_CONFIG_HOME=str(tmp_path), MOORING_URL="", MOORING_TOKEN="")
    assert ran.code == 1
    assert "mooring login" in ran.err


async def test_watch_ends_with_the_operation_and_its_exit_status(platform: Platform) -> None:
    name = await platform.project("t-cli")
    created = (await platform.get("/v2/operations", project=name))["operations"]
    operation_id = created[0]["id"]
    watched = await mooring("op", "watch", operation_id)
    assert watched.code == 0, watched.err
    assert f"project.create {name}/{name}: SUCCEEDED" in watched.out
    assert "\x1b" not in watched.out

    told = await mooring("op", "watch", operation_id, "--json")
    assert told.json["status"] == Status.SUCCEEDED


async def test_list_show_and_refused_controls(platform: Platform, project: str) -> None:
    listed = (await mooring("op", "ls", "--project", project, "--kind", "project.create", "--json")).json
    assert listed["total"] == 1
    operation_id = listed["operations"][0]["id"]

    assert operation_id in (await mooring("op", "ls", "-p", project)).out
    assert (await mooring("op", "show", operation_id, "--json")).json["steps"]
    assert project in (await mooring("project", "ls", "--limit", "200")).out

    retried = await mooring("op", "retry", operation_id)
    assert retried.code == 1
    assert "only a FAILED or CANCELLED one can be retried" in retried.err
    cancelled = await mooring("op", "cancel", operation_id, "--json")
    assert cancelled.code == 1
    assert json.loads(cancelled.err)["Reason"] == "Conflict"


async def test_an_app_that_fails_is_explained(platform: Platform, project: str) -> None:
    """given an app with a missing image, when it is watched, then status 1, the reason, and the way on."""
    body = {"name": "broken", "imageRef": "public/never-pushed:1", "instanceNum": 1, "resources": {"cpu": "0.1", "mem": "32Mi"}}
    operation_id = await platform.submit("POST", f"/v2/applications/{project}", body)
    watched = await mooring("op", "watch", operation_id)
    assert watched.code == 1
    for words in ("ImageNotFound", "never-pushed", "What to do:", f"mooring op retry {operation_id}"):
        assert words in watched.out
    assert "FAILED" in (await mooring("app", "ls", project)).out
    shown = await mooring("app", "show", project, "broken")
    assert operation_id in shown.out
    again = await mooring("op", "retry", operation_id, "--watch", "--json")
    assert (again.code, again.json["attempt"], again.json["status"]) == (1, 2, "FAILED")


@pytest.mark.parametrize("words", [("op", "show", "op-none"), ("app", "ls", "no-such-project"), ("op", "ls", "--status", "odd")])
async def test_errors_are_told_without_a_traceback(platform: Platform, words: tuple[str, ...]) -> None:
    ran = await mooring(*words)
    assert ran.code == 1
    assert ran.err.strip()
    assert "Traceback" not in ran.err


async def test_configuration_is_made_changed_and_looked_at(platform: Platform, tmp_path: Path) -> None:
    project = await platform.project()
    (tmp_path / "app.ini").write_bytes(b"level = 1\n\xff")
    made = await mooring("config", "create", project, "settings", str(tmp_path / "app.ini"))
    assert made.code == 0, made.err
    assert made.out.startswith("config settings created with 1 entries.")
    changed = await mooring("config", "set", project, "settings", "LEVEL", "2")
    assert "LEVEL added (version 2)" in changed.out
    assert "settings" in (await mooring("config", "ls", project)).out
    shown = (await mooring("config", "show", project, "settings", "--json")).json
    assert (shown["entries"]["LEVEL"], "data" in shown) == ({"size": 1, "text": True}, False)
    assert (await mooring("config", "get", project, "settings", "LEVEL")).out == "2"
    assert (await mooring("config", "rollback", project, "settings", "1")).code == 0
    assert (await mooring("config", "apps", project, "settings", "app.ini")).out.strip() == "No app uses app.ini."
    assert (await mooring("config", "delete", project, "settings", "--yes")).code == 0

    assert (await mooring("secret", "create", project, "keys")).code == 0
    refused = await mooring("secret", "set", project, "keys", "TOKEN", "s3cret")
    assert (refused.code, "history" in refused.err) == (1, True)
    assert (await mooring("secret", "set", project, "keys", "TOKEN", stdin="s3cret")).code == 0
    assert "TOKEN" in (await mooring("secret", "show", project, "keys")).out
    assert "Nobody" in (await mooring("secret", "reads", project, "keys")).out
    assert (await mooring("secret", "get", project, "keys", "TOKEN")).out == "s3cret"
    assert "TOKEN" in (await mooring("secret", "reads", project, "keys")).out
    assert (await mooring("secret", "unset", project, "keys", "TOKEN")).code == 0
