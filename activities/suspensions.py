"""The steps that stand still in this worker's care: each is woken when what it waits for changes (architecture: Waiting).

A suspended step holds no place, sends no heartbeat and asks nobody: its app's objects are heard of by the shared watches, and its
workflow is told once something changed that may decide it. What gets lost on the way is found by the workflow's own timer.
"""

import asyncio
import contextlib
import math
import random
from collections.abc import AsyncIterator, Iterable

import structlog

from clients.kubernetes import Object
from clients.temporal import Operations
from clients.watch import Changed, Watches
from model.errors import MooringError
from model.operations import Ask
from model.suspension import NoRoom, Suspended, calm_of_workloads, calm_seconds, net_seconds
from records import Records
from records.connections import for_ever

log = structlog.get_logger()
_AT_ONCE = 8  # wakes that are told side by side
_SEEN_EVERY = 5.0
_GONE_AFTER = 15.0
_TAKEN_AT_ONCE = 50
_AGAIN = 1.0


class _Step(Changed):
    """One suspended step, as its watches tell it."""

    def __init__(self, operation_id: str, workflow_id: str, look: int, due: "asyncio.Queue[_Step]") -> None:
        super().__init__()
        self._clock = asyncio.get_running_loop().time
        self.operation_id = operation_id
        self.workflow_id = workflow_id
        self.over = self._clock() + 2 * net_seconds(look)  # long after its own timer has woken it
        self.subscriptions = contextlib.AsyncExitStack()
        self._calm_until = self._clock() + calm_seconds(look)
        self._paced_until = self._clock() + calm_of_workloads(look)
        self._due = due
        self._timer: asyncio.TimerHandle | None = None
        self._seen: dict[str, object] = {}

    def set(self, event: Object | None = None) -> None:
        """Hear of a change: one that may have passed unseen wakes at once, a workload's nearly so, that of a pod not too often."""
        if event is not None and event["object"]["kind"] == "Pod":
            self.wake_at(self._calm_until)
        elif event is None:
            self.wake_at(self._clock())
        elif self._is_news(event):
            self.wake_at(max(self._clock(), self._paced_until))

    def wake_at(self, at: float) -> None:
        """Have it woken then, unless it is to be earlier."""
        if self._timer is None or at < self._timer.when():
            self.quiet()
            self._timer = asyncio.get_running_loop().call_at(at, self._due.put_nowait, self)

    def quiet(self) -> None:
        """Have it not woken."""
        if self._timer:
            self._timer.cancel()

    def _is_news(self, event: Object) -> bool:
        item = event["object"]
        name, seen = item["metadata"]["name"], (event["type"], item["metadata"].get("deletionTimestamp"), _condition(item))
        known, self._seen[name] = self._seen.get(name), seen
        return known != seen


def _condition(item: Object) -> object:
    """What of a workload's object may decide a step; not when it was looked at, nor in what words."""
    status = item.get("status", {})
    numbers = {field: value for field, value in status.items() if isinstance(value, int)}
    return (
        item["metadata"].get("generation"),
        numbers,
        [(c["type"], c["status"], c.get("reason")) for c in status.get("conditions", ())],
    )


