"""Diagnosis on pods, events and logs as a real kubelet, scheduler and API server wrote them (tests/unit/data/pods)."""

import copy
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from model.diagnosis import cause_at_deadline, dead_end, instance_state, refusal_of, wanted_logs, wants_nodes
from model.errors import MooringError
from model.pods import is_ready
from model.troubles import LogRef, Seen

DATA = Path(__file__).parent / "data" / "pods"
CASES = sorted(path.stem for path in DATA.glob("*.json"))


def recorded(name: str) -> Seen:
    """The case as it was seen."""
    case = json.loads((DATA / f"{name}.json").read_text())
    refusal = refusal_of([case.pop("deployment")])
    logs = {LogRef(**entry["ref"]): entry["text"] for entry in case.pop("logs")}
    return Seen(**case, logs=logs, refusal=refusal)


CERTAIN = {
    "badinit": ("CrashLoop", ["init container 'init'", "exit code 5", "'init fails'"]),
    "badref": ("ImageNotFound", ["no image's name", "localhost:5000/PUBLIC/x:1"]),
    "exit0": ("CrashLoop", ["exit code 0", "keep running"]),
    "exit3": ("CrashLoop", ["ended 39 times", "exit code 3", "'cannot reach db'"]),
    "hostpath": ("AdmissionRefused", ["violates PodSecurity", "hostNetwork=true"]),
    "liveness": ("ProbeFailing", ["liveness probe failed", "connection refused"]),
    "nocmd": ("CommandNotFound", ["'/no/such/program'", "no such file or directory"]),
    "noexec": ("CommandNotFound", ["'/etc'", "permission denied"]),
    "nogpu": ("Unschedulable", ["0 of 1 nodes fit: insufficient gpu (asked 1, free 0)"]),
    "noimage": ("ImageNotFound", ["localhost:5000/public/nosuch:1"]),
    "nolabel": ("Unschedulable", ["0 of 1 nodes fit: no label disk=ssd"]),
    "noperm126": ("CommandNotFound", ["exit code 126", "Permission denied"]),
    "notag": ("ImageNotFound", ["localhost:5000/public/busybox:nosuch"]),
    "notfound127": ("CommandNotFound", ["exit code 127", "nosuchtool: not found"]),
    "oom": ("OutOfMemory", ["limit of 16Mi"]),
    "startup": ("ProbeFailing", ["startup probe failed"]),
    "toobigcpu": ("Unschedulable", ["insufficient cpu (asked 64, free 1.9)"]),
    "toobigmem": ("Unschedulable", ["insufficient memory (asked 900 GiB, free 23.4 GiB)"]),
}
AT_DEADLINE = {
    "affinity": ("Unschedulable", ["anti-affinity"]),
    "fullcpu": ("Unschedulable", ["insufficient cpu (asked 0.9, free 0.05)"]),
    "missingcm": ("DeadlineExceeded", ['configmap "nosuch" not found']),
    "missingvol": ("DeadlineExceeded", ["FailedMount", 'configmap "nosuch" not found']),
    "noregistry": ("DeadlineExceeded", ["cannot pull the image", "connection refused"]),
    "readiness": ("ProbeFailing", ["readiness probe failed", "connection refused (25 times)"]),
    "readinessexec": ("ProbeFailing", ["can't open '/tmp/ready'"]),
    "readinesstcp": ("ProbeFailing", ["readiness probe failed"]),
    "slowready": ("DeadlineExceeded", ["0 of 1 instances were ready in time", "waiting for its readiness probe"]),
}


def told(error: MooringError | None, reason: str, words: list[str]) -> None:
    assert error is not None
    assert error.reason == reason
    for word in words:
        assert word in error.message


@pytest.mark.parametrize("name", CERTAIN)
def test_a_certain_dead_end_is_told(name: str) -> None:
    seen = recorded(name)
    told(dead_end(seen), *CERTAIN[name])
    told(cause_at_deadline(seen, 1), *CERTAIN[name])


@pytest.mark.parametrize("name", AT_DEADLINE)
def test_what_may_still_come_right_is_told_at_the_deadline_only(name: str) -> None:
    seen = recorded(name)
    assert dead_end(seen) is None
    error = cause_at_deadline(seen, len(seen.pods))
    told(error, *AT_DEADLINE[name])
    assert not error.transient


@pytest.mark.parametrize("name", ["running", "stopping", "evicted", "slowcrash"])
def test_what_runs_is_no_dead_end(name: str) -> None:
    assert dead_end(recorded(name)) is None


@pytest.mark.parametrize("name", CASES)
def test_every_instance_has_a_state_and_says_why_it_does_not_run(name: str) -> None:
    seen = recorded(name)
    for pod in seen.pods:
        state = instance_state(pod, seen)
        assert state.status in {"PENDING", "RUNNING", "FAILED", "KILLED", "TERMINATING", "COMPLETED"}
        assert (state.status == "RUNNING") == (state.reason == "")
        assert state.status == "RUNNING" or state.message


@pytest.mark.parametrize(
    ("name", "status", "reason"),
    [
        ("exit3", "FAILED", "CrashLoop"),
        ("readiness", "PENDING", "ProbeFailing"),
        ("slowready", "PENDING", "NotReady"),
        ("toobigcpu", "PENDING", "Unschedulable"),
        ("noregistry", "PENDING", "NotReady"),
        ("nocmd", "FAILED", "CommandNotFound"),
    ],
)
def test_states_in_the_manuals_words(name: str, status: str, reason: str) -> None:
    seen = recorded(name)
    state = instance_state(seen.pods[0], seen)
    assert (state.status, state.reason) == (status, reason)


