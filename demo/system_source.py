"""The demo's system as source code: its Git repository, and the commits that the demo makes to it."""

from dataclasses import dataclass
from pathlib import Path

from demo.gitserver import Repository
from demo.stage import NotShown

SYSTEM = Path(__file__).parent / "system"
SERVICES = ("store", "api", "web")
SECOND_WORDS = "entries so far"
BROKEN_WORDS = "KeyError: 'PAGE_TITLE'"

_COUNT = "{count} entries"
_TITLE = 'os.environ.get("TITLE", "Guest book")'
_BROKEN = 'os.environ["PAGE_TITLE"]'
_MENDED = f'os.environ.get("PAGE_TITLE") or {_TITLE}'


@dataclass(frozen=True)
class SystemSource:
    """The repository, and the versions of web that the demo makes; each returns its commit."""

    repository: Repository

    def compose(self, project: str) -> str:
        """The stack's compose file as the repository has it, its images being the project's."""
        return (self.repository.copy / "compose.yaml").read_text().replace("image: demo/", f"image: {project}/")

    def second(self) -> str:
        """web 2 words its page anew."""
        return self._change("web 2: how many entries so far", "2", _COUNT, _COUNT.replace("entries", SECOND_WORDS))

    def broken(self) -> str:
        """web 3 does not start: it wants a setting that nobody gives it."""
        return self._change("web 3: the title comes from PAGE_TITLE", "3", _TITLE, _BROKEN)

    def mended(self) -> str:
        """web 3 as it should have been."""
        return self._change("web 3: PAGE_TITLE is optional", "3", _BROKEN, _MENDED)

    def _change(self, message: str, version: str, old: str, new: str) -> str:
        source = (self.repository.copy / "web" / "app.py").read_text()
        if old not in source:
            raise NotShown(f"demo/system/web/app.py has no {old!r} any more, which the demo changes. Adapt demo/system_source.py.")
        return self.repository.commit({"web/VERSION": f"{version}\n", "web/app.py": source.replace(old, new)}, message)
