"""The project that is in use, and the words of a command that leave it out."""

from pathlib import Path
from typing import Any

import pytest
import typer.main
from typer.testing import CliRunner

from cli import session
from cli.default_project import OfProject
from cli.failures import Failure
from cli.main import app
from cli.session import Session

ALL = typer.main.get_command(app)


def asked(words: str, monkeypatch: pytest.MonkeyPatch, **environment: str) -> dict[str, Any]:
    """What a command's function gets for these words, the project among it; raises what refuses them."""
    found: Any = ALL
    given = words.split()
    while hasattr(found, "commands"):
        found = found.commands[given.pop(0)]
    heard: dict[str, Any] = {}
    monkeypatch.setattr(found, "callback", lambda **values: heard.update(values))
    monkeypatch.setattr("cli.default_project.is_project", lambda word: word in ("a", "other"))
    for name in ("MOORING_PROJECT", "XDG_CONFIG_HOME"):
        monkeypatch.delenv(name, raising=False)
    for name, value in {"XDG_CONFIG_HOME": "/nonexistent", **environment}.items():
        monkeypatch.setenv(name, value)
    found.main(given, standalone_mode=False)
    return heard


@pytest.mark.parametrize(
    ("words", "project", "others"),
    [
        ("app show web", "shop", {"name": "web"}),
        ("app show other web", "other", {"name": "web"}),
        ("app show web -p third", "third", {"name": "web"}),
        ("app show --project third web", "third", {"name": "web"}),
        ("app ls", "shop", {}),
        ("app ls other", "other", {}),
        ("app scale web 3", "shop", {"name": "web", "count": 3}),
        ("app scale other web 3", "other", {"name": "web", "count": 3}),
        ("app scale other web --remove web-0", "other", {"name": "web", "count": None}),
        ("app create web --image x", "shop", {"name": "web"}),
        ("app create other web --image x", "other", {"name": "web"}),
        ("app create other -f body.yaml", "other", {"name": None}),
        ("app create -f body.yaml", "shop", {"name": None}),
        ("app delete web", "shop", {"names": ["web"]}),
        ("app delete web db -p third", "third", {"names": ["web", "db"]}),
        ("instance ls", "shop", {"name": None}),
        ("instance ls other", "other", {"name": None}),
        ("instance ls -p third web", "third", {"name": "web"}),
        ("instance ls web", "shop", {"name": "web"}),
        ("app create web -f body.yaml", "shop", {"name": "web"}),
        ("app delete gone db", "gone", {"names": ["db"]}),
        ("config create gone b", "gone", {"group": "b"}),
        ("logs web-0 -f", "shop", {"instance": "web-0"}),
        ("config set settings LEVEL 2", "shop", {"group": "settings", "entry": "LEVEL", "value": "2"}),
        ("config set other settings LEVEL", "other", {"group": "settings", "entry": "LEVEL", "value": None}),
        ("config set -p third settings LEVEL 2", "third", {"group": "settings", "value": "2"}),
        ("stack ls", "shop", {}),
    ],
)
def test_the_project_in_use_is_meant_where_it_is_left_out(
    words: str, project: str, others: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    heard = asked(words, monkeypatch, MOORING_PROJECT="shop")
    assert {name: heard.get(name) for name in ("project", *others)} == {"project": project, **others}


def test_what_is_said_in_full_means_the_same_whatever_is_in_use(monkeypatch: pytest.MonkeyPatch) -> None:
    for words in ("app show a b", "app scale a b 3", "app delete a b c", "config create a b", "template deploy a b c"):
        assert asked(words, monkeypatch) == asked(words, monkeypatch, MOORING_PROJECT="shop")


def test_without_a_project_in_use_it_is_asked_for() -> None:
    ran = CliRunner().invoke(app, ["app", "show", "web"], env={"XDG_CONFIG_HOME": "/nonexistent", "TERMINAL_WIDTH": "200"})
    assert (ran.exit_code, "mooring use PROJECT" in ran.stderr) == (2, True)


def test_every_command_of_a_project_takes_it_as_an_option() -> None:
    pending: list[Any] = [ALL]
    found = 0
    while pending:
        command = pending.pop()
        pending += getattr(command, "commands", {}).values()
        if isinstance(command, OfProject) and command.leads:
            assert "--project" in {word for param in command.params for word in param.opts}
            found += 1
    assert found > 40


def test_a_count_that_is_none_is_told_as_that(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(typer.BadParameter, match="should be a valid integer"):
        asked("app scale web many", monkeypatch, MOORING_PROJECT="shop")


def test_the_help_does_not_call_the_project_required() -> None:
    shown = CliRunner().invoke(app, ["app", "show", "--help"], env={"TERMINAL_WIDTH": "200"}).stdout
    (line,) = [line for line in shown.splitlines() if "by default the one in use" in line]
    assert "required" not in line


def test_the_project_in_use_is_kept_for_its_platform_and_the_environment_wins(tmp_path: Path) -> None:
    environment = {"XDG_CONFIG_HOME": str(tmp_path)}
    session.store(Session("http://a", "secret"), environment)
    assert session.project_in_use(environment) is None
    session.use("shop", environment)
    assert session.project_in_use(environment) == "shop"
    assert session.project_in_use(environment | {"MOORING_PROJECT": "other"}) == "other"
    assert session.project_in_use(environment | {"MOORING_URL": "http://b"}) is None
    session.use(None, environment)
    assert session.project_in_use(environment) is None
    (tmp_path / "mooring" / "project.json").write_text("{")
    with pytest.raises(Failure, match=r"project\.json cannot be used"):
        session.project_in_use(environment)


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("ap", "ls"), "Did you mean 'app'?"),
        (("app", "rollot"), "Did you mean 'rollout'?"),
        (("app", "ls", "p", "--limt", "3"), "--limit"),
    ],
)
def test_a_slip_is_told_with_what_was_meant(words: tuple[str, ...], told: str) -> None:
    assert told in CliRunner().invoke(app, words, env={"TERMINAL_WIDTH": "200"}).stderr


def test_the_version_is_told() -> None:
    assert CliRunner().invoke(app, ["--version"]).stdout.startswith("mooring ")