def test_a_running_instance_tells_what_it_has_been_through() -> None:
    seen = recorded("slowcrash")
    state = instance_state(seen.pods[0], seen)
    assert state.status == "RUNNING"
    assert state.message == "container 'slowcrash' was restarted 4 times, last after exit code 7 (Error)"


def test_an_evicted_instance_is_failed_with_the_nodes_words() -> None:
    seen = recorded("evicted")
    states = [instance_state(pod, seen) for pod in seen.pods]
    assert [s.status for s in states].count("FAILED") == 4
    assert "ephemeral local storage usage exceeds" in states[0].message


def test_evictions_without_anything_ready_are_certain() -> None:
    seen = recorded("evicted")
    gone = [pod for pod in seen.pods if pod["status"]["phase"] == "Failed"]
    told(dead_end(Seen(pods=gone)), "CrashLoop", ["4 instances were evicted", "exceeds the total limit of containers 10Mi"])


def test_evidence_has_the_exit_the_log_and_the_warnings() -> None:
    error = dead_end(recorded("exit3"))
    assert error is not None
    by_type = {e.type: e for e in error.evidence}
    assert by_type["container"].text.startswith("exit code 3 (Error)")
    assert by_type["log"].text == "starting up\ncannot reach db"
    assert "BackOff" in by_type["event"].source


@pytest.mark.parametrize("name", ["exit3", "readiness", "fullcpu", "missingvol", "badinit", "evicted"])
def test_a_tapps_instance_is_told_by_its_name_and_not_by_its_pods(name: str) -> None:
    seen = recorded(name)
    for pod in seen.pods:
        pod["metadata"]["name"] = "db-0-0"
        pod["metadata"]["labels"] = {"mooring.io/app": "db", "mooring.io/track": "0"}
    gone = seen.model_copy(update={"pods": [pod for pod in seen.pods if not is_ready(pod)]})
    error = cause_at_deadline(gone, len(gone.pods))
    assert "'db-0'" in error.message
    assert "db-0-0" not in error.message + "".join(piece.source for piece in error.evidence)


def test_what_to_read_is_named() -> None:
    assert [ref.container for ref in wanted_logs(recorded("exit3").pods)] == ["exit3"]
    assert wanted_logs(recorded("running").pods) == []
    assert wants_nodes(recorded("toobigcpu").pods)
    assert not wants_nodes(recorded("exit3").pods)


def test_instances_that_are_ready_but_do_not_count_yet_are_told_so() -> None:
    told(cause_at_deadline(recorded("running"), 2), "DeadlineExceeded", ["2 of 2 instances were ready", "minReadySeconds"])


def test_without_nodes_nothing_about_them_is_certain() -> None:
    seen = recorded("toobigcpu").model_copy(update={"nodes": (), "bound": ()})
    assert dead_end(seen) is None
    told(cause_at_deadline(seen, 1), "Unschedulable", ["0 of 1 nodes fit: insufficient cpu"])


def _changed(name: str, **fields: Any) -> Seen:
    """The case with its only container's status changed."""
    seen = recorded(name)
    pods = copy.deepcopy(list(seen.pods))
    pods[0]["status"]["containerStatuses"][0].update(fields)
    return seen.model_copy(update={"pods": pods})


def _over(seconds: int, reason: str = "Error", code: int = 3) -> dict[str, Any]:
    finished = f"2026-11-23T10:{seconds // 60:02}:{seconds % 60:02}Z"
    return {"terminated": {"exitCode": code, "reason": reason, "startedAt": "2026-11-23T10:00:00Z", "finishedAt": finished}}


def test_two_crashes_are_no_loop_yet() -> None:
    assert dead_end(_changed("exit3", restartCount=1, state=_over(1))) is None


def test_a_crash_after_a_long_life_is_no_loop() -> None:
    assert dead_end(_changed("exit3", restartCount=9, state=_over(600))) is None


def test_containers_lost_with_their_runtime_tell_nothing_about_the_program() -> None:
    assert dead_end(_changed("exit3", restartCount=9, state=_over(1, "Unknown", 255))) is None


@given(restarts=st.integers(0, 5), seconds=st.integers(0, 120), running=st.booleans(), code=st.integers(1, 125))
def test_a_loop_is_certain_exactly_when_it_ended_three_times_the_last_soon(
    restarts: int, seconds: int, running: bool, code: int
) -> None:
    ended = _over(seconds, code=code)
    state: dict[str, Any] = (
        {"state": {"running": {"startedAt": "2026-11-23T11:00:00Z"}}, "lastState": ended} if running else {"state": ended}
    )
    certain = dead_end(_changed("exit3", restartCount=restarts, **state)) is not None
    assert certain == (restarts + 1 >= 3 and seconds < 60 and not running)


@given(leaving=st.booleans(), names=st.lists(st.sampled_from(CASES), max_size=4, unique=True))
def test_any_mixture_of_instances_is_told_and_those_that_leave_never_count(leaving: bool, names: list[str]) -> None:
    seen = [recorded(name) for name in names]
    pods = [copy.deepcopy(pod) for each in seen for pod in each.pods]
    for pod in pods:
        if leaving:
            pod["metadata"]["deletionTimestamp"] = "2026-11-23T12:00:00Z"
    whole = Seen(pods=pods, events=[e for each in seen for e in each.events], nodes=[n for each in seen for n in each.nodes][:1])
    certain = dead_end(whole)
    assert cause_at_deadline(whole, 10).message
    if leaving:
        assert certain is None
    if certain is not None:
        assert cause_at_deadline(whole, 10).reason == certain.reason
