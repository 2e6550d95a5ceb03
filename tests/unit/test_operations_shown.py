"""What is shown of an operation is what the model of its record says, though no model is made of it (fault 41)."""

import json
from datetime import UTC, datetime, timedelta, timezone
from types import SimpleNamespace
from typing import Any

import pytest

from api.operations_shown import AS_RECORDED, in_list, shown
from api.replies import as_json, counted, list_of
from model.controls import now_possible
from model.errors import CrashLoop, Evidence, OperationError
from model.operation_error import NOT_RECORDED
from model.operations import OperationRecord, Progress, Status, Step, Target
from records.store import MOST_COUNTED
from workflows.registry import BY_NAME

CREATED = datetime(2026, 1, 31, 12, 0, 0, 120_000, tzinfo=UTC)
WHOLE_SECOND = datetime(2026, 1, 31, 12, tzinfo=UTC)
GRAY = {"gray": {"stages": [{}, {}]}, "on_failure": "rollback"}
SERVICES: Any = SimpleNamespace(
    operations=SimpleNamespace(link=lambda workflow, run: f"http://ui/{workflow}/{run}" if run else None)
)


def pause(**more: Any) -> dict[str, Any]:
    """As PostgreSQL writes it: without the zeros at a fraction's end, with the session's zone."""
    times = {"since": "2026-01-31T12:00:00.12+00:00", "until": "2026-02-07T14:00:00+02:00"}
    return {"title": "Pause", "message": "resume goes on", **times, **more}


def error(**more: Any) -> dict[str, Any]:
    """As an attempt's end is recorded."""
    evidence = [
        Evidence(type="log", source="web", text="no 'PAGE'", at=None),
        Evidence(type="event", source="x", text="y", at="10:00"),
    ]
    return CrashLoop("It ended 3 times.", evidence=evidence, **more).as_error().model_dump(mode="json")


def row(**more: Any) -> dict[str, Any]:
    steps = [
        {
            **{"seq": 1, "run": 1, "title": "Look", "name": "app.look", "status": "SUCCEEDED", "attempt": 2, "message": "found ✓"},
            "started_at": "2026-01-31T12:00:00.12+00:00",
            "finished_at": "2026-01-31T12:00:01+00:00",
        },
        {
            **{"seq": 2, "run": 1, "title": "Do", "name": "app.do", "status": "RUNNING", "attempt": 1, "message": ""},
            "started_at": "2026-01-31T14:00:01.123456+02:00",
            "finished_at": None,
        },
    ]
    controls = [
        {"attempt": 1, "verb": "pause", "actor": "ann", "at": "2026-01-31T12:00:02.5+00:00"},
        {"attempt": 1, "verb": "scale", "actor": "bob", "at": "2026-01-31T12:00:03+00:00", "words": "from 1 to 2: op-9"},
    ]
    ended = more.get("status") in ("SUCCEEDED", "FAILED", "CANCELLED")
    return {
        **{
            "id": "op-1",
            "kind": "app.upgrade",
            "project": "shop",
            "target_kind": "app",
            "target_name": "web",
            "target_id": "ab" * 32,
        },
        **{"actor": "ann", "status": "RUNNING", "done": 3, "total": 2, "error": None, "result": None, "attempt": 1},
        **{"request": {"image": "x:é", "env": [{"a": 1.5, "b": None, "c": True, "d": 10**20}]}, "cancellable": True, "ask": GRAY},
        **{"pause_asked": False, "promoted": False, "pause": None, "parent_id": None, "workflow_id": "app.upgrade/shop/web/op-1"},
        **{"run_id": "r-1", "created_at": CREATED, "started_at": WHOLE_SECOND, "finished_at": CREATED if ended else None},
        **{"steps": steps, "controls": controls, "waits_for": []},
        **more,
    }


