"""One module per kind of operation, by name: `app.create` is `app_create.py`; more cases of a kind are `app_create__<case>.py`.

    async def given(platform: Platform) -> str                   # makes what the operation needs; the project's name
    async def when(platform: Platform, project: str) -> str      # submits the operation; its id
    ends = Status.FAILED                                         # how it ends; SUCCEEDED where it is not said
    async def then(platform: Platform, project: str) -> Any      # what else the end state is, beside what `place` sees

From them come the crash matrix (tests/faults/test_crash_matrix.py) and the recorded histories (tests/replay/record.py).
"""

import importlib
import pkgutil
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from model.operations import Status
from tests.platform import Platform


@dataclass(frozen=True)
class Scenario:
    """One case of a kind: given, when, and how it ends."""

    name: str
    given: Callable[[Platform], Awaitable[str]]
    when: Callable[[Platform, str], Awaitable[str]]
    then: Callable[[Platform, str], Awaitable[Any]]
    ends: Status

    @property
    def kind(self) -> str:
        """The kind whose steps it runs through."""
        return self.name.partition("__")[0].replace("_", ".", 1)


async def _nothing_more(platform: Platform, project: str) -> Any:
    return None


def _read(name: str) -> Scenario:
    module = importlib.import_module(f"{__name__}.{name}")
    then = getattr(module, "then", _nothing_more)
    return Scenario(name, module.given, module.when, then, getattr(module, "ends", Status.SUCCEEDED))


SCENARIOS = {found.name: _read(found.name) for found in pkgutil.iter_modules(__path__)}
