"""How an attempt ends: what its failure is told as, and that its record is written whatever is away."""

import asyncio
from collections.abc import Awaitable
from datetime import timedelta
from typing import TypeVar

from temporalio import workflow
from temporalio.common import RetryPolicy
from temporalio.exceptions import ActivityError, ApplicationError, ChildWorkflowError
from temporalio.exceptions import TimeoutError as StepTimeout

with workflow.unsafe.imports_passed_through():
    from activities.operations import OperationActivities
    from model.errors import BY_REASON, Cancelled, DeadlineExceeded, Evidence, InternalError, MooringError, OperationError
    from model.operations import Child, Outcome

R = TypeVar("R")
_SETTLE_RETRY = RetryPolicy(initial_interval=timedelta(milliseconds=200), maximum_interval=timedelta(seconds=5))


async def settle(outcome: Outcome) -> None:
    """Write the end: a local activity costs no round trip; if the database is away for longer, an ordinary one waits for it."""
    try:
        await workflow.execute_local_activity_method(
            OperationActivities.settle,
            outcome,
            schedule_to_close_timeout=timedelta(seconds=5),
            start_to_close_timeout=timedelta(seconds=3),
            retry_policy=_SETTLE_RETRY,
        )
    except ActivityError:
        await workflow.execute_activity_method(
            OperationActivities.settle,
            outcome,
            summary="Settle the record",
            start_to_close_timeout=timedelta(seconds=30),
            retry_policy=_SETTLE_RETRY,
        )


async def shielded(work: Awaitable[R]) -> R:
    """Finish `work` even when the workflow is cancelled meanwhile; the cancellation is not heard."""
    task = asyncio.ensure_future(work)
    while True:
        try:
            return await asyncio.shield(task)
        except asyncio.CancelledError:
            if task.done():
                raise


def why(error: BaseException) -> OperationError:
    """The typed error that a failure inside a workflow stands for, evidence and all."""
    if isinstance(error, ActivityError | ChildWorkflowError) and error.cause is not None:
        return why(error.cause)
    if isinstance(error, ApplicationError) and error.details:
        return OperationError.model_validate(error.details[0])
    if isinstance(error, StepTimeout):
        last = why(error.cause) if error.cause is not None else None
        if last and last.reason in BY_REASON and BY_REASON[last.reason].transient:
            # What it was tried again for until the end is the cause, and not that the time is up.
            return last.model_copy(update={"message": f"It did not get done in time: {last.message}"})
        told = DeadlineExceeded("It did not get done in time." + (f" Last: {last.message}" if last else "")).as_error()
        return told.model_copy(update={"evidence": last.evidence}) if last else told
    if isinstance(error, MooringError):
        return error.as_error()
    return InternalError(f"The platform's own code failed: {type(error).__name__}.").as_error()


def with_trouble(told: OperationError, trouble: list[OperationError]) -> OperationError:
    """The failure with what went wrong when taking back what was done."""
    seen = [Evidence(type="step", source="undo", text=f"{t.reason}: {t.message}") for t in trouble]
    message = f"{told.message} Taking back what was done failed too: {trouble[0].message}"
    return told.model_copy(update={"message": message, "evidence": [*told.evidence, *seen]})


class ChildFailed(Exception):
    """A child operation ended FAILED or, by a cancel of its own, CANCELLED; `error` is what its record tells."""

    def __init__(self, child: Child, error: OperationError) -> None:
        super().__init__(error.message)
        self.child = child
        self.error = error


def by_somebody(child: Child) -> OperationError:
    """The error of a child that ended CANCELLED; Temporal does not pass on why, its record does."""
    return Cancelled(f"It was cancelled or rolled back; the record of {child.operation_id} says by whom.").as_error()
