"""How records, lists and refusals read."""

import io

import pytest
from rich.console import Console, RenderableType

from cli import report, stack_report
from model.relations import graph
from model.stack_documents import Kind, read_blueprint
from tests.unit.test_cli_progress import record

ERROR = {
    "code": 4403,
    "reason": "CrashLoop",
    "message": "The container web of shop/web ended with exit code 1, 3 times.",
    "fault": "user",
    "retryable": True,
    "evidence": [{"type": "log", "source": "web-abc/web", "text": "line\n" * 30 + "no store at store:9000", "at": None}],
    "hint": "Read the last log lines.",
}


def text(drawn: RenderableType) -> str:
    """What is printed of it into a pipe."""
    out = io.StringIO()
    Console(file=out, width=200).print(drawn)
    return out.getvalue()


def test_a_failure_tells_reason_evidence_hint_and_the_next_command() -> None:
    shown = text(report.end(record("FAILED", error=ERROR)))
    for words in ("CrashLoop", "exit code 1", "no store at store:9000", "What to do: Read the last", "mooring op retry op-1"):
        assert words in shown
    assert "… 11 lines before" in shown


def test_a_live_operation_offers_cancel_only_while_it_can_be_cancelled() -> None:
    assert "mooring op cancel op-1" in text(report.operation(record()))
    assert "cancel" not in text(report.operation(record(cancellable=False)))


def test_a_paused_operation_tells_why_and_offers_the_ways_on() -> None:
    at = "2026-11-23T10:01:00+00:00"
    pause = {"title": "Pause", "message": "2 of 20. It was planned.", "since": at, "until": at}
    asked = [{"verb": "pause", "actor": "ann", "at": at, "attempt": 1}]
    shown = text(report.operation(record("PAUSED", pause=pause, controls=asked, available=["resume", "rollback"])))
    for words in ("2 of 20. It was planned.", "pause by ann", "mooring op resume op-1", "mooring op rollback op-1"):
        assert words in shown
    assert "mooring op promote" not in shown


@pytest.mark.parametrize("drawn", [report.operations([], 0), report.projects([], 0), report.apps("shop", [], 0)])
def test_an_empty_list_says_what_to_do(drawn: RenderableType) -> None:
    assert len(text(drawn).split()) > 10


def test_a_list_says_how_much_more_there_is() -> None:
    assert "1 of 7; more with --limit." in text(report.operations([record()], 7))


def test_a_refusal_names_the_places_and_the_operation_in_the_way() -> None:
    problem = {"field": "web.links", "message": "unknown link", "line": 3, "column": 5}
    body = {"Code": 4090, "Message": "Busy.", "Reason": "Conflict", "OperationID": "op-9", "problems": [problem]}
    shown = text(report.refusal(body))
    assert "Conflict: Busy." in shown
    assert "line 3, column 5: web.links: unknown link" in shown
    assert "mooring op show op-9" in shown


def test_autoscaling_reads_as_what_holds_what_was_seen_and_what_was_done() -> None:
    at = "2026-11-23T10:01:00+00:00"
    cpu = {
        "metric": "cpu",
        "current": 98.0,
        "target": 50.0,
        "ratio": 1.96,
        "ready": 2,
        "unready": 1,
        "missing": 0,
        "replicas": None,
    }
    found = {
        "status": "SUSPENDED",
        "message": "Suspended: app.upgrade op-7 by ann is PAUSED.",
        "scale": {"minReplicas": 1, "maxReplicas": 9},
        "evaluation": {"metrics": [cpu]},
        "evaluatedAt": at,
        "decisions": [
            {"OperationID": "op-3", "at": at, "status": "SUCCEEDED", "before": 1, "after": 3, "message": "1 × 3 asks for 3."}
        ],
        "changes": [{"scale": {}, "setBy": "ann", "setAt": at}],
    }
    shown = text(report.autoscaling("web", found))
    for words in ("op-7 by ann is PAUSED", "maxReplicas=9", "by ann", "98", "op-3", "1 × 3 asks for 3."):
        assert words in shown
    off = {
        "status": "OFF",
        "message": "Off.",
        "scale": None,
        "evaluation": None,
        "evaluatedAt": None,
        "decisions": [],
        "changes": [],
    }
    assert "Off." in text(report.autoscaling("web", off))


