"""What became of a container's probes: which one failed, whether the kubelet ended the container for it, and what it asks.

Kubernetes: Configure Liveness, Readiness and Startup Probes. A readiness probe takes an instance out of service and never
restarts a container; a liveness or startup probe restarts it.
"""

import re
import shlex
from collections.abc import Iterable
from datetime import datetime, timedelta

from model.base import Frozen
from model.events import event_count, event_time, events_of
from model.pods import Container, End, Object

_RESTARTING = ("liveness", "startup")
# The kubelet gives these no other form than words; they are its own, fixed, and read only here (kubelet: prober, kuberuntime).
_UNHEALTHY = re.compile(
    r"(?P<kind>Readiness|Liveness|Startup) probe (?P<how>failed|errored|warning)[^:]*:?\s*(?P<output>.*)", re.DOTALL
)
_KILLING = re.compile(r"Container \S+ failed (?P<kind>liveness|startup) probe")
_STOPPED_BY_KUBELET = frozenset({0, 137, 143})  # it obeyed, or SIGKILL, SIGTERM
_LONGEST_COMMAND = 80
_SLACK = timedelta(seconds=2)  # events and containers' times come from whole seconds of different clocks


class ProbeFailure(Frozen):
    """A probe of `kind` that failed: `text` says it as a sentence's end, "its" before it."""

    kind: str
    text: str


def probe_failure(
    pod: Object, c: Container, events: Iterable[Object], *kinds: str, since: str | None = None
) -> ProbeFailure | None:
    """The newest failure of the container's probes of these kinds, those before `since` left out; None where none is known."""
    found = [(kind, event) for kind, event in _unhealthy(pod, c, events) if kind in kinds and kind in c.probes]
    found = [(kind, event) for kind, event in found if since is None or _time(event_time(event)) >= _time(since) - _SLACK]
    if not found:
        return None
    kind, newest = found[-1]
    count = max(event_count(event) for _, event in found)
    return ProbeFailure(kind=kind, text=_told(kind, c, newest, count))


def killing_probe(pod: Object, c: Container, events: Iterable[Object]) -> ProbeFailure | None:
    """The failure of the liveness or startup probe for which the kubelet ended the container's last life, if that was why.

    The kubelet says so by an event of its own; where it kept that back, being asked for too many, how the container ended tells.
    """
    if c.end is None or c.end.lost or c.end.reason == "OOMKilled":
        return None
    there = list(events)
    killed = [
        (match["kind"], event)
        for event in _about(pod, c, there, "Killing")
        if (match := _KILLING.match(event.get("message", ""))) and match["kind"] in c.probes
    ]
    stopped = c.end.exit_code in _STOPPED_BY_KUBELET
    if killed and (stopped or _within(killed[-1][1], c.end)):
        kind = killed[-1][0]
        return probe_failure(pod, c, there, kind) or ProbeFailure(kind=kind, text=f"{kind} probe failed ({asks(c.probes[kind])})")
    if not stopped:
        return None
    found = [kind for kind, _ in _unhealthy(pod, c, there) if kind in _RESTARTING and kind in c.probes]
    return probe_failure(pod, c, there, found[-1]) if found else None


def asks(probe: Object) -> str:
    """What a probe asks, in words.

    >>> asks({"httpGet": {"path": "/live", "port": 8080}}), asks({"exec": {"command": ["test", "-f", "/tmp/ready file"]}})
    ('GET :8080/live', "command test -f '/tmp/ready file'")
    >>> asks({"tcpSocket": {"port": 5432}}), asks({"grpc": {"port": 50051}})
    ('connection to port 5432', 'gRPC health of port 50051')
    """
    if get := probe.get("httpGet"):
        return f"GET :{get['port']}{get.get('path', '/')}"
    if socket := probe.get("tcpSocket"):
        return f"connection to port {socket['port']}"
    if grpc := probe.get("grpc"):
        return f"gRPC health of port {grpc['port']}"
    command = shlex.join(probe["exec"]["command"])
    return "command " + (command if len(command) <= _LONGEST_COMMAND else command[: _LONGEST_COMMAND - 1] + "…")


def _told(kind: str, c: Container, event: Object, count: int) -> str:
    match = _UNHEALTHY.match(event.get("message", ""))
    output = " ".join((match["output"] if match else event.get("message", "")).split()).rstrip(".")
    if not output:
        output = "it ended with another exit code than 0 and wrote nothing" if "exec" in c.probes[kind] else "no reason was given"
    often = f" ({count} times)" if count > 1 else ""
    errored = "could not be run" if match and match["how"] == "errored" else "failed"
    return f"{kind} probe {errored} ({asks(c.probes[kind])}): {output}{often}"


def _unhealthy(pod: Object, c: Container, events: Iterable[Object]) -> list[tuple[str, Object]]:
    """Its probes' failures by kind, oldest first."""
    found = ((_UNHEALTHY.match(event.get("message", "")), event) for event in _about(pod, c, events, "Unhealthy"))
    return [(match["kind"].lower(), event) for match, event in found if match and match["how"] != "warning"]


def _about(pod: Object, c: Container, events: Iterable[Object], reason: str) -> list[Object]:
    place = f"{{{c.name}}}"
    return [e for e in events_of(pod, events) if e["reason"] == reason and place in e["involvedObject"].get("fieldPath", "")]


def _within(event: Object, end: End) -> bool:
    """Whether the event is of the life that ended so."""
    if end.finished_at is None:
        return False
    over = _time(end.finished_at)
    return over - timedelta(seconds=end.seconds) - _SLACK <= _time(event_time(event)) <= over + _SLACK


def _time(text: str) -> datetime:
    return datetime.fromisoformat(text)
