"""Instances and containers: what runs of an app, where, and why not (manual: instance接口, container接口)."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Annotated, Any

from fastapi import APIRouter

from api.access import Caller, allow
from api.instances_found import app_meant, container_of, instance_meant, pod_meant, revisions_of
from api.parameters import Page, Size
from api.restarts_shown import of_instances
from api.services import Services, Using
from clients.hosts import with_hosts
from clients.observation import events_about, read_together, with_events, with_logs, with_nodes, with_platforms
from model.diagnosis import logs_of_health, wants_past
from model.instances import (
    Instance,
    access,
    address_of,
    container_reply,
    instance_detail,
    instance_reply,
    instances_of,
    port_mappings,
)
from model.manifests import MANAGED, selector
from model.pod_templates import APP, APP_ID, app_label
from model.pods import Object, containers, is_over, is_ready, leaves
from model.troubles import Seen
from model.veil import veiled

router = APIRouter(tags=["instances"])
Reader = Annotated[Caller, allow("app:read")]


@router.get("/v2/instances/{project}/lists")
async def list_all_instances(services: Using, caller: Reader, project: str, size: Size = 10, page: Page = 0) -> dict[str, Any]:
    """List the instances of all of the project's live apps, by app; `appName` says whose each is."""
    apps = await services.records.apps.live((await services.records.projects.get(project)).id)
    pods = (await services.cluster.list("Pod", project, labelSelector=MANAGED))["items"]
    by_app: dict[str, list[Object]] = {}
    for pod in pods:
        by_app.setdefault(pod["metadata"]["labels"].get(APP_ID, ""), []).append(pod)
    instances = [found for app in apps for found in instances_of(app, by_app.get(app_label(app.id), []))]
    shown = instances[page * size : (page + 1) * size]
    of_each = [[one for one in shown if one.app.id == app.id] for app in apps]
    lines = [line for those in of_each if those for line in await _lines(services, project, those)]
    named = [{"appName": one.app.name, **line} for one, line in zip(shown, lines, strict=True)]
    return {"total": len(instances), "page": page, "size": size, "instances": named}


@router.get("/v2/instances/{project}/{app}/lists")
async def list_instances(
    services: Using, caller: Reader, project: str, app: str, app_id: str | None = None, size: Size = 10, page: Page = 0
) -> dict[str, Any]:
    """List an app's instances, a TApp's by index and killed ones too, those on their way out last.

    Of the live app, or of the one with `app_id`.
    """
    found = await app_meant(services, project, app, app_id)
    pods = (await services.cluster.list("Pod", project, labelSelector=selector(found.id)))["items"]
    instances = instances_of(found, pods)
    lines = await _lines(services, project, instances[page * size : (page + 1) * size])
    return {"total": len(instances), "page": page, "size": size, "instances": lines}


async def _lines(services: Services, project: str, shown: Sequence[Instance]) -> list[dict[str, Any]]:
    """A line for each of these instances of one app, the secrets in how they ended hidden."""
    if not shown:
        return []
    app, there = shown[0].app, [instance.pod for instance in shown if instance.pod]
    seen = veiled(await _look(services, project, there), await services.records.configs.veil(app.project_id, there))
    pods_shown, revisions = iter(seen.pods), await revisions_of(services, app)
    registry = services.settings.mooring_registry
    lines = [
        instance_reply(instance.model_copy(update={"pod": next(pods_shown)}), seen, revisions, registry)
        if instance.pod
        else instance_reply(instance, Seen(pods=[]), revisions, registry)
        for instance in shown
    ]
    needed = await of_instances(services, app.project_id, there)
    named = [needed.get(instance.pod["metadata"]["name"], []) if instance.pod else [] for instance in shown]
    return [{**line, "restartNeeded": restarts} for line, restarts in zip(lines, named, strict=True)]


