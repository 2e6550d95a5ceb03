"""Accept, lock, pre-empt, reopen, settle: on a real PostgreSQL, many at once (architecture: An operation's life)."""

import asyncio
from typing import Any

import pytest

from model.errors import Conflict, CrashLoop, Evidence, ForwardOnly, StaleAttempt, Superseded
from model.operations import Ask, Outcome, Status, StepNote, StepStatus, Target
from model.projects import ProjectStatus
from records import Records
from records.ids import new_id
from records.operations import NewOperation
from tests.platform import unique


def new(target: str, *, preempts: bool = False, cancellable: bool = True) -> NewOperation:
    operation_id = new_id("op")
    return NewOperation(
        kind="app.upgrade",
        target=Target(kind="app", name=target),
        project_id="prj-1",
        ask=Ask(operation_id=operation_id, project="shop", target=target, actor="ann"),
        workflow_id=f"app.upgrade/shop/{target}/{operation_id}",
        cancellable=cancellable,
        preempts=preempts,
        request={},
    )


async def accept(records: Records, operation: NewOperation) -> str:
    async with records.transaction() as tx:
        await tx.operations.accept(operation)
    return operation.ask.operation_id


async def settle(records: Records, operation_id: str, status: Status = Status.FAILED, attempt: int = 1) -> bool:
    return await records.operations.settle(Outcome(operation_id=operation_id, attempt=attempt, status=status))


async def reopen(records: Records, operation_id: str) -> Any:
    async with records.transaction() as tx:
        return await tx.operations.reopen(operation_id, cancellable=True)


def note(operation_id: str, attempt: int = 1, **fields: Any) -> StepNote:
    return StepNote(operation_id=operation_id, attempt=attempt, title="Do it", total=2, **fields)


async def test_of_many_at_once_one_gets_the_target_and_the_others_are_told_which(records: Records) -> None:
    target = unique("web")
    ends = await asyncio.gather(*(accept(records, new(target)) for _ in range(20)), return_exceptions=True)
    winners = [end for end in ends if isinstance(end, str)]
    losers = [end for end in ends if isinstance(end, Conflict)]
    assert (len(winners), len(losers)) == (1, 19)
    assert {loser.operation_id for loser in losers} == set(winners)


async def test_a_refused_operation_leaves_no_record(records: Records) -> None:
    target = unique("web")
    await accept(records, new(target))
    refused = new(target)
    with pytest.raises(Conflict):
        await accept(records, refused)
    total, _ = await records.operations.page({"target": target}, None, None, 10)
    assert total == 1


async def test_settling_frees_the_target_once_for_the_next(records: Records) -> None:
    target = unique("web")
    first = await accept(records, new(target))
    ends = await asyncio.gather(*(settle(records, first, Status.SUCCEEDED) for _ in range(10)))
    assert sorted(ends) == [False] * 9 + [True]
    await accept(records, new(target))


async def test_pre_empting_takes_the_target_and_cancels_the_holder(records: Records) -> None:
    target = unique("web")
    victim = await accept(records, new(target))
    delete = await accept(records, new(target, preempts=True, cancellable=False))
    assert (await records.operations.get(victim))["status"] == Status.CANCELLING
    assert (await records.operations.get(delete))["ask"]["preempts"] == victim
    with pytest.raises(Conflict) as busy:
        await accept(records, new(target))
    assert busy.value.operation_id == delete
    assert await settle(records, victim, Status.CANCELLED)
    with pytest.raises(Conflict):  # the victim's end does not free what it no longer holds
        await accept(records, new(target))


async def test_what_only_goes_forward_is_not_pre_empted(records: Records) -> None:
    target = unique("web")
    delete = await accept(records, new(target, preempts=True, cancellable=False))
    with pytest.raises(Conflict) as busy:
        await accept(records, new(target, preempts=True, cancellable=False))
    assert busy.value.operation_id == delete


