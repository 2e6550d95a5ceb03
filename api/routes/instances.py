"""Instances and containers: what runs of an app, where, and why not (manual: instance接口, container接口)."""

import re
from typing import Annotated, Any

from fastapi import APIRouter, Query
from fastapi.responses import PlainTextResponse

from api.access import Caller, allow
from api.parameters import Page, Size
from api.services import Services, Using
from clients.observation import with_events, with_logs, with_nodes
from model.apps import App, Revision
from model.diagnosis import Seen
from model.errors import Conflict, NotFound
from model.instances import access, address_of, container_reply, instance_detail, instance_reply, port_mappings
from model.manifests import selector
from model.pod_templates import APP, APP_ID, app_label
from model.pods import Container, Object, containers, is_over, is_ready, leaves

router = APIRouter(tags=["instances"])
Reader = Annotated[Caller, allow("app:read")]
Tail = Annotated[int, Query(ge=1, le=5000)]
_POD_NAME = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")
_REVISIONS_SEARCHED = 20


@router.get("/v2/instances/{project}/{app}/lists")
async def list_instances(
    services: Using, caller: Reader, project: str, app: str, app_id: str | None = None, size: Size = 10, page: Page = 0
) -> dict[str, Any]:
    """List an app's instances by name, those on their way out last; of the live app, or of the one with `app_id`."""
    found = await _app(services, project, app, app_id)
    pods = (await services.cluster.list("Pod", project, labelSelector=selector(found.id)))["items"]
    pods.sort(key=lambda pod: (leaves(pod) or is_over(pod), pod["metadata"]["name"]))
    shown = pods[page * size : (page + 1) * size]
    seen, revisions = await _look(services, project, shown), await _revisions(services, found)
    instances = [instance_reply(pod, seen, revisions) for pod in shown]
    return {"total": len(pods), "page": page, "size": size, "instances": instances}


@router.get("/v2/instances/{project}/{instance}")
async def get_instance(
    services: Using, caller: Reader, project: str, instance: str, instance_id: str | None = None
) -> dict[str, Any]:
    """Read one instance: its state and, when it does not run, why in plain words, with its containers and events."""
    pod, app = await _instance(services, project, instance, instance_id)
    seen = await with_events(services.cluster, project, Seen(pods=[pod]))
    seen = await with_logs(services.cluster, project, await with_nodes(services.cluster, seen))
    return instance_detail(pod, app, seen, await _revisions(services, app))


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
    pod, _ = await _instance(services, project, instance, instance_id)
    mappings = await _mappings(services, project, pod)
    shown = mappings[page * size : (page + 1) * size]
    return {"total": len(mappings), "page": page, "size": size, "portMappings": shown}


@router.post("/v2/instances/{project}/{instance}/url")
async def get_url(services: Using, caller: Reader, project: str, instance: str) -> dict[str, Any]:
    """Tell where a browser finds the instance; changes nothing. An empty `url` comes with a Message why."""
    pod, _ = await _instance(services, project, instance)
    return access(pod["metadata"]["labels"][APP], project, await _mappings(services, project, pod))


@router.get("/v2/containers/{project}/{instance}/lists")
async def list_containers(
    services: Using, caller: Reader, project: str, instance: str, size: Size = 10, page: Page = 0
) -> dict[str, Any]:
    """List the instance's containers, init containers first."""
    pod, app = await _instance(services, project, instance)
    found, revisions = containers(pod), await _revisions(services, app)
    shown = [container_reply(c, revisions) for c in found[page * size : (page + 1) * size]]
    return {"total": len(found), "page": page, "size": size, "containers": shown}


@router.get("/v2/containers/{project}/{instance}/{container}")
async def get_container(services: Using, caller: Reader, project: str, instance: str, container: str) -> dict[str, Any]:
    """Read one container."""
    pod, app = await _instance(services, project, instance)
    return container_reply(_container(pod, container), await _revisions(services, app))


@router.get("/v2/containers/{project}/{instance}/{container}/logs", response_class=PlainTextResponse)
async def get_logs(
    services: Using, caller: Reader, project: str, instance: str, container: str, tail: Tail = 100, previous: bool = False
) -> str:
    """Read the last `tail` lines, at most 256 KiB, of what the container wrote; with `previous` in the life that ended last."""
    pod, _ = await _instance(services, project, instance)
    found = _container(pod, container)
    if previous and found.end is None:
        raise NotFound(
            f"No life of the container {container!r} has ended yet: there is no earlier log.", hint="Leave out previous."
        )
    if found.running_since is None and found.end is None:
        why = f" ({found.waiting.reason})" if found.waiting else ""
        raise Conflict(f"The container {container!r} has not started yet{why}.", hint="The instance says what it waits for.")
    # To the kubelet the newest life is the current one, whether it runs or not.
    of_before = previous and found.running_since is not None
    return await services.cluster.logs(project, instance, container, tail=tail, previous=of_before)


async def _app(services: Services, project: str, name: str, app_id: str | None) -> App:
    """The app of that name in the project; one that is deleted is found by its AppID only. Raises NotFound."""
    project_id = (await services.records.projects.get(project)).id
    found = await services.records.apps.find(project_id, name, app_id)
    if found is None and app_id:
        found = await services.records.apps.by_id(app_id)
    if found is None or (found.project_id, found.name) != (project_id, name):
        raise NotFound(f"There is no app {name!r} in the project {project!r}.")
    return found


async def _instance(services: Services, project: str, name: str, instance_id: str | None = None) -> tuple[Object, App]:
    """The pod of that name if it is an instance of one of the project's apps, and its app; raises NotFound."""
    project_id = (await services.records.projects.get(project)).id
    # The name becomes part of a path of the cluster's API: what is no pod's name never gets there.
    pod = await services.cluster.find("Pod", name, project) if _POD_NAME.fullmatch(name) else None
    labels = pod["metadata"].get("labels", {}) if pod else {}
    app = await services.records.apps.find(project_id, labels[APP]) if APP in labels else None
    if pod is None or app is None or labels.get(APP_ID) != app_label(app.id):
        raise NotFound(
            f"There is no instance {name!r} in the project {project!r}.", hint="List the app's instances for their names."
        )
    if instance_id not in (None, pod["metadata"]["uid"]):
        raise NotFound(f"The instance {name!r} is another one by now.", hint="List the app's instances for their ids.")
    return pod, app


async def _look(services: Services, project: str, pods: list[Object]) -> Seen:
    """What tells why those of the instances that do not run do not."""
    seen = Seen(pods=pods)
    if all(is_ready(pod) or leaves(pod) or is_over(pod) for pod in pods):
        return seen
    return await with_nodes(services.cluster, await with_events(services.cluster, project, seen))


async def _revisions(services: Services, app: App) -> list[Revision]:
    """The revisions whose images may be running, newest first."""
    return (await services.records.apps.revisions(app.id, _REVISIONS_SEARCHED, 0))[1]


async def _mappings(services: Services, project: str, pod: Object) -> list[dict[str, Any]]:
    service = await services.cluster.find("Service", pod["metadata"]["labels"][APP], project)
    node = await services.cluster.find("Node", pod["spec"]["nodeName"]) if "nodeName" in pod["spec"] else None
    return port_mappings(pod, service, address_of(node) if node else "")


def _container(pod: Object, name: str) -> Container:
    for container in containers(pod):
        if container.name == name:
            return container
    raise NotFound(f"The instance {pod['metadata']['name']!r} has no container {name!r}.", hint="List its containers.")
