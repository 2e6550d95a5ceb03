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
from tests.platform import Platform, unique

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
    assert made.out.startswith("config settings created with the entry app.ini.")
    changed = await mooring("config", "set", project, "settings", "LEVEL", "2")
    assert changed.out.startswith("LEVEL added (version 2)")
    assert "settings" in (await mooring("config", "ls", project)).out
    shown = (await mooring("config", "show", project, "settings", "--json")).json
    assert (shown["entries"]["LEVEL"], "data" in shown) == ({"size": 1, "text": True}, False)
    assert (await mooring("config", "get", project, "settings", "LEVEL")).out == "2"
    assert (await mooring("config", "rollback", project, "settings", "--version", "1")).code == 0
    assert "(version 4)" in (await mooring("config", "rollback", project, "settings")).out
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
    assert "--yes" in (await mooring("secret", "unset", project, "keys", "TOKEN")).err
    assert (await mooring("secret", "unset", project, "keys", "TOKEN", "--yes")).code == 0


async def test_an_app_is_made_rolled_out_and_looked_at_by_commands_alone(platform: Platform, tmp_path: Path) -> None:
    project = platform.will_have(unique("t-cli"))
    made = await mooring("project", "create", project, "--watch")
    assert made.code == 0, made.err
    image = ("--image", "public/busybox:latest", "--cmd", "sleep 100000", "--env", "A=1", "-e", "B=2")
    made = await mooring("app", "create", project, "web", *image, "--cpu", "0.02", "--memory", "16Mi", "--watch")
    assert made.code == 0, made.err
    rolled = await mooring("app", "rollout", project, "web", "--env", "B=3", "--watch")
    assert "web goes from revision 1 to revision 2." in rolled.out, rolled.err
    again = await mooring("app", "rollout", project, "web", "--env", "B=3", "--watch")
    assert (again.code, "Nothing differs" in again.out, f"mooring app restart {project} web" in again.out) == (0, True, True)
    assert "web.env: - B=2, + B=3" in (await mooring("app", "revisions", project, "web")).out
    back = await mooring("app", "rollback", project, "web", "--watch")
    assert "web goes back from revision 2 to revision 1, as revision 3." in back.out

    instance = (await mooring("instance", "ls", project, "web", "--json")).json["instances"][0]["name"]
    assert "Scheduled" in (await mooring("instance", "show", project, instance)).out
    assert "RUNNING" in (await mooring("container", "ls", project, instance)).out
    assert "busybox:latest" in (await mooring("container", "show", project, instance, "web")).out

    file = tmp_path / "db.yaml"
    file.write_text("name: db\ntype: TApp\nimageRef: public/busybox:latest\ncmd: sleep 100000\nterminationGracePeriodSeconds: 0\n")
    made = await mooring("app", "create", project, "-f", str(file), "--instances", "2", "--watch")
    assert made.code == 0, made.err
    assert "db-1" in (await mooring("instance", "ls", project, "db")).out
    assert (await mooring("instance", "kill", project, "db-1", "--watch")).code == 0
    assert f"mooring instance start {project} db-1" in (await mooring("instance", "show", project, "db-1")).out


async def test_a_refusal_tells_the_next_step_as_a_command(platform: Platform, project: str) -> None:
    refused = await mooring("app", "create", project, "web", "--env", "A")
    assert (refused.code, "--env LEVEL=debug" in refused.err) == (1, True)
    unasked = await mooring("stack", "delete", project, "none")
    assert (unasked.code, "--yes" in unasked.err) == (1, True)
    assert (await mooring("app", "create", project, "web", "--image", "public/busybox:latest", "--instances", "0", "-w")).code == 0
    refused = await mooring("project", "delete", project, "--yes")
    assert f"mooring project delete {project} --cascade" in refused.err


async def test_people_and_their_rights_are_managed_by_commands(platform: Platform, project: str) -> None:
    user = unique("zoe")
    assert (await mooring("user", "create", user)).code == 0
    assert (await mooring("member", "set", project, user, "developer")).code == 0
    assert user in (await mooring("member", "ls", project)).out
    token = (await mooring("token", "create", "laptop", "--user", user)).out.strip()
    assert project in (await mooring("project", "ls", MOORING_TOKEN=token)).out
    assert "laptop" in (await mooring("token", "ls", "--user", user)).out
    assert (await mooring("member", "rm", project, user, "--yes")).code == 0
    assert (await mooring("user", "delete", user, "--yes")).code == 0
    assert (await mooring("project", "ls", MOORING_TOKEN=token)).code == 1