async def test_a_target_that_is_settled_in_the_same_moment_is_free(records: Records) -> None:
    """Who looked while the holder was being settled waits for its row, and sees it ended then."""
    target = unique("web")
    holder = await accept(records, new(target))
    async with records.transaction() as settling:
        await settling.operations.hold_attempt(holder, 1)
        accepting = asyncio.create_task(accept(records, new(target, preempts=True, cancellable=False)))
        assert await asyncio.wait({accepting}, timeout=0.3) == (set(), {accepting})
        await settling.operations.settle(Outcome(operation_id=holder, attempt=1, status=Status.SUCCEEDED))
    delete = await accepting
    assert (await records.operations.get(delete))["ask"]["preempts"] is None


@pytest.mark.parametrize("ends_meanwhile", [False, True])
async def test_a_retried_delete_waits_for_its_victim_as_long_as_that_runs(records: Records, ends_meanwhile: bool) -> None:
    target = unique("web")
    victim = await accept(records, new(target))
    delete = await accept(records, new(target, preempts=True, cancellable=False))
    await settle(records, delete)  # the victim did not stop in time
    if ends_meanwhile:
        await settle(records, victim, Status.CANCELLED)
    ask = (await reopen(records, delete))["ask"]
    assert (ask["attempt"], ask["preempts"]) == (2, None if ends_meanwhile else victim)


async def test_a_reopened_child_gets_the_deadline_its_parent_has_now(records: Records) -> None:
    operation = await accept(records, new(unique("web")))
    await settle(records, operation)
    kept = await reopen(records, operation)
    assert kept["ask"]["deadline_seconds"] == 300
    await settle(records, operation, attempt=2)
    async with records.transaction() as tx:
        again = await tx.operations.reopen(operation, cancellable=True, by_parent=True, deadline_seconds=17)
    assert (again["ask"]["deadline_seconds"], again["ask"]["attempt"]) == (17, 3)


async def test_what_a_program_printed_is_kept_whatever_it_is(records: Records) -> None:
    """PostgreSQL keeps no NUL, neither in text nor in jsonb: a binary log line must not cost the record its cause."""
    operation = await accept(records, new(unique("web")))
    await records.operations.step_started(note(operation), 1, "app.move", "run")
    await records.operations.step_finished(note(operation), 1, StepStatus.FAILED, "CrashLoop: \0")
    error = CrashLoop("It ended.", evidence=[Evidence(type="log", source="web", text="\0\\u0000\\")]).as_error()
    outcome = Outcome(operation_id=operation, attempt=1, status=Status.FAILED, error=error)
    assert await records.operations.settle(outcome)
    kept = await records.operations.with_steps(operation)
    assert kept["error"]["evidence"][0]["text"] == "\ufffd\\u0000\\"
    assert kept["steps"][0]["message"] == "CrashLoop: \ufffd"


async def test_a_project_whose_creation_failed_can_be_created_again(records: Records) -> None:
    name = unique("shop")
    first = await records.projects.add(name, "", "ann")
    again = await records.projects.add(name, "second try", "bea")
    assert (again.id, again.description) == (first.id, "second try")
    await records.projects.set_status(name, ProjectStatus.ACTIVE)
    with pytest.raises(Conflict):
        await records.projects.add(name, "", "ann")


async def test_of_many_pre_empting_at_once_one_wins(records: Records) -> None:
    target = unique("web")
    victim = await accept(records, new(target))
    deletes = [new(target, preempts=True, cancellable=False) for _ in range(10)]
    ends = await asyncio.gather(*(accept(records, one) for one in deletes), return_exceptions=True)
    (winner,) = [end for end in ends if isinstance(end, str)]
    assert (await records.operations.get(victim))["preempted_by"] == winner


async def test_cancelling_and_settling_at_once_end_in_one_of_the_two(records: Records) -> None:
    for _ in range(20):
        operation = await accept(records, new(unique("web")))
        cancelled, settled = await asyncio.gather(
            records.operations.request_cancel(operation), settle(records, operation, Status.SUCCEEDED), return_exceptions=True
        )
        assert settled is True
        assert isinstance(cancelled, Conflict) or cancelled["workflow_id"]
        assert (await records.operations.get(operation))["status"] == Status.SUCCEEDED


async def test_cancel_is_refused_once_it_only_goes_forward(records: Records) -> None:
    operation = await accept(records, new(unique("web")))
    await records.operations.step_started(note(operation, forward=True), 1, "app.apply", "run-1")
    with pytest.raises(ForwardOnly):
        await records.operations.request_cancel(operation)


