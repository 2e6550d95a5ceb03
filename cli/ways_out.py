"""What to do next with an operation, as commands: by what it was, how it ended, and why."""

import shlex
from collections.abc import Mapping
from typing import Any

from rich.text import Text

from cli.api import TERMINAL, Record

Way = tuple[str, str]
_RETRY: Way = ("Run it again", "op retry {id} --watch")
_ONCE_MENDED: Way = ("Run it again, once that is mended", "op retry {id} --watch")
_CONTROLS = (("pause", "Pause it"), ("resume", "Go on"), ("promote", "Go on to the end"), ("rollback", "Go back"))

_LOG: Way = ("See what it wrote", "logs {project} {name}")
_INSTANCES: Way = ("See its instances", "instance ls {project} {name}")
_HOSTS: Way = ("See who uses what", "host ls")
_IMAGE: Way = ("Roll out what is mended", "app rollout {project} {name} --image IMAGE --watch")
_FILE: Way = ("Roll out what is mended", "app rollout {project} {name} --file BODY --watch")
_PORT: Way = ("If it listens on another port", "app rollout {project} {name} --port PORT --watch")
_COMMAND: Way = ("Give it another command", "app rollout {project} {name} --cmd COMMAND --watch")
_BUILD: Way = ("Build the image anew from its source", "build dir DIR --project {project}")
_PUSHED: Way = ("Or run it again, once the mended image has its tag", "op retry {id} --watch")
_LESS: Way = ("Ask for less", "app rollout {project} {name} --cpu AMOUNT --mem AMOUNT --watch")
_ROOM: Way = ("Run it again, once there is room", "op retry {id} --watch")
_NO_SURGE: Way = ("Let an old instance go first", "app rollout {project} {name} --max-surge 0 --watch")
_VARIABLE: Way = ("Or with another setting", "app rollout {project} {name} --env NAME=VALUE --watch")
_BACK: Way = ("Go back to the version before", "app rollback {project} {name} --watch")

