"""Autoscaling of an app: see it, turn it off (mission B). It is set by …/scale?type=auto, as the manual has it."""

from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

from fastapi import APIRouter

from api.access import Caller, allow
from api.autoscaling import held
from api.parameters import AppId
from api.services import Using
from model.autoscaler import autoscaling_reply

router = APIRouter(prefix="/v2/applications", tags=["applications"])
_LATEST = 20
_MISSED, _SLOW = 3, 60  # passes that may be missed, and the seconds one may take, before it is told


@router.get("/{project}/{name}/autoscaling")
async def get_autoscaling(
    services: Using, caller: Annotated[Caller, allow("app:read")], project: str, name: str, app_id: AppId = None
) -> dict[str, Any]:
    """Read the policy, what was found at the last look and why nothing is done where it is suspended, and the last decisions."""
    found = await services.records.projects.get(project)
    app = await services.records.apps.get(found.id, name, app_id)
    store = services.records.autoscaling
    policy = (await store.in_force([app.id])).get(app.id)
    since = datetime.now(UTC) - timedelta(seconds=_MISSED * services.settings.mooring_autoscaling_seconds + _SLOW)
    return autoscaling_reply(app, policy, await store.changes(app.id, _LATEST), await store.decisions(app.id, _LATEST), since)


@router.delete("/{project}/{name}/autoscaling")
async def stop_autoscaling(
    services: Using, caller: Annotated[Caller, allow("app:write")], project: str, name: str, app_id: AppId = None
) -> dict[str, Any]:
    """Turn autoscaling off: the instances stay as many as they are. Idempotent; an operation that it has started goes on."""
    async with services.records.transaction() as tx:
        app = await held(tx, project, name, app_id)
        was_on = await tx.autoscaling.turn_off(app.id, caller.actor.name)
    return {"Code": 0, "Message": "" if was_on else "Autoscaling was off already.", "AppID": app.id}
