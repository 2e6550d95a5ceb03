"""What every operation does, shown on project.create and project.delete (architecture: An operation's life)."""

import asyncio
import contextlib
from typing import Any

from activities.operations import OperationActivities
from activities.projects import ProjectActivities
from model.errors import ClusterUnreachable, Conflict, PlatformUnavailable
from model.operations import Status, StepStatus
from model.projects import CreateProject, DeleteProject
from records.ids import new_id
from tests.workflow.conftest import Run, raising, stand_in
from workflows.projects import ProjectCreate, ProjectDelete


def create(**fields: Any) -> CreateProject:
    return CreateProject(operation_id=new_id("op"), project="shop", target="shop", actor="ann", **fields)


async def test_what_holds_ends_succeeded(run: Run) -> None:
    ended = await run(ProjectCreate, create())
    assert ended.outcome.status is Status.SUCCEEDED
    assert ended.outcome.error is None
    assert ended.titles == ["Create the namespace", "Open the project"]


async def test_a_definite_failure_ends_at_once_and_undoes_what_was_begun(run: Run) -> None:
    refused = stand_in(ProjectActivities.make_namespace, raising(Conflict("The name is taken.")))
    ended = await run(ProjectCreate, create(), refused)
    assert ended.outcome.status is Status.FAILED
    assert ended.outcome.error is not None
    assert (ended.outcome.error.reason, ended.outcome.error.message) == ("Conflict", "The name is taken.")
    assert [(s.title, s.status, s.undo) for s in ended.steps] == [
        ("Create the namespace", StepStatus.FAILED, False),
        ("Undo: Create the namespace", StepStatus.SUCCEEDED, True),
    ]


async def test_an_outage_costs_tries_only(run: Run) -> None:
    away = stand_in(ProjectActivities.make_namespace, raising(ClusterUnreachable("away"), ClusterUnreachable("away"), None))
    ended = await run(ProjectCreate, create(), away)
    assert ended.outcome.status is Status.SUCCEEDED
    assert ended.titles == ["Create the namespace"] * 3 + ["Open the project"]


async def test_an_outage_beyond_the_deadline_fails_with_the_last_cause(run: Run) -> None:
    away = stand_in(ProjectActivities.make_namespace, raising(ClusterUnreachable("The cluster's API does not answer.")))
    ended = await run(ProjectCreate, create(deadline_seconds=2), away)
    assert ended.outcome.status is Status.FAILED
    assert ended.outcome.error is not None
    assert ended.outcome.error.reason in ("ClusterUnreachable", "DeadlineExceeded")  # whether a try was due or running
    assert "does not answer" in ended.outcome.error.message
    assert ended.titles[-1] == "Undo: Create the namespace"


async def test_a_bug_in_an_activity_is_told_without_its_words(run: Run) -> None:
    broken = stand_in(ProjectActivities.make_namespace, raising(KeyError("a secret")))
    ended = await run(ProjectCreate, create(), broken)
    assert ended.outcome.error is not None
    assert ended.outcome.error.reason == "InternalError"
    assert "secret" not in ended.outcome.model_dump_json()


async def test_an_undo_that_fails_is_told_beside_the_cause(run: Run) -> None:
    ended = await run(
        ProjectCreate,
        create(),
        stand_in(ProjectActivities.mark_active, raising(Conflict("It is closed."))),
        stand_in(ProjectActivities.remove_namespace, raising(Conflict("It is not ours."))),
    )
    assert ended.outcome.error is not None
    assert ended.outcome.error.message == "It is closed. Taking back what was done failed too: It is not ours."
    assert [e.text for e in ended.outcome.error.evidence] == ["Conflict: It is not ours."]


async def test_cancel_stops_the_running_step_undoes_and_settles_cancelled(run: Run) -> None:
    running = asyncio.Event()

    async def hang(_: Any) -> None:
        running.set()
        await asyncio.Event().wait()

    async def cancel(handle: Any) -> None:
        await running.wait()
        await handle.cancel()

    ended = await run(ProjectCreate, create(), stand_in(ProjectActivities.make_namespace, hang), meanwhile=cancel)
    assert ended.outcome.status is Status.CANCELLED
    assert [(s.title, s.status) for s in ended.steps] == [
        ("Create the namespace", StepStatus.CANCELLED),
        ("Undo: Create the namespace", StepStatus.SUCCEEDED),
    ]


async def test_what_only_goes_forward_does_not_hear_a_cancel(run: Run) -> None:
    running, go_on = asyncio.Event(), asyncio.Event()

    async def hold(_: Any) -> None:
        running.set()
        await go_on.wait()

    async def cancel(handle: Any) -> None:
        await running.wait()
        await handle.cancel()
        go_on.set()

    ask = DeleteProject(operation_id=new_id("op"), project="shop", target="shop", actor="ann", cascade=True)
    ended = await run(ProjectDelete, ask, stand_in(ProjectActivities.remove_namespace, hold), meanwhile=cancel)
    assert ended.outcome.status is Status.SUCCEEDED
    assert ended.titles == ["Stop what runs in it", "Remove the namespace", "Remove its images", "Close the project"]
    assert all(step.forward for step in ended.steps)


async def test_a_cancel_is_heard_although_the_step_ended_well_at_that_moment(run: Run) -> None:
    begun = asyncio.Event()

    async def ends_all_the_same(_: Any) -> None:
        begun.set()
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.sleep(60)

    async def cancel(handle: Any) -> None:
        await begun.wait()
        await handle.cancel()

    made = stand_in(ProjectActivities.make_namespace, ends_all_the_same)
    ended = await run(ProjectCreate, create(), made, meanwhile=cancel)
    assert ended.outcome.status is Status.CANCELLED
    assert ended.titles == ["Create the namespace", "Undo: Create the namespace"]


async def test_taking_over_comes_first_and_its_failure_is_the_end(run: Run) -> None:
    ask = DeleteProject(operation_id=new_id("op"), project="shop", target="shop", actor="ann", preempts="op-1", cascade=True)
    busy = stand_in(OperationActivities.take_over, raising(Conflict("op-1 did not stop within 60 s.")))
    ended = await run(ProjectDelete, ask, busy)
    assert ended.outcome.status is Status.FAILED
    assert ended.titles == ["Stop the running operation"]


async def test_the_record_is_settled_although_the_database_is_away_for_seconds(run: Run) -> None:
    """The local activity gives up after five seconds; the ordinary one waits for as long as it takes."""
    away = raising(*[PlatformUnavailable("away")] * 6, None)
    ended = await run(ProjectCreate, create(), settling=away)
    assert ended.outcome.status is Status.SUCCEEDED
