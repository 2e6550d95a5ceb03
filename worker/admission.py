"""Starts the operations that waited for a place, in their turn (records/admission.py says whose it is)."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

import structlog

from clients.temporal import Operations
from model.errors import MooringError
from records import Records
from records.connections import listen
from records.store import Row
from worker.metrics import ADMITTED

log = structlog.get_logger()
_CHANNEL = "admission"
_ASK_AGAIN = 5.0  # seconds after which the line is looked at although no place was told to be free


class Admission:
    """One per worker; of several each may admit, one at a time. `running` it for good."""

    def __init__(self, records: Records, operations: Operations, url: str) -> None:
        self._records = records
        self._operations = operations
        self._url = url
        self._free = asyncio.Event()

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Admit as long as the context lasts."""
        listening = listen(self._url, _CHANNEL, lambda _: self._free.set(), self._free.set)
        tasks = [asyncio.create_task(listening), asyncio.create_task(self._admit())]
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _admit(self) -> None:
        while True:
            self._free.clear()
            try:
                if await self._records.admission.anybody_waits():
                    async with self._records.transaction() as tx:
                        admitted = await tx.admission.admit()
                    await asyncio.gather(*map(self._start, admitted))
            except MooringError as error:
                log.warning("nobody is admitted for a moment", reason=error.reason)
            except Exception:
                log.exception("the admission of operations failed")
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._free.wait(), _ASK_AGAIN)

    async def _start(self, row: Row) -> None:
        try:
            await self._operations.start(row["kind"], row["workflow_id"], row["ask"])
            ADMITTED.inc()
        except MooringError as error:
            log.warning("not started yet; the reconciler will", operation=row["id"], reason=error.reason)
