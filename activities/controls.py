"""The one activity of a pause: it is written down; the waiting itself is the workflow's (workflows/operation.py)."""

from datetime import UTC, datetime

from temporalio import activity

from model.controls import LONGEST_PAUSE, Controls, Hold, pause_message
from model.operations import Verb
from records import Records
from records.controls import asked_of


class ControlActivities:
    """What operations need at the points where a pause holds."""

    def __init__(self, records: Records) -> None:
        self._records = records

    @activity.defn(name="operation.asked")
    async def asked(self, operation_id: str) -> Controls:
        """What has been asked of an operation so far: of a child that begins, also between its record and its start."""
        return asked_of(await self._records.operations.get(operation_id))

    @activity.defn(name="operation.hold")
    async def hold(self, hold: Hold) -> bool:
        """Write that the operation is PAUSED and how to go on; False when something was asked that the workflow does not know yet.

        Not a step of its own kind: its row stays open while the pause holds. Idempotent. Raises StaleAttempt.
        """
        info = activity.info()
        asked = await self._records.controls.newest(hold.operation_id, hold.attempt, Verb.PAUSE)
        until = datetime.now(UTC) + LONGEST_PAUSE
        message = pause_message(hold, asked[1] if asked else None, until)
        return await self._records.controls.hold(hold, int(info.activity_id), info.workflow_run_id or "", message, until)
