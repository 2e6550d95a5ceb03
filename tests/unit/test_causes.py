"""Causes that a real cluster does not make at will, on pods as it wrote them, with the words of its parts put in their place."""

import copy
from datetime import UTC, datetime
from typing import Any

import pytest

from model.causes import Cause
from model.diagnosis import (
    cause_at_deadline,
    dead_end,
    instance_state,
    of_the_past,
    shortage,
    wants_words,
)
from model.errors import MooringError
from model.pods import condition, containers, is_ready
from model.room import Room
from model.troubles import LogRef, Seen
from model.unplaced import is_coming, unplaced
from tests.unit.test_diagnosis import recorded
from tests.unit.test_instances import node

_PULL = 'Back-off pulling image "x": ErrImagePull: failed to pull and unpack image "localhost:5000/shop/web:1": '
_LAYER = "sha256:5e47acd77c2f51d2ef8205d00e864c30b8f63405b33e12a8ed9104d60d1b6b88"


def changed(name: str, pod: dict[str, Any] | None = None, **status: Any) -> Seen:
    """The recorded case with its only container's status, and more of its pod, changed."""
    seen = recorded(name)
    pods = copy.deepcopy(list(seen.pods))
    pods[0].update(pod or {})
    for field, value in status.items():
        pods[0]["status"]["containerStatuses"][0][field] = value
    return seen.model_copy(update={"pods": pods})


def ended(exit_code: int, seconds: int = 0, reason: str = "Error") -> dict[str, Any]:
    times = {"startedAt": "2026-11-23T10:00:00Z", "finishedAt": f"2026-11-23T10:00:{seconds:02}Z"}
    return {"terminated": {"exitCode": exit_code, "reason": reason, **times}}


def dies_with(log: str, exit_code: int = 1, restarts: int = 0) -> Seen:
    """A container that has just ended with these words."""
    seen = changed("exit3", state=ended(exit_code), lastState={}, restartCount=restarts)
    ref = LogRef(pod=seen.pods[0]["metadata"]["name"], container="exit3")
    host = {"metadata": {"name": "node-1"}, "status": {"nodeInfo": {"operatingSystem": "linux", "architecture": "amd64"}}}
    return seen.model_copy(update={"logs": {ref: log}, "nodes": [host]})


@pytest.mark.parametrize(
    ("said", "certain", "words", "hint"),
    [
        (
            f"failed to copy: httpReadSeeker: failed open: content at http://localhost:5000/v2/shop/web/blobs/{_LAYER} not found: "
            "not found",
            True,
            "has lost a part of the image",
            "Push the same image again",
        ),
        (
            f"failed to copy: httpReadSeeker: failed open: could not fetch content descriptor {_LAYER} "
            "(application/vnd.docker.image.rootfs.diff.tar.gzip) from remote: not found",
            True,
            "has lost a part of the image",
            "Push the same image again",
        ),
        ("rpc error: code = NotFound desc = failed to resolve reference: not found", True, "The registry has no image", "Push"),
        ("pull access denied, repository does not exist or may require authorization", True, "does not give", "everybody read it"),
        ("unexpected status from HEAD request: 401 Unauthorized", True, "does not give the image", "Let everybody read it"),
        ("no match for platform in manifest: not found", True, "not there for the host's platform", "--platform"),
        ("unexpected status code 429 Too Many Requests", False, "limits how much it gives", "platform's registry"),
        ("write /var/lib/containerd/x: no space left on device", False, "no disk left", "free disk on the node"),
        (
            "dial tcp: lookup nosuch.example on 10.0.0.2:53: no such host",
            False,
            "knows no host 'nosuch.example'",
            "Correct the registry",
        ),
        (
            "tls: failed to verify certificate: x509: certificate signed by unknown authority",
            False,
            "does not trust",
            "certificate",
        ),
        ("dial tcp 127.0.0.1:5999: connect: connection refused", False, "cannot pull", "whether the registry answers"),
    ],
)
def test_a_failed_pull_is_told_by_its_own_cause(said: str, certain: bool, words: str, hint: str) -> None:
    seen = changed("noregistry", state={"waiting": {"reason": "ImagePullBackOff", "message": _PULL + said}})
    error = dead_end(seen)
    assert (error is not None) is certain
    told = error or cause_at_deadline(seen, 1)
    assert words in told.message
    assert hint in told.hint


