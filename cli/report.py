"""Records and lists as people read them; every list that is empty says what to do next."""

import json
from collections.abc import Sequence
from typing import Any

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.text import Text

from cli import drawing, tables
from cli.api import TERMINAL, Record
from cli.watched import Watched
from cli.words import ago, clean, moment, now, took

_LOG_LINES = 20
_WAYS = (("pause", "Pause it"), ("resume", "Go on"), ("promote", "Go on to the end"), ("rollback", "Go back"))


def operation(record: Record) -> Group:
    """One operation in full: what, who, when, its steps, how it ended and what to do next."""
    target = record["target"]
    facts: list[tuple[str, RenderableType | None]] = [
        ("id", record["id"]),
        ("by", record["actor"]),
        ("created", tables.when(record["createdAt"])),
        ("finished", tables.when(record["finishedAt"])),
        ("attempt", str(record["attempt"]) if record["attempt"] > 1 else None),
        ("started by", record["parentId"]),
        ("target", f"{target['kind']} {target['name']}" + (f" ({target['id']})" if target["id"] else "")),
        ("result", _values(record["result"])),
        ("asked", "\n".join(_asked(control) for control in record["controls"])),
        ("paused", clean(record["pause"]["message"]) if record["pause"] else None),
        ("waits for", "\n".join(_waiting(one) for one in record.get("waitsFor") or []) or None),
    ]
    parts: list[RenderableType] = [drawing.operation(Watched.of(record), now()), Text(), tables.facts(facts)]
    if record["temporalUrl"]:
        parts.append(Text(f"temporal  {record['temporalUrl']}", no_wrap=True, overflow="ignore"))
    if record["error"]:
        parts += [Text(), failure(record)]
    if words := next_steps(record):
        parts += [Text(), *words]
    return Group(*parts)


def failure(record: Record) -> Group:
    """Why an operation did not succeed: reason, message, evidence, and what to do."""
    error = record["error"]
    again = "retry can help" if error["retryable"] else "retry alone does not help"
    head = Text.assemble((error["reason"], "bold red"), f" ({error['code']}, fault: {error['fault']}, {again})")
    parts: list[RenderableType] = [head, Text(clean(error["message"]))]
    for seen in error["evidence"]:
        parts.append(Text(f"{seen['type']} {clean(seen['source'])}", style="bold dim"))
        parts.append(Padding(Text(_tail(clean(seen["text"]))), (0, 0, 0, 2)))
    parts.append(Text.assemble(("What to do: ", "bold"), clean(error["hint"])))
    return Group(*parts)


def end(record: Record) -> Group:
    """What is left to say of an operation whose steps were shown: its result, or why it failed and what to do."""
    parts: list[RenderableType] = [failure(record)] if record["error"] else []
    if record["result"]:
        parts.append(Text(f"Result: {_values(record['result'])}"))
    return Group(*parts, *next_steps(record))


def next_steps(record: Record) -> list[Text]:
    """The commands that make sense now."""
    known = record["id"]
    if record["status"] in ("FAILED", "CANCELLED"):
        return [Text.assemble("Run it again: ", (f"mooring op retry {known} --watch", "bold"))]
    if record["status"] not in TERMINAL:
        follow = Text.assemble("Follow it: ", (f"mooring op watch {known}", "bold"))
        stop = Text.assemble("Stop it: ", (f"mooring op cancel {known}", "bold"))
        ways = [
            Text.assemble(f"{told}: ", (f"mooring op {verb} {known}", "bold"))
            for verb, told in _WAYS
            if verb in record["available"]
        ]
        return [follow, *ways, *([stop] if record["cancellable"] else [])]
    return []


def _waiting(one: Record) -> str:
    """A paused child: what is asked of its parent reaches it too."""
    return clean(f"{one['kind']} {one['operationId']} on {one['target']}: {one['pause']['message']}")


def operations(records: Sequence[Record], total: int) -> RenderableType:
    """A table of operations, newest first, and how many more there are."""
    if not records:
        return Text("No operations here. Take filters away, or start one: deploying, building or creating a project makes one.")
    why = ("why",) if any(record["error"] for record in records) else ()
    table = tables.table("id", "kind", "target", "status", "steps", "try", "by", "created", "took", *why)
    for record in records:
        begun, ended = moment(record["createdAt"]), moment(record["finishedAt"])
        assert begun is not None
        table.add_row(
            record["id"],
            record["kind"],
            f"{record['project']}/{record['target']['name']}",
            drawing.status(record["status"]),
            f"{record['progress']['done']}/{record['progress']['total']}",
            str(record["attempt"]),
            record["actor"],
            ago(begun, now()),
            took((ended or now()) - begun),
            *([record["error"]["reason"] if record["error"] else ""] if why else []),
        )
    return tables.counted(table, len(records), total)


def projects(found: Sequence[Record], total: int) -> RenderableType:
    """A table of projects."""
    if not found:
        return Text("You are in no project. Ask a platform admin to create one or to make you a member (POST /v2/projects).")
    table = tables.table("project", "status", "description", "by", "created")
    for project in found:
        begun = moment(project["createdAt"])
        assert begun is not None
        state = drawing.state(project["status"])
        table.add_row(project["name"], state, clean(project["description"]), project["createdBy"], ago(begun, now()))
    return tables.counted(table, len(found), total)


def apps(project: str, found: Sequence[Record], total: int) -> RenderableType:
    """A table of a project's apps."""
    if not found:
        return Text(
            f"The project {project} has no apps. "
            f"Deploy one: POST /v2/applications/{project}, or a stack: POST /v2/composes/{project}."
        )
    table = tables.table("app", "type", "status", "instances", "image", "by")
    for app in found:
        state = drawing.state(app["Status"])
        table.add_row(app["Name"], app["Type"], state, app["InstanceSummary"], app["Image"], app["Username"])
    return tables.counted(table, len(found), total)


