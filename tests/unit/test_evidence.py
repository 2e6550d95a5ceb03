"""What an error shows as evidence says each thing once."""

import doctest
from typing import Any

from model import evidence
from model.errors import CrashLoop
from model.evidence import Evidence
from model.pods import containers
from model.troubles import LogRef, Seen, evidence_of


def test_what_is_seen_of_many_is_told_once_and_counted() -> None:
    assert doctest.testmod(evidence).failed == 0
    gone = [Evidence(type="event", source=f"instance web-{n}", text="The node was low on memory.") for n in "abc"]
    other = Evidence(type="log", source="web-a/web", text="bye")
    found = CrashLoop("It ended.", evidence=[*gone, other]).as_error().evidence
    assert [(one.source, one.text) for one in found] == [
        ("instance web-a and 2 more", "The node was low on memory."),
        ("web-a/web", "bye"),
    ]


def _pod(message: str) -> dict[str, Any]:
    ended = {"exitCode": 1, "reason": "Error", "message": message, "finishedAt": None, "startedAt": None}
    status = {"name": "web", "restartCount": 0, "state": {"terminated": ended}}
    return {
        "metadata": {"name": "web-a", "namespace": "shop", "uid": "1", "labels": {}},
        "spec": {"containers": [{"name": "web", "image": "x"}]},
        "status": {"containerStatuses": [status]},
    }


def test_the_log_is_not_told_again_by_how_the_container_ended() -> None:
    last, log = "KeyError: 'PAGE_TITLE'", "Traceback\n  line 10\nKeyError: 'PAGE_TITLE'\n"
    pod = _pod(last)
    (container,) = containers(pod)
    ref = LogRef(pod="web-a", container="web")
    with_log = evidence_of(pod, container, Seen(pods=[pod], logs={ref: log}))
    assert [last in one.text for one in with_log] == [False, True]
    killed = _pod("failed to create containerd task")
    killed["status"]["containerStatuses"][0]["state"]["terminated"]["reason"] = "StartError"
    said = {
        "type": "Warning",
        "reason": "Failed",
        "message": "Error: failed to create containerd task",
        "involvedObject": {"uid": "1"},
    }
    event = {**said, "lastTimestamp": "2026-11-29T10:00:00Z", "metadata": {"creationTimestamp": "2026-11-29T10:00:00Z"}}
    (alone,) = evidence_of(killed, containers(killed)[0], Seen(pods=[killed], events=[event]))
    assert "failed to create containerd task" in alone.text
