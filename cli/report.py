"""Records and lists as people read them; every list that is empty says what to do next."""

import json
from collections.abc import Sequence
from typing import Any

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.text import Text

from cli import app_words, drawing, tables
from cli.api import Record
from cli.commands_told import told
from cli.instance_report import instances as listed
from cli.operation_words import asked_for, attempts_before, in_force, result
from cli.watched import Watched
from cli.ways_out import next_steps, ways, ways_of_app
from cli.words import ago, clean, moment, now, took

_LOG_LINES = 20
_LONGEST_VALUE = 60
_AGAIN = {"user": "retry helps once that is mended", "quota": "retry helps once there is room"}


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
        ("asked", asked_for(record.get("request") or {})),
        ("result", result(record)),
        ("controls", "\n".join(_asked(control) for control in record["controls"])),
        ("in force now", in_force(record)),
        ("paused", told(record["pause"]["message"]) if record["pause"] else None),
        ("waits for", waiting(record)),
    ]
    parts: list[RenderableType] = [drawing.operation(Watched.of(record), now()), Text(), tables.facts(facts)]
    if record["attempt"] > 1:
        parts += [Text(), *attempts_before(record)]
    if record["temporalUrl"]:
        parts.append(Text(f"temporal  {record['temporalUrl']}", no_wrap=True, overflow="ignore"))
    if record["error"]:
        parts += [Text(), failure(record)]
    if record.get("afterwards"):
        parts += [Text(), since(record["afterwards"])]
    if words := next_steps(record):
        parts += [Text(), *words]
    return Group(*parts)


def since(found: Record) -> Group:
    """What became of the app after its operation succeeded, and what to do."""
    head = Text.assemble("Since then: ", (f"{found['status']} {found['reason']}".strip(), "bold red"))
    return Group(head, Text(told(found["message"])), Text.assemble(("What to do: ", "bold"), told(found["hint"])))


def failure(record: Record, *, seen: str = "") -> Group:
    """Why an operation did not succeed: reason, message, evidence but that of the type `seen`, and what to do."""
    error = record["error"]
    told_of = [str(error["code"]), f"fault: {error['fault']}"]
    if record["status"] != "CANCELLED":  # that was asked for
        helps = error["retryable"] and any("op retry" in command for _, command in ways(record))
        told_of.append(_AGAIN.get(error["fault"], "retry can help") if helps else "retry alone does not help")
    head = Text.assemble((error["reason"], "bold red"), f" ({', '.join(told_of)})")
    parts: list[RenderableType] = [head, Text(told(error["message"]))]
    for piece in error["evidence"]:
        if piece["type"] != seen:
            parts.append(Text(f"{piece['type']} {clean(piece['source'])}", style="bold dim"))
            parts.append(Padding(Text(_tail(clean(piece["text"]))), (0, 0, 0, 2)))
    parts.append(Text.assemble(("What to do: ", "bold"), told(error["hint"])))
    return Group(*parts)


def end(record: Record, *, seen: str = "") -> Group:
    """What is left to say of an operation whose steps were shown: its result, or why it failed and what to do."""
    return Group(why(record, seen=seen), *next_steps(record))


def why(record: Record, *, seen: str = "") -> Group:
    """How an operation ended, without the commands that lead on, and the evidence of the type that was `seen` already."""
    parts: list[RenderableType] = [failure(record, seen=seen)] if record["error"] else []
    if words := result(record):
        parts.append(Text(f"Result: {words}"))
    if words := in_force(record):
        parts.append(Text(f"In force now: {words}"))
    return Group(*parts)


def waiting(record: Record) -> str | None:
    """What it waits for: its turn, or paused children, which what is asked of their parent reaches too; None for neither."""
    if line := record.get("line"):
        others = f"{line['before']} of the same project come before it, {line['waiting']} wait in all"
        return f"its turn: {others}; {line['running']} of at most {line['places']} work now, and projects take turns"
    children = record.get("waitsFor") or []
    lines = [f"{one['kind']} {one['operationId']} on {one['target']}: {told(one['pause']['message'])}" for one in children]
    return "\n".join(clean(line) for line in lines) or None


def operations(found: Record) -> RenderableType:
    """A table of operations, newest first, and how many more there are."""
    records = found["operations"]
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
    return tables.counted(table, len(records), found["total"], at_least=found.get("totalIsAtLeast", False))


