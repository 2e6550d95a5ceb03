"""What is told of instances before the deadline, and when it is certain, whichever moment a look falls on."""

from datetime import datetime

import pytest

from model.diagnosis import dead_end, of_some, waits_for, wants_events
from model.troubles import Seen
from tests.unit.test_causes import changed
from tests.unit.test_diagnosis import recorded


def restarted(name: str, now: str, times: int = 3) -> Seen:
    """The case at a moment when its container runs once more, since 10:53:00, after it was ended so often for its probe."""
    seen = changed(name, state={"running": {"startedAt": "2026-11-23T10:53:00Z"}}, ready=False, started=False, restartCount=times)
    return seen.model_copy(update={"at": datetime.fromisoformat(now)})


@pytest.mark.parametrize("name", ["startup", "liveness"])
def test_a_probe_that_ended_a_container_three_times_is_certain_whichever_moment_the_look_falls_on(name: str) -> None:
    running = restarted(name, "2026-11-23T10:53:02Z")
    assert wants_events(running.model_copy(update={"events": []}))
    error = dead_end(running)
    assert error is not None
    assert f"was restarted 3 times because its {name} probe failed" in error.message
    assert dead_end(restarted(name, "2026-11-23T10:53:02Z", times=2)) is None
    # one that has run for long since then is not ready for another reason
    assert dead_end(restarted(name, "2026-11-23T18:00:00Z")) is None


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("readiness", "readiness probe failed (GET :8088/healthz): "),
        ("noregistry", "cannot pull the image"),
        ("missingcm", 'configmap "nosuch" not found'),
        ("exit3", ""),
        ("running", ""),
    ],
)
def test_what_may_still_come_right_is_told_while_it_is_waited_for(name: str, words: str) -> None:
    told = waits_for(recorded(name))
    assert (words in told) is (bool(told) or not words), told
    assert bool(told) is bool(words)


def test_events_are_asked_for_only_where_a_program_has_had_time_to_answer() -> None:
    """One request in seconds for what stands still, none for what is just being started."""
    seen = recorded("readiness").model_copy(update={"events": []})
    at = {n: seen.model_copy(update={"at": datetime.fromisoformat(f"2026-11-23T10:51:{37 + n}Z")}) for n in (2, 6)}
    assert [wants_events(at[n]) for n in (2, 6)] == [False, True]
    assert not wants_events(recorded("running"))


def test_a_slow_pull_is_told_while_it_lasts() -> None:
    seen = changed("missingvol")
    waiting_for = {"waiting": {"reason": "ContainerCreating"}}
    seen = changed("missingvol", seen.pods[0], state=waiting_for)
    pulling = {**seen.events[0], "reason": "Pulling", "message": "", "lastTimestamp": "2026-11-23T10:00:01Z"}
    assert wants_events(seen)
    assert "pulling the image" in waits_for(of_some(seen.model_copy(update={"events": [pulling]})))