@router.get("/v2/instances/{project}/{instance}")
async def get_instance(
    services: Using, caller: Reader, project: str, instance: str, instance_id: str | None = None
) -> dict[str, Any]:
    """Read one instance: its state and, when it does not run, why in plain words, with its containers and events."""
    found = await instance_meant(services, project, instance, instance_id)
    if found.pod is None:
        seen = Seen(pods=[], events=await events_about(services.cluster, project, "StatefulSet", found.name))
    else:
        cluster, seen = services.cluster, Seen(pods=[found.pod], at=datetime.now(UTC))
        asked = (
            with_events(cluster, project, seen),
            with_nodes(cluster, seen),
            with_logs(cluster, project, seen, logs_of_health(seen)),
        )
        seen = await read_together(seen, *asked, with_hosts(cluster, seen))
        seen = await with_platforms(cluster, seen)
        seen = veiled(seen, await services.records.configs.veil(found.app.project_id, seen.pods))
        found = found.model_copy(update={"pod": seen.pods[0]})
    needed = await of_instances(services, found.app.project_id, [found.pod] if found.pod else [])
    detail = instance_detail(found, seen, await revisions_of(services, found.app), services.settings.mooring_registry)
    return {**detail, "restartNeeded": [line for lines in needed.values() for line in lines]}


@router.get("/v2/instances/{project}/{instance}/portmapping")
async def list_port_mappings(
    services: Using,
    caller: Reader,
    project: str,
    instance: str,
    instance_id: str | None = None,
    size: Size = 10,
    page: Page = 0,
) -> dict[str, Any]:
    """List the instance's ports: with NAT the address outside the cluster, and always `privateAddr` inside it."""
    pod, _ = await pod_meant(services, project, instance, instance_id)
    mappings = await _mappings(services, project, pod)
    shown = mappings[page * size : (page + 1) * size]
    return {"total": len(mappings), "page": page, "size": size, "portMappings": shown}


@router.post("/v2/instances/{project}/{instance}/url")
async def get_url(services: Using, caller: Reader, project: str, instance: str) -> dict[str, Any]:
    """Tell where a browser finds the instance; changes nothing. An empty `url` comes with a Message why."""
    pod, found = await pod_meant(services, project, instance)
    return access(found, await _mappings(services, project, pod))


@router.get("/v2/containers/{project}/{instance}/lists")
async def list_containers(
    services: Using, caller: Reader, project: str, instance: str, size: Size = 10, page: Page = 0
) -> dict[str, Any]:
    """List the instance's containers, init containers first."""
    pod, found = await _veiled(services, project, instance)
    all_of_it, revisions = containers(pod), await revisions_of(services, found.app)
    shown = [container_reply(c, revisions) for c in all_of_it[page * size : (page + 1) * size]]
    return {"total": len(all_of_it), "page": page, "size": size, "containers": shown}


@router.get("/v2/containers/{project}/{instance}/{container}")
async def get_container(services: Using, caller: Reader, project: str, instance: str, container: str) -> dict[str, Any]:
    """Read one container."""
    pod, found = await _veiled(services, project, instance)
    return container_reply(container_of(pod, container), await revisions_of(services, found.app))


async def _veiled(services: Services, project: str, instance: str) -> tuple[Object, Instance]:
    """The instance's pod, the secrets in how its containers ended hidden, and the instance; raises NotFound and Conflict."""
    pod, found = await pod_meant(services, project, instance)
    seen = veiled(Seen(pods=[pod]), await services.records.configs.veil(found.app.project_id, [pod]))
    return seen.pods[0], found


async def _look(services: Services, project: str, pods: list[Object]) -> Seen:
    """What tells why those of the instances that do not run do not, and why others that do were ended before."""
    seen = Seen(pods=pods, at=datetime.now(UTC))
    reads = [with_hosts(services.cluster, seen), with_nodes(services.cluster, seen)]
    if wants_past(pods) or not all(is_ready(pod) or leaves(pod) or is_over(pod) for pod in pods):
        reads.append(with_events(services.cluster, project, seen))
    return await read_together(seen, *reads)


async def _mappings(services: Services, project: str, pod: Object) -> list[dict[str, Any]]:
    service = await services.cluster.find("Service", pod["metadata"]["labels"][APP], project)
    node = await services.cluster.find("Node", pod["spec"]["nodeName"]) if "nodeName" in pod["spec"] else None
    return port_mappings(pod, service, address_of(node) if node else "")