def projects(found: Sequence[Record], total: int) -> RenderableType:
    """A table of projects."""
    if not found:
        return Text(
            "You are in no project. As a platform admin create one: mooring project create NAME; else ask to be made a member."
        )
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
            f"Deploy one: mooring app create {project} NAME --image IMAGE, or several: mooring template create {project} NAME FILE"
        )
    table = tables.table("app", "type", "status", "instances", "image", "by", "why")
    live = {app["Name"] for app in found if app["Status"] != "STOPPED"}
    for app in found:
        if app["Status"] == "STOPPED" and app["Name"] in live:
            continue  # an earlier life of the name
        state = drawing.state(app["Status"])
        table.add_row(app["Name"], app["Type"], state, app["InstanceSummary"], app["Image"], app["Username"], _cause(app))
    return tables.counted(table, len(found), total)


def _cause(app: Record) -> str:
    """Why an app is as it is; empty where there is nothing to say."""
    return told(": ".join(filter(None, [app.get("reason"), app["message"]])))


def app(found: Record, addresses: Sequence[Text], instances: Sequence[Record], latest: Sequence[Record]) -> Group:
    """One app: what it runs, where it is reached, its instances with why they are not running, and its latest operations."""
    ports = ", ".join(f"{port['containerPort']}/{port['protocol']}" for port in found["PortsInfo"])
    facts: list[tuple[str, RenderableType | None]] = [
        ("status", Text.assemble(drawing.state(found["Status"]), f"  {found['InstanceSummary']}")),
        ("why", _cause(found)),
        ("type", found["Type"]),
        ("image", found["Image"]),
        ("versions", _versions(found["versions"]) if len(found["versions"]) > 1 else None),
        ("command", clean(command_of(found["Cmd"]))),
        ("ports", ports),
        ("by default", told("\n".join(found.get("notices", []))) or None),
        ("resources", app_words.amounts(found) or "none asked for"),
        ("variables", app_words.variables(found)),
        ("files", app_words.files(found)),
        ("by", found["Username"]),
        ("created", tables.when(found["Created"])),
        ("id", Text(found["AppID"], overflow="fold")),
    ]
    parts: list[RenderableType] = [
        Text(f"{found['ProjectName']}/{found['Name']}", style="bold"),
        tables.facts(facts),
        *addresses,
        Text(),
    ]
    if instances:
        parts.append(listed(found["ProjectName"], found["Name"], instances, len(instances)))
    else:
        parts.append(Text("It has no instances just now."))
    if words := ways_of_app(found):
        parts += [Text(), *words]
    parts += [Text(), operations({"operations": latest, "total": len(latest)})]
    return Group(*parts)


def _versions(found: Sequence[Record]) -> str:
    """Which instances have which version, a line each."""
    lines = []
    for one in found:
        who = f": {', '.join(one['instances'])}" if one.get("instances") else ""
        images = ", ".join(f"{image}{_short(one['digests'].get(name))}" for name, image in one["images"].items())
        # Another image is to be seen already.
        others = ", ".join(field for field in one["differs"] if not field.endswith(".image"))
        differs = "in force" if one["current"] else f"differs in {others}" if others else ""
        words = [f"{one['revision']}  {images}", differs, f"{one['count']} instance{'' if one['count'] == 1 else 's'}{who}"]
        lines.append("  ".join(word for word in words if word))
    return "\n".join(lines)


def _short(digest: str | None) -> str:
    return f" ({digest[7:19]})" if digest else ""


def revisions(project: str, name: str, found: Record) -> RenderableType:
    """An app's revisions, newest first: who, when, why, how many instances have it, and what differs from the one before."""
    table = tables.table("revision", "instances", "by", "created", "why", "what differs from the one before")
    for one in found["revisions"]:
        begun = moment(one["createdAt"])
        assert begun is not None
        number = f"{one['revision']}{' in force' if one['current'] else ''}"
        differs = "; ".join(_difference(change, one) for change in one["changes"]) or ("" if one["revision"] == 1 else "nothing")
        reason = clean(one["reason"]) + _outcome(one)
        table.add_row(number, _serving(one), one["createdBy"], ago(begun, now()), reason, differs)
    back = Text.assemble("Go back to one: ", (f"mooring app rollback {project} {name} --revision NUMBER", "bold"))
    counted = tables.counted(table, len(found["revisions"]), found["total"], at_least=found.get("totalIsAtLeast", False))
    return Group(counted, back) if found["total"] > 1 else counted


def _serving(revision: Record) -> str:
    """How many instances have it, and how many of them serve where that is not all: "0 of 1 ready", "1 ready, to go"."""
    wanted, ready = revision["instances"], revision["ready"]
    if ready is None or ready == wanted:
        return str(wanted)
    if ready > wanted:
        return f"{wanted}, {ready - wanted} more ready" if wanted else f"{ready} ready"
    return f"{ready} of {wanted} ready"


