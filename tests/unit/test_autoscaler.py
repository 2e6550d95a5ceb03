"""One look at an app: when nothing may be done, whose doing a change was, and how it is told."""

from datetime import UTC, datetime, timedelta

import pytest

from model.apps import App, AppPhase
from model.autoscaler import Measured, OperationSeen, Watched, autoscaling_reply, look, put_off, request_of
from model.autoscaling import Autoscaler, Scale
from model.layouts import first
from model.operations import Status
from model.scaling import Memory, Sample, first_memory

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
REQUESTS = "sum(rate(requests_total[1m]))"


def watched(running=2, *, holder=None, newest=None, memory="kept", **more):
    given = {"minReplicas": 1, "maxReplicas": 30, "metrics": [{"query": REQUESTS, "target": 100}], **more}
    kept = first_memory(running, NOW - timedelta(minutes=1)) if memory == "kept" else memory
    return Watched(app_id="ab" * 32, scale=Scale.model_validate(given), memory=kept, running=running, holder=holder, newest=newest)


def operation(kind="app.upgrade", actor="zoe", status=Status.RUNNING):
    return OperationSeen(id="op-1", kind=kind, actor=actor, status=status)


def app(phase=AppPhase.LIVE):
    return App(
        id="ab" * 32,
        project="shop",
        project_id="prj-1",
        name="web",
        type="Deployment",
        cluster="default",
        phase=phase,
        layout=first("Deployment", 1, 2),
        username="zoe",
        created_at=NOW,
        created_by="zoe",
    )


def asking(value):
    return Measured(values={REQUESTS: value})


def test_what_is_due_is_started_and_remembered():
    found = look(watched(), asking(500.0), NOW)
    assert found.wanted == found.memory.count == 5
    assert found.memory.changes == (Sample(at=NOW, count=3),)
    told = request_of(found)
    assert told["scale"] == 5
    (metric,) = told["autoscaling"]["metrics"]
    assert (metric["current"], metric["target"], metric["replicas"]) == (250, 100, 5)
    assert told["autoscaling"]["message"].endswith("is at 250 per instance (target 100): 500 ÷ 100 asks for 5.")


@pytest.mark.parametrize(
    ("more", "reason"),
    [
        ({"holder": operation()}, "app.upgrade op-1 by zoe is RUNNING"),
        ({"holder": operation(status=Status.CANCELLING)}, "app.upgrade op-1 by zoe is CANCELLING"),
        ({"holder": operation("app.scale", "autoscaler")}, "app.scale op-1, its own, is RUNNING"),
        ({"newest": operation(status=Status.FAILED)}, "app.upgrade op-1 by zoe FAILED"),
    ],
)
def test_while_an_operation_runs_or_a_failed_one_waits_it_is_suspended_and_says_what_it_would_do(more, reason):
    found = look(watched(**more), asking(500.0), NOW)
    assert found.wanted is None
    assert found.evaluation.suspended.reason.startswith(reason)
    assert found.evaluation.suspended.operation_id == "op-1"
    assert found.evaluation.message.startswith(f"Suspended: {reason}")
    assert "It would go from 2 to 5." in found.evaluation.message
    assert found.memory.count == 2


@pytest.mark.parametrize(
    "newest",
    [
        operation(status=Status.SUCCEEDED),
        operation(status=Status.CANCELLED),
        operation("app.scale", status=Status.FAILED),
        operation("app.scale", "autoscaler", Status.FAILED),
    ],
)
def test_what_has_ended_otherwise_does_not_suspend_it(newest):
    assert look(watched(newest=newest), asking(500.0), NOW).wanted == 5


def test_a_count_that_moves_under_an_operation_is_not_taken_for_a_persons_before_it_ends():
    left = Memory(count=5, recommendations=(Sample(at=NOW, count=5),))
    own = operation("app.scale", "autoscaler")
    assert look(watched(2, holder=own, memory=left), asking(500.0), NOW).memory.by_hand is None
    cancelled = own.model_copy(update={"status": Status.CANCELLED})
    found = look(watched(2, newest=cancelled, memory=left), asking(500.0), NOW)
    assert found.wanted is None
    assert "app.scale op-1, its own, which was CANCELLED, brought it from 5 to 2" in found.evaluation.message


@pytest.mark.parametrize(("value", "said"), [(None, "no series answers the query"), ("The store is away.", "The store is away.")])
def test_a_metric_that_cannot_be_had_is_told_and_changes_nothing(value, said):
    found = look(watched(), asking(value), NOW)
    assert found.wanted is None
    assert found.evaluation.decision.recommendation is None
    assert said in found.evaluation.message
    cpu = look(watched(targetCPUUtilization=50), Measured(uses="No metrics-server.", values={REQUESTS: 500.0}), NOW)
    assert cpu.wanted == 5  # the other metric asks for more, which is safe


def test_an_app_without_instances_asks_nothing():
    found = look(watched(0), asking(500.0), NOW)
    assert (found.wanted, found.evaluation.metrics) == (None, ())


def test_the_reply_tells_what_is_in_force_and_what_was_done():
    found = look(watched(), asking(500.0), NOW)
    put = put_off(found.evaluation, "app.kill op-9 is RUNNING.", "op-9")
    policy = Autoscaler(
        scale=watched().scale,
        set_by="zoe",
        set_at=NOW,
        evaluation=put.model_dump(mode="json", by_alias=True),
        evaluated_at=NOW,
    )
    done = {"id": "op-2", "created_at": NOW, "status": "SUCCEEDED", "request": request_of(found), "error": None}
    changes = [{"policy": None, "set_by": "zoe", "set_at": NOW}]
    told = autoscaling_reply(app(), policy, changes, [done], NOW)
    assert told["status"] == "SUSPENDED"
    assert told["suspended"] == {"reason": "app.kill op-9 is RUNNING.", "OperationID": "op-9"}
    assert (told["decisions"][0]["before"], told["decisions"][0]["after"]) == (2, 5)
    assert told["changes"] == [{"scale": None, "setBy": "zoe", "setAt": NOW}]
    assert autoscaling_reply(app(), None, [], [], NOW)["status"] == "OFF"


@pytest.mark.parametrize(
    ("phase", "evaluated", "set_at", "status"),
    [
        (AppPhase.LIVE, None, NOW, "STARTING"),
        (AppPhase.LIVE, None, NOW - timedelta(seconds=1), "LATE"),
        (AppPhase.LIVE, NOW - timedelta(seconds=1), NOW - timedelta(days=1), "LATE"),
        (AppPhase.STOPPED, NOW - timedelta(days=1), NOW - timedelta(days=1), "SUSPENDED"),
    ],
)
def test_it_is_told_when_nobody_looks(phase, evaluated, set_at, status):
    found = look(watched(), asking(100.0), NOW).evaluation.model_dump(mode="json", by_alias=True) if evaluated else None
    policy = Autoscaler(scale=watched().scale, set_by="zoe", set_at=set_at, evaluation=found, evaluated_at=evaluated)
    assert autoscaling_reply(app(phase), policy, [], [], NOW)["status"] == status


def test_in_the_pause_of_an_upgrade_it_goes_on():
    found = look(watched(holder=operation(status=Status.PAUSED), newest=operation(status=Status.PAUSED)), asking(500.0), NOW)
    assert (found.wanted, found.evaluation.suspended, found.memory.count) == (5, None, 5)
