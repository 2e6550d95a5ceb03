"""What every operation is: titled steps with undos, an end that is always recorded (architecture: An operation's life)."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Coroutine, Iterator, Mapping
from datetime import datetime, timedelta
from types import TracebackType
from typing import Any, ClassVar, TypeVar

from temporalio import workflow
from temporalio.common import SearchAttributeKey
from temporalio.exceptions import (
    ActivityError,
    ApplicationError,
    ChildWorkflowError,
    FailureError,
    WorkflowAlreadyStartedError,
    is_cancelled_exception,
)
from temporalio.workflow import ActivityCancellationType, ChildWorkflowCancellationType, ParentClosePolicy

from workflows.ending import ChildFailed, by_somebody, settle, shielded, why, with_trouble
from workflows.suspension import Wakes

with workflow.unsafe.imports_passed_through():
    from activities.controls import ControlActivities
    from activities.operations import OperationActivities
    from clients.temporal import CONTROL_SIGNAL, run_options
    from model.controls import LONGEST_PAUSE, Controls, Hold, stopped
    from model.errors import DeadlineExceeded, MooringError, OperationError
    from model.operations import Ask, Child, Outcome, Status, StepNote, Verb
    from workflows.planning.order import Order
    from workflows.policies import QUICK, UNDO_WITHIN, WATCH, Policy

A = TypeVar("A")
R = TypeVar("R")
Step = Callable[[Any, A], Awaitable[R]]

_STATUS = SearchAttributeKey.for_keyword("MooringStatus")
_CHILD_TRIES = 3
_PARTS_AT_ONCE = 16  # a stack of thousands is not to have everything to itself
_TO_ASK = timedelta(seconds=30)


class Operation:
    """Base of all operation workflows.

    `forward_only` kinds refuse cancel from the start; `preempts` kinds take a busy target over instead of answering 409.
    `controls` are what may be asked of a running one beside cancel: a kind with pause has checkpoints, one with promote gates,
    one with rollback undoes all it did when it is cancelled.
    """

    forward_only: ClassVar[bool] = False
    preempts: ClassVar[bool] = False
    controls: ClassVar[frozenset[Verb]] = frozenset()

    def __init__(self) -> None:
        self._ask: Ask | None = None
        self._total = 0
        self._seq = 0
        self._forward = False
        self._unwinding = False
        self._undos: list[tuple[str, Step[Any, None], Any]] = []
        self._stopped_clock = timedelta(0)
        self._standing = 0
        self._standing_since: datetime | None = None
        self._told = Controls(attempt=0)
        self._wakes = Wakes()

    @workflow.signal(name="wake")
    def wake(self) -> None:
        """Look again at the steps that are suspended."""
        self._wakes.tell()

    @workflow.signal(name="control")
    def control(self, asked: Controls) -> None:
        """Hear what is asked of the operation as a whole; told twice or out of order, the newest counts."""
        if (asked.attempt, asked.version) > (self._told.attempt, self._told.version):
            self._told = asked

    def recorded(self, ask: Ask, *, steps: int) -> "_Recorded":
        """The span of an attempt: whatever happens inside, the undos run and the record is settled, once.

        `steps` is how many are expected, for the record's progress; 0 when that is counted in children. Nothing is awaited on
        entry.
        """
        self._ask = ask
        self._total = steps
        self._forward = self.forward_only
        return _Recorded(self)

    async def step(self, title: str, method: Step[A, R], arg: A, *, undo: Step[A, None] | None = None, policy: Policy = QUICK) -> R:
        """Run one activity as a titled step; `undo` is registered before it starts and gets the same argument.

        A transient failure is tried again until the deadline; after `point_of_no_return` a cancellation is not heard. One that
        stands still is suspended: nothing runs until it is woken.
        """
        if undo is not None:
            self._undos.append((title, undo, arg))
        left = self._left()
        return await self._heeding(self._run(title, method, arg, policy, left))

    async def checkpoint(
        self, title: str, words: str, *, because: str = "", always: bool = False, batch: int | None = None
    ) -> None:
        """A point between parts of the work where a pause holds that was asked for or that the operation makes by itself.

        `because` says why it does; promoted it does not, unless `always`. `batch` is the one that holds then. Without a pause
        it passes at once. The record is PAUSED meanwhile, its message begins with `words`, and the deadline's clock stands; resume
        and promote go on, a cancellation is heard. Raises DeadlineExceeded when nobody did for LONGEST_PAUSE.
        """
        while self._asked.paused or (because and (always or not self._asked.promoted)):
            known = self._asked.version
            with self._clock_standing():
                held = await self._hold(title, words, because, batch)
                try:
                    await self._heeding(self._until_asked(title, known))
                finally:
                    workflow.upsert_search_attributes([_STATUS.value_set(Status.RUNNING)])
            if held and not self._asked.paused:
                return

    @property
    def promoted(self) -> bool:
        """Whether the pauses and gates that are left are to be skipped."""
        return self._asked.promoted

    def renew_deadline(self) -> None:
        """The attempt has its whole budget of time again, from now on."""
        self._stopped_clock = workflow.now() - workflow.info().start_time

    async def finished(self, *tasks: "asyncio.Task[Any]") -> list[Any]:
        """The results or errors of tasks that were begun beside the steps, when all have ended; a cancellation waits for them."""
        return await shielded(asyncio.gather(*tasks, return_exceptions=True))

    @property
    def _asked(self) -> Controls:
        """What is asked of this attempt, as far as it was told."""
        assert self._ask is not None
        return self._told if self._told.attempt == self._ask.attempt else Controls(attempt=self._ask.attempt)

    async def _hold(self, title: str, words: str, because: str, batch: int | None) -> bool:
        """Have the pause recorded; False when the record knows of something newer, which is then about to be told."""
        assert self._ask is not None
        hold = Hold(
            operation_id=self._ask.operation_id,
            attempt=self._ask.attempt,
            version=self._asked.version,
            title=title[:200],
            words=words,
            because=because,
            batch=batch,
            verbs=tuple(verb for verb in Verb if verb in self.controls_of(self._ask.model_dump())),
        )
        workflow.upsert_search_attributes([_STATUS.value_set(Status.PAUSED)])
        return await self._heeding(self._run(None, ControlActivities.hold, hold, QUICK, self._left()))

    async def _until_asked(self, title: str, known: int) -> None:
        try:
            await workflow.wait_condition(lambda: self._asked.version > known, timeout=LONGEST_PAUSE)
        except TimeoutError:
            raise DeadlineExceeded(
                f"{title}: nobody resumed it within {LONGEST_PAUSE.days} days.", hint="Retry: it goes on where it stopped."
            ) from None

    async def _heeding(self, running: Awaitable[R]) -> R:
        """Wait for it; a cancellation is heard also where the work ended well all the same, unless it only goes forward now."""
        if self._forward:
            return await shielded(running)
        result = await running
        if workflow.cancellation_reason() is not None:
            # The activity ended well just as it was told to stop; the SDK then returns its result, and nobody would hear again.
            raise asyncio.CancelledError
        return result

    async def child(self, title: str, accept: Step[A, Child | None], arg: A, runs: Mapping[str, Callable[..., Any]]) -> None:
        """Accept a child operation in a step, then run its kind's workflow (`runs`, by kind) to its end under its own record.

        `accept` answers None when the child's work holds already. Once accepted it is started whatever comes, for nobody else
        would settle it; a cancellation then goes to the child, which ends as its own kind says. Raises ChildFailed with the
        child's own error.
        """
        begun = await shielded(self._begin_child(title, accept, arg, runs))
        if begun is None:
            return
        child, handle = begun
        if workflow.cancellation_reason() is not None and not self._forward:
            handle.cancel()
        try:
            with self._clock_standing() if child.has_own_time else contextlib.nullcontext():
                await (shielded(handle) if self._forward else handle)
        except ChildWorkflowError as error:
            told = by_somebody(child) if is_cancelled_exception(error) else why(error)
            raise ChildFailed(child, told) from error

    @contextlib.contextmanager
    def _clock_standing(self) -> Iterator[None]:
        """The deadline's clock stands, as in a pause or while a child runs that has its own time: once for all of them."""
        self._standing += 1
        self._standing_since = since = self._standing_since or workflow.now()
        try:
            yield
        finally:
            self._standing -= 1
            if not self._standing:
                self._stopped_clock += workflow.now() - since
                self._standing_since = None

    async def _begin_child(
        self, title: str, accept: Step[A, Child | None], arg: A, runs: Mapping[str, Callable[..., Any]]
    ) -> tuple[Child, workflow.ChildWorkflowHandle[Any, Any]] | None:
        tries = 0
        while True:
            tries += 1
            child = await self._run(title, accept, arg, WATCH, self._left())
            if child is None:
                return None
            try:
                handle = await workflow.start_child_workflow(
                    runs[child.kind],
                    child.ask,
                    id=child.workflow_id,
                    cancellation_type=ChildWorkflowCancellationType.WAIT_CANCELLATION_COMPLETED,
                    parent_close_policy=ParentClosePolicy.REQUEST_CANCEL,
                    **run_options(child.kind, Ask.model_validate(child.ask)),
                )
                # It may have ended already: then nothing is left to pause. What is not told here the reconciler tells.
                with contextlib.suppress(FailureError):
                    if asked := await self._asked_of(child):
                        await handle.signal(CONTROL_SIGNAL, asked)
                return child, handle
            except WorkflowAlreadyStartedError:
                # Somebody retried it alone at the same moment: asked again, the step waits for that run's end.
                if tries == _CHILD_TRIES:
                    raise

    async def _asked_of(self, child: Child) -> Controls | None:
        """What was asked of a child until it was started: where it was not there yet nobody could tell it."""
        if child.has_own_time and workflow.patched("what-was-asked-before-the-start"):
            found = await self._run(None, ControlActivities.asked, child.operation_id, QUICK, _TO_ASK)
            return found if found and found.version else None
        return Controls.model_validate(child.asked) if child.asked else None

    async def in_order(self, order: Order, run: Callable[[str], Coroutine[Any, Any, None]]) -> dict[str, Exception]:
        """Run each part as soon as those it comes after are done, independent ones side by side; the failures by part.

        A pause holds before the next parts start; what runs goes on. A failure lets what runs finish, and keeps what comes
        after it from starting. A cancellation is passed on to all that runs and raised when they have ended.
        """
        running: dict[str, asyncio.Task[None]] = {}
        failed: dict[str, Exception] = {}
        if len(order) > _PARTS_AT_ONCE and workflow.patched("parts-take-turns"):
            order.take_turns(_PARTS_AT_ONCE)
        try:
            while True:
                if ready := order.ready():
                    await self.checkpoint(f"Pause before {', '.join(ready)}", "What runs already goes on, nothing further starts.")
                running |= {part: asyncio.create_task(run(part)) for part in ready}
                if not running:
                    return failed
                ended = workflow.wait(list(running.values()), return_when=asyncio.FIRST_COMPLETED)
                await (shielded(ended) if self._forward else ended)
                for part in [part for part, task in running.items() if task.done()]:
                    if error := running.pop(part).exception():
                        assert isinstance(error, Exception)
                        failed[part] = error
                        order.failed(part)
                    else:
                        order.done(part)
        except asyncio.CancelledError:
            for task in running.values():
                task.cancel()
            await shielded(asyncio.gather(*running.values(), return_exceptions=True))
            raise
        except Exception:  # a pause that could not be held, or lasted too long
            await shielded(asyncio.gather(*running.values(), return_exceptions=True))
            raise

    async def take_over(self, ask: Ask) -> None:
        """First step of a pre-empting kind: the operation that held the target is cancelled and has settled."""
        if ask.preempts:
            self._total += 1 if self._total else 0
            await self.step("Stop the running operation", OperationActivities.take_over, ask, policy=WATCH)

    @classmethod
    def controls_of(cls, ask: Mapping[str, Any]) -> frozenset[Verb]:
        """The controls of the one operation with that ask; by default all of its kind's."""
        return cls.controls

    def on_end(self, title: str, undo: Step[A, None], arg: A) -> None:
        """Register an undo that belongs to several steps, before the first of them."""
        self._undos.append((title, undo, arg))

    def point_of_no_return(self) -> None:
        """From here on the operation only goes forward: nothing is undone, cancel is refused.

        Where a cancellation led here, a pause that was asked for before it is over: nobody can resume that any more.
        """
        self._forward = True
        self._undos.clear()
        if workflow.cancellation_reason() is not None:
            self._told = self._told.model_copy(update={"paused": False})

    def note(self, title: str) -> StepNote:
        """What the worker's interceptor sends along with a step, in a header."""
        assert self._ask is not None
        return StepNote(
            operation_id=self._ask.operation_id,
            attempt=self._ask.attempt,
            title=title,
            total=self._total,
            forward=self._forward and not self._unwinding,
            undo=self._unwinding,
        )

    def _left(self) -> timedelta:
        assert self._ask is not None
        stands = workflow.now() - self._standing_since if self._standing_since else timedelta(0)
        begun = workflow.info().start_time + self._stopped_clock + stands
        left = begun + timedelta(seconds=self._ask.deadline_seconds) - workflow.now()
        if left <= timedelta(0):
            raise DeadlineExceeded(f"It did not get done within its deadline of {self._ask.deadline_seconds} s.")
        return left

    async def _run(self, title: str | None, method: Step[A, R], arg: A, policy: Policy, left: timedelta) -> R:
        """One activity; with a title it is a step, of which the worker's interceptor keeps a row."""
        self._seq += 1

        async def look(activity_id: str, left: timedelta) -> R:
            return await workflow.execute_activity_method(
                method,  # type: ignore[arg-type]  # the SDK's overloads cannot express a generic method
                arg,
                activity_id=activity_id,
                summary=title[:200] if title else None,
                start_to_close_timeout=min(policy.one_try or left, left),
                schedule_to_close_timeout=left,
                retry_policy=policy.retry,
                cancellation_type=ActivityCancellationType.WAIT_CANCELLATION_COMPLETED,
            )

        heeds = not self._forward and not self._unwinding
        result: R = await self._wakes.run_to_end(look, self._seq, left, heeds=heeds)
        return result

    async def _end(self, result: dict[str, Any] | None, error: BaseException | None) -> None:
        assert self._ask is not None
        status, told = Status.SUCCEEDED, None
        if error is not None:
            # Told to stop, a step may also end with a failure of its own: nobody asks for that any more.
            told_to_stop = workflow.cancellation_reason() is not None and not self._forward
            cancelled = told_to_stop or is_cancelled_exception(error)
            status = Status.CANCELLED if cancelled else Status.FAILED
            told = stopped(workflow.cancellation_reason() or "").as_error() if cancelled else why(error)
            trouble = await self._unwind(cancelled=cancelled)
            if trouble:
                status, told = Status.FAILED, with_trouble(told, trouble)
            told = told.of(self._ask.operation_id, self._ask.deadline_seconds)
        workflow.upsert_search_attributes([_STATUS.value_set(status)])
        outcome = Outcome(operation_id=self._ask.operation_id, attempt=self._ask.attempt, status=status, error=told, result=result)
        await settle(outcome)

    async def _unwind(self, *, cancelled: bool) -> list[OperationError]:
        """Run the undos in reverse; what fails is told, and the others still run."""
        self._unwinding = True
        trouble = []
        for title, undo, arg in reversed(self._undos if self._undoes(cancelled=cancelled) else []):
            try:
                await self._run(f"Undo: {title}", undo, arg, WATCH, UNDO_WITHIN)
            except ActivityError as error:
                trouble.append(why(error))
        return trouble

    def _undoes(self, *, cancelled: bool) -> bool:
        """Whether this end takes back what was done: a failure too, unless the kind keeps it for inspection."""
        return cancelled or not self.keeps_failed

    keeps_failed: ClassVar[bool] = False


class _Recorded:
    """The async context manager behind `Operation.recorded`; set `result` to what the record shall show.

    `left` is what it shows of an attempt that did not succeed.
    """

    def __init__(self, operation: Operation) -> None:
        self._operation = operation
        self.result: dict[str, Any] | None = None
        self.left: dict[str, Any] | None = None

    async def __aenter__(self) -> "_Recorded":
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        # Anything but an Exception or a cancellation is the SDK evicting the workflow: it must pass untouched.
        if error is None or isinstance(error, Exception | asyncio.CancelledError):
            await shielded(self._operation._end(self.result if error is None else self.left, error))
        if isinstance(error, MooringError):
            raise ApplicationError(error.message, error.as_error(), type=error.reason, non_retryable=True) from error
