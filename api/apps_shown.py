"""Apps as replies: the record, its newest operation and the cluster put together in few reads, however many apps."""

import asyncio
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from api.restarts_shown import with_restarts
from api.services import Services
from clients.hosts import with_hosts
from clients.observation import with_events, with_logs
from model.app_replies import app_reply
from model.apps import App, AppPhase, AppStatus, Revision
from model.diagnosis import WELL, Health, health_of, logs_of_health, refusal_of, wants_events
from model.errors import HostUnreachable, JobFailed
from model.events import event_time
from model.instances import instances_of, version_of
from model.jobs import job_status
from model.manifests import MANAGED, WORKLOAD_KINDS, selector
from model.operations import Status
from model.pod_templates import APP_ID, app_label
from model.pods import is_ready, leaves
from model.rollouts import app_status, ready_of, still_serving
from model.troubles import Seen
from model.veil import veiled

Object = dict[str, Any]


async def shown(services: Services, project: str, apps: Sequence[App]) -> list[dict[str, Any]]:
    """The apps of one project as the API shows them, in their order: six reads in all, and one for each whose upgrade failed.

    Where one of them is not well there is another, of the events; where it is the only one, its last words are read too.

    Where variables are of groups there are two more. Raises ClusterUnreachable.
    """
    ids = [app.id for app in apps]
    revisions = await _revisions(services, apps)
    operations = await services.records.apps.newest_operations(project, ids)
    policies = await services.records.autoscaling.in_force(ids)
    workloads = await _workloads(services, project, apps)
    upgraded = {app.id for app in apps if _failed_upgrade(operations.get(app.id)) and app.phase is AppPhase.LIVE}
    pods = await _pods(services, project, apps, workloads)
    unwell = await _health(services, apps, workloads, pods)
    replies = []
    for app in apps:
        newest = operations.get(app.id)
        kind, ended = (newest["kind"], newest["status"]) if newest else (None, None)
        found, health = workloads[app_label(app.id)], unwell.get(app.id, WELL)
        if app.type == "Job":
            status, summary, message = job_status(app, kind, ended, found)
            health = Health(reason=JobFailed.__name__ if status is AppStatus.FAILED else "", message=message)
        else:
            status, summary = app_status(app, kind, ended, found, dead=health.dead, restarts=health.restarts)
        if newest and ended == Status.FAILED and health.reason != HostUnreachable.__name__:
            told = f"{kind} {newest['id']} failed: {newest['error']['message']}"
            if app.id in upgraded:
                ready = await _versions(services, app, newest, pods.get(app_label(app.id), []))
                told = still_serving(app, ready, newest) or told
            health = Health(reason=newest["error"]["reason"], message=told)
        scale = policies[app.id].scale if app.id in policies else None
        replies.append(app_reply(app, revisions[app.id], status, summary, health, scale))
    return await with_restarts(services, project, apps, revisions, replies)


async def _revisions(services: Services, apps: Sequence[App]) -> dict[str, dict[int, Revision]]:
    """By AppID the revisions that the app has, by number; those too that it has left since it was read."""
    found = {app_id: dict(known) for app_id, known in (await services.records.apps.in_use([app.id for app in apps])).items()}
    for app in apps:
        known = found.setdefault(app.id, {})
        if gone := set(app.layout.revisions) - known.keys():
            known |= await services.records.apps.numbered(app.id, gone)
    return found


async def _workloads(services: Services, project: str, apps: Sequence[App]) -> Mapping[str, list[Object]]:
    """By the AppID's label, in one read for each type of app."""
    found: dict[str, list[Object]] = defaultdict(list)
    chosen = selector(apps[0].id) if len(apps) == 1 else MANAGED
    kinds = sorted({WORKLOAD_KINDS[app.type] for app in apps})
    for listed in await asyncio.gather(*(services.cluster.list(kind, project, labelSelector=chosen) for kind in kinds)):
        for item in listed["items"]:
            found[item["metadata"]["labels"].get(APP_ID, "")].append(item)
    return found