# Why an app's operation failed → what leads out of it; running it again only where the same can end otherwise.
OF_APPS: Mapping[str, tuple[Way, ...]] = {
    "ImageNotFound": (
        ("Give it another image", "app rollout {project} {name} --image IMAGE --watch"),
        ("Run it again, once the image is pushed", "op retry {id} --watch"),
    ),
    "OtherRegistryUnavailable": (
        ("Run it again, once that registry answers", "op retry {id} --watch"),
        ("Or use an image of another", "app rollout {project} {name} --image IMAGE --watch"),
    ),
    "CommandNotFound": (_COMMAND, _IMAGE),
    "CrashLoop": (_LOG, _IMAGE, _VARIABLE, ("Run it again, once a mended image has its tag", "op retry {id} --watch")),
    "OutOfMemory": (("Give it more memory", "app rollout {project} {name} --mem AMOUNT --watch"),),
    "ProbeFailing": (_LOG, _INSTANCES, _FILE),
    "GateFailed": (_LOG, _IMAGE, ("Try the same batch again", "op retry {id} --watch")),
    "JobFailed": (_LOG, _IMAGE, ("Run it once more as it is", "op retry {id} --watch")),
    "Unschedulable": (_HOSTS, _LESS, _ROOM),
    "QuotaExceeded": (_HOSTS, ("See what else the project runs", "app ls {project}"), _ONCE_MENDED),
    "DeadlineExceeded": (_INSTANCES, _HOSTS, _ONCE_MENDED),
    "JobInterrupted": (("Run it again", "op retry {id} --watch"), _HOSTS),
    "HostUnreachable": (_HOSTS, _INSTANCES, ("Run it again, once the host reports", "op retry {id} --watch")),
    "AdmissionRefused": (_FILE, _ONCE_MENDED),
    "NamespaceGone": (("See the project", "project show {project}"),),
    "DeletionHeld": (("Run it again, once nothing holds it", "op retry {id} --watch"),),
    "Forbidden": (_FILE,),
    "Conflict": (_INSTANCES, _ONCE_MENDED),
    "Invalid": (_FILE,),
}
# The same where the error says which of several causes it was.
BY_CAUSE: Mapping[tuple[str, str], tuple[Way, ...]] = {
    ("CommandNotFound", "command"): (_COMMAND, _IMAGE),
    ("CommandNotFound", "image"): (_BUILD, _IMAGE, _PUSHED),
    ("CommandNotFound", "script"): (_BUILD, _IMAGE, _COMMAND, _PUSHED),
    ("Unschedulable", "labels"): (
        ("Correct its nodeLabels or affinity", "app rollout {project} {name} --file BODY --watch"),
        ("Run it again, once a node has the label", "op retry {id} --watch"),
    ),
    ("Unschedulable", "too-large"): (_HOSTS, _LESS, ("Run it again, once a node has as much", "op retry {id} --watch")),
    ("Unschedulable", "apart"): (
        ("Have as many instances as there are nodes", "app scale {project} {name} COUNT --watch"),
        ("Or make the rule one that is preferred", "app rollout {project} {name} --file BODY --watch"),
        ("Run it again, once there is another node", "op retry {id} --watch"),
    ),
    ("Unschedulable", "beside"): (_HOSTS, _ROOM),
}
_BUILD_IT: Way = ("Then build it", "build run {project} {name}")
_ONCE_THERE: Way = ("Or run it again, once the repository has that", "op retry {id} --watch")
OF_BUILDS: Mapping[str, tuple[Way, ...]] = {
    "BuildFailed": (("Build the newest commit, once it is mended", "op retry {id} --watch"),),
    "SourceUnreachable": (
        ("Correct what it builds", "build edit {project} {name} --repository URL --branch BRANCH"),
        _BUILD_IT,
        ("Or run it again, once that is mended", "op retry {id} --watch"),
    ),
    "ImageNotFound": (("Build the newest commit, once it is mended", "op retry {id} --watch"),),
}
# A retry takes the address, the branch and the paths that the operation began with: those are corrected in the build project.
BY_CAUSE_OF_BUILDS: Mapping[tuple[str, str], tuple[Way, ...]] = {
    ("SourceUnreachable", "address"): (
        ("Correct the address", "build edit {project} {name} --repository URL"),
        _BUILD_IT,
        _ONCE_THERE,
    ),
    ("SourceUnreachable", "branch"): (
        ("Correct the branch", "build edit {project} {name} --branch BRANCH"),
        _BUILD_IT,
        _ONCE_THERE,
    ),
    ("SourceUnreachable", "paths"): (
        ("Correct the paths", "build edit {project} {name} --dockerfile PATH --context DIR"),
        _BUILD_IT,
        _ONCE_THERE,
    ),
    ("SourceUnreachable", "away"): (
        ("Run it again, once it answers", "op retry {id} --watch"),
        ("Or correct the address", "build edit {project} {name} --repository URL"),
        _BUILD_IT,
    ),
    ("BuildFailed", "away"): (("Run it again, once that registry answers", "op retry {id} --watch"),),
}
# Of a directory that was sent: running it again builds the same.
_SEND: Way = ("Send the directory again, once it is mended", "build dir DIR --project {project} --name {name}{tag}")
_SENT: Way = ("See what it is built from", "build show {project} {name}")
OF_SOURCES: Mapping[str, tuple[Way, ...]] = {
    "BuildFailed": (_SEND,),
    "SourceUnreachable": (_SEND, _SENT),
}
BY_CAUSE_OF_SOURCES: Mapping[tuple[str, str], tuple[Way, ...]] = {
    ("SourceUnreachable", "paths"): (
        ("Correct the paths", "build edit {project} {name} --dockerfile PATH --context DIR"),
        ("Then send the directory again", "build dir DIR --project {project} --name {name}{tag}"),
        _SENT,
    ),
    ("BuildFailed", "away"): (("Build the same again, once that registry answers", "op retry {id} --watch"), _SEND),
}
_OF_STACKS: tuple[Way, ...] = (
    ("See which part failed", "stack show {project} {name}"),
    ("See the operations on its parts", "op ls {project} --parent {id}"),
)
# What one does after it went well, by kind; of an app that serves its addresses are told.
_AFTER: Mapping[str, tuple[Way, ...]] = {
    "project.create": (
        ("Use it from now on", "use {name}"),
        ("Deploy an app in it", "app create {name} NAME --image IMAGE --port PORT --outside --watch"),
    ),
    "project.delete": (("See what is left", "project ls"),),
    "object.release": (("See what else goes on there", "op ls {project}"),),
    "app.kill": (("Start it again", "app start {project} {name} --watch"),),
    "app.delete": (("See what is left", "app ls {project}"),),
    "instance.kill": (_INSTANCES,),
    "instance.start": (_INSTANCES,),
    "instance.update": (_INSTANCES,),
    "stack.deploy": (("See it", "stack show {project} {name}"),),
    "stack.upgrade": (("See it", "stack show {project} {name}"),),
    "stack.delete": (("See what is left", "stack ls {project}"),),
    "config.apply": (("See who uses it", "app ls {project}"),),
    "image.build": (("Deploy it", "app create {project} NAME --image {image}{ports} --watch"),),
}
_SERVES: tuple[Way, ...] = (("See it", "app show {project} {name}"),)


def next_steps(record: Record) -> list[Text]:
    """The commands that make sense now, a line each."""
    return [Text.assemble(f"{words}: ", (command, "bold")) for words, command in ways(record)]


def ways_as_data(record: Record) -> list[dict[str, str]]:
    """The same for a program."""
    return [{"what": words, "command": command} for words, command in ways(record)]


def ways(record: Record) -> list[Way]:
    """What makes sense now: in words, and as a command, in which the person's own part stands in capitals."""
    if record["status"] not in TERMINAL:
        found = _of_running(record)
    elif record["status"] == "SUCCEEDED" and record.get("afterwards"):
        found = _of_app(record["afterwards"]["reason"])
    elif record["status"] == "SUCCEEDED":
        found = _after(record)
    else:
        found = _out_of(record)
    tag = (record.get("request") or {}).get("tag")
    named = {"id": record["id"], "project": record["project"], "name": record["target"]["name"], "image": "IMAGE"}
    named |= {"tag": f" --tag {shlex.quote(tag)}" if tag else ""}
    named |= {"image": record["result"]["image"]} if "image" in (record["result"] or {}) else {}
    offered = [*_on_another_port(record), *found]
    return [(words, f"mooring {command.format(**named, ports=_exposed(record))}") for words, command in offered]


