"""Where the CLI finds url and token, and how it keeps them."""

import stat
from pathlib import Path

import pytest

from cli import session
from cli.failures import SignedOut
from cli.session import Session


def test_the_kept_session_is_its_owners_alone(tmp_path: Path) -> None:
    environment = {"XDG_CONFIG_HOME": str(tmp_path)}
    file = session.store(Session("http://a", "secret"), environment)
    file.chmod(0o644)
    assert session.store(Session("http://b", "secret"), environment) == file
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert session.load(environment) == Session("http://b", "secret")


def test_the_environment_wins_each_alone(tmp_path: Path) -> None:
    environment = {"XDG_CONFIG_HOME": str(tmp_path)}
    session.store(Session("http://kept", "kept"), environment)
    assert session.load(environment | {"MOORING_URL": "http://env/"}) == Session("http://env", "kept")
    assert session.load(environment | {"MOORING_TOKEN": "env"}) == Session("http://kept", "env")


def test_without_any_it_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(SignedOut, match="mooring login"):
        session.load({"XDG_CONFIG_HOME": str(tmp_path)})


@pytest.mark.parametrize("text", ["", "{}", "[]", "{"])
def test_a_spoilt_file_is_named(tmp_path: Path, text: str) -> None:
    file = tmp_path / "mooring" / "session.json"
    file.parent.mkdir()
    file.write_text(text)
    with pytest.raises(SignedOut, match=str(file)):
        session.load({"XDG_CONFIG_HOME": str(tmp_path)})