class Suspensions:
    """One per worker; `run` it for good. `worker` is the worker's name in the records, of one life."""

    def __init__(self, records: Records, watches: Watches, operations: Operations, worker: str) -> None:
        self._records = records
        self._watches = watches
        self._operations = operations
        self._worker = worker
        self._steps: dict[str, _Step] = {}
        self._due: asyncio.Queue[_Step] = asyncio.Queue()
        self.woken = 0

    @property
    def count(self) -> int:
        """How many steps are in its care; `woken` is how many it has woken so far."""
        return len(self._steps)

    async def suspend(
        self,
        ask: Ask,
        workflow_id: str,
        place: tuple[str, str],
        kinds: Iterable[str],
        look: int,
        no_room: NoRoom | None = None,
    ) -> Suspended | None:
        """Take a step into care: it is woken by each later change of the objects of those kinds in `place`: a namespace, its app.

        `no_room` is what it has waited for room by now.
        Call it while the step still hears of changes itself, and `release` it where one came meanwhile: so none is missed. None
        when the attempt is over.
        """
        await self.forget(ask.operation_id)
        step = self._steps[ask.operation_id] = _Step(ask.operation_id, workflow_id, look, self._due)
        for kind in kinds:
            await step.subscriptions.enter_async_context(self._watches.subscribed(kind, *place, changed=step))
        if not await self._records.suspensions.add(ask.operation_id, ask.attempt, workflow_id, self._worker, no_room):
            await self.forget(ask.operation_id)
            return None
        return Suspended(seconds=net_seconds(look) * random.uniform(0.8, 1.2))

    async def no_room(self, operation_id: str) -> NoRoom | None:
        """What it had waited for room when it was suspended last, and since."""
        return await self._records.suspensions.no_room(operation_id)

    async def release(self, operation_id: str) -> None:
        """Give a step back that is not suspended after all; idempotent."""
        await self.forget(operation_id)
        await self._records.suspensions.remove(operation_id)

    async def forget(self, operation_id: str) -> None:
        """Wake a step no more, since it is looked at; idempotent."""
        step = self._steps.pop(operation_id, None)
        if step:
            step.quiet()
            await step.subscriptions.aclose()

    async def run(self) -> None:
        """Wake what is due, and take over what other workers left behind; to be cancelled at the worker's end."""
        try:
            async with asyncio.TaskGroup() as tasks:
                for _ in range(_AT_ONCE):
                    tasks.create_task(self._wake_those_due())
                tasks.create_task(for_ever(self._be_seen, "what other workers left behind cannot be taken over"))
        finally:
            for operation_id in list(self._steps):
                await self.forget(operation_id)
            with contextlib.suppress(MooringError):
                await self._records.suspensions.gone(self._worker)

    async def _wake_those_due(self) -> None:
        while True:
            step = await self._due.get()
            if self._steps.get(step.operation_id) is not step:
                continue  # it is looked at already
            try:
                await self._wake(step)
            except MooringError as error:
                log.warning("a suspended step is not woken yet", operation=step.operation_id, reason=error.reason)
                asyncio.get_running_loop().call_later(_AGAIN * random.uniform(1, 3), self._due.put_nowait, step)
            except Exception:
                log.exception("a suspended step was not woken", operation=step.operation_id)

    async def _wake(self, step: _Step) -> None:
        """Tell its workflow; the look that follows takes the step out of the records."""
        told = await self._operations.wake(step.workflow_id)
        self.woken += 1
        if self._steps.get(step.operation_id) is step:
            await self.forget(step.operation_id)
        if not told:  # it was terminated by hand; the reconciler settles it
            await self._records.suspensions.remove(step.operation_id)

    async def _be_seen(self) -> None:
        while True:
            with contextlib.suppress(MooringError):
                await self._records.suspensions.seen(self._worker)
                await self._take_over()
            now = asyncio.get_running_loop().time()
            for step in [step for step in self._steps.values() if step.over < now]:
                await self.forget(step.operation_id)
            await asyncio.sleep(_SEEN_EVERY)

    async def _take_over(self) -> None:
        """What a dead worker would have heard nobody knows: its steps are woken, a number at once."""
        rows = await self._records.suspensions.take_over(self._worker, after=_GONE_AFTER, size=_TAKEN_AT_ONCE)
        for row in rows:
            await self.forget(row["operation_id"])  # it may have been in this worker's care before
            step = self._steps[row["operation_id"]] = _Step(row["operation_id"], row["workflow_id"], 0, self._due)
            step.over = math.inf  # nobody else wakes it, however long Temporal is away
            self._due.put_nowait(step)
        if rows:
            log.info("suspended steps of a worker that has gone are woken", count=len(rows))

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """`run` as long as the context lasts."""
        task = asyncio.create_task(self.run(), name="suspensions")
        try:
            yield
        finally:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task
