"""Operations as replies, made of their rows as they are: no model is made of what the platform itself has recorded.

The model is what programs may rely on (`OperationRecord`); tests/unit/test_operations_shown.py holds the two together.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from api.replies import object_of
from api.services import Services
from model.controls import now_possible
from model.operation_error import NOT_RECORDED
from model.operations import TERMINAL, Status, Verb
from records.store import Row
from workflows.registry import BY_NAME

AS_RECORDED = ("error", "request", "result")
"""The columns that are recorded as they are shown."""


def in_list(services: Services, row: Row) -> bytes:
    """A row as lists show it, written; what was asked, the result and the error are in it as PostgreSQL's text."""
    return object_of(_told(services, row), error=row["error"], request=row["request"], result=row["result"])


def shown(services: Services, row: Row) -> dict[str, Any]:
    """A row with its steps, controls and paused children, as it is shown by itself; steps of earlier attempts keep their `run`."""
    return _told(services, row) | {
        **{name: row[name] for name in AS_RECORDED},
        "error": row["error"] and NOT_RECORDED | row["error"],
        "steps": [_step(step) for step in row["steps"]],
        "waitsFor": [_child(child) for child in row["waits_for"]],
        "controls": [_control(control) for control in row["controls"]],
    }


def _told(services: Services, row: Row) -> dict[str, Any]:
    return {
        "id": row["id"],
        "kind": row["kind"],
        "project": row["project"],
        "target": {"kind": row["target_kind"], "name": row["target_name"], "id": row["target_id"]},
        "actor": row["actor"],
        "status": row["status"],
        "progress": {"done": min(row["done"], row["total"]), "total": row["total"]},
        "attempt": row["attempt"],
        "cancellable": row["cancellable"],
        "available": _available(row),
        "pause": _pause(row["pause"]),
        "parentId": row["parent_id"],
        "workflowId": row["workflow_id"],
        "runId": row["run_id"],
        "temporalUrl": services.operations.link(row["workflow_id"], row["run_id"]),
        "createdAt": row["created_at"],
        "startedAt": row["started_at"],
        "finishedAt": row["finished_at"],
    }


def _available(row: Row) -> list[Verb]:
    if row["status"] in TERMINAL:
        return []
    return now_possible(
        BY_NAME[row["kind"]].workflow.controls_of(row["ask"]),
        Status(row["status"]),
        cancellable=row["cancellable"],
        pause_asked=row["pause_asked"],
        promoted=row["promoted"],
        child_paused=bool(row.get("waits_for")),
    )


def _step(step: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "seq": step["seq"],
        "run": step["run"],
        "title": step["title"],
        "name": step["name"],
        "status": step["status"],
        "attempt": step["attempt"],
        "startedAt": _moment(step["started_at"]),
        "finishedAt": _moment(step["finished_at"]),
        "message": step["message"],
    }


def _pause(pause: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """A pause; those of earlier releases have no batch."""
    if pause is None:
        return None
    times = {"since": _moment(pause["since"]), "until": _moment(pause["until"])}
    return {"title": pause["title"], "message": pause["message"], **times, "batch": pause.get("batch")}


def _child(child: Mapping[str, Any]) -> dict[str, Any]:
    named = {"operationId": child["operation_id"], "kind": child["kind"], "target": child["target"]}
    return named | {"pause": _pause(child["pause"])}


def _control(control: Mapping[str, Any]) -> dict[str, Any]:
    who = {"verb": control["verb"], "actor": control["actor"], "at": _moment(control["at"]), "attempt": control["attempt"]}
    return who | {"words": control.get("words", "")}


def _moment(text: str | None) -> datetime | None:
    """A time of PostgreSQL's JSON, which writes it otherwise than replies do."""
    return datetime.fromisoformat(text) if text else None
