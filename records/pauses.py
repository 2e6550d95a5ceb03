"""Where an app may be scaled although an upgrade has it: in its pause, as an operation of its own (activities/pause_scaling.py)."""

from typing import Any

from model.apps import App
from model.base import Frozen
from model.batches import sized
from model.layouts import Layout, scaled
from records.database import Records


class ScalingInPause(Frozen):
    """The pause of the `upgrade` in which an app may be scaled, and the layout that it has at the number asked for."""

    upgrade: str
    after: Layout
    words: str

    def fields(self, before: int) -> dict[str, Any]:
        """What the ask of what is scaled says of it; `before` is how many instances there were."""
        return {"within": self.upgrade, "came_from": before}


async def scaling_in_pause(tx: Records, app: App, total: int) -> ScalingInPause | None:
    """Where the app may be scaled to `total` instances although an upgrade has it, because that pauses; None where none does.

    Held for the transaction. After a batch that holds the versions keep its share; after one that failed the new version, which may
    not even run, gets none of the new instances.
    """
    paused = await tx.operations.paused_upgrade(app.project, app.name)
    if paused is None or paused["ask"]["app_id"] != app.id:
        return None
    ask, batch = paused["ask"], paused["pause"].get("batch")
    if batch is None:
        after = scaled(app.layout, total)
    else:
        stage = await tx.apps.layout(ask["gray"]["stages"][batch - 1]["layout"])
        after = sized(stage, ask["revision"], total, app.layout, moves=False)
    new, revision = after.versions.get(ask["revision"], 0), ask["revision"]
    words = f"{new} of {after.total} instances are to be of revision {revision}"
    return ScalingInPause(upgrade=paused["id"], after=after, words=words)
