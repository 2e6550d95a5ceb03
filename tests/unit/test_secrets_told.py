"""docs/secrets.md is true: what it says is hidden is, what it says is not is not, and no form that the code knows is missing."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from model import veil as veils
from model import veil_forms
from model.veil import veil
from model.veil_forms import Form, Kind, forms

DOCS = Path(__file__).parent.parent.parent / "docs"
ENGLISH, CHINESE = ((DOCS / place).read_text() for place in ("secrets.md", "zh/secrets.md"))
SECRET = 'Correct-horse/battery+"staple" & co.: 100%~ Zz'
_FEW = 12  # characters that the commands themselves put beside it
_ESCAPED = re.compile(r"%[0-9A-Fa-f]{2}")


def _commands(document: str) -> tuple[list[str], list[str]]:
    """The commands of its two lists, each with words for what it makes: what is hidden, what is not."""
    hidden, not_hidden = (block.splitlines() for block in re.findall(r"```sh\n(.*?)\n```", document, re.DOTALL))
    for line in (*hidden, *not_hidden):
        assert re.search(r"\S {2,}# \S", line), f"it is not said what {line} makes"
    return [line.rpartition("#")[0].strip() for line in hidden], [line.rpartition("#")[0].strip() for line in not_hidden]


HIDDEN, NOT_HIDDEN = _commands(ENGLISH)


def printed(command: str) -> str:
    environment = os.environ | {"LC_ALL": "C.UTF-8", "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    ran = subprocess.run(["sh", "-c", command], input=f"{SECRET}\n", capture_output=True, check=True, text=True, env=environment)
    return ran.stdout


@pytest.mark.parametrize("command", HIDDEN)
def test_what_is_told_as_hidden_is(command: str) -> None:
    left = veil([SECRET.encode()])(printed(command)).replace("…", "").strip(" \n%")
    assert len(left) <= _FEW, left


@pytest.mark.parametrize("command", NOT_HIDDEN)
def test_what_is_told_as_not_hidden_is_not(command: str) -> None:
    said = printed(command)
    assert veil([SECRET.encode()])(said) == said, "more is hidden than is told"


def test_every_form_that_is_hidden_is_told() -> None:
    said = "\n\n".join(map(printed, HIDDEN))
    views = {kind: _plain(kind, "".join(said.split()) if kind is Kind.HEX else said.replace("\n", "")) for kind in Kind}
    untold = [form for form in forms([SECRET.encode()]) if not _is_in(form, views)]
    assert not untold, "docs/secrets.md names no command that writes this"


def _is_in(form: Form, views: dict[Kind, str]) -> bool:
    return _plain(form.kind, form.text) in views[form.kind]


def _plain(kind: Kind, text: str) -> str:
    """The text without what of a form is told once for several: the case of hex digits, the letters of base64 for URLs."""
    if kind is Kind.BASE64:
        return text.replace("-", "+").replace("_", "/")
    return text.lower() if kind is Kind.HEX else _ESCAPED.sub(lambda found: found[0].lower(), text)


def test_the_bounds_that_are_told_are_those_of_the_code() -> None:
    bounds = [veil_forms.SHORTEST, veil_forms._SHORTEST_LINE, 2 * veils._WINDOW, veil_forms._LARGE // 1024]
    for document in (ENGLISH, CHINESE):
        assert list(map(int, re.findall(r"\*\*(\d+)\*\*", document))) == bounds


def test_both_languages_tell_the_same() -> None:
    assert _commands(CHINESE) == (HIDDEN, NOT_HIDDEN)