async def test_retry_is_a_new_attempt_and_happens_once(records: Records) -> None:
    operation = await accept(records, new(unique("web")))
    await settle(records, operation)
    ends = await asyncio.gather(*(reopen(records, operation) for _ in range(10)), return_exceptions=True)
    (row,) = [end for end in ends if not isinstance(end, BaseException)]
    assert (row["attempt"], row["ask"]["attempt"], row["status"]) == (2, 2, Status.ACCEPTED)
    assert all(isinstance(end, Conflict) for end in ends if isinstance(end, BaseException))


async def test_only_the_newest_on_a_target_can_be_retried(records: Records) -> None:
    target = unique("web")
    old = await accept(records, new(target))
    await settle(records, old)
    await settle(records, await accept(records, new(target)))
    with pytest.raises(Superseded):
        await reopen(records, old)


async def test_a_running_operation_cannot_be_retried(records: Records) -> None:
    operation = await accept(records, new(unique("web")))
    with pytest.raises(Conflict) as refused:
        await reopen(records, operation)
    assert refused.value.hint == "Wait for it to end."
    await settle(records, operation, Status.SUCCEEDED)
    with pytest.raises(Conflict) as refused:
        await reopen(records, operation)
    assert refused.value.hint == "There is nothing to retry."


async def test_what_belongs_to_an_earlier_attempt_changes_nothing(records: Records) -> None:
    operation = await accept(records, new(unique("web")))
    await settle(records, operation)
    await reopen(records, operation)
    with pytest.raises(StaleAttempt):
        await records.operations.step_started(note(operation, attempt=1), 1, "app.apply", "run-1")
    await records.operations.step_finished(note(operation, attempt=1), 1, StepStatus.SUCCEEDED, "")
    assert not await settle(records, operation, Status.SUCCEEDED, attempt=1)
    row = await records.operations.with_steps(operation)
    assert (row["status"], row["done"], row["steps"]) == (Status.ACCEPTED, 0, [])


async def test_steps_count_once_however_often_they_are_tried(records: Records) -> None:
    operation = await accept(records, new(unique("web")))
    for _ in range(3):
        await records.operations.step_started(note(operation), 1, "app.apply", "run-1")
    for _ in range(2):
        await records.operations.step_finished(note(operation), 1, StepStatus.SUCCEEDED, "done")
    row = await records.operations.with_steps(operation)
    assert (row["done"], [step["attempt"] for step in row["steps"]]) == (1, [3])


async def test_settling_closes_what_a_lost_worker_left_open(records: Records) -> None:
    operation = await accept(records, new(unique("web")))
    await records.operations.step_started(note(operation), 1, "app.apply", "run-1")
    await settle(records, operation)
    (step,) = (await records.operations.with_steps(operation))["steps"]
    assert step["status"] == StepStatus.FAILED
    assert step["finished_at"]


async def test_events_are_numbered_without_gaps_whatever_runs_at_once(records: Records) -> None:
    operation = await accept(records, new(unique("web")))
    await asyncio.gather(
        *(records.operations.step_started(note(operation), seq, "app.apply", "run-1") for seq in range(1, 11)),
        *(records.operations.step_message(note(operation), seq, "words") for seq in range(1, 11)),
    )
    await settle(records, operation)
    events = await records.operations.events_after(operation, 0)
    seqs = [event["seq"] for event in events]
    assert seqs == sorted(seqs)
    assert events[-1]["type"] == "status"
    assert (await records.operations.get(operation))["seq"] == seqs[-1]


async def test_a_retry_has_the_time_that_is_asked_for_else_as_much_as_before(records: Records) -> None:
    target = unique("web")
    operation = await accept(records, new(target))
    for attempt, (asked, has) in enumerate([(900, 900), (None, 900)], 1):
        await records.operations.settle(Outcome(operation_id=operation, attempt=attempt, status=Status.FAILED))
        row = await records.operations.reopen(operation, cancellable=True, actor="ann", deadline_seconds=asked)
        assert row["ask"]["deadline_seconds"] == has