@pytest.mark.parametrize(
    ("log", "exit_code", "words", "hint"),
    [
        (
            "exec /app/server: exec format error\n",
            255,
            "another platform (the host 'node-1' is linux/amd64)",
            "--platform linux/amd64",
        ),
        ("standard_init_linux.go:228: exec user process caused: exec format error", 1, "another platform", "#!/bin/sh"),
        ("exec /entry.sh: no such file or directory", 255, "the interpreter in its first line", "LF line ends"),
        (
            "/app: error while loading shared libraries: libpq.so.5: cannot open shared object file: No such file or directory",
            127,
            "needs the shared library 'libpq.so.5'",
            "Install what brings libpq.so.5",
        ),
        ("Error loading shared library libssl.so.3: No such file or directory (needed by /app)", 127, "'libssl.so.3'", "Install"),
    ],
)
def test_a_program_that_cannot_begin_is_certain_after_its_first_end(log: str, exit_code: int, words: str, hint: str) -> None:
    seen = dies_with(log, exit_code)
    assert wants_words(seen.pods)
    error = dead_end(seen)
    assert error is not None
    assert (error.reason, words in error.message, hint in error.hint) == ("CommandNotFound", True, True), f"{error} {error.hint}"
    assert error.as_error().cause == Cause.IMAGE, "another command is of no use"


@pytest.mark.parametrize(
    ("why", "cause", "hint"),
    [
        ("no such file or directory", Cause.COMMAND, "Correct cmd"),
        ("executable file not found in $PATH", Cause.COMMAND, "Correct cmd"),
        ("permission denied", Cause.SCRIPT, "RUN chmod +x"),
    ],
)
def test_a_command_that_the_runtime_refuses_says_whether_it_or_the_image_is_wrong(why: str, cause: Cause, hint: str) -> None:
    said = f'failed to create containerd task: runc create failed: exec: "/run.sh": {why}: unknown'
    state = ended(128, reason="StartError")
    state["terminated"]["message"] = said
    error = dead_end(changed("exit3", state=state, lastState={}, restartCount=0))
    assert error is not None
    assert (error.reason, error.cause, hint in error.hint) == ("CommandNotFound", cause, True), error.hint


@pytest.mark.parametrize(("exit_code", "hint"), [(127, "install that program in the Dockerfile"), (126, "chmod +x")])
def test_a_script_that_calls_what_is_not_there_is_mended_in_the_script_or_the_image(exit_code: int, hint: str) -> None:
    error = dead_end(dies_with("sh: nosuchtool: not found", exit_code, restarts=1))
    assert error is not None
    assert (error.reason, error.cause) == ("CommandNotFound", Cause.SCRIPT)
    assert error.hint.startswith("Correct the script")
    assert hint in error.hint


def test_an_app_that_ends_well_is_to_stay_in_the_foreground_or_to_be_a_job() -> None:
    error = dead_end(dies_with("done", 0, restarts=2))
    assert error is not None
    assert (error.reason, "in the foreground" in error.hint, "as a Job" in error.hint) == ("CrashLoop", True, True)


@pytest.mark.parametrize("log", ["exec /x: exec format error\nbut a program said so", "tried exec format error", ""])
def test_what_a_program_says_itself_is_not_taken_for_the_runtimes_word(log: str) -> None:
    assert dead_end(dies_with(log)) is None


@pytest.mark.parametrize(
    ("log", "hint"),
    [
        ("OSError: [Errno 98] Address already in use", "listens on that port already"),
        ("Error: listen EADDRINUSE: address already in use :::80", "listens on that port already"),
        ("sh: can't create /etc/app/x: Read-only file system", "writes where nothing can be written"),
        ("write /data/x: no space left on device", "raise resources.disk"),
        ("dd: error writing '/dev/shm/x': No space left on device", "/dev/shm has 64 MB"),
        ("OSError: [Errno 28] No space left on device: '/dev/shm/torch_1'", "tell it to use less shared memory"),
        ('could not resize shared memory segment "/PostgreSQL.1" to 8 bytes: No space left on device', "/dev/shm has 64 MB"),
        ("nginx: bind() to 0.0.0.0:80 failed (13: Permission denied)", "The user that the image runs as"),
        ("wget: bad address 'db.shop.svc'", "The name it asks for is not known"),
        ("socket.gaierror: [Errno -2] Name or service not known", "The name it asks for is not known"),
        ("dial tcp 10.0.0.1:5432: connect: connection refused", "does not listen there"),
        ("ModuleNotFoundError: No module named 'flask'", "lacks what the program imports"),
        ("KeyError: 'PAGE_TITLE'", "Read the last log lines"),
    ],
)
def test_the_hint_of_a_crash_fits_its_last_words(log: str, hint: str) -> None:
    error = dead_end(dies_with(log, restarts=2))
    assert error is not None
    assert (error.reason, hint in error.hint) == ("CrashLoop", True), error.hint


def test_a_readiness_probe_is_never_why_a_container_was_restarted() -> None:
    """It has a liveness probe too, which has not failed; a container that has ended fails every probe."""
    seen = changed("readiness", state=ended(137, 5), lastState={}, restartCount=3)
    spec = seen.pods[0]["spec"]["containers"][0]
    spec["livenessProbe"] = {"tcpSocket": {"port": 8088}}
    error = cause_at_deadline(seen, 1)
    assert (error.reason, "exit code 137" in error.message, "probe" in error.message) == ("CrashLoop", True, False)