def ways_of_app(app: Record) -> list[Text]:
    """What leads out of why an app does not serve, a line each; [] where nothing is wrong with it."""
    named = {"project": app["ProjectName"], "name": app["Name"]}
    found = _of_app(app["reason"]) if app.get("reason") else []
    return [Text.assemble(f"{words}: ", (f"mooring {command.format(**named)}", "bold")) for words, command in found]


def _of_app(reason: str) -> list[Way]:
    """By the reason, without running an operation again: the app's last one has ended well, or is not to be run again."""
    return [way for way in OF_APPS.get(reason, (_LOG, _INSTANCES)) if "{id}" not in way[1]]


def _exposed(record: Record) -> str:
    """Options for the ports that the image of a build exposes, where they are known."""
    ports = "".join(f" --port {port.removesuffix('/tcp')}" for port in record.get("ports") or [])
    return f"{ports} --outside" if ports else ""


def _on_another_port(record: Record) -> list[Way]:
    """The way out where nothing listens on the port that the platform itself asks: its probe follows the port."""
    error = record["error"] or {}
    return [_PORT] if error.get("reason") == "ProbeFailing" and "portMappings" in error.get("hint", "") else []


def _of_running(record: Record) -> list[Way]:
    controls = [(words, f"op {verb} {{id}}") for verb, words in _CONTROLS if verb in record["available"]]
    stoppable = record["cancellable"] and record["status"] != "CANCELLING"
    return [("Follow it", "op watch {id}"), *controls, *([("Stop it", "op cancel {id}")] if stoppable else [])]


def _after(record: Record) -> tuple[Way, ...]:
    if record["kind"] in _AFTER:
        return _AFTER[record["kind"]]
    return _SERVES if record["kind"].startswith("app.") else ()


def _out_of(record: Record) -> list[Way]:
    """Out of a failure, or on after a cancellation."""
    noun, error = record["kind"].partition(".")[0], record["error"] or {}
    if record["status"] == "CANCELLED":
        return [_RETRY]
    if error.get("fault") in ("platform", "cluster") and error["reason"] not in OF_APPS:
        return [_RETRY]
    if noun == "stack":
        back = [("Go back to the version before", "stack rollback {project} {name} --watch")]
        return [*_OF_STACKS, *(back if record["kind"] == "stack.upgrade" and not _went_back(record) else []), _ONCE_MENDED]
    if noun in ("app", "instance") and record["kind"] not in ("app.kill", "app.delete"):
        return _out_of_app(record, error)
    if noun == "image":
        sent = (record.get("request") or {}).get("source")
        known, by_cause = (OF_SOURCES, BY_CAUSE_OF_SOURCES) if sent else (OF_BUILDS, BY_CAUSE_OF_BUILDS)
        return [*_known(known, by_cause, error)]
    return [_ONCE_MENDED]


def _out_of_app(record: Record, error: Mapping[str, Any]) -> list[Way]:
    """Out of a failed operation on an app or one of its instances."""
    upgrade = record["kind"] == "app.upgrade"
    found = [*_known(OF_APPS, BY_CAUSE, error)]
    if _PUSHED in found and not _names_image(record):
        found.remove(_PUSHED)
    if upgrade and error.get("cause") in ("apart", "beside") and not _is_gray(record):
        found.insert(0, _NO_SURGE)
    if upgrade and record.get("leadsBack") and not _went_back(record):
        found.append(_BACK)
    return found


def _known(
    known: Mapping[str, tuple[Way, ...]], by_cause: Mapping[tuple[str, str], tuple[Way, ...]], error: Mapping[str, Any]
) -> tuple[Way, ...]:
    """What leads out by the reason, and by the cause where the error tells one."""
    reason = error.get("reason", "")
    return by_cause.get((reason, error.get("cause") or ""), known.get(reason, (_ONCE_MENDED,)))


def _names_image(record: Record) -> bool:
    """Whether what was asked for named an image by a tag: a retry looks that up anew, and no other."""
    asked: Mapping[str, Any] = record.get("request") or {}
    image = asked.get("imageRef") or asked.get("image") or ""
    if record["kind"] == "app.create" and not image:
        return "app_id" not in asked  # a document names images; a copy has those of the other app
    return bool(image) and "@" not in image


def _is_gray(record: Record) -> bool:
    """Whether it goes in batches: what failed in them is not in force, so that a rollout has to name it again."""
    return bool((record.get("request") or {}).get("batches"))


def _went_back(record: Record) -> bool:
    """Whether its failure took back what it had done."""
    asked: Mapping[str, Any] = record.get("request") or {}
    return asked.get("onFailure") == "rollback"
