"""What a stack says of itself: what runs, in which version, and what became of the last change that did not succeed."""

from typing import Any

import pytest

from model.stack_states import Gone, Last, gone_of, stack_message, stack_status

FOUND = [{"part": "a", "kind": "app", "name": "d-a", "status": "DELETED"}]
ERROR = {"message": "The app d-web failed: its program ended with exit code 1."}


def last(kind: str, status: str, **more: Any) -> Last:
    return Last(id="op-1", kind=kind, status=status, **more)


def test_an_upgrade_that_was_brought_back_whole_leaves_what_runs_and_says_why() -> None:
    found = last("stack.upgrade", "FAILED", version=2, error=ERROR, result={"version": 1, "update": ["d-web"]})
    assert stack_status(found, []) == "DEPLOYED"
    told = stack_message(found, [])
    assert told.startswith("Version 1 runs. The upgrade to version 2 failed and was brought back (op-1): The app d-web failed")


def test_an_upgrade_that_was_rolled_back_by_hand_says_so() -> None:
    error = {"message": "It was rolled back by ann."}
    found = last("stack.upgrade", "CANCELLED", version=2, error=error, result={"version": 1})
    assert stack_status(found, []) == "DEPLOYED"
    assert stack_message(found, []) == (
        "Version 1 runs. The upgrade to version 2 was stopped and brought back (op-1): It was rolled back by ann."
    )


@pytest.mark.parametrize(
    ("found", "status", "words"),
    [
        (
            last("stack.upgrade", "FAILED", version=3, error=ERROR),
            "FAILED",
            "The upgrade to version 3 failed where it got (op-1): The app",
        ),
        (last("stack.deploy", "FAILED", error=ERROR), "FAILED", "The deploy of version 1 failed where it got (op-1): The app"),
        (last("stack.deploy", "CANCELLED"), "CANCELLED", "The deploy of version 1 was cancelled (op-1)."),
        (last("stack.upgrade", "CANCELLED", version=2), "CANCELLED", "The upgrade to version 2 was cancelled (op-1)."),
        (last("stack.delete", "FAILED", error=ERROR), "FAILED", "Deleting it did not get done (op-1): The app"),
    ],
)
def test_no_stack_is_failed_or_cancelled_without_words(found: Last, status: str, words: str) -> None:
    assert stack_status(found, []) == status
    told = stack_message(found, [])
    assert told.startswith(words)
    assert told.endswith("POST /v2/operations/op-1/retry.")


@pytest.mark.parametrize(
    ("kind", "status", "state"),
    [
        ("stack.deploy", "RUNNING", "DEPLOYING"),
        ("stack.upgrade", "PAUSED", "UPGRADING"),
        ("stack.delete", "RUNNING", "DELETING"),
        ("stack.upgrade", "SUCCEEDED", "DEPLOYED"),
    ],
)
def test_what_goes_on_or_went_well_needs_no_words(kind: str, status: str, state: str) -> None:
    found = last(kind, status, result={"version": 1} if status == "SUCCEEDED" else None)
    assert (stack_status(found, []), stack_message(found, [])) == (state, "")


def test_a_stack_is_partial_only_while_it_would_else_be_deployed() -> None:
    good = last("stack.upgrade", "SUCCEEDED")
    gone = gone_of(good, FOUND)
    assert stack_status(good, gone) == "PARTIAL"
    assert stack_status(last("stack.upgrade", "FAILED", error=ERROR), gone) == "FAILED"
    back = last("stack.upgrade", "FAILED", version=2, error=ERROR, result={"version": 1})
    assert stack_status(back, gone) == "PARTIAL"
    assert "brought back" in stack_message(back, gone)
    assert "d-a was deleted by itself" in stack_message(back, gone)
    assert gone_of(last("stack.upgrade", "RUNNING"), FOUND) == []
    assert gone_of(last("stack.delete", "FAILED"), FOUND) == []


def test_what_is_stopped_is_started_by_hand_or_by_an_upgrade() -> None:
    assert "upgrade the stack" in Gone(part="a", kind="app", name="d-a", status="STOPPED").message