def test_a_refusal_offers_what_the_operation_in_the_way_allows() -> None:
    paused = record("PAUSED", available=["resume", "promote", "rollback"])
    shown = text(report.refusal({"Code": 4090, "Message": "It is PAUSED.", "Reason": "Conflict", "OperationID": "op-1"}, paused))
    for verb in ("resume", "promote", "rollback", "cancel"):
        assert f"mooring op {verb} op-1" in shown


def test_revisions_tell_who_when_and_what_differs() -> None:
    known = {"createdAt": "2026-11-23T10:01:00+00:00", "createdBy": "ann", "reason": "rollout", "images": {}}
    env = [{"name": "A", "value": "1", "field_path": None}, {"name": "B", "value": "2", "field_path": None}]
    changes = [{"field": "containers.web.env", "before": env, "after": [env[0], {**env[1], "value": "3"}]}]
    two = {**known, "revision": 2, "current": True, "instances": 3, "digests": {"web": "sha256:1"}, "changes": changes}
    one = {**known, "revision": 1, "current": False, "instances": 0, "digests": {}, "changes": []}
    shown = text(report.revisions("shop", "web", [two, one], 2))
    for words in ("2 in force", "containers.web.env: - B=2, + B=3", "never ran", "app rollback shop web --revision"):
        assert words in shown
    assert "A=1" not in shown


def test_whether_a_retry_helps_is_told_by_whose_fault_it_is() -> None:
    def words(status: str, **fields: object) -> str:
        return text(report.failure(record(status, error={**ERROR, **fields})))

    assert "fault: user, retry helps once that is mended)" in words("FAILED")
    assert "fault: quota, retry helps once there is room)" in words("FAILED", fault="quota")
    assert "fault: cluster, retry can help)" in words("FAILED", fault="cluster")
    assert "retry alone does not help" in words("FAILED", retryable=False)
    assert "fault: user)" in words("CANCELLED", reason="RolledBack", retryable=False)


def test_who_is_waited_for_is_told_with_the_command_to_go_on() -> None:
    pause = {"message": "Batch 1 of 2 is done. Go on: POST /v2/operations/op-1/resume"}
    child = {"kind": "app.upgrade", "operationId": "op-2", "target": "live-web", "pause": pause}
    assert report.waiting({"waitsFor": [child]}) == (
        "app.upgrade op-2 on live-web: Batch 1 of 2 is done. Go on: mooring op resume op-1"
    )
    assert report.waiting({"waitsFor": None}) is None


def test_a_relation_graph_reads_as_an_order_with_what_is_waited_for_reached_and_used() -> None:
    waits = "depends_on: {migrate: {condition: service_completed_successfully}}"
    services = f"  db: {{image: x, expose: [80]}}\n  migrate: {{image: x}}\n  web: {{image: y, links: ['db:store'], {waits}}}\n"
    drawn = graph(read_blueprint(Kind.COMPOSE, f"services:\n{services}", "d"))
    (web,) = [line for line in text(stack_report.relations(drawn)).splitlines() if " web " in line]
    for words in ("2 ", "migrate (completed)", "db (ready)", "db as store"):
        assert words in web


def test_a_stack_of_which_something_is_gone_names_it() -> None:
    last = {"kind": "stack.deploy", "id": "op-1", "status": "SUCCEEDED", "error": None, "waitsFor": []}
    gone = [{"part": "a", "kind": "app", "name": "d-a", "status": "DELETED"}]
    head = {"stackInstanceName": "d", "kind": "compose", "version": 1, "status": "PARTIAL", "lastOperation": last, "gone": gone}
    head |= {"createdBy": "ann", "createdAt": "2026-11-23T10:01:00+00:00", "message": "d-a was deleted by itself"}
    assert "d-a (deleted)" in text(stack_report.stacks("shop", [head], 1))
    one = {"service": "a", "name": "d-a", "order": 1, "Status": "DELETED", "InstanceSummary": "", "Image": "x", "message": ""}
    one |= {"links": [], "after": [{"service": "m", "name": "d-m", "until": "completed"}]}
    shown = text(stack_report.stack({**head, "apps": [one], "groups": [], "ingresses": []}))
    assert "d-m (completed)" in shown
    assert "d-a was deleted by itself" in shown
