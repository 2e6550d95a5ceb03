"""Apps as replies: the record, its newest operation and the cluster put together in few reads, however many apps."""

import asyncio
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

from api.services import Services
from model.app_replies import app_reply
from model.apps import App, AppPhase
from model.diagnosis import dead_end, refusal_of
from model.jobs import job_status
from model.manifests import MANAGED, WORKLOAD_KINDS, selector
from model.operations import Status
from model.pod_templates import APP_ID, app_label
from model.rollouts import app_status, ready_of
from model.troubles import Seen

Object = dict[str, Any]


async def shown(services: Services, project: str, apps: Sequence[App]) -> list[dict[str, Any]]:
    """The apps of one project as the API shows them, in their order: five reads in all. Raises ClusterUnreachable."""
    ids = [app.id for app in apps]
    revisions = await services.records.apps.in_use(ids)
    operations = await services.records.apps.newest_operations(project, ids)
    policies = await services.records.autoscaling.in_force(ids)
    workloads = await _workloads(services, project, apps)
    troubles = await _troubles(services, project, apps, workloads)
    replies = []
    for app in apps:
        newest = operations.get(app.id)
        kind, ended = (newest["kind"], newest["status"]) if newest else (None, None)
        dead, found = troubles.get(app.id, ""), workloads[app_label(app.id)]
        if app.type == "Job":
            status, summary, dead = job_status(app, kind, ended, found)
        else:
            status, summary = app_status(app, kind, ended, found, dead=bool(dead))
        failed = f"{kind} {newest['id']} failed: {newest['error']['message']}" if newest and ended == Status.FAILED else ""
        scale = policies[app.id].scale if app.id in policies else None
        replies.append(app_reply(app, revisions[app.id], status, summary, failed or dead, scale))
    return replies


async def _workloads(services: Services, project: str, apps: Sequence[App]) -> Mapping[str, list[Object]]:
    """By the AppID's label, in one read for each type of app."""
    found: dict[str, list[Object]] = defaultdict(list)
    chosen = selector(apps[0].id) if len(apps) == 1 else MANAGED
    kinds = sorted({WORKLOAD_KINDS[app.type] for app in apps})
    for listed in await asyncio.gather(*(services.cluster.list(kind, project, labelSelector=chosen) for kind in kinds)):
        for item in listed["items"]:
            found[item["metadata"]["labels"].get(APP_ID, "")].append(item)
    return found


async def _troubles(services: Services, project: str, apps: Sequence[App], workloads: Mapping[str, list[Object]]) -> dict[str, str]:
    """By AppID why its instances will not get ready by themselves, for those that are not; one read where there are any."""
    unready = [
        app
        for app in apps
        if app.phase is AppPhase.LIVE
        and app.type != "Job"
        and (found := workloads[app_label(app.id)])
        and ready_of(found) < app.layout.running
    ]
    if not unready:
        return {}
    chosen = selector(unready[0].id) if len(unready) == 1 else MANAGED
    pods: dict[str, list[Object]] = defaultdict(list)
    for pod in (await services.cluster.list("Pod", project, labelSelector=chosen))["items"]:
        pods[pod["metadata"]["labels"].get(APP_ID, "")].append(pod)
    seen = {app.id: Seen(pods=pods[app_label(app.id)], refusal=refusal_of(workloads[app_label(app.id)])) for app in unready}
    return {app_id: error.message for app_id, what in seen.items() if (error := dead_end(what))}
