"""Autoscaling policies, each with who set it, and what the loop remembers of the apps that have one."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from model.autoscaling import Autoscaler, Scale
from model.base import Frozen
from model.operations import AUTOSCALER
from records.store import Row, Store


class Note(Frozen):
    """What a pass found of one app: what to remember, and the evaluation as the API shows it, both JSON."""

    app_id: str
    policy_id: int
    memory: dict[str, Any] | None
    evaluation: dict[str, Any]


def _autoscaler(row: Row) -> Autoscaler:
    return Autoscaler(
        scale=Scale.model_validate(row["policy"]),
        set_by=row["set_by"],
        set_at=row["set_at"],
        evaluation=row["evaluation"],
        evaluated_at=row["evaluated_at"],
    )


class AutoscalingStore(Store):
    """One policy in force per app at most; every one that was set is kept."""

    sql = "autoscaling"

    async def set_policy(self, app_id: str, scale: Scale, actor: str) -> None:
        """Put a policy in force in the place of the one before; what was remembered under that is forgotten."""
        await self._call("set_policy", app_id=app_id, policy=scale.model_dump(mode="json", by_alias=True), set_by=actor)

    async def turn_off(self, app_id: str, actor: str) -> bool:
        """Take the policy in force away; whether there was one. Idempotent."""
        return await self._call("turn_off", app_id=app_id, set_by=actor) is not None

    async def in_force(self, ids: Sequence[str]) -> dict[str, Autoscaler]:
        """By AppID the policy in force, of those that have one."""
        return {row["app_id"]: _autoscaler(row) for row in await self._rows("in_force", ids=list(ids))}

    async def changes(self, app_id: str, size: int) -> list[Row]:
        """The policies that were set (policy, None where turned off; set_by, set_at), newest first."""
        return await self._rows("changes", app_id=app_id, size=size)

    async def decisions(self, app_id: str, size: int) -> list[Row]:
        """The operations the autoscaler started on the app, newest first."""
        return await self._rows("decisions", app_id=app_id, actor=AUTOSCALER, size=size)

    async def to_evaluate(self, run: str) -> list[Row]:
        """Live apps with a policy that the pass of workflow run `run` has not evaluated yet (see the SQL for what each row has)."""
        return await self._rows("to_evaluate", run=run)

    async def note(self, run: str, notes: Sequence[Note], at: datetime) -> None:
        """Keep what a pass found, of all apps in one statement; idempotent within a pass."""
        await self._call("note", notes=[note.model_dump(mode="json") for note in notes], at=at, run=run)

    async def claim(self, run: str, note: Note, at: datetime) -> bool:
        """Keep what a pass found of one app it acts on; in the transaction that accepts the operation.

        False when the pass has been here before, or the policy was set anew meanwhile: then nothing is to be started.
        """
        return await self._call("claim", **note.model_dump(), at=at, run=run) is not None
