"""One look at an app that is autoscaled: may anything be done now, what is wanted, and how the API tells it. Pure."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from pydantic import Field

from model.apps import App, AppPhase
from model.autoscaling import Autoscaler, Scale
from model.base import Body, Frozen
from model.operations import AUTOSCALER, Status
from model.pods import Object
from model.scaling import Decision, Memory, Sample, decide, first_memory, left_at, noticed
from model.scaling_metrics import Proposal, Use, by_cpu, by_query


class OperationSeen(Frozen):
    """An operation on the app, as far as autoscaling minds it."""

    id: str
    kind: str
    actor: str
    status: Status

    @property
    def lets_scale(self) -> bool:
        """Whether it pauses in such a way that the app may be scaled: an upgrade, between its batches."""
        return self.kind == "app.upgrade" and self.status is Status.PAUSED


class Watched(Frozen):
    """An app as a pass finds it: what runs is wanted to be `running` many; `holder` holds it, `newest` is the newest on it."""

    app_id: str
    scale: Scale
    memory: Memory | None
    running: int
    holder: OperationSeen | None
    newest: OperationSeen | None


class Measured(Frozen):
    """What was measured of an app: its pods with what each used, by name, and the queries' values; a text is why there is none."""

    pods: Sequence[Object] = ()
    uses: Mapping[str, Use] | str = {}
    values: Mapping[str, float | str | None] = {}


class Suspended(Body):
    """Why nothing is done although a policy is in force, and the operation that is the reason."""

    reason: str
    operation_id: str | None = Field(alias="OperationID")


class Evaluation(Body):
    """The last look as the API shows it; the decision is what would be done, where it is suspended."""

    message: str
    suspended: Suspended | None
    decision: Decision
    metrics: tuple[Proposal, ...]
    recommendations: tuple[Sample, ...]


class Look(Frozen):
    """What a look led to: `wanted` where an operation is to be started now, `memory` as it is to be kept then."""

    evaluation: Evaluation
    memory: Memory
    wanted: int | None


def look(watched: Watched, measured: Measured, now: datetime) -> Look:
    """Judge one app. While an operation holds it, but for an upgrade that pauses, it is reckoned for the eye only."""
    scale, current = watched.scale, watched.running
    if watched.holder is None or watched.holder.lets_scale:
        memory = noticed(watched.memory, current, _how(watched.newest), now)
    else:
        memory = watched.memory or first_memory(current, now)
    proposals = _proposals(watched, measured, now)
    decision, memory = decide(scale, current, proposals, memory, now)
    suspended = _suspended(watched.holder, watched.newest)
    due = decision.wanted != current and suspended is None
    memory = left_at(memory, decision.wanted, now) if due else memory
    return Look(
        evaluation=Evaluation(
            message=_told(decision, suspended),
            suspended=suspended,
            decision=decision,
            metrics=tuple(proposals),
            recommendations=memory.recommendations,
        ),
        memory=memory,
        wanted=decision.wanted if due else None,
    )


def put_off(found: Evaluation, reason: str, operation_id: str | None) -> Evaluation:
    """The evaluation where its operation was refused because somebody was quicker; the next pass looks anew."""
    suspended = Suspended(reason=reason, operation_id=operation_id)
    return found.model_copy(update={"suspended": suspended, "message": _told(found.decision, suspended)})


def request_of(found: Look) -> dict[str, Any]:
    """What the record of the operation shows as asked for: the count and all that led to it."""
    evaluation = found.evaluation
    shown = evaluation.model_dump(mode="json", by_alias=True, exclude={"suspended"})
    return {"scale": evaluation.decision.wanted, "autoscaling": shown}


def autoscaling_reply(
    app: App,
    found: Autoscaler | None,
    changes: Sequence[Mapping[str, Any]],
    decisions: Sequence[Mapping[str, Any]],
    since: datetime,
) -> dict[str, Any]:
    """What GET …/autoscaling shows: the policy, the last evaluation in words and numbers, the last decisions, who set what.

    `since` is when a live app has to have been looked at last; where it was not, that is told.
    """
    evaluation = found.evaluation if found else None
    status, message = _standing(app, found, since)
    return {
        "AppID": app.id,
        "enabled": found is not None,
        "status": status,
        "message": message,
        "scale": found.scale.shown() if found else None,
        "suspended": evaluation["suspended"] if evaluation else None,
        "evaluation": evaluation,
        "evaluatedAt": found.evaluated_at if found else None,
        "decisions": [
            {
                "OperationID": row["id"],
                "at": row["created_at"],
                "status": row["status"],
                "before": row["request"]["autoscaling"]["decision"]["current"],
                "after": row["request"]["scale"],
                "message": row["request"]["autoscaling"]["message"],
                "error": row["error"],
            }
            for row in decisions
        ],
        "changes": [{"scale": _shown(row["policy"]), "setBy": row["set_by"], "setAt": row["set_at"]} for row in changes],
    }