def test_a_probe_without_output_is_told_with_what_it_asks() -> None:
    seen = recorded("readinessexec")
    events = [e | {"message": "Readiness probe failed: "} for e in seen.events if e["reason"] == "Unhealthy"]
    error = cause_at_deadline(seen.model_copy(update={"events": events}), 1)
    assert (
        "readiness probe failed (command cat /tmp/ready): it ended with another exit code than 0 and wrote nothing" in error.message
    )
    assert "(25 times)" in error.message


def test_a_running_instance_says_that_its_liveness_probe_killed_it() -> None:
    """Also where the program did not obey and its end is SIGKILL, and when the events are gone."""
    seen = changed("liveness", state={"running": {"startedAt": "2026-11-23T10:53:50Z"}}, ready=True, started=True)
    seen.pods[0]["status"]["conditions"] = [{"type": "Ready", "status": "True"}]
    state = instance_state(seen.pods[0], seen)
    assert state.status == "RUNNING"
    assert "last because its liveness probe failed (GET :8088/live): " in state.message
    later = instance_state(seen.pods[0], seen.model_copy(update={"events": []}))
    assert "exit code 137 (Error), as when its liveness probe fails" in later.message


def evicted(words: str, times: int = 3) -> Seen:
    seen = recorded("evicted")
    gone = [copy.deepcopy(pod) for pod in seen.pods if pod["status"]["phase"] == "Failed"][:times]
    for pod in gone:
        pod["status"]["message"] = words
    return Seen(pods=gone)


@pytest.mark.parametrize(
    ("words", "reason", "hint"),
    [
        ('Usage of EmptyDir volume "cache" exceeds the limit "10Mi". ', "CrashLoop", "sizeLimit of its volume 'cache'"),
        ('Usage of EmptyDir volume "web-data" exceeds the limit "10Mi". ', "CrashLoop", "Raise resources.disk"),
        ("Pod ephemeral local storage usage exceeds the total limit of containers 10Mi. ", "CrashLoop", "Raise resources.disk"),
        ("The node was low on resource: memory. Threshold quantity: 100Mi, available: 40Mi.", "Unschedulable", "resources.mem"),
        ("The node was low on resource: ephemeral-storage. Threshold", "Unschedulable", "administrator free"),
        ("The node was low on resource: pids. Threshold quantity: 100", "Unschedulable", "process ids"),
    ],
)
def test_an_eviction_is_told_by_whose_room_ran_out(words: str, reason: str, hint: str) -> None:
    error = cause_at_deadline(evicted(words), 1)
    assert (error.reason, hint in f"{error.message} {error.hint}") == (reason, True), error.hint


def evicted_again(ready_since: str, now: str) -> Seen:
    """Four evicted after 12 to 28 s, the last at 10:44:19, and one in their place that is ready since then."""
    seen = copy.deepcopy(recorded("evicted"))
    for pod in filter(is_ready, seen.pods):
        condition(pod, "Ready")["lastTransitionTime"] = f"2026-11-23T{ready_since}Z"
    return seen.model_copy(update={"at": datetime.fromisoformat(f"2026-11-23T{now}Z")})


def test_evictions_are_certain_also_while_the_next_one_to_go_is_ready() -> None:
    error = dead_end(evicted_again("10:44:20", now="10:44:31"))
    assert error is not None
    assert (error.reason, error.message.split(";")[0]) == ("CrashLoop", "4 instances were evicted by their node")
    assert error.evidence
    # one that has been ready for twice as long as they lived is one of its kind that stays
    assert dead_end(evicted_again("10:44:20", now="10:45:30")) is None
    # one that has been ready throughout proves nothing for those that are evicted beside it
    assert dead_end(evicted_again("10:40:00", now="10:45:30")) is not None


def test_evictions_for_different_causes_are_not_certain() -> None:
    seen = evicted("Pod ephemeral local storage usage exceeds the total limit of containers 10Mi. ")
    seen.pods[1]["status"]["message"] = 'Usage of EmptyDir volume "cache" exceeds the limit "10Mi". '
    assert dead_end(seen) is None


def test_evictions_before_a_retry_are_of_the_past() -> None:
    seen = evicted("Pod ephemeral local storage usage exceeds the total limit of containers 10Mi. ")
    assert of_the_past(seen.pods, datetime.now(UTC)) == seen.pods
    assert of_the_past(seen.pods, datetime(2026, 1, 1, tzinfo=UTC)) == []


