"""From what the metrics ask for to the number of instances wanted: stabilisation, limits, bounds, and what a person set.

Source: Kubernetes, Horizontal Pod Autoscaling (Algorithm details, Configurable scaling behavior, Default Behavior). Pure: what is
remembered from pass to pass is a value, `Memory`. A number of instances that is not what the autoscaler left is a person's: the
memory then begins anew from it.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Literal

from model.autoscaling import Scale
from model.base import Body, Frozen
from model.scaling_metrics import Proposal

RAISE_PERIOD = timedelta(seconds=15)  # in each such period at most
RAISE_FACTOR, RAISE_PODS = 2, 4  # twice as many, or so many more, whichever is more


By = Literal["metric", "bounds", "stabilization", "limit", "hand", "nothing"]


class Sample(Body):
    """A number of instances at a moment: a recommendation, or how many were added (negative: taken away)."""

    at: datetime
    count: int


class ByHand(Frozen):
    """A change of the number of instances that was not the autoscaler's, as it was noticed; `how` names what made it."""

    at: datetime
    before: int
    count: int
    how: str


class Memory(Frozen):
    """What is kept of an app from pass to pass: the count it was left at, recommendations within the window, recent changes."""

    count: int
    recommendations: tuple[Sample, ...] = ()
    changes: tuple[Sample, ...] = ()
    by_hand: ByHand | None = None


class Decision(Body):
    """What one look at an app led to. `recommendation` is what the metrics ask for, None where it is not known.

    `by` says what decided: "metric" (the one in `metric`), "bounds", "stabilization", "limit", "hand", "nothing".
    """

    current: int
    wanted: int
    recommendation: int | None
    metric: str | None
    by: By
    least: int
    most: int
    message: str


def first_memory(count: int, now: datetime) -> Memory:
    """The memory of an app that was not looked at before: the count there is stands for what was asked for until now.

    So nothing is taken away within the window after a policy was set (Kubernetes: the first recommendation is the current count).
    """
    return Memory(count=count, recommendations=(Sample(at=now, count=count),))


def noticed(memory: Memory | None, current: int, how: str, now: datetime) -> Memory:
    """The memory as it stands with `current` instances: begun anew where `how`, a person's doing, has set another number.

    Left at 2 and found at 5: within the window after that it stays 5 or more, however little is used. Left at 5 and found at 2:
    within the window it stays 2, unless the bounds ask for more.
    """
    if memory is None:
        return first_memory(current, now)
    if memory.count == current:
        return memory
    changed = ByHand(at=now, before=memory.count, count=current, how=how)
    return first_memory(current, now).model_copy(update={"by_hand": changed})


def decide(scale: Scale, current: int, proposals: Sequence[Proposal], memory: Memory, now: datetime) -> tuple[Decision, Memory]:
    """How many instances are wanted, and what is to be remembered when no operation is started for it; see `left_at`.

    In this order, as Kubernetes does: no instances are left alone; a count outside the bounds goes to the bound; of several
    metrics the largest counts, and one that is not known forbids taking away; then stabilisation, what a person set, the limit of
    raising, and the bounds.
    """
    least, most = scale.least(now), scale.max_replicas
    asked = _largest(scale, proposals, current, least)
    if asked is not None:
        memory = _with_recommendation(memory, asked.count, now, scale.stabilization_seconds)

    def decided(wanted: int, by: By, message: str) -> tuple[Decision, Memory]:
        made = Decision(
            current=current,
            wanted=wanted,
            recommendation=asked.count if asked else None,
            metric=asked.metric if asked else None,
            by=by,
            least=least,
            most=most,
            message=message,
        )
        return made, memory

    if current == 0:
        return decided(0, "nothing", "It has no instances; autoscaling begins when it is scaled to some by hand.")
    if current > most:
        return decided(most, "bounds", f"{_instances(current)} more than maxReplicas {most}.")
    if current < least:
        return decided(least, "bounds", f"{_instances(current)} fewer than the {least} wanted at least{_window(scale, now)}.")
    if asked is None:
        unknown = "; ".join(f"{p.metric}: {p.message}" for p in proposals if p.replicas is None)
        return decided(current, "nothing", f"It stays at {current}: what is needed is not known ({unknown}).")
    return decided(*_bounded(scale, current, asked, memory, now, least, most))


