"""Autoscaling policies at the door: what is checked before one is in force, and before instances are scaled by hand."""

from datetime import UTC, datetime
from typing import Any

from fastapi import Response

from api.access import Caller
from api.parameters import body_of
from api.services import Services
from model.apps import App, AppSpec
from model.autoscaling import Scale, check_by_hand, check_requests, check_still_asks
from model.errors import Invalid, Problem
from model.layouts import Layout
from records import Records

Place = tuple[str, str, str | None]


async def set_policy(services: Services, caller: Caller, place: Place, body: Any, response: Response) -> dict[str, Any]:
    """Put a policy in force: quick, so no operation, but recorded with who and when. A stopped app has it from its start on.

    Raises Invalid naming the field, NoMetricsStore for metrics without a store, NotFound.
    """
    project, name, app_id = place
    scale = body_of(Scale, body)
    found = await services.records.projects.get(project)
    app = await services.records.apps.get(found.id, name, app_id)
    await check_policy(services, scale, (await services.records.apps.revision(app.id, app.revision)).spec)
    async with services.records.transaction() as tx:
        app = await held(tx, project, name, app.id)
        await tx.autoscaling.set_policy(app.id, scale, caller.actor.name)
    response.status_code = 200
    return {"Code": 0, "Message": "", "AppID": app.id, "scale": scale.shown()}


async def check_policy(services: Services, scale: Scale | None, spec: AppSpec, prefix: str = "") -> None:
    """Raise Invalid naming the field of what cannot work for this spec; NoMetricsStore for metrics where there is no store."""
    if scale is None:
        return
    if spec.type == "Job":
        rule = "means nothing for a Job, which runs to its end"
        raise Invalid(f"scale: {rule}.", problems=[Problem(field="scale", message=rule)])
    check_requests(scale, spec, prefix)
    for number, metric in enumerate(scale.metrics):
        await services.metrics.check(metric.query, f"{prefix}metrics.{number}.query")


async def check_bounds(tx: Records, app: App, after: Layout) -> None:
    """Raise Invalid where more or fewer instances are to run by hand than the app's policy, if it has one, keeps now."""
    policy = (await tx.autoscaling.in_force([app.id])).get(app.id)
    if policy:
        check_by_hand(policy.scale, after.running, datetime.now(UTC), app.path)


async def check_scaled(tx: Records, app: App, spec: AppSpec) -> None:
    """Raise Invalid where the app's policy goes by cpu and no container of `spec` asks for any: that would end unseen."""
    policy = (await tx.autoscaling.in_force([app.id])).get(app.id)
    if policy:
        check_still_asks(policy.scale, spec, app.path)


async def held(tx: Records, project: str, name: str, app_id: str | None) -> App:
    """The app, with what is submitted on its name serialised until the transaction ends; raises NotFound, Conflict."""
    found = await tx.projects.hold(project)
    await tx.apps.hold(found.id, name)
    return await tx.apps.get(found.id, name, app_id)