@pytest.mark.parametrize("pressure", ["disk", "memory", "pid"])
def test_a_node_under_pressure_is_told_as_that(pressure: str) -> None:
    taints = [{"key": f"node.kubernetes.io/{pressure}-pressure", "effect": "NoSchedule"}]
    error, never = unplaced([waiting("1")], Room([node("a", taints=taints)], []))
    assert f"({pressure} pressure)" in error.message
    assert not never


def waiting(cpu: str, template: str = "new", app: str = "web", **more: Any) -> dict[str, Any]:
    labels = {"mooring.io/app": app, "mooring.io/app-id": app * 4, "mooring.io/template": template}
    said = "0/1 nodes are available: 1 Insufficient cpu."
    return {
        "metadata": {"name": f"{app}-x", "namespace": more.pop("project", "shop"), "labels": labels, **more.pop("metadata", {})},
        "spec": {"containers": [{"resources": {"requests": {"cpu": cpu}}}], **more},
        "status": {"conditions": [{"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": said}]},
    }


def there(cpu: str, template: str = "old", app: str = "web", **more: Any) -> dict[str, Any]:
    return {**waiting(cpu, template, app, nodeName="a", **more), "status": {"phase": "Running"}}


def test_one_instance_without_room_beside_it_is_told_that_the_version_before_holds_the_place() -> None:
    error, never = unplaced([waiting("1.5")], Room([node("a")], [there("1.5")]))
    assert not never
    assert "the version before holds the place" in error.message
    assert "maxSurge 0" in error.hint
    assert error.cause == Cause.BESIDE
    assert "the app does not serve meanwhile" in error.hint
    other, _ = unplaced([waiting("1.5")], Room([node("a")], [there("1.5", app="db")]))
    assert "the version before" not in other.message
    assert "maxSurge" not in other.hint
    assert other.cause is None, "there is just no room now"


def test_what_no_node_has_is_told_apart_by_what_that_is() -> None:
    assert unplaced([waiting("64")], Room([node("a")], []))[0].cause == Cause.TOO_LARGE
    assert unplaced([waiting("1", nodeSelector={"disk": "ssd"})], Room([node("a")], []))[0].cause == Cause.LABELS


def test_the_cause_stays_when_room_was_waited_for() -> None:
    error = shortage(Seen(pods=[waiting("1.5")], nodes=[node("a")], bound=[there("1.5")]), waited=60)
    assert error is not None
    assert (error.cause, "No room came within 60 s" in error.message) == (Cause.BESIDE, True)


def test_who_has_the_room_is_told_without_naming_what_is_others() -> None:
    bound = [there("0.5", app="db"), there("0.8", app="payroll", project="bank"), there("0.2", app="web")]
    error, _ = unplaced([waiting("1")], Room([node("a")], bound))
    assert "of cpu 'db' has 0.5, 'web' has 0.2, others outside the project 0.8" in error.message
    assert "payroll" not in str(error.message)
    assert "bank" not in str(error.message)


def test_anti_affinity_has_a_hint_of_its_own() -> None:
    error = cause_at_deadline(recorded("affinity"), 2)
    assert "wants a node of its own" in error.hint
    assert error.cause == Cause.APART


def test_neighbours_that_end_are_waited_for_only_where_they_make_room() -> None:
    ending = there("1.5", app="db", metadata={"deletionTimestamp": "2026-01-01T00:00:00Z"})
    assert is_coming(waiting("1"), Room([node("a")], [ending]))
    assert not is_coming(waiting("1"), Room([node("a")], [ending, there("1.5", app="x")]))
    assert not is_coming(waiting("0.1"), Room([node("a")], [ending])), "it is anti-affinity, or another rule, that keeps it out"


def test_instances_that_are_alike_are_told_together() -> None:
    pods = [waiting("1") | {"metadata": {**waiting("1")["metadata"], "name": f"web-{n}", "uid": str(n)}} for n in range(400)]
    error: MooringError = cause_at_deadline(Seen(pods=pods, nodes=[node("a")], bound=[there("1.5")] * 90), 400)
    assert error.message.startswith("400 instances have no node: 0 of 1 nodes fit: insufficient cpu (asked 1, free 0)")


def test_a_slow_pull_is_told_as_such_when_the_time_is_up() -> None:
    seen = changed("missingvol")
    events = [
        {**seen.events[0], "reason": reason, "message": "", "lastTimestamp": at}
        for reason, at in (("Scheduled", "2026-11-23T10:00:00Z"), ("Pulling", "2026-11-23T10:00:01Z"))
    ]
    error = cause_at_deadline(seen.model_copy(update={"events": events}), 1)
    assert "pulling the image" in error.message
    assert 'POST /v2/operations/op-1/retry {"deadlineSeconds": 600}' in error.as_error().of("op-1", 300).hint


def test_the_cases_here_have_one_container() -> None:
    assert all(len(containers(recorded(name).pods[0])) == 1 for name in ("exit3", "noregistry", "readiness", "liveness"))