def app(found: Record, instances: Sequence[Record], latest: Sequence[Record]) -> Group:
    """One app: what it runs, its instances with why they are not running, and its latest operations."""
    resources = ", ".join(f"{name} {value}" for name, value in found["ResInfo"].items() if value)
    ports = ", ".join(f"{port['containerPort']}/{port['protocol']}" for port in found["PortsInfo"])
    facts: list[tuple[str, RenderableType | None]] = [
        ("status", Text.assemble(drawing.state(found["Status"]), f"  {found['InstanceSummary']}")),
        ("why", clean(found["message"])),
        ("image", found["Image"]),
        ("versions", _versions(found["versions"]) if len(found["versions"]) > 1 else None),
        ("command", clean(_command(found["Cmd"]))),
        ("ports", ports),
        ("resources", resources),
        ("by", found["Username"]),
        ("created", tables.when(found["Created"])),
        ("id", Text(found["AppID"], overflow="fold")),
    ]
    parts: list[RenderableType] = [Text(f"{found['ProjectName']}/{found['Name']}", style="bold"), tables.facts(facts), Text()]
    if instances:
        table = tables.table("instance", "status", "restarts", "ip", "host", "why")
        for one in instances:
            why = clean(f"{one['reason'] or ''} {one['message'] or ''}".strip())
            table.add_row(one["name"], drawing.state(one["status"]), str(one["restarts"]), one["ip"], one["host"], why)
        parts.append(table)
    else:
        parts.append(Text("It has no instances just now."))
    parts += [Text(), operations(latest, len(latest))]
    return Group(*parts)


def _versions(found: Sequence[Record]) -> str:
    """Which instances have which version, a line each."""
    lines = []
    for one in found:
        who = f": {', '.join(one['instances'])}" if one.get("instances") else ""
        lines.append(f"{one['revision']}  {', '.join(one['images'].values())}  {one['count']} instances{who}")
    return "\n".join(lines)


def autoscaling(name: str, found: Record) -> Group:
    """An app's autoscaling: what holds, what was found at the last look, and what it did."""
    change = found["changes"][0] if found["changes"] else None
    facts: list[tuple[str, RenderableType | None]] = [
        ("status", drawing.state(found["status"])),
        ("why", clean(found["message"])),
        ("policy", _values(found["scale"])),
        ("set", f"by {change['setBy']}, {tables.when(change['setAt'])}" if change else None),
        ("looked at", tables.when(found["evaluatedAt"])),
    ]
    parts: list[RenderableType] = [Text(f"Autoscaling of {name}", style="bold"), tables.facts(facts)]
    if found["evaluation"] and found["evaluation"]["metrics"]:
        table = tables.table("metric", "current", "target", "ratio", "ready", "not ready", "missing", "asks for")
        for one in found["evaluation"]["metrics"]:
            figures = ("current", "target", "ratio", "ready", "unready", "missing", "replicas")
            table.add_row(clean(one["metric"]), *("–" if one[f] is None else f"{one[f]:g}" for f in figures))
        parts += [Text(), table]
    if found["decisions"]:
        table = tables.table("id", "from", "to", "status", "created", "why")
        for one in found["decisions"]:
            begun = moment(one["at"])
            assert begun is not None
            counts = (str(one["before"]), str(one["after"]))
            table.add_row(one["OperationID"], *counts, drawing.status(one["status"]), ago(begun, now()), clean(one["message"]))
        parts += [Text(), table]
    return Group(*parts)


def addresses(found: Record) -> RenderableType:
    """Where an app's instances are reached."""
    if not found["content"]:
        return Text(clean(found["Message"]))
    table = tables.table("instance", "port", "inside", "outside", "name")
    for line in found["content"]:
        table.add_row(
            line["instanceName"],
            f"{line['port']}/{line['protocol']}",
            line["privateAddr"],
            line["publicAddr"] or "-",
            line["name"],
        )
    return table


def removals(answer: Record) -> RenderableType:
    """What became of each app that was to be deleted: its operation, or why there is none."""
    table = tables.table("app", "operation", "why not")
    for line in answer["apps"]:
        table.add_row(line["name"], line.get("OperationID", "-"), clean(line.get("Message", "")))
    return table


def refusal(body: Record) -> Group:
    """A refused request: what happened and what to do, the fields that are wrong, the operation in the way."""
    parts = [Text.assemble((f"{body['Reason']}: ", "bold red"), clean(str(body["Message"])))]
    problems = body.get("problems", [])
    if len(problems) > 1 or any("line" in problem for problem in problems):  # one field is in the message already
        parts += [Text(clean(f"  {_place(problem)}{problem['field']}: {problem['message']}")) for problem in problems]
    if "OperationID" in body:
        parts.append(Text.assemble("See it: ", (f"mooring op show {body['OperationID']}", "bold")))
    return Group(*parts)


def _place(problem: Record) -> str:
    return f"line {problem['line']}, column {problem['column']}: " if "line" in problem else ""


def _asked(control: Record) -> str:
    return f"{control['verb']} by {control['actor']}, {tables.when(control['at'])}"


def _values(values: dict[str, Any] | None) -> str:
    return clean(", ".join(f"{name}={_value(value)}" for name, value in (values or {}).items()))


def _value(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _command(command: str | list[str] | None) -> str:
    return " ".join(command) if isinstance(command, list) else command or ""


def _tail(text: str) -> str:
    lines = text.rstrip().split("\n")
    return "\n".join([f"… {len(lines) - _LOG_LINES} lines before", *lines[-_LOG_LINES:]] if len(lines) > _LOG_LINES else lines)