async def _pods(
    services: Services, project: str, apps: Sequence[App], workloads: Mapping[str, list[Object]]
) -> dict[str, list[Object]]:
    """By the AppID's label the pods of what runs, for their restarts; one read where there is anything."""
    wanted = [app for app in apps if app.phase is AppPhase.LIVE and app.type != "Job" and workloads[app_label(app.id)]]
    if not wanted:
        return {}
    chosen = selector(wanted[0].id) if len(wanted) == 1 else MANAGED
    pods: dict[str, list[Object]] = {app_label(app.id): [] for app in wanted}
    for pod in (await services.cluster.list("Pod", project, labelSelector=chosen))["items"]:
        if (label := pod["metadata"]["labels"].get(APP_ID, "")) in pods:
            pods[label].append(pod)
    return pods


async def _health(
    services: Services, apps: Sequence[App], workloads: Mapping[str, list[Object]], pods: Mapping[str, list[Object]]
) -> dict[str, Health]:
    """By AppID what is wrong with the instances of each app that is not well, by its restarts too."""
    silent = (await with_hosts(services.cluster, Seen(pods=[pod for those in pods.values() for pod in those]))).silent
    refused = await _refused(services, apps, workloads, pods)
    looks = {}
    for app in (app for app in apps if app_label(app.id) in pods):
        objects = workloads[app_label(app.id)]
        refusal = refusal_of(objects) or refused.get(app_label(app.id), "")
        seen = Seen(pods=pods[app_label(app.id)], refusal=refusal, silent=silent, at=datetime.now(UTC))
        ready = ready_of(objects) >= app.layout.running
        if health_of(seen, seen.at, ready=ready, wanted=app.layout.running) or (not ready and wants_events(seen)):
            looks[app.id] = (app, seen, ready)
    seen_of = await _with_causes(services, [(app, seen) for app, seen, _ in looks.values()], alone=len(apps) == 1)
    found = {
        app_id: health_of(seen_of[app_id], seen.at, ready=ready, wanted=app.layout.running)
        for app_id, (app, seen, ready) in looks.items()
    }
    return {app_id: health for app_id, health in found.items() if health}


async def _with_causes(services: Services, unwell: Sequence[tuple[App, Seen]], *, alone: bool) -> dict[str, Seen]:
    """By AppID what is seen of those that are not well, with the events that tell why, the secrets in it hidden; one read of all.

    The last words of its programs are read only where an app is asked for `alone`.
    """
    if not unwell:
        return {}
    project, found = unwell[0][0].project, {}
    every = await with_events(services.cluster, project, Seen(pods=[pod for _, seen in unwell for pod in seen.pods]))
    for app, seen in unwell:
        seen = seen.model_copy(update={"events": every.events})
        if alone:
            seen = await with_logs(services.cluster, project, seen, logs_of_health(seen))
        found[app.id] = veiled(seen, await services.records.configs.veil(app.project_id, seen.pods))
    return found


async def _refused(
    services: Services, apps: Sequence[App], workloads: Mapping[str, list[Object]], pods: Mapping[str, list[Object]]
) -> dict[str, str]:
    """By the AppID's label in the cluster's newest words why a TApp's missing pods cannot be made; one read at most."""
    labels = {app_label(a.id) for a in apps if a.type == "TApp" and len(pods.get(app_label(a.id), ())) < a.layout.running}
    if not labels & pods.keys():
        return {}
    chosen = "involvedObject.kind=StatefulSet,reason=FailedCreate"
    events = (await services.cluster.list("Event", apps[0].project, fieldSelector=chosen))["items"]
    words = {event["involvedObject"].get("uid", ""): event.get("message", "") for event in sorted(events, key=event_time)}
    made = [(label, item["metadata"]["uid"]) for label in labels & pods.keys() for item in workloads[label]]
    return {label: words[uid] for label, uid in made if uid in words}


def _failed_upgrade(newest: Any) -> bool:
    return newest is not None and newest["kind"] == "app.upgrade" and newest["status"] == Status.FAILED


async def _versions(services: Services, app: App, upgrade: Any, pods: Sequence[Object]) -> Counter[int]:
    """By revision how many instances are ready, as their pods tell it."""
    numbers = {*app.layout.revisions, upgrade["revision"], *([upgrade["leaves"]] if upgrade["leaves"] else [])}
    known = list((await services.records.apps.numbered(app.id, numbers)).values())
    own = services.settings.mooring_registry
    ready = [instance for instance in instances_of(app, [p for p in pods if is_ready(p) and not leaves(p)]) if instance.pod]
    return Counter(version for instance in ready if (version := version_of(instance, known, own)) is not None)
