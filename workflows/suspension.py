"""How a workflow waits for a step that is suspended: without an activity, until it is woken (docs/design: waiting)."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from model.suspension import Suspended, activity_id

# What a suspended step keeps of its time, to say at its end what it waited for.
_LAST_LOOK = timedelta(seconds=15)
_LEAST = timedelta(seconds=5)


class Wakes:
    """The wakes that were told to a workflow; one that comes twice, late or for nothing costs one look."""

    def __init__(self) -> None:
        self._count = 0

    def tell(self) -> None:
        """Hear one."""
        self._count += 1

    async def run_to_end(self, look: Callable[[str, timedelta], Awaitable[Any]], step: int, left: timedelta, *, heeds: bool) -> Any:
        """The result of a step's activity, which is run again after each wake as long as it ends as Suspended.

        `look` executes it under the activity id and within the time that it is given; `left` is what the step has in all. `heeds`
        says whether a cancellation ends it: one that came while the activity ended is not raised by the SDK.
        """
        until = workflow.now() + left
        count = 0
        while True:
            known = self._count
            result = await look(activity_id(step, count), max(until - workflow.now(), _LEAST) if count else left)
            if not isinstance(result, Suspended):
                return result
            if heeds and workflow.cancellation_reason() is not None:
                raise asyncio.CancelledError
            rest = min(timedelta(seconds=result.seconds), max(until - workflow.now() - _LAST_LOOK, timedelta(0)))
            with contextlib.suppress(TimeoutError):
                await workflow.wait_condition(lambda known=known: self._count > known, timeout=rest)  # type: ignore[misc]
            count += 1
