"""The bookkeeping of steps: written straight to PostgreSQL around each try, without one workflow event (architecture: One step).

The workflow side puts the step's note into a header of the activity and says how soon its worker's death is noticed, which no
history depends on. The activity side writes the step's row, sends heartbeats by a timer, and turns our errors into Temporal's
failures.
"""

import asyncio
import contextlib
import dataclasses
import random
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import structlog
from temporalio import activity, workflow
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.exceptions import ApplicationError, ApplicationErrorCategory
from temporalio.worker import (
    ActivityInboundInterceptor,
    ExecuteActivityInput,
    Interceptor,
    StartActivityInput,
    WorkflowInboundInterceptor,
    WorkflowInterceptorClassInput,
    WorkflowOutboundInterceptor,
)

from activities.progress import Teller, teller
from model.backoff import pause
from model.errors import InternalError, MooringError, PlatformUnavailable
from model.operations import StepNote, StepStatus
from model.suspension import Suspended, look_of, step_of
from records import Records
from worker.metrics import RAN_OUT, RUNNING

log = structlog.get_logger()
_HEADER = "mooring-step"
_FINISH_WITHIN = 10.0
_LONGEST_PAUSE = 15.0  # seconds between two tries
_OVERLOADED = "PlatformOverloaded: The workflow service did not hear of this try in time and gave it up; it is tried again."
BEATS = 5  # heartbeats in the time of one timeout, so that a busy machine may delay some


class StepInterceptor(Interceptor):
    """Given to the worker; `records` is where the rows go, what is silent for `heartbeat` is taken up by another worker."""

    def __init__(self, records: Records, heartbeat: timedelta) -> None:
        self._records = records
        self._heartbeat = heartbeat

    def intercept_activity(self, next: ActivityInboundInterceptor) -> ActivityInboundInterceptor:
        """Wrap every try of an activity."""
        return _ActivitySide(next, self._records)

    def workflow_interceptor_class(self, input: WorkflowInterceptorClassInput) -> type[WorkflowInboundInterceptor]:
        """Wrap what workflows start."""
        heartbeat = self._heartbeat

        class WorkflowSide(WorkflowInboundInterceptor):
            def init(self, outbound: WorkflowOutboundInterceptor) -> None:
                super().init(_Outbound(outbound, heartbeat))

        return WorkflowSide


class _Outbound(WorkflowOutboundInterceptor):
    def __init__(self, next: WorkflowOutboundInterceptor, heartbeat: timedelta) -> None:
        super().__init__(next)
        self._heartbeat = heartbeat

    def start_activity(self, input: StartActivityInput) -> workflow.ActivityHandle[Any]:
        # The sandbox imports the workflow's modules anew, so its Operation is another class object: ask for the method.
        note_of = getattr(workflow.instance(), "note", None)
        if note_of and input.summary and input.activity_id:
            payload = pydantic_data_converter.payload_converter.to_payload(note_of(input.summary))
            input = dataclasses.replace(input, headers={**input.headers, _HEADER: payload})
        if input.heartbeat_timeout is None:
            input = dataclasses.replace(input, heartbeat_timeout=self._heartbeat)
        return super().start_activity(input)


