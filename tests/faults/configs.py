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


_CONFIGURATION = """apiVersion: v1
kind: ConfigMap
metadata: {name: settings}
data: {LEVEL: "1", OLD: x}
---
apiVersion: v1
kind: Secret
metadata: {name: keys}
stringData: {WORD: hidden}
---
"""
_APP = """apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  minReadySeconds: 0
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      terminationGracePeriodSeconds: 1
      containers:
      - name: web
        image: busybox
        command: [sh, -c, "trap exit TERM; while :; do sleep 1; done"]
        env:
        - {name: LEVEL, valueFrom: {configMapKeyRef: {name: settings, key: LEVEL}}}
        - {name: WORD, valueFrom: {secretKeyRef: {name: keys, key: WORD}}}
"""
DOCUMENTS = _CONFIGURATION + _APP
# One entry changes, one goes, one is new; the Secret becomes another one.
CHANGED = DOCUMENTS.replace('{LEVEL: "1", OLD: x}', '{LEVEL: "2", NEW: y}').replace("name: keys", "name: others")


async def template(platform: Platform) -> str:
    """A project with a template of configuration and an app that reads it."""
    project = await platform.project("crash")
    body = {"name": "shop", "kind": "kubernetes", "content": DOCUMENTS}
    await platform.ask("POST", f"/v2/templates/{project}", body, expect=201)
    return project


async def deploy(platform: Platform, project: str) -> str:
    """Deploy the template; the operation's id."""
    return await platform.submit("POST", f"/v2/templates/{project}/shop/deploy", {"deploymentName": "d"})


async def stack_shown(platform: Platform, project: str) -> Any:
    """The groups and the app of the stack as the API tells them, whichever they are by now."""
    groups = [
        (group["name"], group["configNum"], group["inCluster"], group["appMapNum"])
        for kind in ("configmaps", "secrets")
        for group in (await platform.get(f"/v2/{kind}/{project}"))[kind]
    ]
    apps = (await platform.get(f"/v2/applications/{project}"))["applications"]
    return [groups, [(app["Name"], app["Status"], app["InstanceNum"]) for app in apps]]
