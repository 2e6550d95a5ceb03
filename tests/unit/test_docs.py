"""The documents are true: what they name exists, and what can be set is told."""

import ast
import re
from pathlib import Path

import pytest

from clients.settings import Settings

ROOT = Path(__file__).parent.parent.parent
DOCUMENTS = (
    *("README.md", "ARCHITECTURE.md", "deploy/local/README.md"),
    *(str(path.relative_to(ROOT)) for path in sorted((ROOT / "docs").glob("**/*.md"))),
)


def _tests_named() -> list[str]:
    return re.findall(r"`(tests/[\w/]+\.py(?:::\w+)?)`", (ROOT / "ARCHITECTURE.md").read_text())


@pytest.mark.parametrize("named", _tests_named())
def test_a_test_that_holds_an_invariant_exists(named: str) -> None:
    file, _, function = named.partition("::")
    tree = ast.parse((ROOT / file).read_text())
    defined = {node.name for node in tree.body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)}
    assert not function or function in defined, f"{file} has no {function}; ARCHITECTURE.md names it"


def test_every_setting_is_told() -> None:
    told = (ROOT / "README.md").read_text()
    untold = [name.upper() for name in Settings.model_fields if f"`{name.upper()}`" not in told]
    assert not untold, f"README.md, 'On your own cluster', does not say what {', '.join(untold)} is for"


@pytest.mark.parametrize("document", DOCUMENTS)
def test_a_link_leads_somewhere(document: str) -> None:
    text = (ROOT / document).read_text()
    gone = [link for link in re.findall(r"\]\((?!http)([^)#]+)\)", text) if not (ROOT / document).parent.joinpath(link).exists()]
    assert not gone, f"{document} links to {gone}"


def test_every_make_target_in_the_readme_exists() -> None:
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    named = set(re.findall(r"\bmake ([a-z]+)", (ROOT / "README.md").read_text()))
    assert named <= targets, f"README.md names make {named - targets}"


def test_every_dependency_earns_its_place() -> None:
    listed = (ROOT / "pyproject.toml").read_text()
    names = {re.split(r"[\[=<>]", name)[0] for name in re.findall(r'^  "([a-z][\w\-\[\]=.]+)",$', listed, re.MULTILINE)}
    told = (ROOT / "ARCHITECTURE.md").read_text()
    assert names, "the dependencies are listed one a line"
    assert not (missing := {name for name in names if name not in told}), f"ARCHITECTURE.md does not say what {missing} is for"
