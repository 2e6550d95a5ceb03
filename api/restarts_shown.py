"""`restartNeeded` of apps and instances: variables that were changed since they were read, until all hold what is in force."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

from api.services import Services
from model.apps import App, AppPhase, Revision
from model.config_mounts import CONFIGURED
from model.config_restarts import VariableRead, lines, lines_of_app, variables_read, words
from model.manifests import selector
from model.pod_templates import APP_ID, app_label, instance_name
from model.pods import Object, leaves


async def outdated(services: Services, project_id: str, pods: Sequence[Object]) -> dict[str, set[VariableRead]]:
    """By pod that stays the variables that were changed since its containers read them; one query, none where no pod has any."""
    reads = {pod["metadata"]["name"]: variables_read(pod) for pod in pods if not leaves(pod)}
    changed = await services.records.configs.outdated(project_id, set().union(*reads.values()))
    return {name: found for name, those in reads.items() if (found := those & changed)}


async def of_instances(services: Services, project_id: str, pods: Sequence[Object]) -> dict[str, list[dict[str, Any]]]:
    """The same as replies name it, by pod; [] for those that hold what is in force."""
    found = await outdated(services, project_id, pods)
    return {pod["metadata"]["name"]: lines(found.get(pod["metadata"]["name"], ())) for pod in pods}


async def with_restarts(
    services: Services,
    project: str,
    apps: Sequence[App],
    revisions: Mapping[str, Mapping[int, Revision]],
    replies: Sequence[dict[str, Any]],
) -> list[dict[str, Any]]:
    """The apps' replies with `restartNeeded`, and `message` saying so where nothing worse is said; one read where any may need it.

    `revisions` are those that instances have, by AppID. Raises ClusterUnreachable.
    """
    readers = [app for app in apps if app.phase is AppPhase.LIVE and app.type != "Job" and _reads(revisions[app.id].values())]
    needed = await _needed(services, project, readers)
    return [_told(reply, app, needed.get(app.id, [])) for app, reply in zip(apps, replies, strict=True)]


async def _needed(services: Services, project: str, readers: Sequence[App]) -> dict[str, list[dict[str, Any]]]:
    if not readers:
        return {}
    chosen = selector(readers[0].id) if len(readers) == 1 else CONFIGURED
    pods = (await services.cluster.list("Pod", project, labelSelector=chosen))["items"]
    found = await outdated(services, readers[0].project_id, pods)
    by_app: dict[str, dict[str, set[VariableRead]]] = defaultdict(dict)
    for pod in pods:
        if reads := found.get(pod["metadata"]["name"]):
            by_app[pod["metadata"]["labels"].get(APP_ID, "")][instance_name(pod)] = reads
    return {app.id: lines_of_app(by_app[app_label(app.id)]) for app in readers}


def _told(reply: dict[str, Any], app: App, needed: list[dict[str, Any]]) -> dict[str, Any]:
    return {**reply, "restartNeeded": needed, "message": reply["message"] or words(app.path, needed)}


def _reads(revisions: Any) -> bool:
    return any(use.type == "Env" for r in revisions for c in r.spec.containers for _, _, use in c.uses)
