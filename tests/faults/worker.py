"""`python -m tests.faults.worker FILE`: the worker as it is, and it kills itself where FILE says.

FILE holds a `Boundary` as JSON. Reaching it, the worker removes FILE and sends itself SIGKILL; the next one finds no FILE.
"""

import asyncio
import functools
import os
import signal
import sys
from pathlib import Path
from typing import Any

from temporalio import activity
from temporalio.client import Interceptor as ClientInterceptor
from temporalio.worker import ActivityInboundInterceptor, ExecuteActivityInput, Interceptor

from clients import temporal
from model.base import Frozen
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

    def __str__(self) -> str:
        """For the names of tests."""
        return f"{self.side}-" + ("settle" if self.step == SETTLE else f"step-{self.step}")


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
        chosen, info = Boundary.model_validate_json(self._file.read_text()), activity.info()
        step = SETTLE if info.activity_type == "operation.settle" else int(info.activity_id)
        here = side == chosen.side and step == chosen.step
        if here and (info.workflow_id or "").startswith(f"{chosen.kind}/{chosen.project}/"):
            self._file.unlink()
            os.kill(os.getpid(), signal.SIGKILL)


if __name__ == "__main__":
    temporal.connect = functools.partial(temporal.connect, interceptors=[_Killer(Path(sys.argv[1]))])
    asyncio.run(main())
