"""Where scenarios are run: an instance of Mooring whose API is in this process and whose worker is a process to be killed."""

import contextlib
import json
import os
import signal
from collections.abc import AsyncIterator, Awaitable, Sequence
from pathlib import Path
from typing import Any

import httpx
from temporalio.client import Client

from api.app import build
from clients import kubernetes
from clients.kubernetes import Cluster
from model.operations import OperationRecord, Status
from tests.faults.forked import ForkedWorker
from tests.faults.place import place
from tests.faults.scenarios import Scenario
from tests.faults.worker import BOUNDARIES, Boundary
from tests.instance import TOKEN, own_instance
from tests.platform import Connect, Platform, bearer, eventually
from tests.processes import Process

_DIES_WITHIN = 60.0
_ENDS_WITHIN = 120.0


class Slot:
    """Runs one scenario after the other, with or without a death of the worker on the way."""

    def __init__(self, platform: Platform, cluster: Cluster, client: Client, worker: Process, armed: Path) -> None:
        self.platform = platform
        self.cluster = cluster
        self.client = client
        self.worker = worker
        self._armed = armed

    async def run(self, scenario: Scenario, dies: Sequence[tuple[int, str]] = ()) -> "Ran":
        """Run the scenario to the end it names; the worker is killed at each step and side of `dies`, and another one goes on."""
        project = await scenario.given(self.platform)
        boundaries = [Boundary(kind=scenario.kind, project=project, step=step, side=side) for step, side in dies]
        record = await self.run_dying(boundaries, scenario.when(self.platform, project), scenario.ends)
        return Ran(self, scenario, project, record)

    async def run_dying(
        self, boundaries: Sequence[Boundary], submit: Awaitable[str], ends: Status = Status.SUCCEEDED
    ) -> OperationRecord:
        """Run one operation to its end, whose worker is killed at each of the boundaries, whichever comes first."""
        self._arm(boundaries)
        operation = await submit
        for _ in boundaries:
            await self._died()
            self.worker.start()
        return await self.platform.wait(operation, ends, _ENDS_WITHIN)

    def _arm(self, boundaries: Sequence[Boundary]) -> None:
        draft = self._armed.with_suffix(".new")
        draft.write_bytes(BOUNDARIES.dump_json(list(boundaries)))
        draft.replace(self._armed)

    async def _died(self) -> None:
        told = f"It was to die at one of {self._armed.read_text()}. {self.worker.tail()}"
        assert await self.worker.died(_DIES_WITHIN) == -signal.SIGKILL, told

    async def look(self, scenario: Scenario, project: str) -> dict[str, Any]:
        """What stands of the project now, portable: compared with what another run has left."""
        seen = await place(self.platform, self.cluster, project)
        end: dict[str, Any] = json.loads(json.dumps(seen | {"then": await scenario.then(self.platform, project)}))
        return end

    async def discard(self, project: str) -> None:
        """Have the project removed, and the namespace too where it is a stranger's that the scenario put there."""
        await self.platform.discard(project)
        namespace = await self.cluster.find("Namespace", project)
        if namespace and "app.kubernetes.io/managed-by" not in namespace["metadata"].get("labels", {}):
            await self.cluster.delete("Namespace", project)


class Ran:
    """A scenario that has ended as it says."""

    def __init__(self, slot: Slot, scenario: Scenario, project: str, record: OperationRecord) -> None:
        self.record = record
        self._slot = slot
        self._scenario = scenario
        self._project = project

    async def left(self) -> dict[str, Any]:
        """What it has left, once it no longer changes."""
        seen: list[dict[str, Any]] = []

        async def still() -> bool:
            seen.append(await self._slot.look(self._scenario, self._project))
            return len(seen) > 3 and seen[-1] == seen[-2] == seen[-3]

        await eventually(still, f"{self._project} stands still", 60)
        return seen[-1]

    async def comes_to(self, end: dict[str, Any]) -> None:
        """Fail unless what it leaves becomes what another run has left."""
        seen: dict[str, Any] = {}

        async def same() -> bool:
            seen.update(await self._slot.look(self._scenario, self._project))
            return seen == end

        with contextlib.suppress(AssertionError):
            await eventually(same, "the same end state")
        assert seen == end

    async def discard(self) -> None:
        """Make room for the next."""
        await self._slot.discard(self._project)


@contextlib.asynccontextmanager
async def opened(directory: Path, **environment: str) -> AsyncIterator[Slot]:
    """A slot; logs go to `directory`, the worker has the `environment` too. At the end what scenarios made is removed, by it."""
    async with contextlib.AsyncExitStack() as closing:
        instance = await closing.enter_async_context(own_instance())
        app = build()
        await closing.enter_async_context(app.router.lifespan_context(app))
        cluster = await kubernetes.connect(os.environ["KUBECONFIG"])
        closing.push_async_callback(cluster.close)
        armed = directory / "armed.json"
        worker = ForkedWorker(directory / "worker.log", armed, **environment)
        worker.start()
        closing.push_async_callback(worker.kill)
        platform = Platform(_in_process(httpx.ASGITransport(app)), TOKEN)
        yield Slot(platform, cluster, instance.client, worker, armed)
        await platform.clean()


def _in_process(transport: httpx.ASGITransport) -> Connect:
    return lambda token: httpx.AsyncClient(transport=transport, base_url="http://api", headers=bearer(token))
