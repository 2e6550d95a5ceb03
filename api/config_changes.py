"""Changing a configuration group: the record first, in one transaction with the operation that brings the cluster there.

The manual answers such calls at once with the result. So the request waits a moment for the operation: 200 when the cluster has the
change, 202 and a Location while it goes on (the change is recorded and not lost), the operation's own error when it failed.
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

from fastapi import Response

from api.access import Caller
from api.configs_shown import of_group, used
from api.services import Services
from api.submission import Accepted, Prepared, submit
from api.waiting import ended
from model.config_uses import check_free
from model.configs import Change, ConfigKind, Entry, Group, forbidden_in_use
from model.errors import BY_REASON, Conflict, InternalError, OperationError
from model.operations import TERMINAL, Status, Target
from model.projects import Project
from model.seats import SeatKind
from records import Records
from records.store import Row
from workflows.configs import ConfigApply

# The entries as they shall be, from those that are; None deletes the group.
Plan = Callable[[Records, Group, Mapping[str, Entry]], Awaitable[Mapping[str, bytes | Entry] | None]]


@dataclass(frozen=True)
class Place:
    """Which group is meant, and how long, in seconds, the request may wait for the cluster."""

    kind: ConfigKind
    project: str
    name: str
    wait: float


@dataclass(frozen=True)
class Changed:
    """The accepted operation, its record when the request stopped waiting, and what it did to which entries."""

    accepted: Accepted
    row: Row
    changes: tuple[Change, ...]


async def change(
    services: Services,
    caller: Caller,
    place: Place,
    request: Mapping[str, Any],
    plan: Plan,
    reason: str,
    *,
    new: bool = False,
    always: bool = False,
) -> "Changed":
    """Carry out one change of a group.

    Raises NotFound, what `plan` raises, and Conflict naming the apps when a used entry would be removed or change in kind. Another
    change of the group that is under way is waited for; it is a Conflict when that takes too long. `always`: it is
    accepted however much is live.
    """
    give_up = asyncio.get_running_loop().time() + place.wait
    made: tuple[Change, ...] = ()

    async def prepare(tx: Records) -> Prepared:
        nonlocal made
        project = await tx.projects.hold(place.project)
        group = (
            await tx.configs.add(project, place.kind, place.name, caller.actor.name)
            if new
            else await tx.configs.hold(project.id, place.kind, place.name)
        )
        made = await _write(services, tx, project, group, plan, caller.actor.name, reason)
        target = Target(kind=place.kind, name=place.name, id=group.id)
        return Prepared(project=place.project, project_id=project.id, target=target, fields={"group_id": group.id})

    async with services.seats.taken(SeatKind.WAITS, caller.actor.name) if place.wait else contextlib.nullcontext():
        while True:
            left = give_up - asyncio.get_running_loop().time()
            try:
                accepted = await submit(services, caller, ConfigApply, request, prepare, always=always)
            except Conflict as error:
                if error.operation_id is None or left <= 0:
                    raise
                if (await ended(services, error.operation_id, left, caller.request))["status"] not in TERMINAL:
                    raise
                continue
            return Changed(accepted, await ended(services, accepted.operation_id, max(0.0, left), caller.request), made)


async def _write(
    services: Services, tx: Records, project: Project, group: Group, plan: Plan, actor: str, reason: str
) -> tuple[Change, ...]:
    before = (await tx.configs.version(group, group.version)).entries if group.version else {}
    after = await plan(tx, group, before)
    if forbidden := forbidden_in_use(before, after or {}):
        await tx.configs.check_certificate(group, forbidden)
        check_free(group.kind, group.name, forbidden, of_group(await used(services, tx, project), group))
    if after is None:
        await tx.configs.delete(group.id)
        return ()
    version = await tx.configs.put(group, after, actor, reason)
    return version.changes if version.number > group.version else ()


def answer(response: Response, changed: Changed) -> dict[str, Any]:
    """The fields that every changing reply adds; 202 and Location while it goes on. Raises the operation's error if it failed."""
    operation_id, status = changed.accepted.operation_id, changed.row["status"]
    fields: dict[str, Any] = {"OperationID": operation_id, "WorkflowID": changed.accepted.workflow_id}
    if status == Status.SUCCEEDED:
        return fields
    if status in TERMINAL:
        raise _told(OperationError.model_validate(changed.row["error"]), operation_id)
    response.status_code = 202
    response.headers["Location"] = f"/v2/operations/{operation_id}"
    return {**fields, "message": "The change is recorded; bringing it to the cluster goes on. Follow the operation."}


def _told(error: OperationError, operation_id: str) -> Exception:
    kind = BY_REASON.get(error.reason, InternalError)
    return kind(
        f"The change is recorded, but has not reached the cluster: {error.message}",
        hint=f"{error.hint} It is tried again by POST /v2/operations/{operation_id}/retry.",
        operation_id=operation_id,
    )
