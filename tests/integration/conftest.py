"""An instance of Mooring per test process, with API and worker as processes of their own."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from records import Records, connect
from tests.instance import TOKEN, Instance, own_instance
from tests.platform import Platform, over_network
from tests.processes import Api, Process


@pytest.fixture(scope="session")
def logs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the processes write."""
    return tmp_path_factory.mktemp("logs")


@pytest.fixture(scope="session")
async def instance() -> AsyncIterator[Instance]:
    """Database and Temporal namespace."""
    async with own_instance() as found:
        yield found


@pytest.fixture(scope="session")
async def records(instance: Instance) -> AsyncIterator[Records]:
    """The instance's records, beside its processes."""
    found = await connect(instance.database_url)
    yield found
    await found.close()


@pytest.fixture(scope="session")
async def worker(instance: Instance, logs: Path) -> AsyncIterator[Process]:
    """The worker, running."""
    found = Process(logs / "worker.log", "worker")
    found.start()
    yield found
    await found.kill()


@pytest.fixture(scope="module")
async def without_worker(worker: Process) -> AsyncIterator[None]:
    """What is submitted stays as it is accepted: the worker of other tests does not run meanwhile."""
    await worker.kill()
    yield
    worker.start()


@pytest.fixture(scope="session")
async def api(instance: Instance, logs: Path) -> AsyncIterator[Api]:
    """The API, answering."""
    found = Api(logs / "api.log")
    await found.up()
    yield found
    await found.kill()


@pytest.fixture(scope="session")
async def platform(api: Api, worker: Process) -> AsyncIterator[Platform]:
    """The instance as its admin uses it."""
    found = Platform(over_network(api.url), TOKEN)
    yield found
    await found.clean()
