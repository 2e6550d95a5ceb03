"""Configuration groups that instances wait for and that did not get into the cluster, by what their own operations tell."""

from collections.abc import Iterable

from model.apps import App
from model.config_uses import uses_of_pod
from model.errors import OperationError
from model.operations import Status, Target
from model.pod_templates import Object
from model.pods import is_ready, leaves
from records import Records


async def withheld_groups(records: Records, app: App, pods: Iterable[Object]) -> dict[str, OperationError]:
    """By `configmap/name` why a group that an unready instance uses is not in the cluster as asked, where its operation failed."""
    unready = [pod for pod in pods if not is_ready(pod) and not leaves(pod)]
    found: dict[str, OperationError] = {}
    for kind, name in sorted({(use.kind, use.group) for pod in unready for use in uses_of_pod(pod)}):
        group = await records.configs.find(app.project_id, kind, name)
        if group is None or group.in_cluster:
            continue
        last = await records.operations.newest_on(app.project, app.project_id, Target(kind=kind, name=name))
        if last and last["status"] == Status.FAILED:
            found[f"{kind}/{name}"] = OperationError.model_validate(last["error"])
    return found
