"""What controls an operation has, when each makes sense, and how a stop and a pause are told."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from model.controls import BATCHES, STOPS, Hold, check_has, now_possible, out_of_place, pause_message, stopped
from model.errors import Conflict
from model.operations import TERMINAL, Status, Verb
from workflows.registry import KINDS


@given(status=st.sampled_from(Status), cancellable=st.booleans(), pause_asked=st.booleans(), promoted=st.booleans())
def test_what_is_possible_belongs_to_the_kind_and_never_to_what_has_ended(
    status: Status, cancellable: bool, pause_asked: bool, promoted: bool
) -> None:
    for controls in (frozenset[Verb](), STOPS, BATCHES):
        possible = now_possible(controls, status, cancellable=cancellable, pause_asked=pause_asked, promoted=promoted)
        assert set(possible) <= controls
        assert not (possible and status in TERMINAL)
        assert not {Verb.PAUSE, Verb.RESUME} <= set(possible)
        assert cancellable or Verb.ROLLBACK not in possible


def test_a_paused_operation_can_be_resumed_promoted_and_rolled_back() -> None:
    possible = now_possible(BATCHES, Status.PAUSED, cancellable=True, pause_asked=False, promoted=False)
    assert possible == [Verb.RESUME, Verb.PROMOTE, Verb.ROLLBACK]


@pytest.mark.parametrize("kind", [kind for kind in KINDS if not kind.workflow.controls], ids=lambda kind: kind.name)
def test_a_kind_without_batches_says_what_to_do_instead(kind: object) -> None:
    workflow = kind.workflow  # type: ignore[attr-defined]
    with pytest.raises(Conflict, match="it has no batches") as refused:
        check_has(kind.name, workflow.controls, Verb.PAUSE, cancellable=not workflow.forward_only)  # type: ignore[attr-defined]
    assert ("Cancel it instead." in refused.value.hint) is not workflow.forward_only


@pytest.mark.parametrize("status", [Status.SUCCEEDED, Status.CANCELLING, Status.RUNNING])
def test_a_refusal_names_operation_and_state(status: Status) -> None:
    told = out_of_place("app.upgrade", "op-1", Verb.RESUME, status).message
    assert "app.upgrade op-1" in told
    assert status in told or "being cancelled" in told


def test_what_only_goes_forward_has_no_rollback() -> None:
    assert not [kind.name for kind in KINDS if kind.workflow.forward_only and Verb.ROLLBACK in kind.workflow.controls]


def test_a_pause_tells_who_asked_and_every_way_on() -> None:
    hold = Hold(operation_id="op-1", attempt=1, version=1, title="Pause", words="So far.", verbs=tuple(Verb))
    told = pause_message(hold, "ann", datetime(2030, 1, 2, 3, 4, tzinfo=UTC))
    assert told.startswith("So far. ann asked for this pause. resume goes on;")
    assert told.endswith("It holds until 2030-01-02 03:04 UTC at most.")
    assert all(verb in told for verb in ("resume", "promote", "rollback"))


@pytest.mark.parametrize(
    ("reason", "told"),
    [
        ('{"verb": "rollback", "actor": "ann"}', "RolledBack"),
        ('{"verb": "cancel", "actor": "ann"}', "Cancelled"),
        ("by hand in Temporal's UI", "Cancelled"),
        ("", "Cancelled"),
    ],
)
def test_a_cancellation_is_told_by_its_reason(reason: str, told: str) -> None:
    assert stopped(reason).reason == told
