"""What became of an app shortly after an operation on it succeeded: read from its instances when the record is asked for.

Nothing lives on for it: a program may crash minutes after its deployment has ended.
"""

from typing import Any

from api.apps_shown import shown
from api.rollbacks import leads_back
from api.services import Services
from model.apps import AppStatus
from model.errors import ClusterUnreachable, NotFound
from model.operations import Afterwards, Status
from records.store import Row

_NOT_WELL = (AppStatus.FAILED, AppStatus.PENDING)


async def afterwards(services: Services, row: Row) -> Afterwards | None:
    """Why the app is not well by now, as long as the operation is the newest on it; None where it is, or nothing is known.

    A cluster that does not answer hides no record.
    """
    if row["status"] != Status.SUCCEEDED or row["target_kind"] != "app" or "after" not in row["ask"]:
        return None
    app_id: str = row["target_id"]
    try:
        newest, found, back = await services.outcomes.get(app_id, lambda: _read(services, app_id))
    except (ClusterUnreachable, NotFound):
        return None
    if newest != row["id"] or found["Status"] not in _NOT_WELL:
        return None
    place = f"{row['project']}/{row['target_name']}"
    go_back = f"; go back to the version before: POST /v2/applications/{place}/rollback" if back else ""
    return Afterwards(
        status=found["Status"],
        reason=found["reason"],
        message=found["message"] or f"{found['InstanceSummary']}.",
        hint=f"See its instances: GET /v2/instances/{place}/lists{go_back}.",
    )


async def _read(services: Services, app_id: str) -> tuple[str | None, dict[str, Any], bool]:
    """The newest operation on the app, the app as it is, and whether it may go back to a version before."""
    app = await services.records.apps.by_id(app_id)
    operations = await services.records.apps.newest_operations(app.project, [app_id])
    (found,) = await shown(services, app.project, [app])
    back = found["Status"] in _NOT_WELL and await leads_back(services.records, app)
    return (operations[app_id]["id"] if app_id in operations else None), found, back
