"""Web shells as records: who had one, when, where, and how it ended; never what passed through it."""

from datetime import timedelta

from model.apps import App
from records.store import Row, Store

VOUCH_SECONDS = 30
_SILENCE = timedelta(seconds=3 * VOUCH_SECONDS)


class ShellStore(Store):
    """One row per session; its process vouches for it every VOUCH_SECONDS, or it is shown as Lost."""

    sql = "shells"

    async def add(self, shell_id: str, app: App, instance: str, container: str, *, command: str, actor: str) -> None:
        """Insert an open session."""
        place = {"project_id": app.project_id, "app_id": app.id, "instance": instance, "container": container}
        await self._call("insert_shell", id=shell_id, command=command, actor=actor, **place)

    async def vouch(self, shell_id: str) -> None:
        """Say that the session is still open."""
        await self._call("touch_shell", id=shell_id)

    async def end(self, shell_id: str, reason: str, message: str, exit_code: int | None) -> None:
        """Write how the session ended; the first end stays."""
        await self._call("end_shell", id=shell_id, reason=reason, message=message, exit_code=exit_code)

    async def page(self, project_id: str, instance: str, size: int, skip: int) -> tuple[int, list[Row]]:
        """The sessions of the instance of that name, newest first; with the total."""
        place = {"project_id": project_id, "instance": instance}
        rows = await self._rows("list_shells", size=size, skip=skip, silence=_SILENCE, **place)
        return await self._count("count_shells", **place), rows
