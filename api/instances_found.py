"""Which app, instance and container a path means; what is another project's is not there."""

import re

from api.services import Services
from model.apps import App, Revision
from model.errors import Conflict, NotFound
from model.instances import Instance, pod_instance, tapp_instance
from model.manifests import selector
from model.pod_templates import APP, APP_ID, TRACK, app_label, instance_name
from model.pods import Container, Object, containers
from model.standing import pods_by_track

_POD_NAME = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")
_INDEX = re.compile(r"0|[1-9][0-9]{0,3}")
_REVISIONS_SEARCHED = 20


async def app_meant(services: Services, project: str, name: str, app_id: str | None = None) -> App:
    """The app of that name in the project; one that is deleted is found by its AppID only. Raises NotFound."""
    project_id = (await services.records.projects.get(project)).id
    found = await services.records.apps.find(project_id, name, app_id)
    if found is None and app_id:
        found = await services.records.apps.by_id(app_id)
    if found is None or (found.project_id, found.name) != (project_id, name):
        raise NotFound(f"There is no app {name!r} in the project {project!r}.")
    return found


async def instance_meant(services: Services, project: str, name: str, instance_id: str | None = None) -> Instance:
    """The instance of that name of one of the project's apps, a TApp's also while it is killed; raises NotFound."""
    project_id = (await services.records.projects.get(project)).id
    found = None
    # The name becomes part of a path of the cluster's API: what is no pod's name never gets there.
    if _POD_NAME.fullmatch(name):
        found = await _of_a_tapp(services, project_id, project, name) or await _of_a_deployment(services, project_id, project, name)
    if found is None:
        raise NotFound(
            f"There is no instance {name!r} in the project {project!r}.", hint="List the app's instances for their names."
        )
    if instance_id not in (None, found.id):
        raise NotFound(f"The instance {name!r} is another one by now.", hint="List the app's instances for their ids.")
    return found


async def pod_meant(services: Services, project: str, name: str, instance_id: str | None = None) -> tuple[Object, Instance]:
    """The pod of the instance of that name, and the instance; raises NotFound, and Conflict where it has none."""
    found = await instance_meant(services, project, name, instance_id)
    if found.pod is None:
        if found.wanted and found.wanted.replicas:
            raise Conflict(f"The instance {name!r} has no pod yet.", hint="The instance says what it waits for.")
        raise Conflict(
            f"The instance {name!r} is killed: nothing of it runs.",
            hint=f"Start it first: POST /v2/instances/{project}/{name}/{found.track}/start.",
        )
    return found.pod, found


async def _of_a_tapp(services: Services, project_id: str, project: str, name: str) -> Instance | None:
    app_name, _, track = name.rpartition("-")
    if not _INDEX.fullmatch(track):
        return None
    app = await services.records.apps.find(project_id, app_name)
    if app is None or app.type != "TApp":
        return None
    pods = (await services.cluster.list("Pod", project, labelSelector=f"{selector(app.id)},{TRACK}={track}"))["items"]
    found = tapp_instance(app, track, pods_by_track(pods).get(track))
    return found if found.wanted or found.pod else None


async def _of_a_deployment(services: Services, project_id: str, project: str, name: str) -> Instance | None:
    pod = await services.cluster.find("Pod", name, project)
    labels = pod["metadata"].get("labels", {}) if pod else {}
    app = await services.records.apps.find(project_id, labels[APP]) if APP in labels else None
    if pod is None or app is None or app.type == "TApp" or labels.get(APP_ID) != app_label(app.id):
        return None
    return pod_instance(app, pod)


def container_of(pod: Object, name: str) -> Container:
    """The instance's container of that name; raises NotFound."""
    there = {container.name: container for container in containers(pod)}
    if name not in there:
        raise NotFound(f"The instance {instance_name(pod)!r} has no container {name!r}.", hint=f"It has: {', '.join(there)}.")
    return there[name]


def check_started(container: Container) -> None:
    """Raise Conflict, saying what it waits for, where no life of the container has begun."""
    if container.running_since is None and container.end is None:
        why = f" ({container.waiting.reason})" if container.waiting else ""
        raise Conflict(f"The container {container.name!r} has not started yet{why}.", hint="The instance says what it waits for.")


def check_running(container: Container) -> None:
    """Raise Conflict where the container does not run now."""
    check_started(container)
    if container.running_since is None:
        raise Conflict(
            f"The container {container.name!r} does not run now.", hint="The instance says why; its log has its last words."
        )


async def revisions_of(services: Services, app: App) -> list[Revision]:
    """The revisions whose images may be running, newest first: the latest, and those that instances have."""
    latest = (await services.records.apps.revisions(app.id, _REVISIONS_SEARCHED, 0))[1]
    used = (await services.records.apps.in_use([app.id])).get(app.id, {})
    known = {revision.number: revision for revision in latest} | used
    return sorted(known.values(), key=lambda revision: -revision.number)
