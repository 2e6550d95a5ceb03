"""Apps as replies: the record, its newest operation and the cluster put together in few reads, however many apps."""

from collections.abc import Sequence
from typing import Any

from api.services import Services
from model.app_replies import app_reply
from model.apps import App
from model.manifests import MANAGED
from model.operations import Status
from model.rollouts import app_status


async def shown(services: Services, project: str, apps: Sequence[App]) -> list[dict[str, Any]]:
    """The apps of one project as the API shows them, in their order: three reads in all. Raises ClusterUnreachable."""
    ids = [app.id for app in apps]
    revisions = await services.records.apps.in_force(ids)
    operations = await services.records.apps.newest_operations(project, ids)
    deployments = await _deployments(services, project, apps)
    replies = []
    for app in apps:
        newest = operations.get(app.id)
        kind, ended = (newest["kind"], newest["status"]) if newest else (None, None)
        status, summary = app_status(app, kind, ended, deployments.get(app.name))
        failed = newest is not None and ended == Status.FAILED
        message = f"{kind} {newest['id']} failed: {newest['error']['message']}" if newest and failed else ""
        replies.append(app_reply(app, revisions[app.id], status, summary, message))
    return replies


async def _deployments(services: Services, project: str, apps: Sequence[App]) -> dict[str, dict[str, Any]]:
    """By name, in one read."""
    if len(apps) == 1:
        found = await services.cluster.find("Deployment", apps[0].name, project)
        return {apps[0].name: found} if found else {}
    listed = await services.cluster.list("Deployment", project, labelSelector=MANAGED) if apps else {"items": []}
    return {item["metadata"]["name"]: item for item in listed["items"]}