ROWS = {
    "accepted": row(status="ACCEPTED", run_id=None, started_at=None, steps=[], controls=[], total=0, done=0, target_id=None),
    "running": row(),
    "running, plain": row(ask={"gray": None}),
    "running, a pause is asked for": row(pause_asked=True),
    "running, promoted": row(promoted=True),
    "waiting": row(status="WAITING"),
    "paused": row(status="PAUSED", pause=pause(batch=1)),
    "paused, of an earlier release": row(status="PAUSED", pause=pause()),
    "cancelling": row(status="CANCELLING"),
    "forward only": row(kind="stack.upgrade", cancellable=False),
    "a parent that waits for a child": row(
        **{"kind": "stack.upgrade", "ask": {"gray": True}, "parent_id": "op-0"},
        waits_for=[{"operation_id": "op-2", "kind": "app.upgrade", "target": "web", "pause": pause(batch=2)}],
    ),
    "succeeded": row(status="SUCCEEDED", result={"revision": 2, "images": {"web": "sha256:1"}}, ask=None),
    "failed": row(status="FAILED", error=error(), ask=None),
    "failed, with a hint of its own": row(status="FAILED", error=error(hint="Mend it."), ask=None, attempt=3),
    "failed, of an earlier release": row(status="FAILED", error={n: v for n, v in error().items() if n != "cause"}, ask=None),
    "cancelled": row(status="CANCELLED", error=error(), ask=None),
}


def as_modelled(found: dict[str, Any], *, whole: bool) -> dict[str, Any]:
    """The reply as the model makes it."""
    of_one = {"line", "in_force", "leads_back", "afterwards"}
    made = of_one | {"target", "progress", "steps", "available", "controls", "waits_for", "temporal_url"}
    workflow = BY_NAME[found["kind"]].workflow
    record = OperationRecord(
        **{name: found[name] for name in OperationRecord.model_fields if name not in made},
        available=now_possible(
            workflow.controls_of(found["ask"] or {}),
            Status(found["status"]),
            cancellable=found["cancellable"],
            pause_asked=found["pause_asked"],
            promoted=found["promoted"],
            child_paused=whole and bool(found["waits_for"]),
        ),
        controls=found["controls"] if whole else None,
        waits_for=found["waits_for"] if whole else None,
        target=Target(kind=found["target_kind"], name=found["target_name"], id=found["target_id"]),
        progress=Progress(done=min(found["done"], found["total"]), total=found["total"]),
        steps=[Step(**step) for step in found["steps"]] if whole else None,
        temporal_url=SERVICES.operations.link(found["workflow_id"], found["run_id"]),
    )
    left_out = of_one | (set() if whole else {"steps", "controls", "waits_for"})
    return record.model_dump(by_alias=True, mode="json", exclude=left_out)


@pytest.mark.parametrize("state", ROWS)
def test_what_is_shown_is_what_the_model_says(state: str) -> None:
    found: Any = ROWS[state]
    assert json.loads(as_json(shown(SERVICES, found)).body) == as_modelled(found, whole=True)
    as_read = {name: found[name] for name in AS_RECORDED} | {"error": found["error"] and NOT_RECORDED | found["error"]}
    texts = {name: None if value is None else json.dumps(value, ensure_ascii=False) for name, value in as_read.items()}
    listed: Any = {name: value for name, value in found.items() if name not in ("steps", "controls", "waits_for")} | texts
    page = json.loads(list_of("operations", [in_list(SERVICES, listed)] * 2, {"size": 2}).body)
    assert page == {"size": 2, "operations": [as_modelled(found, whole=False)] * 2}


def test_every_status_is_among_them() -> None:
    assert {one["status"] for one in ROWS.values()} == set(Status)


def test_an_error_is_recorded_with_the_names_it_is_shown_with() -> None:
    """Else a field that is added to it would be shown with another name, and of earlier records not at all."""
    recorded = OperationError.model_validate(error())
    assert recorded.model_dump(mode="json", by_alias=True) == recorded.model_dump(mode="json") == error()


def test_times_of_any_zone_are_written_as_ever() -> None:
    at = CREATED.astimezone(timezone(timedelta(hours=-3)))
    reply = json.loads(as_json({"at": CREATED, "whole": WHOLE_SECOND, "zone": at}).body)
    assert reply == {
        "at": "2026-01-31T12:00:00.120000Z",
        "whole": "2026-01-31T12:00:00Z",
        "zone": "2026-01-31T09:00:00.120000-03:00",
    }


@pytest.mark.parametrize(("found", "at_least"), [(0, False), (MOST_COUNTED, False), (MOST_COUNTED + 1, True)])
def test_a_total_beyond_the_bound_is_told_as_such(found: int, at_least: bool) -> None:
    assert counted(found) == {"total": min(found, MOST_COUNTED), "totalIsAtLeast": at_least}
