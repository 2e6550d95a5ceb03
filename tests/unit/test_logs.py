"""What a process of the platform writes down where its own code fails."""

from collections.abc import Iterator

import pytest
import structlog

from clients import logs


@pytest.fixture
def configured() -> Iterator[None]:
    logs.plain()
    yield
    structlog.reset_defaults()


def test_a_traceback_tells_the_place_and_no_variables(configured: None, capsys: pytest.CaptureFixture[str]) -> None:
    password = "correct" + " horse"
    try:
        _fail(password)
    except ValueError:
        structlog.get_logger().exception("request failed unexpectedly")
    told = capsys.readouterr().out
    assert "in _fail" in told
    assert password not in told


def _fail(secret: str) -> None:
    raise ValueError(len(secret))