def left_at(memory: Memory, wanted: int, now: datetime) -> Memory:
    """The memory after an operation was started that brings the app to `wanted` instances."""
    recent = (c for c in memory.changes if now - c.at < RAISE_PERIOD)
    changes = (*recent, Sample(at=now, count=wanted - memory.count))
    return memory.model_copy(update={"count": wanted, "changes": changes, "by_hand": None})


class _Asked(Frozen):
    """The largest proposal, in words."""

    count: int
    metric: str | None
    message: str


def _largest(scale: Scale, proposals: Sequence[Proposal], current: int, least: int) -> _Asked | None:
    """What the metrics ask for together; None where some are not known and the others would take instances away.

    3 instances, cpu asks for 2, the query fails: nothing is taken away. Cpu asks for 5, the query fails: 5.
    """
    if not proposals:
        return _Asked(count=least, metric=None, message=f"no metric asks for more than the {least} wanted at least")
    known = [p for p in proposals if p.replicas is not None]
    if not known:
        return None
    top = max(known, key=lambda p: p.replicas or 0)
    count = top.replicas or 0
    if len(known) < len(proposals) and count < current:
        return None
    return _Asked(count=count, metric=top.metric, message=_told(top))


def _bounded(
    scale: Scale, current: int, asked: _Asked, memory: Memory, now: datetime, least: int, most: int
) -> tuple[int, By, str]:
    wanted, message = asked.count, asked.message
    by: By = "metric"
    floor = max(s.count for s in memory.recommendations)  # this pass's own is among them
    if wanted < current and floor > wanted:
        wanted = min(current, floor)
        by = "stabilization"
        seconds = scale.stabilization_seconds
        message = f"{message}; at least {wanted} were asked for within the last {seconds} s, so it does not go lower yet"
    held = _held_down(memory, scale, now)
    if held and wanted > current:
        wanted, by = current, "hand"
        holds = f"{held.how} brought it from {held.before} to {held.count}, which holds for {_left(held, scale, now)}"
        message = f"{message}; {holds}"
    limit = raise_limit(memory, current, now)
    if wanted > limit:
        wanted, by = limit, "limit"
        message = f"{message}; at most {limit} now: twice as many or {RAISE_PODS} more within {RAISE_PERIOD.seconds} s"
    within = min(most, max(least, wanted))
    if within != wanted:
        by = "bounds"
        message = f"{message}; between {least} and {most}{_window(scale, now)}"
    return within, by, f"{message[0].upper()}{message[1:]}."


def raise_limit(memory: Memory, current: int, now: datetime) -> int:
    """How many instances there may be at most now: twice as many as 15 s ago, or 4 more, whichever is more.

    From 1: 5. From 5, where 4 of them were added within the last 15 s: 5 (1 + 4), so it waits. From 10: 20.
    """
    recent = sum(c.count for c in memory.changes if now - c.at < RAISE_PERIOD)
    before = current - recent
    return max(current, RAISE_FACTOR * before, before + RAISE_PODS)


def _with_recommendation(memory: Memory, count: int, now: datetime, seconds: int) -> Memory:
    """The memory with one more recommendation: only those of the window are kept, and only those that no later one reaches.

    3, then 5, then 4: the 3 can never again be the largest of the window, so 5 and 4 are kept.
    """
    window = timedelta(seconds=seconds)
    kept = (s for s in memory.recommendations if now - s.at < window and s.count > count)
    return memory.model_copy(update={"recommendations": (*kept, Sample(at=now, count=count))})


def _held_down(memory: Memory, scale: Scale, now: datetime) -> ByHand | None:
    held = memory.by_hand
    lasts = held is not None and now - held.at < timedelta(seconds=scale.stabilization_seconds)
    return held if held and lasts and held.count < held.before else None


def _left(held: ByHand, scale: Scale, now: datetime) -> str:
    return f"{scale.stabilization_seconds - int((now - held.at).total_seconds())} s more"


def _told(p: Proposal) -> str:
    unit = " % of the request" if p.metric == "cpu" else " per instance"
    return f"{p.metric} is at {p.current:g}{unit} (target {p.target:g}): {p.message}"


def _instances(count: int) -> str:
    return "1 instance is" if count == 1 else f"{count} instances are"


def _window(scale: Scale, now: datetime) -> str:
    """Which window raises the minimum, in words; "" where none does."""
    for schedule in scale.schedules:
        ends = schedule.open_until(now)
        if ends and schedule.min_replicas == scale.least(now) > scale.min_replicas:
            return f" (schedule {schedule.cron}, until {ends:%Y-%m-%d %H:%M} UTC)"
    return ""
