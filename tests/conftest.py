"""Groups, and the fixtures that integration, e2e and faults share. `make test` has run `make up` before."""

import os
from collections import Counter
from collections.abc import AsyncIterator
from itertools import chain
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings

from clients import kubernetes
from clients.kubernetes import Cluster
from tests.platform import Platform, environment, over_network

# How long one example takes says something about the machine, nothing about the code.
settings.register_profile("mooring", deadline=None)
settings.load_profile("mooring")

GROUPS = ("unit", "workflow", "replay", "integration", "e2e", "faults", "parts")
_HERE = Path(__file__).parent
os.environ.update(environment())  # Settings() of the code under test reads the process's environment


def pytest_configure(config: pytest.Config) -> None:
    """A marker per group."""
    for group in GROUPS:
        config.addinivalue_line("markers", f"{group}: the tests of tests/{group}, marked by their folder")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark each test with its folder's group and run the groups in their order."""
    for item in items:
        item.add_marker(_group(item))
    items.sort(key=lambda item: GROUPS.index(_group(item)))


def _group(item: pytest.Item) -> str:
    return item.path.relative_to(_HERE).parts[0]


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """With --durations also where the time went by group and file: the seconds of all test processes added."""
    most = terminalreporter.config.option.durations
    if most is None:
        return
    groups, files = Counter[str](), Counter[str]()
    for report in chain.from_iterable(terminalreporter.stats.values()):
        if isinstance(report, pytest.TestReport):
            file = report.nodeid.partition("::")[0]
            groups[Path(file).parts[1]] += report.duration
            files[file] += report.duration
    for what, spent in (("groups", groups), ("files", files)):
        terminalreporter.section(f"slowest {what}")
        for name, seconds in spent.most_common(most or None):
            terminalreporter.write_line(f"{seconds:.0f}s {name}")


@pytest.fixture(scope="session")
async def platform() -> AsyncIterator[Platform]:
    """The platform of `make up`, used by its admin; what tests make there is removed at the end of the session."""
    missing = {"MOORING_URL", "MOORING_TOKEN"} - os.environ.keys()
    assert not missing, f"{', '.join(sorted(missing))} not set and no .local/env here: run `make up` first."
    found = Platform(over_network(os.environ["MOORING_URL"]), os.environ["MOORING_TOKEN"])
    yield found
    await found.clean()


@pytest.fixture(scope="session")
async def cluster() -> AsyncIterator[Cluster]:
    """The cluster itself, to see what the platform has made there."""
    found = await kubernetes.connect(os.environ["KUBECONFIG"])
    yield found
    await found.close()


@pytest.fixture(scope="module")
async def project(platform: Platform) -> AsyncIterator[str]:
    """A project of the module's own, on its way out when the next module begins: the machine's one node holds them all."""
    name = await platform.project()
    yield name
    if name in platform.projects:
        await platform.discard(name)