class _ActivitySide(ActivityInboundInterceptor):
    def __init__(self, next: ActivityInboundInterceptor, records: Records) -> None:
        super().__init__(next)
        self._records = records

    async def execute_activity(self, input: ExecuteActivityInput) -> Any:
        """Run one try: row, heartbeats, the activity, row."""
        payload = input.headers.get(_HEADER)
        async with _heartbeats():
            with RUNNING.labels(activity.info().activity_type).track_inprogress():
                return await self._run(payload, input)

    async def _run(self, payload: Any, input: ExecuteActivityInput) -> Any:
        if payload is None:
            return await _told(lambda: self.next.execute_activity(input))
        note = pydantic_data_converter.payload_converter.from_payload(payload, StepNote)
        return await _told(lambda: self._step(note, input))

    async def _step(self, note: StepNote, input: ExecuteActivityInput) -> Any:
        operations = self._records.operations
        info = activity.info()
        seq = step_of(info.activity_id)
        if look_of(info.activity_id):
            await self._records.suspensions.resume(note.operation_id, note.attempt)
        if not look_of(info.activity_id) or info.attempt > 1:
            await operations.step_started(note, seq, info.activity_type, info.workflow_run_id or "")

        async def write(message: str) -> None:
            with contextlib.suppress(PlatformUnavailable):  # words on the way are not worth failing a step
                await operations.step_message(note, seq, message)

        telling = Teller(write)
        token = teller.set(telling)
        try:
            result = await self.next.execute_activity(input)
        except asyncio.CancelledError:
            if _ran_out():
                RAN_OUT.labels(info.activity_type).inc()
                await self._finish(note, seq, StepStatus.FAILED, _OVERLOADED)
            elif not activity.is_worker_shutdown():
                await self._finish(note, seq, StepStatus.CANCELLED, telling.message or "cancelled")
            raise
        except MooringError as error:
            await self._finish(note, seq, StepStatus.FAILED, f"{error.reason}: {error.message}")
            raise
        except Exception as error:
            await self._finish(note, seq, StepStatus.FAILED, f"InternalError: {type(error).__name__}")
            raise
        finally:
            teller.reset(token)
        if isinstance(result, Suspended):
            return result  # it goes on: the row stays open, with the words that it was left with
        await self._finish(note, seq, StepStatus.UNCHANGED if telling.unchanged else StepStatus.SUCCEEDED, telling.message)
        return result

    async def _finish(self, note: StepNote, seq: int, status: StepStatus, message: str) -> None:
        """Write the step's end; the database may be away for a moment, and the work must not be done again for that."""
        give_up = asyncio.get_running_loop().time() + _FINISH_WITHIN
        while True:
            try:
                return await self._records.operations.step_finished(note, seq, status, message)
            except PlatformUnavailable:
                if asyncio.get_running_loop().time() > give_up:
                    raise
                await asyncio.sleep(0.3)


def _ran_out() -> bool:
    """Whether it was not told to stop, but given up by Temporal, which had not heard of it in time."""
    details = activity.cancellation_details()
    return bool(details and (details.timed_out or details.not_found) and not (details.cancel_requested or details.worker_shutdown))


async def _told(run: Callable[[], Awaitable[Any]]) -> Any:
    """Our errors as Temporal's: the type is the reason, the details the whole error, definite ones are not tried again."""
    try:
        return await run()
    except MooringError as error:
        raise ApplicationError(
            error.message,
            error.as_error(),
            type=error.reason,
            non_retryable=not error.transient,
            next_retry_delay=_delay() if error.transient else None,
            category=ApplicationErrorCategory.BENIGN,  # the record tells it; the worker's log is for the platform's own faults
        ) from error
    except ApplicationError:
        raise
    except Exception as error:
        # The exception's own words may hold what must not be recorded; its place in the code is in the worker's log.
        log.exception("activity failed unexpectedly", activity=activity.info().activity_type)
        told = InternalError(f"The platform's own code failed: {type(error).__name__} in {activity.info().activity_type}.")
        raise ApplicationError(told.message, told.as_error(), type=told.reason, non_retryable=True) from error


def _delay() -> timedelta:
    """Until the next try; never beyond half of the time that the step has left: what comes back late is still used."""
    info = activity.info()
    found = timedelta(seconds=pause(info.attempt, random.random(), _LONGEST_PAUSE))
    if not info.schedule_to_close_timeout:
        return found
    left = info.scheduled_time + info.schedule_to_close_timeout - datetime.now(UTC)
    return max(timedelta(), min(found, left / 2))


@contextlib.asynccontextmanager
async def _heartbeats() -> AsyncIterator[None]:
    """Heartbeat by a timer while the activity runs, whatever it waits for; this is also how a cancellation arrives."""
    timeout = activity.info().heartbeat_timeout
    if not timeout or activity.info().is_local:
        yield
        return

    async def beat() -> None:
        while True:
            await asyncio.sleep(timeout.total_seconds() / BEATS)  # first: a short activity costs no request for it
            activity.heartbeat()

    beating = asyncio.create_task(beat())
    try:
        yield
    finally:
        beating.cancel()
