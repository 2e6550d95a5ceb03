"""What the scenarios of configuration are given: a project with a running app that has an entry as a file and one as a variable."""

from typing import Any

from tests.faults.apps import WEB
from tests.platform import Platform

GROUP = "settings"
USES = {
    "configMap": [
        {"type": "Volume", "name": GROUP, "key": ["app.ini"], "mountPath": "/etc/app"},
        {"type": "Env", "name": GROUP, "key": ["LEVEL"]},
    ]
}


async def configured(platform: Platform) -> str:
    """The project, once `web` runs in it with the group."""
    project = await platform.project("crash")
    body = {"name": GROUP, "data": {"app.ini": "level = 1", "LEVEL": "1"}}
    await platform.done("POST", f"/v2/configmaps/{project}", body, wait=0)
    await platform.done("POST", f"/v2/applications/{project}", WEB | USES)
    return project


async def shown(platform: Platform, project: str) -> Any:
    """The group as the API tells it, but for times."""
    found = await platform.get(f"/v2/configmaps/{project}/{GROUP}")
    return {name: found[name] for name in ("data", "version", "inCluster", "appMapNum")}


async def put(platform: Platform, project: str) -> str:
    """Change the entry that is a file, without waiting for the cluster; the operation's id."""
    path = f"/v2/configmaps/{project}/{GROUP}/app.ini"
    reply = await platform.ask("POST", path, {"data": "level = 2"}, expect=202, wait=0)
    operation_id: str = reply["OperationID"]
    return operation_id
