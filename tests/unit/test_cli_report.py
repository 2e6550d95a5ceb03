"""How records, lists and refusals read."""

import io
from typing import Any

import pytest
from rich.console import Console, RenderableType
from rich.text import Text

from cli import instance_report, report, stack_report
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
    for words in (
        "CrashLoop",
        "exit code 1",
        "no store at store:9000",
        "What to do: Read the last",
        "mooring app rollout shop web --image",
    ):
        assert words in shown
    assert "… 11 lines before" in shown


def test_a_live_operation_offers_cancel_only_while_it_can_be_cancelled() -> None:
    assert "mooring op cancel op-1" in text(report.operation(record()))
    assert "cancel" not in text(report.operation(record(cancellable=False)))


def test_a_paused_operation_tells_why_and_offers_the_ways_on() -> None:
    at = "2026-11-23T10:01:00+00:00"
    pause = {"title": "Pause", "message": "2 of 20. It was planned.", "since": at, "until": at}
    asked = [{"verb": "scale", "words": "from 2 to 3: op-2", "actor": "ann", "at": at, "attempt": 1}]
    shown = text(report.operation(record("PAUSED", pause=pause, controls=asked, available=["resume", "rollback"])))
    for words in (
        "2 of 20. It was planned.",
        "scale from 2 to 3: op-2 by ann",
        "mooring op resume op-1",
        "mooring op rollback op-1",
    ):
        assert words in shown
    assert "mooring op promote" not in shown


@pytest.mark.parametrize(
    "drawn", [report.operations({"operations": [], "total": 0}), report.projects([], 0), report.apps("shop", [], 0)]
)
def test_an_empty_list_says_what_to_do(drawn: RenderableType) -> None:
    assert len(text(drawn).split()) > 10


def test_a_list_of_apps_says_why_one_is_as_it_is() -> None:
    app = {"Name": "web", "Type": "Deployment", "InstanceSummary": "2/2 running", "Image": "shop/web:1", "Username": "ann"}
    old_one_serves = {**app, "Status": "RUNNING", "reason": "", "message": "The upgrade op-7 failed."}
    crashed = {**app, "Status": "FAILED", "reason": "CrashLoop", "message": "It ended with exit code 1."}
    shown = text(report.apps("shop", [old_one_serves, crashed], 2))
    assert "The upgrade op-7 failed." in shown
    assert "CrashLoop: It ended with exit code 1." in shown


def test_a_list_says_how_much_more_there_is() -> None:
    page = {"operations": [record()], "total": 7}
    assert "1 of 7; more with --limit." in text(report.operations(page))
    assert "1 of more than 7; more with --limit." in text(report.operations({**page, "totalIsAtLeast": True}))


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
    known = {"createdAt": "2026-11-23T10:01:00+00:00", "createdBy": "ann", "reason": "rollout", "images": {}, "outcome": None}
    env = [{"name": "A", "value": "1", "field_path": None}, {"name": "B", "value": "2", "field_path": None}]
    changes = [{"field": "containers.web.env", "before": env, "after": [env[0], {**env[1], "value": "3"}]}]
    two = {**known, "revision": 2, "current": True, "instances": 3, "ready": 1, "digests": {"web": "sha256:1"}, "changes": changes}
    one = {**known, "revision": 1, "current": False, "instances": 0, "ready": 2, "digests": {}, "changes": []}
    shown = text(report.revisions("shop", "web", {"revisions": [two, one], "total": 2}))
    for words in (
        "2 in force",
        "containers.web.env: - B=2, + B=3",
        "never ran",
        "app rollback shop web --revision",
        "1 of 3 ready",
        "2 ready",
    ):
        assert words in shown
    assert "A=1" not in shown


def test_revisions_tell_a_moved_tag_and_which_never_worked() -> None:
    known = {"createdAt": "2026-11-23T10:01:00+00:00", "createdBy": "ann", "reason": "rollout", "images": {"web": "shop/web:1"}}
    outcome = {"OperationID": "op-7", "kind": "app.upgrade", "status": "FAILED", "reason": "CrashLoop"}
    moved = [{"field": "containers.web.digest", "before": f"sha256:{'a' * 64}", "after": f"sha256:{'b' * 64}"}]
    counts = {"instances": 0, "ready": None}
    three = {**known, **counts, "revision": 3, "current": True, "digests": {"web": "sha256:b"}, "changes": moved}

    def drawn(**more: Any) -> str:
        return text(report.revisions("shop", "web", {"revisions": [{**three, **more}], "total": 3}))

    shown = drawn(outcome=outcome)
    assert "image web: shop/web:1 sha256:aaaaaaaaaaaa… → sha256:bbbbbbbbbbbb…" in shown
    assert "rollout; never worked: op-7 is FAILED: CrashLoop" in shown
    running = {**outcome, "status": "RUNNING", "reason": None}
    assert "not done: op-7 is RUNNING" in drawn(digests={}, outcome=running)
    well = {**outcome, "status": "SUCCEEDED", "reason": None}
    assert "op-7" not in drawn(outcome=well)


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
    of = {"template": "shop", "templateVersion": 3}
    shown = text(stack_report.stack({**head, **of, "version": 4, "apps": [one], "groups": [], "ingresses": []}))
    assert "4 of this deployment, version 3 of the template shop (compose)" in shown
    assert "d-m (completed)" in shown
    assert "d-a was deleted by itself" in shown


