"""Mooring itself: its API and its worker, run from the checkout."""

import asyncio
import hashlib
import os
from collections.abc import Callable, Iterator, Mapping
from datetime import timedelta
from urllib.parse import urlsplit

from temporalio.api.enums.v1 import TaskQueueType
from temporalio.api.taskqueue.v1 import TaskQueue
from temporalio.api.workflowservice.v1 import DescribeTaskQueueRequest
from temporalio.client import Client

from deploy.local import command, probes
from deploy.local.layout import LOOPBACK, Layout
from deploy.local.part import Part
from deploy.local.supervision import Supervisor
from deploy.local.wait import require

PACKAGES = ("model", "records", "clients", "activities", "workflows", "worker", "api")
# The queue that every worker serves.
QUEUE = "control"


class Mooring:
    """API and worker of one checkout."""

    def __init__(self, layout: Layout, settings: Mapping[str, str], supervisor: Supervisor) -> None:
        self.layout = layout
        self.settings = settings
        self.supervisor = supervisor

    def parts(self) -> Iterator[Part]:
        yield self._part("worker", self._worker_ready, MOORING_WORKER_METRICS=f"{LOOPBACK}:{self._port + 1}")
        yield self._part("api", lambda: probes.http_ok(f"http://{self._listen}/healthz"), MOORING_LISTEN=self._listen)

    @property
    def _listen(self) -> str:
        return f"{LOOPBACK}:{self._port}"

    @property
    def _port(self) -> int:
        return urlsplit(self.settings["MOORING_URL"]).port or 8000

    def _part(self, name: str, ready: Callable[[], None], **more: str) -> Part:
        return Part(
            name=name,
            ports=(self._port if name == "api" else self._port + 1,),
            command=(str(self.layout.python), "-m", name),
            ready=ready,
            # The worker polls Temporal only once it has reached everything else; the API answers likewise.
            ready_needs=("postgres", "temporal", "kube-apiserver"),
            # The code's digest has `make up` restart what runs older code.
            env={**self.settings, **more, "PYTHONUNBUFFERED": "1", "MOORING_CODE": self._code},
            stop_seconds=20,
        )

    @property
    def _code(self) -> str:
        digest = hashlib.sha256()
        for package in PACKAGES:
            for path in sorted((self.layout.root / package).rglob("*")):
                if path.is_file() and "__pycache__" not in path.parts:
                    digest.update(path.read_bytes())
        return digest.hexdigest()[:16]

    def migrate(self) -> None:
        """Bring Mooring's own database up to date and make the administrator of MOORING_TOKEN; repeatable."""
        words = [str(self.layout.python), "-m", "records", "migrate"]
        command.run(words, self.layout.logs / "setup.log", {**os.environ, **self.settings}, cwd=self.layout.root)

    def _worker_ready(self) -> None:
        asyncio.run(self._polls(self.supervisor.pid_of("worker")))

    async def _polls(self, pid: int) -> None:
        client = await Client.connect(self.settings["TEMPORAL_ADDRESS"])
        request = DescribeTaskQueueRequest(
            namespace=self.settings["TEMPORAL_NAMESPACE"],
            task_queue=TaskQueue(name=QUEUE),
            task_queue_type=TaskQueueType.TASK_QUEUE_TYPE_WORKFLOW,
        )
        reply = await client.workflow_service.describe_task_queue(request, timeout=timedelta(seconds=3))
        # The server remembers pollers that are gone for minutes; the SDK's identity starts with the process's id.
        require(any(poller.identity.startswith(f"{pid}@") for poller in reply.pollers), "the worker does not poll yet")