def _outcome(revision: Record) -> str:
    """That a revision did not work, and why, "" of one that did."""
    outcome = revision["outcome"] or {"status": "SUCCEEDED"}
    ended = outcome["status"] in ("SUCCEEDED", "FAILED", "CANCELLED")
    if ended and not revision["digests"]:
        return "; never ran: its image was not found"
    if outcome["status"] == "SUCCEEDED":
        return ""
    why = f": {outcome['reason']}" if outcome["reason"] else ""
    return clean(f"; {'never worked' if ended else 'not done'}: {outcome['OperationID']} is {outcome['status']}{why}")


def _difference(change: Record, revision: Record) -> str:
    """What became of one field, of a list which of its entries; long values are cut."""
    before, after = change["before"], change["after"]
    field, _, last = change["field"].rpartition(".")
    if last == "digest":
        name = field.partition(".")[2]
        return clean(f"image {name}: {revision['images'][name]} {before[:19]}… → {after[:19]}…")
    if isinstance(before, dict) and isinstance(after, dict):
        one, other = _flat(before), _flat(after)
        fields = sorted(name for name in one.keys() | other.keys() if one.get(name) != other.get(name))
        words = ", ".join(f"{name} {_cut(one.get(name, 'none'))} → {_cut(other.get(name, 'none'))}" for name in fields)
    elif isinstance(before, list) and isinstance(after, list):
        gone, new = ([_entry(one) for one in these if one not in those] for these, those in ((before, after), (after, before)))
        words = ", ".join([*(f"- {one}" for one in gone), *(f"+ {one}" for one in new)]) or "in another order"
    else:
        words = f"{_cut(_plain(before))} → {_cut(_plain(after))}"
    return clean(f"{change['field']}: {words}")


def _entry(one: Any) -> str:
    """One entry of a list: a variable as NAME=VALUE, others without what they do not set."""
    if not isinstance(one, dict):
        return _cut(_value(one))
    if one.keys() >= {"name", "value"}:
        return f"{one['name']}={_cut(one['value'])}"
    return _cut(_plain(one))


def _flat(values: dict[str, Any], within: str = "") -> dict[str, str]:
    """What is set in nested fields, by their places.

    >>> _flat({"httpGet": {"path": "/", "port": 80}, "host": None})
    {'httpGet.path': '/', 'httpGet.port': '80'}
    """
    found: dict[str, str] = {}
    for name, value in values.items():
        if isinstance(value, dict):
            found |= _flat(value, f"{within}{name}.")
        elif value is not None:
            found[f"{within}{name}"] = _value(value)
    return found


def _plain(value: Any) -> str:
    """A value of a field for a person: "none", or NAME VALUE of each field that is set."""
    if value is None:
        return "none"
    return " ".join(f"{name} {text}" for name, text in _flat(value).items()) if isinstance(value, dict) else _value(value)


def _cut(text: str) -> str:
    return text if len(text) <= _LONGEST_VALUE else f"{text[:_LONGEST_VALUE]}…"


def autoscaling(name: str, found: Record) -> Group:
    """An app's autoscaling: what holds, what was found at the last look, and what it did."""
    change = found["changes"][0] if found["changes"] else None
    facts: list[tuple[str, RenderableType | None]] = [
        ("status", drawing.state(found["status"])),
        ("why", told(found["message"])),
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
        table.add_row(line["name"], line.get("OperationID", "-"), told(line.get("Message", "")))
    return table


def refusal(body: Record, in_the_way: Record | None = None) -> Group:
    """A refused request: what happened and what to do, the fields that are wrong, the operation in the way and what it allows."""
    parts = [Text.assemble((f"{body['Reason']}: ", "bold red"), told(str(body["Message"])))]
    problems = body.get("problems", [])
    if len(problems) > 1 or any("line" in problem for problem in problems):  # one field is in the message already
        parts += [Text(clean(f"  {_place(problem)}{problem['field']}: {problem['message']}")) for problem in problems]
    if "OperationID" in body:
        parts.append(Text.assemble("See it: ", (f"mooring op show {body['OperationID']}", "bold")))
    return Group(*parts, *(next_steps(in_the_way) if in_the_way else []))


def _place(problem: Record) -> str:
    return f"line {problem['line']}, column {problem['column']}: " if "line" in problem else ""


def _asked(control: Record) -> str:
    words = f" {control['words']}" if control["words"] else ""
    return f"{control['verb']}{words} by {control['actor']}, {tables.when(control['at'])}"


def _values(values: dict[str, Any] | None) -> str:
    return clean(", ".join(f"{name}={_value(value)}" for name, value in (values or {}).items()))


def _value(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def command_of(command: str | list[str] | None) -> str:
    return " ".join(command) if isinstance(command, list) else command or ""


def _tail(text: str) -> str:
    lines = text.rstrip().split("\n")
    return "\n".join([f"… {len(lines) - _LOG_LINES} lines before", *lines[-_LOG_LINES:]] if len(lines) > _LOG_LINES else lines)