@pytest.mark.parametrize(
    ("type", "status", "number", "message", "words"),
    [
        ("Job", "FAILED", 1, "It failed (BackoffLimitExceeded): 1 try failed.", "mooring app restart shop a"),
        ("Job", "COMPLETED", 1, "", "It has run to its end. Run it again: mooring app restart shop a"),
        ("Job", "STOPPED", 1, "Its run is no longer in the cluster.", "mooring app restart shop a"),
        ("Deployment", "STOPPED", 2, "", "mooring app start shop a"),
        ("Deployment", "RUNNING", 0, "", "mooring app scale shop a COUNT"),
        ("Deployment", "FAILED", 2, "The quota is used up.", "The quota is used up. See why: mooring app show shop a"),
    ],
)
def test_an_app_without_instances_says_why_and_what_helps(type: str, status: str, number: int, message: str, words: str) -> None:
    app = {"Name": "a", "Type": type, "Status": status, "InstanceNum": number, "message": message}
    shown = text(instance_report.no_instances("shop", app))
    assert words in shown
    assert ("scale" in shown) == (number == 0)


def app_found(**changes: object) -> dict[str, object]:
    """An app's reply."""
    secret = {"type": "Env", "name": "keys", "key": ["TOKEN", "pin"], "names": {"pin": "PIN"}}
    volume = {"type": "Volume", "name": "settings", "key": ["app.ini"], "mountPath": "/etc/app"}
    found: dict[str, object] = {
        "ProjectName": "shop",
        "Name": "web",
        "Type": "TApp",
        "Status": "RUNNING",
        "InstanceSummary": "1/1 running",
        "message": "",
        "Image": "x",
        "versions": [],
        "Cmd": "",
        "PortsInfo": [],
        "Username": "ann",
        "Created": "2026-11-23T10:01:00+00:00",
        "AppID": "0" * 64,
        "ResInfo": {"cpu": "0.5", "mem": "64Mi", "gpu": "0"},
        "Environments": [{"name": "A", "value": "1"}, {"name": "WHERE", "fieldPath": "spec.nodeName"}],
        "configMap": [{"type": "Env", "name": "settings", "key": ["LEVEL", "A", "PIN"]}, volume],
        "secret": [secret],
    }
    return found | changes


def test_an_app_shows_its_type_amounts_and_where_each_variable_comes_from() -> None:
    shown = text(report.app(app_found(), [Text("Reach it: http://10.0.0.1:31000")], [], []))
    lines = [" ".join(line.split()) for line in shown.splitlines()]
    for line in (
        "type TApp",
        "resources cpu 0.5, mem 64Mi",
        "LEVEL from config settings",
        "A=1",
        "TOKEN from secret keys",
        "PIN from secret keys (pin)",
        "WHERE from spec.nodeName",
        "files /etc/app: app.ini of config settings",
        "Reach it: http://10.0.0.1:31000",
    ):
        assert any(line in one for one in lines), line
    assert "gpu" not in shown
    assert "A from config" not in shown
    assert "PIN from config" not in shown


def test_a_record_shows_what_was_asked_what_came_of_it_and_earlier_attempts() -> None:
    request = {"image": "shop/web:2", "dockerEnv": [{"name": "A", "value": "…"}]}
    result = {"AppID": "0" * 64, "digests": {"web": "sha256:1"}, "revision": 3, "toRevision": 1, "fromRevision": 2, "instances": 1}

    def step(run: int, seq: int, status: str, message: str) -> dict[str, object]:
        times = {"startedAt": f"2026-11-23T10:0{run}:00+00:00", "finishedAt": f"2026-11-23T10:0{run}:09+00:00"}
        return {"run": run, "seq": seq, "title": f"Step {seq}", "status": status, "message": message, "attempt": 1, **times}

    steps = [step(1, 1, "SUCCEEDED", ""), step(1, 2, "FAILED", "no such image"), step(2, 1, "CANCELLED", "by ann")]
    shown = text(report.operation(record("SUCCEEDED", request=request, result=result, attempt=3, steps=steps)))
    lines = [" ".join(line.split()) for line in shown.splitlines()]
    assert "asked image: shop/web:2" in lines
    assert 'dockerEnv: [{"name": "A", "value": "…"}]' in lines
    assert "result revision 3, as 1 was, 1 instance" in lines
    assert "attempt 1 2026-11-23T10:01:00, 9.0 s: failed at Step 2: no such image" in lines
    assert any(line.startswith("attempt 2") and "cancelled at Step 1: by ann" in line for line in lines)
    assert "sha256" not in shown


def test_what_is_in_force_after_what_did_not_get_done_is_told() -> None:
    versions = [{"revision": 2, "images": {"web": "shop/web:1"}, "count": 3}]
    error = {**ERROR, "reason": "Cancelled", "retryable": False}
    shown = text(report.end(record("CANCELLED", error=error, inForce={"versions": versions})))
    assert "In force now: 3 instances of revision 2 (shop/web:1)" in shown
    assert "In force now: nothing of it runs" in text(report.end(record("CANCELLED", error=error, inForce={"versions": []})))


def test_what_is_told_of_many_instances_is_told_once() -> None:
    def one(name: str) -> dict[str, object]:
        message = f"The container 'web' of instance '{name}' ended 3 times."
        known = {"version": 1, "status": "FAILED", "restarts": 3, "image": "x", "ip": "", "host": "", "reason": "CrashLoop"}
        return {**known, "name": name, "appName": "web", "message": message}

    found = [one("web-a"), one("web-b"), one("web-c")]
    shown = text(instance_report.instances("shop", "web", found, 3))
    assert shown.count("ended 3 times") == 1
    assert "web-a and 2 more: The container 'web' of instance 'web-a' ended 3 times." in shown
    assert "CrashLoop" in shown
    assert "app" in text(instance_report.instances("shop", None, found, 3)).split()
