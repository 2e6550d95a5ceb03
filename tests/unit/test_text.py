"""Text of every kind on its way in: what is sent to the cluster is read there as what was meant; what is no text is refused."""

import json
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from cli.bodies import body_of, text_of
from cli.failures import Failure
from cli.main import app
from clients import apply_patch
from model.documents import Problems, read
from model.shaping import plain

TEXT = st.text(st.characters(codec="utf-8"))
HARD = [
    "🐳",
    "a🐳b\\ud83d\\udc33",
    "\ufeff\u2028\u2029\x85\x7f\x9f\ufffe\uffff",
    "\x01\x1b\t\r\n",
    "\U0010ffff\U0001fffe",
    "e\u0301",
    "\u202e",
]


@given(st.dictionaries(TEXT, TEXT))
def test_an_apply_patch_is_read_as_yaml_for_what_it_says(held: dict[str, str]) -> None:
    # libyaml is what the API server's reader was ported from
    assert yaml.load(apply_patch.written({"data": held}), yaml.CSafeLoader) == {"data": held}


@pytest.mark.parametrize("text", HARD)
def test_hard_characters_survive_an_apply_patch_and_a_json_document(text: str) -> None:
    assert yaml.load(apply_patch.written([text]), yaml.CSafeLoader) == [text]
    root = read(json.dumps({"value": text}), Problems())
    assert root is not None
    assert plain(root, "", Problems()) == {"value": text}


@given(TEXT)
def test_a_json_document_says_what_json_says(text: str) -> None:
    root = read(json.dumps({"value": text}), Problems())
    assert root is not None
    assert plain(root, "", Problems()) == {"value": text}


@given(TEXT)
def test_a_file_for_the_command_line_is_read_as_it_is(tmp_path_factory: pytest.TempPathFactory, text: str) -> None:
    file = tmp_path_factory.mktemp("body") / "body.json"
    file.write_bytes(text.encode())
    assert text_of(file) == text
    file.write_text(json.dumps({"cmd": text}))
    assert body_of(file) == {"cmd": text}


def test_half_of_a_pair_in_a_file_is_told_with_its_field(tmp_path: Path) -> None:
    file = tmp_path / "body.json"
    file.write_text('{"dockerEnv": [{"name": "A", "value": "\\ud800"}]}')
    with pytest.raises(Failure, match=r"dockerEnv\.0\.value in .* is no text"):
        body_of(file)


def test_bytes_on_the_command_line_that_are_no_utf8_are_told_by_their_place() -> None:
    ran = CliRunner().invoke(app, ["app", "create", "shop", "web", "--image", "x", "--env", "PASSWORD=\udcff"])
    assert ran.exit_code == 2
    assert "word 8 of the command is not in UTF-8" in " ".join(ran.stderr.split())
    assert "PASSWORD" not in ran.stderr
