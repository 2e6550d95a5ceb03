"""What `mooring up` makes of what there is: what is built and deployed as it was asked for, and what is to be another (pure)."""

import shlex
from dataclasses import dataclass, field
from typing import Any

from cli import building, report
from cli.api import Record
from cli.words import clean

# Why it failed → which amounts are to be others.
_AMOUNTS_AFTER = {"Unschedulable": ("cpu", "mem"), "QuotaExceeded": ("cpu", "mem"), "OutOfMemory": ("mem",)}
_DEPLOYS = frozenset({"app.create", "app.upgrade"})


@dataclass(frozen=True)
class Asked:
    """What the options say of the app; None where it stays as it is."""

    port: int | None = None
    env: list[str] = field(default_factory=list)
    cpu: str | None = None
    memory: str | None = None
    deadline: int | None = None

    @property
    def options(self) -> str:
        """The options again; the values of variables are the person's to write."""
        return self._options()

    def options_after(self, reason: str) -> str:
        """The same, with the person's part where what they asked for is why it failed."""
        amounts = dict.fromkeys(_AMOUNTS_AFTER.get(reason, ()), "AMOUNT")
        return self._options(**amounts)

    def _options(self, **others: str) -> str:
        numbers = {"port": self.port, "cpu": self.cpu, "mem": self.memory, "deadline": self.deadline, **others}
        said = [f"--{name} {value}" for name, value in numbers.items() if value]
        return "".join(f" {one}" for one in [*said, *(f"--env {shlex.quote(one.partition('=')[0])}=…" for one in self.env)])

    @property
    def ports(self) -> list[dict[str, Any]] | None:
        """The port, as a body has it."""
        return [{"containerPort": self.port, "protocol": "tcp"}] if self.port else None

    @property
    def in_time(self) -> Record:
        """The field that says how long it may take."""
        return {"deadlineSeconds": self.deadline} if self.deadline else {}


def is_outdated(running: Record, built: Record, asked: Asked) -> bool:
    """Whether it deploys another image, or another port, than is wanted now, and nothing else waits for it.

    What goes in batches is its person's to control, and a part of a stack is the stack's.
    """
    request = running["request"]
    image, ports = request.get("imageRef") or request.get("image"), request.get("portMappings")
    elsewhere = asked.port is not None and bool(ports) and asked.port not in [port.get("containerPort") for port in ports]
    of_others = running["kind"] not in _DEPLOYS or running["parentId"] or request.get("batches") or running["status"] == "PAUSED"
    return not of_others and (image not in (None, built["image"]) or elsewhere)


def sends_again(record: Record, project: str) -> Record:
    """A build that failed, as it is told by the command that sends the directory itself."""
    sending = f"send the directory again (POST /v2/builds/{project}/sources) and build that"
    error = record["error"] or {}
    return record | {"error": error | {"hint": error["hint"].replace(sending, "run this command again")}} if error else record


def built_before(records: list[Record], commit: str, build: Record) -> Record | None:
    """The newest image of the source, where it was built as the build project says now: an older one has lost its tag to that."""
    newest = next((one for one in records if one["commit"] == commit and one["status"] == "SUCCEEDED"), None)
    return newest if newest and building.as_said(newest, build) else None


def exact(result: Record) -> Record:
    """The image as it is deployed: a tag that is its commit's names it well, any other is pinned."""
    own = result["tag"] == result["commit"][:12]
    return {"image": result["image"] if own else f"{result['image']}@{result['digest']}", "digest": result["digest"]}


def has(app: Record, built: Record) -> bool:
    """Whether the app runs the image already."""
    return bool(built["image"] == app["Image"] and built["digest"] in app["digests"].values())


def ports_of(app: Record) -> list[dict[str, Any]]:
    """The ports of an app, as a body has them."""
    return [{"containerPort": p["containerPort"], "protocol": p["protocol"]} for p in app["PortsInfo"]]


def asks_elsewhere(app: Record) -> bool:
    """Whether it is asked on a port that it no longer has, by the probe that this command once wrote itself."""
    probe = app.get("readinessProbe") or {}
    return probe.keys() == {"tcpSocket"} and probe["tcpSocket"]["port"] not in {p["containerPort"] for p in app["PortsInfo"]}


def own_command(app: Record, project: str) -> str:
    """What is to be known of an app that has a command of its own: a change of the image's CMD does nothing then."""
    command = clean(report.command_of(app["Cmd"]))
    if not command:
        return ""
    back = f'mooring app rollout {project} {app["Name"]} --cmd "" --watch'
    return f"It runs a command of its own, {command!r}, and not its image's. To run the image's: {back}"


def numbers(ports: list[dict[str, Any]]) -> str:
    return ", ".join(str(p["containerPort"]) for p in ports)


def change_words(body: Record, app: Record) -> str:
    """What is rolled out, in words.

    >>> change_words({"portMappings": [{"containerPort": 8080}]}, {"PortsInfo": [{"containerPort": 3000, "protocol": "tcp"}]})
    'port 8080 instead of 3000'
    """
    words = {
        "image": "the image",
        "resources": "its cpu and memory",
        "dockerEnv": "variables",
        "networkType": "an address outside",
        "readinessProbe": "its probe",
    }
    ports = f"port {numbers(body['portMappings'])} instead of {numbers(ports_of(app)) or 'none'}" if "portMappings" in body else ""
    return ", ".join([*([ports] if ports else []), *(words[field] for field in body if field in words)])
