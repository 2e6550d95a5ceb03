"""What was asked of running operations, by whom, and the pauses that hold; all by compare-and-set."""

from datetime import datetime

from model.controls import Controls, Hold
from model.errors import StaleAttempt
from model.operations import Verb
from records.store import Row, Store


class ControlStore(Store):
    """Controls of operations; their rows are written with the operation's own, in one statement."""

    sql = "controls"

    async def ask(self, operation_id: str, verb: Verb, actor: str) -> Controls | None:
        """Record a pause, resume or promote; what is asked for now, None when it would change nothing or makes no sense now.

        Resume and promote of a PAUSED operation make it RUNNING.
        """
        words = {Verb.PROMOTE: f"{actor} promoted it"}.get(verb, f"{actor} resumed it")
        row = await self._call("control", id=operation_id, verb=verb, actor=actor, words=words)
        return asked_of(row) if row else None

    async def told(self, operation_id: str, asked: Controls) -> None:
        """Write that the workflow has been told of `asked`; idempotent."""
        await self._call("control_told", id=operation_id, attempt=asked.attempt, seq=asked.version)

    async def newest(self, operation_id: str, attempt: int, verb: Verb | None = None) -> tuple[str, str] | None:
        """The attempt's newest control, or its newest `verb`: (verb, actor), None without one."""
        row = await self._call("newest_control", id=operation_id, attempt=attempt, verb=verb)
        return (row["verb"], row["actor"]) if row else None

    async def hold(self, hold: Hold, seq: int, run_id: str, message: str, until: datetime) -> bool:
        """Move the operation to PAUSED, with an open step `seq`; False when something was asked that `hold` does not know of.

        Idempotent by `seq`. Raises StaleAttempt when a newer attempt owns the record or it is settled.
        """
        place = {"id": hold.operation_id, "attempt": hold.attempt, "seq": seq}
        paused = await self._call(
            "hold",
            **place,
            run_id=run_id,
            version=hold.version,
            title=hold.title,
            message=message[:2000],
            until=until,
            batch=hold.batch,
        )
        if paused:
            return True
        found = await self._call("held", **place)
        if not found["lives"]:
            raise StaleAttempt(f"Attempt {hold.attempt} of {hold.operation_id} is over.")
        return bool(found["held"])


def asked_of(row: Row) -> Controls:
    """What is asked of the operation, read off its row."""
    return Controls(attempt=row["attempt"], version=row["control_seq"], paused=row["pause_asked"], promoted=row["promoted"])
