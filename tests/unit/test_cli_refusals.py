"""What the command line refuses by itself, before the API is asked: each with the option or file and what to do."""

from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from cli.main import app

SIGNED_IN = {"MOORING_URL": "http://127.0.0.1:1", "MOORING_TOKEN": "mrg_x", "TERMINAL_WIDTH": "400"}


def mooring(*words: str, **environment: str) -> Result:
    """Run it; nothing answers at the url, so only what needs no API succeeds."""
    return CliRunner().invoke(app, words, env=SIGNED_IN | environment)


@pytest.mark.parametrize(
    ("words", "option"),
    [
        (("rollout", "shop", "web", "--batches", ""), "--batches"),
        (("rollout", "shop", "web", "--image", ""), "--image"),
        (("rollback", "shop", "web", "--operation", ""), "--operation"),
        (("scale", "shop", "web", "--remove", "web-0", "--remove", ""), "--remove"),
        (("scale", "shop", "web", "3", "--image", ""), "--image"),
        (("create", "shop", "web", "--image", "x", "--env", ""), "--env"),
    ],
)
def test_an_option_left_empty_is_refused_by_its_name(words: tuple[str, ...], option: str) -> None:
    ran = mooring("app", *words)
    assert ran.exit_code != 0
    assert option in ran.stderr
    assert "does not answer" not in ran.stderr


def test_an_empty_batch_among_others_is_refused() -> None:
    ran = mooring("app", "rollout", "shop", "web", "--batches", "10%,,100%")
    assert (ran.exit_code, "db-0,db-1+db-2" in ran.stderr) == (2, True)


@pytest.mark.parametrize(
    "words", [("template", "create", "shop", "x"), ("template", "edit", "shop", "x"), ("template", "validate", "shop")]
)
def test_a_file_that_is_missing_or_binary_is_told_once(words: tuple[str, ...], tmp_path: Path) -> None:
    binary = tmp_path / "binary"
    binary.write_bytes(b"\x7fELF\xff\xfe")
    missing = mooring(*words, "/nonexistent")
    assert missing.exit_code == 1
    assert missing.stderr == (
        "Failure: /nonexistent cannot be read: No such file or directory. Give a file of text, or - to pipe it in.\n"
    )
    assert "is no text" in mooring(*words, str(binary)).stderr


def test_a_file_that_is_missing_is_told_as_json_where_that_is_asked_for() -> None:
    ran = mooring("stack", "upgrade", "shop", "live", "--file", "/nonexistent", "--json")
    assert ran.exit_code == 1
    assert '"Reason": "Failure"' in ran.stderr


@pytest.mark.parametrize("words", [("config", "unset"), ("secret", "unset"), ("config", "delete")])
def test_what_deletes_asks_first(words: tuple[str, ...]) -> None:
    place = ("shop", "settings", "LEVEL")[: 3 if words[1] == "unset" else 2]
    ran = mooring(*words, *place)
    assert (ran.exit_code, "--yes" in ran.stderr) == (1, True)
    assert "does not answer" in mooring(*words, *place, "--yes").stderr


def test_a_secrets_value_is_no_argument_and_is_refused_with_the_reason() -> None:
    assert "value]" not in mooring("secret", "set", "--help").stdout
    assert "[value]" in mooring("config", "set", "--help").stdout
    assert "history" in mooring("secret", "set", "shop", "keys", "TOKEN", "s3cret").stderr


def test_a_value_in_place_of_a_file_is_told_with_the_command_that_sets_it() -> None:
    ran = mooring("config", "create", "shop", "settings", "LEVEL=1 2")
    assert ran.exit_code == 1
    assert "mooring config create shop settings;" in ran.stderr
    assert "mooring config set shop settings LEVEL '1 2'" in ran.stderr
    secret = mooring("secret", "create", "shop", "keys", "TOKEN=hunter2")
    assert "mooring secret set shop keys TOKEN (which asks" in secret.stderr
    assert "hunter2" not in secret.stderr


def test_a_file_with_an_equals_sign_in_its_name_is_one(tmp_path: Path) -> None:
    (tmp_path / "a=b").write_text("x")
    assert "is no file" not in mooring("config", "create", "shop", "settings", str(tmp_path / "a=b")).stderr
