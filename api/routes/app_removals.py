"""Several apps deleted by one request: an operation for each, and for each refused one why (mission B)."""

from typing import Annotated, Any

from fastapi import APIRouter, Response

from api.access import Caller, allow
from api.app_operations import on_app, stopping
from api.services import Services, Using
from api.submission import claim_of, submit
from model.app_copies import DeleteApps, NamedApp
from model.errors import MooringError
from workflows.apps import AppDelete

router = APIRouter(prefix="/v2/applications", tags=["applications"])


@router.post("/{project}/delete", status_code=202)
async def delete_apps(
    services: Using, caller: Annotated[Caller, allow("app:write")], project: str, body: DeleteApps, response: Response
) -> dict[str, Any]:
    """Delete up to 100 apps, running or stopped: `apps` are names, or {name, app_id}.

    Each is deleted by an operation of its own. 202 when all were accepted, else 207: then `apps` has for each its OperationID
    or its Code, Message and Reason, and Code and Message above them are those of the first that was refused. With an
    Idempotency-Key the same request again gives the same operations and tries again what was refused.
    """
    request = body.model_dump(by_alias=True, exclude_none=True)
    claim = claim_of(caller, request)
    if claim:
        async with services.records.transaction() as tx:
            await tx.operations.replayed(*claim)
    lines = [await _delete(services, caller, project, app, request) for app in body.apps]
    refused = [line for line in lines if "OperationID" not in line]
    if claim and len(refused) == len(lines):
        # Nothing is kept of a request that was refused.
        await services.records.operations.release_key(claim.actor, claim.route, claim.key)
    if not refused:
        return {"Code": 0, "Message": "", "apps": lines}
    response.status_code = 207
    named = ", ".join(line["name"] for line in refused)
    told = f"{len(refused)} of {len(lines)} apps are not being deleted ({named}): {refused[0]['Message']}"
    return {"Code": refused[0]["Code"], "Message": told, "Reason": refused[0]["Reason"], "apps": lines}


async def _delete(services: Services, caller: Caller, project: str, app: NamedApp, request: dict[str, Any]) -> dict[str, Any]:
    try:
        place = (project, app.name, app.app_id)
        accepted = await submit(services, caller, AppDelete, request, on_app(place, stopping), part=app.name)
    except MooringError as error:
        return {"name": app.name, **error.as_reply()}
    return {
        "name": app.name,
        "AppID": accepted.target.id,
        "OperationID": accepted.operation_id,
        "WorkflowID": accepted.workflow_id,
    }
