"""The demo's own pure parts: the changes it makes to its system, and how it reads a page."""

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import cast

import pytest

from demo.acts import shown, versions
from demo.gitserver import Repository
from demo.stage import NotShown
from demo.system_source import BROKEN_WORDS, SECOND_WORDS, SYSTEM, SystemSource
from demo.worker_process import of_file


class Copy:
    """A working copy whose commits only change its files."""

    def __init__(self, copy: Path) -> None:
        self.copy = copy

    def commit(self, files: Mapping[str, str], message: str) -> str:
        """Write the files."""
        for name, content in files.items():
            (self.copy / name).write_text(content)
        return "c0ffee"


@pytest.fixture
def source(tmp_path: Path) -> SystemSource:
    shutil.copytree(SYSTEM, tmp_path / "copy")
    return SystemSource(cast(Repository, Copy(tmp_path / "copy")))


def test_each_version_of_web_is_made_from_the_one_before(source: SystemSource) -> None:
    web = source.repository.copy / "web"
    source.second()
    assert (web / "VERSION").read_text() == "2\n"
    assert SECOND_WORDS in (web / "app.py").read_text()
    source.broken()
    assert f"os.environ[{BROKEN_WORDS.removeprefix('KeyError: ')}]".replace("'", '"') in (web / "app.py").read_text()
    source.mended()
    assert (web / "VERSION").read_text() == "3\n"
    compile((web / "app.py").read_text(), "app.py", "exec")


def test_a_system_that_has_changed_is_told(source: SystemSource) -> None:
    (source.repository.copy / "web" / "app.py").write_text("")
    with pytest.raises(NotShown, match=r"demo/system_source\.py"):
        source.second()


def test_the_stacks_images_are_the_projects(source: SystemSource) -> None:
    assert "image: shop/web:main" in source.compose("shop")


def test_a_page_tells_its_versions() -> None:
    page = "<h1>Guest book</h1>\n<p>web 2, api 1, store 1; 4 entries so far</p>"
    assert versions(page) == ("2", "1", "1", "4")
    assert versions("<p>503</p>") == ()
    assert shown(page) == "web 2, api 1, store 1; 4 entries so far"


@pytest.mark.parametrize(("text", "pid"), [("42\n", 42), ("", None), ("gone", None)])
def test_a_pid_file(tmp_path: Path, text: str, pid: int | None) -> None:
    (tmp_path / "pid").write_text(text)
    assert of_file(tmp_path / "pid") == pid
    assert of_file(tmp_path / "none") is None