def _proposals(watched: Watched, measured: Measured, now: datetime) -> list[Proposal]:
    scale, current = watched.scale, watched.running
    found = []
    if current and scale.target_cpu_utilization is not None:
        target = scale.target_cpu_utilization
        if isinstance(measured.uses, str):
            found.append(Proposal(metric="cpu", target=target, message=measured.uses))
        else:
            found.append(by_cpu(current, target, measured.pods, measured.uses, now))
    for wanted in scale.metrics if current else ():
        value = measured.values.get(wanted.query)
        if isinstance(value, float):
            found.append(by_query(current, wanted, value))
        else:
            why = value or "no series answers the query"
            found.append(Proposal(metric=wanted.query, target=wanted.target, message=why))
    return found


def _suspended(holder: OperationSeen | None, newest: OperationSeen | None) -> Suspended | None:
    """Why nothing is to be done: an operation runs, or the last one failed and is somebody's to mend.

    A failed upgrade leaves old and new instances side by side: taking some away could take those that serve, and a newer operation
    would keep it from being retried. A failed scale leaves nothing to mend, so after that autoscaling goes on.
    """
    if holder and holder.actor == AUTOSCALER:
        return Suspended(reason=f"{holder.kind} {holder.id}, its own, is {holder.status}", operation_id=holder.id)
    if holder and not holder.lets_scale:
        return Suspended(reason=f"{holder.kind} {holder.id} by {holder.actor} is {holder.status}", operation_id=holder.id)
    if newest and newest.status is Status.FAILED and newest.kind != "app.scale":
        reason = f"{newest.kind} {newest.id} by {newest.actor} FAILED; it goes on when that is retried, or another succeeds"
        return Suspended(reason=reason, operation_id=newest.id)
    return None


def _how(newest: OperationSeen | None) -> str:
    """What changed the number of instances, in words."""
    if newest is None:
        return "somebody"
    if newest.actor == AUTOSCALER:  # its own one was cancelled, or failed on the way
        return f"{newest.kind} {newest.id}, its own, which was {newest.status},"
    return f"{newest.kind} {newest.id} by {newest.actor}"


def _told(decision: Decision, suspended: Suspended | None) -> str:
    if suspended is None:
        return decision.message
    would = f" It would go from {decision.current} to {decision.wanted}." if decision.wanted != decision.current else ""
    return f"Suspended: {suspended.reason}.{would} {decision.message}"


def _shown(policy: dict[str, Any] | None) -> dict[str, Any] | None:
    return Scale.model_validate(policy).shown() if policy else None


def _standing(app: App, found: Autoscaler | None, since: datetime) -> tuple[str, str]:
    """The status and its words: OFF, STARTING, ACTIVE, SUSPENDED, or LATE where nobody looks at it."""
    if found is None:
        return (
            "OFF",
            f"Autoscaling is off. Turn it on: POST {app.path}/scale?type=auto "
            '{"minReplicas": 1, "maxReplicas": 10, "targetCPUUtilization": 50}, or with numbers of your own.',
        )
    if app.phase is not AppPhase.LIVE:
        return "SUSPENDED", "The app is stopped; the policy holds again from its start on."
    if (found.evaluated_at or found.set_at) < since:
        last = f"since {found.evaluated_at:%Y-%m-%d %H:%M:%S} UTC" if found.evaluated_at else "since the policy was set"
        return (
            "LATE",
            f"It was not looked at {last}: the cluster or the platform's worker is away. It goes on by itself.",
        )
    if found.evaluation is None:
        return "STARTING", "The policy is in force; it has not been looked at yet."
    return "SUSPENDED" if found.evaluation["suspended"] else "ACTIVE", str(found.evaluation["message"])
