"""The worker as it is, and it kills itself where a file says.

The file holds boundaries as JSON. Reaching one of them, the worker takes it out of the file and sends itself SIGKILL; the next
worker dies at another one.
"""

import asyncio
import functools
import os
import signal
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter
from temporalio import activity
from temporalio.client import Interceptor as ClientInterceptor
from temporalio.worker import ActivityInboundInterceptor, ExecuteActivityInput, Interceptor

from clients import temporal
from model.base import Frozen
from model.suspension import step_of
from worker.main import main

SETTLE = 0


class Boundary(Frozen):
    """Before or after the step `step` (from 1; SETTLE is the record's end) of the operation of `kind` on `project`.

    "before": the try has been handed to the worker, nothing of it has been done. "after": it is done and on record, but
    Temporal has not been told.
    """

    kind: str
    project: str
    step: int
    side: str


BOUNDARIES = TypeAdapter(list[Boundary])


class _Killer(ClientInterceptor, Interceptor):
    def __init__(self, file: Path) -> None:
        self._file = file

    def intercept_activity(self, next: ActivityInboundInterceptor) -> ActivityInboundInterceptor:
        """Wrap every try, outside of the worker's own interceptor."""
        return _Watched(next, self._file)


class _Watched(ActivityInboundInterceptor):
    def __init__(self, next: ActivityInboundInterceptor, file: Path) -> None:
        super().__init__(next)
        self._file = file

    async def execute_activity(self, input: ExecuteActivityInput) -> Any:
        """Run one try, unless this is where the worker has to die."""
        self._die("before")
        try:
            return await self.next.execute_activity(input)
        finally:
            self._die("after")

    def _die(self, side: str) -> None:
        if not self._file.exists():
            return
        left, info = BOUNDARIES.validate_json(self._file.read_text()), activity.info()
        step = SETTLE if info.activity_type == "operation.settle" else step_of(info.activity_id)
        operation = info.workflow_id or ""
        for chosen in left:
            if (chosen.side, chosen.step) == (side, step) and operation.startswith(f"{chosen.kind}/{chosen.project}/"):
                left.remove(chosen)
                self._file.write_bytes(BOUNDARIES.dump_json(left))
                os.kill(os.getpid(), signal.SIGKILL)


def run(armed: Path, log: Path, environment: Mapping[str, str]) -> None:
    """Be the worker, in a process of its own; it writes to `log`."""
    os.environ.clear()
    os.environ.update(environment)
    with log.open("ab") as out:
        for stream in (1, 2):
            os.dup2(out.fileno(), stream)
    temporal.connect = functools.partial(temporal.connect, interceptors=[_Killer(armed)])
    asyncio.run(main())
