"""Apps as replies: the record, its newest operation and the cluster put together in few reads, however many apps."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

from api.services import Services
from model.app_replies import app_reply
from model.apps import App, AppPhase
from model.diagnosis import Seen, dead_end
from model.manifests import APP_ID, MANAGED, app_label, selector
from model.operations import Status
from model.rollouts import app_status, rollout_of

Object = dict[str, Any]


async def shown(services: Services, project: str, apps: Sequence[App]) -> list[dict[str, Any]]:
    """The apps of one project as the API shows them, in their order: five reads in all. Raises ClusterUnreachable."""
    ids = [app.id for app in apps]
    revisions = await services.records.apps.in_force(ids)
    operations = await services.records.apps.newest_operations(project, ids)
    policies = await services.records.autoscaling.in_force(ids)
    deployments = await _deployments(services, project, apps)
    troubles = await _troubles(services, project, apps, deployments)
    replies = []
    for app in apps:
        newest = operations.get(app.id)
        kind, ended = (newest["kind"], newest["status"]) if newest else (None, None)
        dead = troubles.get(app.id, "")
        status, summary = app_status(app, kind, ended, deployments.get(app.name), dead=bool(dead))
        failed = f"{kind} {newest['id']} failed: {newest['error']['message']}" if newest and ended == Status.FAILED else ""
        scale = policies[app.id].scale if app.id in policies else None
        replies.append(app_reply(app, revisions[app.id], status, summary, failed or dead, scale))
    return replies


async def _deployments(services: Services, project: str, apps: Sequence[App]) -> dict[str, Object]:
    """By name, in one read."""
    if len(apps) == 1:
        found = await services.cluster.find("Deployment", apps[0].name, project)
        return {apps[0].name: found} if found else {}
    listed = await services.cluster.list("Deployment", project, labelSelector=MANAGED) if apps else {"items": []}
    return {item["metadata"]["name"]: item for item in listed["items"]}


async def _troubles(services: Services, project: str, apps: Sequence[App], deployments: Mapping[str, Object]) -> dict[str, str]:
    """By AppID why its instances will not get ready by themselves, for those that are not; one read where there are any."""
    unready = [
        app
        for app in apps
        if app.phase is AppPhase.LIVE and (found := deployments.get(app.name)) and rollout_of(found).ready < app.replicas
    ]
    if not unready:
        return {}
    chosen = selector(unready[0].id) if len(unready) == 1 else MANAGED
    pods: dict[str, list[Object]] = defaultdict(list)
    for pod in (await services.cluster.list("Pod", project, labelSelector=chosen))["items"]:
        pods[pod["metadata"]["labels"].get(APP_ID, "")].append(pod)
    seen = {app.id: Seen(pods=pods[app_label(app.id)], deployment=deployments[app.name]) for app in unready}
    return {app_id: error.message for app_id, what in seen.items() if (error := dead_end(what))}
