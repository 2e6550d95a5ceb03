"""What is asked of a running operation, on a real PostgreSQL: compare-and-set, who and when, pauses that hold once."""

import asyncio
from datetime import UTC, datetime
from typing import Any

import pytest

from model.controls import Hold, Stop
from model.errors import StaleAttempt
from model.operations import Status, StepStatus, Verb
from records import Records
from tests.integration.test_operation_store import accept, new, note, reopen, settle
from tests.platform import unique

UNTIL = datetime(2100, 1, 1, tzinfo=UTC)


def hold(operation: str, version: int = 0, attempt: int = 1) -> Hold:
    return Hold(
        operation_id=operation,
        attempt=attempt,
        version=version,
        title="Pause",
        words="It waits.",
        because="This pause was planned.",
        verbs=(Verb.RESUME,),
    )


async def running(records: Records) -> str:
    operation = await accept(records, new(unique("web")))
    await records.operations.step_started(note(operation), 1, "app.apply", "run-1")
    await records.operations.step_finished(note(operation), 1, StepStatus.SUCCEEDED, "")
    return operation


async def paused(records: Records, seq: int = 2, version: int = 0) -> str:
    operation = await running(records)
    assert await records.controls.hold(hold(operation, version), seq, "run-1", "It waits.", UNTIL)
    return operation


async def events(records: Records, operation: str) -> list[tuple[str, Any]]:
    return [(event["type"], event["data"].get("status")) for event in await records.operations.events_after(operation, 0)]


async def test_a_pause_that_holds_is_on_the_record_as_an_open_step(records: Records) -> None:
    operation = await paused(records)
    row = await records.operations.with_steps(operation)
    assert (row["status"], row["pause"]["message"], row["pause"]["title"]) == (Status.PAUSED, "It waits.", "Pause")
    step = row["steps"][-1]
    assert (step["seq"], step["title"], step["status"], step["message"]) == (2, "Pause", StepStatus.RUNNING, "It waits.")
    assert (await events(records, operation))[-2:] == [("step", "RUNNING"), ("status", "PAUSED")]
    assert row["done"] == 1, "a pause is no progress"


@pytest.mark.parametrize("verb", [Verb.RESUME, Verb.PROMOTE])
async def test_resume_and_promote_end_it_and_close_its_step(records: Records, verb: Verb) -> None:
    operation = await paused(records)
    asked = await records.controls.ask(operation, verb, "bea")
    assert asked is not None
    assert (asked.version, asked.paused, asked.promoted) == (1, False, verb is Verb.PROMOTE)
    row = await records.operations.with_steps(operation)
    assert (row["status"], row["pause"]) == (Status.RUNNING, None)
    assert (row["steps"][-1]["status"], row["steps"][-1]["message"].split()[0]) == (StepStatus.SUCCEEDED, "bea")
    assert [(c["verb"], c["actor"], c["attempt"]) for c in row["controls"]] == [(verb, "bea", 1)]
    assert (await events(records, operation))[-2:] == [("control", "RUNNING"), ("step", "SUCCEEDED")]
    assert row["seq"] == (await records.operations.events_after(operation, 0))[-1]["seq"]


async def test_of_many_who_resume_at_once_one_does(records: Records) -> None:
    operation = await paused(records)
    asked = await asyncio.gather(*(records.controls.ask(operation, Verb.RESUME, f"p{n}") for n in range(10)))
    assert [one.version for one in asked if one] == [1]


async def test_a_pause_is_asked_for_once_and_can_be_withdrawn(records: Records) -> None:
    operation = await running(records)
    assert await records.controls.ask(operation, Verb.PAUSE, "ann")
    assert await records.controls.ask(operation, Verb.PAUSE, "bea") is None
    withdrawn = await records.controls.ask(operation, Verb.RESUME, "ann")
    assert withdrawn is not None
    assert (withdrawn.version, withdrawn.paused) == (2, False)
    assert await records.controls.ask(operation, Verb.RESUME, "ann") is None
    assert (await records.operations.get(operation))["status"] == Status.RUNNING


async def test_a_pause_does_not_hold_when_something_was_asked_meanwhile(records: Records) -> None:
    operation = await running(records)
    await records.controls.ask(operation, Verb.PAUSE, "ann")
    assert not await records.controls.hold(hold(operation, version=0), 2, "run-1", "It waits.", UNTIL)
    assert await records.controls.hold(hold(operation, version=1), 3, "run-1", "It waits.", UNTIL)


async def test_a_pause_written_by_an_earlier_try_holds_although_it_was_ended_meanwhile(records: Records) -> None:
    """The worker died after it wrote the pause; the next try must not begin it anew after somebody resumed."""
    operation = await paused(records)
    await records.controls.ask(operation, Verb.RESUME, "ann")
    assert await records.controls.hold(hold(operation), 2, "run-1", "It waits.", UNTIL)
    assert (await records.operations.get(operation))["status"] == Status.RUNNING


async def test_a_paused_operation_is_pre_empted_like_any_other(records: Records) -> None:
    operation = await paused(records)
    row = await records.operations.get(operation)
    delete = await accept(records, new(row["target_name"], preempts=True, cancellable=False))
    victim = await records.operations.get(operation)
    assert (victim["status"], victim["pause"], victim["preempted_by"]) == (Status.CANCELLING, None, delete)
    assert await records.controls.ask(operation, Verb.RESUME, "ann") is None


async def test_who_cancelled_first_is_on_record(records: Records) -> None:
    operation = await paused(records)
    await records.operations.request_cancel(operation, Stop(verb=Verb.ROLLBACK, actor="ann"))
    await records.operations.request_cancel(operation, Stop(verb="cancel", actor="bea"))
    row = await records.operations.with_steps(operation)
    assert [(c["verb"], c["actor"]) for c in row["controls"]] == [("rollback", "ann")]
    (waiting,) = [one for one in await records.operations.unsettled(-1) if one["id"] == operation]
    assert waiting["stop"] == {"verb": "rollback", "actor": "ann"}


async def test_a_retry_begins_without_what_was_asked_of_the_attempt_before(records: Records) -> None:
    operation = await paused(records)
    await records.controls.ask(operation, Verb.PROMOTE, "ann")
    await settle(records, operation)
    row = await reopen(records, operation)
    assert (row["control_seq"], row["control_told"], row["pause_asked"], row["promoted"], row["pause"]) == (
        0,
        0,
        False,
        False,
        None,
    )
    assert await records.controls.ask(operation, Verb.PAUSE, "ann")
    with pytest.raises(StaleAttempt):
        await records.controls.hold(hold(operation, attempt=1), 9, "run-1", "It waits.", UNTIL)


async def test_settling_ends_a_pause(records: Records) -> None:
    operation = await paused(records)
    await settle(records, operation, Status.CANCELLED)
    row = await records.operations.with_steps(operation)
    assert (row["pause"], row["steps"][-1]["status"]) == (None, StepStatus.CANCELLED)


async def test_what_was_not_told_comes_before_what_only_runs(records: Records) -> None:
    operation = await running(records)
    asked = await records.controls.ask(operation, Verb.PAUSE, "ann")
    assert asked is not None
    rows = {row["id"]: row for row in await records.operations.unsettled(-1)}
    assert rows[operation]["control_seq"] > rows[operation]["control_told"]
    await records.controls.told(operation, asked)
    row = await records.operations.get(operation)
    assert row["control_seq"] == row["control_told"]
