"""Bodies in files, as the CLI sends them."""

from pathlib import Path

import pytest
import typer

from cli.bodies import LONGEST_APP_NAME, app_name, body_of, kind_of
from cli.failures import Failure
from model.app_bodies import LONGEST_NAME


def written(directory: Path, text: str) -> Path:
    file = directory / "body.yaml"
    file.write_text(text)
    return file


@pytest.mark.parametrize(
    ("text", "name", "line"),
    [("name: a\nimageRef: x\nname: b\n", "'name'", "line 3"), ('{"a": {"b": 1, "b": 2}}', "'b'", "line 1")],
)
def test_a_key_that_is_given_twice_is_refused_with_its_name_and_line(tmp_path: Path, text: str, name: str, line: str) -> None:
    with pytest.raises(Failure) as refused:
        body_of(written(tmp_path, text))
    assert name in str(refused.value)
    assert line in str(refused.value)
    assert "twice" in str(refused.value)


def test_what_is_given_once_in_each_object_is_read(tmp_path: Path) -> None:
    assert body_of(written(tmp_path, "a: {x: 1}\nb: {x: 2}\n")) == {"a": {"x": 1}, "b": {"x": 2}}


def test_a_file_that_nests_without_end_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Failure, match="nested too deeply"):
        body_of(written(tmp_path, "a: " + "[" * 1500 + "]" * 1500))


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("apiVersion: v1\nkind: Service\nmetadata: {name: web}\n---\napiVersion: apps/v1\nkind: Deployment\n", "kubernetes"),
        ("# ours\n---\n---\nkind: List\napiVersion: v1\nitems: []\n", "kubernetes"),
        ('{"apiVersion": "v1", "kind": "Service"}', "kubernetes"),
        ("services: {web: {image: x}}\n", "compose"),
        ("web: {image: x}\nkind: {image: y}\n", "compose"),
        ("", "compose"),
        ("a: [", "compose"),
        ("[" * 2000, "compose"),
    ],
)
def test_a_document_is_taken_for_what_it_is_written_in(text: str, kind: str) -> None:
    assert kind_of(text) == kind


def test_a_name_that_no_app_can_have_is_refused_before_anything_is_built() -> None:
    assert LONGEST_APP_NAME == LONGEST_NAME
    assert app_name("a" * LONGEST_NAME) == "a" * LONGEST_NAME
    with pytest.raises(typer.BadParameter, match="at most 52"):
        app_name("a" * (LONGEST_NAME + 1))
