"""Controls of a running operation: what is asked for, what holds, what is refused (mission A3)."""

from datetime import datetime, timedelta

from pydantic import ValidationError

from model.base import Frozen
from model.errors import Cancelled, Conflict, MooringError, RolledBack
from model.operations import TERMINAL, Status, Verb

STOPS = frozenset({Verb.PAUSE, Verb.RESUME})
"""The controls of an operation that has points between its parts where it can hold."""
BATCHES = frozenset(Verb)
"""The controls of an operation that goes in batches, each with its gates, and that can go back."""

LONGEST_PAUSE = timedelta(days=7)

_DONE = {Verb.PAUSE: "paused", Verb.RESUME: "resumed", Verb.PROMOTE: "promoted", Verb.ROLLBACK: "rolled back"}
_LACKS = {
    Verb.PAUSE: "it has no batches",
    Verb.RESUME: "it has no batches",
    Verb.PROMOTE: "it has no gates",
    Verb.ROLLBACK: "it has nothing to go back to as a whole",
}
_MEANS = {
    Verb.RESUME: "resume goes on",
    Verb.PROMOTE: "promote goes on without the pauses and gates that are left",
    Verb.ROLLBACK: "rollback goes back to what was before",
}


class Controls(Frozen):
    """What is asked of one attempt of an operation as a whole, as the workflow is told it; the highest `version` counts."""

    attempt: int
    version: int = 0
    paused: bool = False
    promoted: bool = False


class Hold(Frozen):
    """The point where a pause holds, as the workflow asks to have it recorded.

    `version` is the newest of the Controls it knows; `because` is why the operation pauses by itself, "" where somebody asked
    for it; `verbs` are the operation's controls. `batch` is the one that holds, None where the pause is after none.
    """

    operation_id: str
    attempt: int
    version: int
    title: str
    words: str
    because: str = ""
    verbs: tuple[Verb, ...]
    batch: int | None = None


class Stop(Frozen):
    """Why a workflow is cancelled, as the reason given to Temporal: a cancel, or a rollback, and who asked for it."""

    verb: str
    actor: str


def stopped(reason: str) -> MooringError:
    """The error that a cancellation for that reason is told as; one of Temporal's own tools has a reason of its own.

    >>> stopped('{"verb": "rollback", "actor": "ann"}').message
    'ann rolled it back: what it had done is taken back.'
    """
    stop = _stop(reason)
    if stop is None:
        return Cancelled("It was cancelled.")
    if stop.verb == Verb.ROLLBACK:
        return RolledBack(f"{stop.actor} rolled it back: what it had done is taken back.")
    return Cancelled(f"It was cancelled by {stop.actor}.")


def is_rollback(reason: str) -> bool:
    """Whether a cancellation for that reason is a rollback.

    >>> is_rollback('{"verb": "rollback", "actor": "ann"}'), is_rollback("by hand")
    (True, False)
    """
    stop = _stop(reason)
    return stop is not None and stop.verb == Verb.ROLLBACK


def _stop(reason: str) -> Stop | None:
    try:
        return Stop.model_validate_json(reason)
    except ValidationError:
        return None


def pause_message(hold: Hold, asked_by: str | None, until: datetime) -> str:
    """What a pause that holds tells: what it waits for, how to go on, and how long it waits."""
    why = hold.because or f"{asked_by or 'Somebody'} asked for this pause."
    ways = [_MEANS[verb] for verb in Verb if verb in hold.verbs and verb in _MEANS]
    return f"{hold.words} {why} {'; '.join(ways)}. It holds until {until:%Y-%m-%d %H:%M} UTC at most."


def now_possible(
    controls: frozenset[Verb],
    status: Status,
    *,
    cancellable: bool,
    pause_asked: bool,
    promoted: bool,
    child_paused: bool = False,
) -> list[Verb]:
    """The kind's controls that would change something now, in the order of Verb; what is asked of a parent reaches its children."""
    if status in TERMINAL or status is Status.CANCELLING:
        return []
    holds = status is Status.PAUSED or pause_asked
    sensible = {
        Verb.PAUSE: not holds,
        Verb.RESUME: holds or child_paused,
        Verb.PROMOTE: holds or child_paused or not promoted,
        Verb.ROLLBACK: cancellable,
    }
    return [verb for verb in Verb if verb in controls and sensible[verb]]


def check_has(kind: str, controls: frozenset[Verb], verb: Verb, *, cancellable: bool) -> None:
    """Raise Conflict where operations of this kind have no such control.

    >>> check_has("app.scale", frozenset(), Verb.PAUSE, cancellable=True)
    Traceback (most recent call last):
    model.errors.Conflict: app.scale cannot be paused: it has no batches.
    """
    if verb in controls:
        return
    instead = "Cancel it instead." if cancellable else "It goes on by itself: wait for its end."
    raise Conflict(f"{kind} cannot be {_DONE[verb]}: {_LACKS[verb]}.", hint=instead)


def out_of_place(kind: str, operation_id: str, verb: Verb, status: Status) -> Conflict:
    """The refusal of a control that makes no sense where the operation is now."""
    named = f"{kind} {operation_id}"
    if status in TERMINAL:
        return Conflict(f"{named} is {status} already: it cannot be {_DONE[verb]}.", hint="See its record for how it ended.")
    if status is Status.CANCELLING:
        return Conflict(f"{named} is being cancelled: it cannot be {_DONE[verb]}.", hint="Wait for its end.")
    return Conflict(f"{named} is {status} and no pause was asked for.", hint="There is nothing to resume.")
