"""ConfigMap, Secret and Ingress documents of a template on the real cluster: deployed, changed, taken back, removed."""

import base64
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from clients.kubernetes import Cluster
from model.operations import OperationRecord, Status
from model.stacks import STACK_ID
from tests.platform import Platform, eventually, unique

PASSWORD = "hunter2 of the document"
HOST = f"{unique('shop')}.example.com"
CONFIGURATION = f"""apiVersion: v1
kind: ConfigMap
metadata: {{name: settings}}
data:
  LEVEL: "1"
  OLD: kept
  app.ini: first
---
apiVersion: v1
kind: Secret
metadata: {{name: keys}}
stringData: {{PASSWORD: {PASSWORD}}}
"""
WEB = """
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  minReadySeconds: 0
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      terminationGracePeriodSeconds: 0
      containers:
      - name: web
        image: busybox
        command: [sh, -c, 'env > /tmp/env; exec httpd -f -p 8080 -h /']
        ports: [{containerPort: 8080}]
        env:
        - {name: LOG_LEVEL, valueFrom: {configMapKeyRef: {name: settings, key: LEVEL}}}
        - {name: URL, value: "db://$(PASSWORD)@x"}
        envFrom: [{secretRef: {name: keys}}]
        volumeMounts: [{name: etc, mountPath: /etc/app}]
      volumes:
      - {name: etc, configMap: {name: settings, items: [{key: app.ini, path: conf.ini}]}}
"""
FILES_ONLY = """
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: side, annotations: {mooring.io/depends-on: web}}
spec:
  minReadySeconds: 0
  selector: {matchLabels: {app: side}}
  template:
    metadata: {labels: {app: side}}
    spec:
      terminationGracePeriodSeconds: 0
      containers:
      - name: side
        image: busybox
        command: [httpd, -f, -p, '8080', -h, /etc/app]
        volumeMounts: [{name: etc, mountPath: /etc/app}]
      volumes:
      - {name: etc, projected: {sources: [{configMap: {name: settings, items: [{key: app.ini, path: app.ini}]}}]}}
"""
ENTRANCE = f"""
---
apiVersion: v1
kind: Service
metadata: {{name: front}}
spec: {{selector: {{app: web}}, ports: [{{name: http, port: 80, targetPort: 8080}}]}}
---
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata: {{name: site}}
spec:
  rules:
  - host: {HOST}
    http: {{paths: [{{path: /shop, pathType: Prefix, backend: {{service: {{name: front, port: {{name: http}}}}}}}}]}}
"""
SHOP = CONFIGURATION + WEB + FILES_ONLY + ENTRANCE


class Shop:
    """One template with its deployment `d` in a project of its own."""

    def __init__(self, platform: Platform, project: str) -> None:
        self.platform = platform
        self.project = project
        self.template = f"/v2/templates/{project}/shop"
        self.stack = f"/v2/stacks/{project}/d"

    async def deployed(self, content: str = SHOP) -> OperationRecord:
        body = {"name": "shop", "kind": "kubernetes", "content": content}
        await self.platform.ask("POST", f"/v2/templates/{self.project}", body, expect=201)
        return await self.platform.done("POST", f"{self.template}/deploy", {"deploymentName": "d"})

    async def edit(self, content: str) -> None:
        await self.platform.ask("PUT", self.template, {"content": content})

    async def plan(self, how: str = "upgrade") -> dict[str, tuple[str, str]]:
        """What a dry run says: by kind and name the action and the reason."""
        found = await self.platform.ask("POST", f"{self.stack}/{how}", dryRun="true")
        return {f"{c['kind']} {c['app']}": (c["action"], c["reason"]) for c in found["changes"]}

    async def to(self, how: str = "upgrade", ends: Status = Status.SUCCEEDED, **body: Any) -> OperationRecord:
        return await self.platform.wait(await self.platform.submit("POST", f"{self.stack}/{how}", body), ends)

    async def pods(self, app: str) -> list[tuple[str, int]]:
        """Each instance's name, and how often it was restarted."""
        found = await self.platform.get(f"/v2/instances/{self.project}/d-{app}/lists")
        return [(one["name"], one["restarts"]) for one in found["instances"]]

    async def file(self, app: str, path: str) -> str | None:
        (one,) = (await self.platform.get(f"/v2/instances/{self.project}/d-{app}/lists"))["instances"]
        async with httpx.AsyncClient(timeout=5) as http:
            reply = await http.get(f"http://{one['ip']}:8080{path}")
        return reply.text.strip() if reply.is_success else None

    async def objects(self, cluster: Cluster, chosen: str) -> list[str]:
        """What the cluster has of the stack or of the platform's groups."""
        found = []
        for kind in ("ConfigMap", "Secret", "Ingress", "Service"):
            listed = await cluster.list(kind, self.project, labelSelector=chosen)
            found += [f"{kind} {item['metadata']['name']}" for item in listed["items"]]
        return found


@pytest.fixture
async def shop(platform: Platform) -> AsyncIterator[Shop]:
    return Shop(platform, await platform.project())


async def test_a_document_of_configuration_from_its_deploy_to_its_end(shop: Shop, cluster: Cluster) -> None:
    record = await shop.deployed()
    assert (record.progress.done, record.progress.total) == (4, 4)
    assert await shop.file("web", "/etc/app/conf.ini") == "first"
    assert await shop.file("side", "/app.ini") == "first"
    environment = await shop.file("web", "/tmp/env")
    assert environment is not None
    assert {"LOG_LEVEL=1", f"PASSWORD={PASSWORD}", f"URL=db://{PASSWORD}@x"} <= set(environment.splitlines())
    used = await shop.platform.get(f"/v2/configmaps/{shop.project}/d-settings")
    assert used["appMapNum"] == {"LEVEL": 1, "OLD": 0, "app.ini": 2}
    await shop.platform.ask("DELETE", f"/v2/configmaps/{shop.project}/d-settings", expect=409)
    ingress = await cluster.get("Ingress", "d-site", shop.project)
    (rule,) = ingress["spec"]["rules"]
    backend = rule["http"]["paths"][0]["backend"]["service"]
    service = await cluster.get("Service", backend["name"], shop.project)
    assert (rule["host"], backend["port"], service["spec"]["ports"][0]["targetPort"]) == (HOST, {"number": 80}, 8080)
    whole = await shop.platform.get(shop.stack, content="false")
    assert [group["name"] for group in whole["groups"]] == ["d-settings", "d-keys"]
    assert "needs" not in whole["ingresses"][0]
    assert "no" in whole["ingresses"][0]["message"]

    # A file alone reaches the running container.
    web, side = await shop.pods("web"), await shop.pods("side")
    await shop.edit(SHOP.replace("app.ini: first", "app.ini: second"))
    assert {name: action for name, (action, _) in (await shop.plan()).items()} == {
        "configmap d-settings": "update",
        "secret d-keys": "unchanged",
        "app d-web": "unchanged",
        "app d-side": "unchanged",
        "ingress d-site": "unchanged",
    }
    assert (await shop.plan())["configmap d-settings"][1] == "entries: app.ini changed"
    upgraded = await shop.to()
    assert upgraded.result is not None
    assert (upgraded.result["update"], upgraded.progress.done) == (["configmap d-settings"], 1)

    async def has(text: str, app: str = "web", path: str = "/etc/app/conf.ini") -> bool:
        return await shop.file(app, path) == text

    await eventually(lambda: has("second"), "the file has changed in the container")
    await eventually(lambda: has("second", "side", "/app.ini"), "and in the other")
    assert (await shop.pods("web"), await shop.pods("side")) == (web, side), "without a restart"

    # A variable replaces the instances of the app that reads it, and of no other.
    await shop.edit(
        SHOP.replace("app.ini: first", "app.ini: second").replace('LEVEL: "1"', 'LEVEL: "2"').replace("  OLD: kept\n", "")
    )
    planned = await shop.plan()
    assert planned["configmap d-settings"] == ("update", "entries: LEVEL changed, OLD removed")
    assert planned["app d-web"] == ("update", "variables from configmap/d-settings/LEVEL")
    assert planned["app d-side"][0] == "unchanged"
    await shop.to()
    environment = await shop.file("web", "/tmp/env")
    assert environment is not None
    assert "LOG_LEVEL=2" in environment.splitlines()
    assert await shop.pods("side") == side
    held = await shop.platform.get(f"/v2/configmaps/{shop.project}/d-settings")
    assert held["data"] == {"LEVEL": "2", "app.ini": "second"}
    assert set((await shop.plan()).values()) == {("unchanged", "")}

    # Back to the first version, then to nothing.
    await shop.to("rollback", version=1)
    held = await shop.platform.get(f"/v2/configmaps/{shop.project}/d-settings")
    assert held["data"] == {"LEVEL": "1", "OLD": "kept", "app.ini": "first"}
    environment = await shop.file("web", "/tmp/env")
    assert environment is not None
    assert "LOG_LEVEL=1" in environment.splitlines()
    await shop.platform.done("DELETE", shop.stack)
    assert (await shop.platform.get(f"/v2/configmaps/{shop.project}"))["total"] == 0
    assert (await shop.platform.get(f"/v2/secrets/{shop.project}"))["total"] == 0
    assert await shop.objects(cluster, "app.kubernetes.io/managed-by=mooring") == []


async def test_what_leaves_the_document_goes_and_what_others_use_stays(shop: Shop, cluster: Cluster) -> None:
    await shop.deployed()
    stack = (await shop.platform.get(shop.stack))["id"]
    await shop.edit(f"{WEB.split('---')[1].split('        env:')[0]}")
    planned = await shop.plan()
    assert {name: planned[name][0] for name in ("configmap d-settings", "secret d-keys", "ingress d-site", "app d-side")} == {
        "configmap d-settings": "delete",
        "secret d-keys": "delete",
        "ingress d-site": "delete",
        "app d-side": "delete",
    }
    other = {
        "name": "other",
        "imageRef": "busybox",
        "cmd": "sleep 1000",
        "configMap": [{"type": "Env", "name": "d-settings", "key": ["OLD"]}],
        "terminationGracePeriodSeconds": 0,
    }
    apps = f"/v2/applications/{shop.project}"
    await shop.platform.done("POST", apps, other)
    for method, path in (("POST", f"{shop.stack}/upgrade"), ("DELETE", shop.stack)):
        refused = await shop.platform.ask(method, path, expect=409)
        assert "'OLD' cannot be removed: the app other uses it" in refused["Message"]
    await shop.platform.done("DELETE", f"{apps}/other")
    record = await shop.to()
    deleted = [step.title for step in record.steps or [] if step.title.startswith("Delete")]
    assert deleted[0] == "Delete d-side"
    assert set(deleted[1:]) == {"Delete configmap d-settings", "Delete secret d-keys"}
    assert await shop.objects(cluster, f"{STACK_ID}={stack}") == []
    assert (await shop.platform.get(f"/v2/configmaps/{shop.project}"))["total"] == 0


async def test_a_document_with_secrets_is_shown_to_who_may_read_secrets(shop: Shop) -> None:
    await shop.deployed(CONFIGURATION + WEB)
    await shop.edit(CONFIGURATION.replace("hunter2", "hunter3") + WEB)
    viewer = await shop.platform.user("viewer", shop.project)
    for path in (shop.template, shop.stack):
        refused = await viewer.ask("GET", path, expect=403)
        assert "secret:read" in refused["Message"]
        assert "hunter" not in str(await viewer.ask("GET", path, content="false"))
        await viewer.ask("GET", f"{path}/reads", expect=403)
    newest = (await viewer.get(f"{shop.template}/versions"))["versions"][0]
    assert (newest["diff"], newest["contentHidden"]) == (None, True)
    assert "hunter" not in str(await viewer.get(f"{shop.template}/graph"))
    assert (await shop.platform.get(f"{shop.template}/reads"))["total"] == 0

    assert PASSWORD in (await shop.platform.get(shop.template, version=1))["content"]
    assert "+stringData: {PASSWORD: hunter3" in (await shop.platform.get(f"{shop.template}/versions"))["versions"][0]["diff"]
    assert PASSWORD in (await shop.platform.get(shop.stack))["content"]
    told = (await shop.platform.get(f"{shop.template}/reads"))["reads"]
    assert [(one["version"], one["reader"]) for one in told] == [(2, "admin"), (1, "admin"), (1, "admin")]
    assert (await shop.platform.get(f"{shop.stack}/reads"))["total"] == 1


async def test_a_host_is_one_projects_and_names_of_others_are_refused_before_it_begins(shop: Shop, platform: Platform) -> None:
    await shop.deployed(WEB.split("        env:")[0].lstrip("\n-") + ENTRANCE)
    other = Shop(platform, await platform.project())
    document = WEB.split("        env:")[0].lstrip("\n-") + ENTRANCE
    body = {"name": "shop", "kind": "kubernetes", "content": document}
    await platform.ask("POST", f"/v2/templates/{other.project}", body, expect=201)
    refused = await platform.ask("POST", f"{other.template}/deploy", {"deploymentName": "d"}, expect=409)
    assert HOST in refused["Message"]
    assert shop.project not in refused["Message"]
    await shop.platform.done("DELETE", shop.stack)
    await platform.done("POST", f"{other.template}/deploy", {"deploymentName": "d"})

    await platform.done("POST", f"/v2/configmaps/{other.project}", {"name": "e-settings", "data": {}}, wait=0)
    await other.edit(CONFIGURATION + WEB)
    refused = await platform.ask("POST", f"{other.template}/deploy", {"deploymentName": "e"}, expect=409)
    assert "has a configmap 'e-settings' already" in refused["Message"]


async def test_a_pod_document_uses_the_projects_groups(shop: Shop) -> None:
    document = """containers:
- name: web
  image: busybox
  command: [sh, -c, 'env > /tmp/env; exec httpd -f -p 8080 -h /']
  envFrom: [{prefix: MY_, secretRef: {name: keys}}]
"""
    check = f"/v2/templates/{shop.project}/validate"
    (missing,) = (await shop.platform.ask("POST", check, {"kind": "pod", "content": document}))["problems"]
    assert (missing["line"], missing["field"]) == (5, "containers[0].envFrom[0].secretRef")
    assert "names the Secret 'keys'" in missing["message"]
    value = base64.b64encode(PASSWORD.encode()).decode()
    await shop.platform.done("POST", f"/v2/secrets/{shop.project}", {"name": "keys", "data": {"WORD": value}}, wait=0)
    assert (await shop.platform.ask("POST", check, {"kind": "pod", "content": document}))["Code"] == 0
    body = {"stackInstanceName": "d-pod", "content": document}
    await shop.platform.done("POST", f"/v2/podstack/{shop.project}", body)
    environment = await shop.file("pod", "/tmp/env")
    assert environment is not None
    assert f"MY_WORD={PASSWORD}" in environment.splitlines()
    (use,) = (await shop.platform.get(f"/v2/applications/{shop.project}/d-pod"))["secret"]
    assert use == {"type": "Env", "name": "keys", "key": ["WORD"], "names": {"WORD": "MY_WORD"}}


async def test_a_certificate_that_an_ingress_has_stays(platform: Platform) -> None:
    shop = Shop(platform, await platform.project("t"))
    secrets, data = f"/v2/secrets/{shop.project}", {"tls.crt": "MQ==", "tls.key": "MQ=="}
    await platform.ask("POST", secrets, {"name": "cert", "data": data})
    secure = ENTRANCE.replace(HOST, f"{unique('tls')}.example.com")
    host = secure.partition("host: ")[2].partition("\n")[0]
    document = WEB.split("        env:")[0].lstrip("\n-") + secure.replace(
        "spec:\n  rules", f"spec:\n  tls: [{{hosts: [{host}], secretName: cert}}]\n  rules"
    )
    await shop.deployed(document)
    for place in ("/cert", "/cert/tls.key"):
        refused = await platform.ask("DELETE", f"{secrets}{place}", expect=409)
        assert "the Ingresses of the stack d have their certificate there" in refused["Message"]
    await platform.ask("POST", f"{secrets}/cert/tls.key", {"data": "Mg=="})
    await shop.edit(document.replace(f"  tls: [{{hosts: [{host}], secretName: cert}}]\n", ""))
    await shop.to()
    await platform.ask("DELETE", f"{secrets}/cert")


READERS = """apiVersion: v1
kind: ConfigMap
metadata: {name: settings}
data: {LEVEL: "1"}
""" + "".join(
    f"""---
apiVersion: apps/v1
kind: Deployment
metadata: {{name: {name}, annotations: {{mooring.io/depends-on: "{after}"}}}}
spec:
  minReadySeconds: 0
  selector: {{matchLabels: {{app: {name}}}}}
  template:
    metadata: {{labels: {{app: {name}}}}}
    spec:
      terminationGracePeriodSeconds: 0
      containers: [{{name: c, image: 'busybox:{tag}', command: [sleep, '10000'], envFrom: [{{configMapRef: {{name: settings}}}}]}}]
"""
    for name, after, tag in (("first", "", "latest"), ("late", "first", "1.35"))
)


async def test_what_an_upgrade_had_not_reached_is_left_when_its_stack_goes_back(platform: Platform) -> None:
    shop = Shop(platform, await platform.project("t"))
    await shop.deployed(READERS)
    await shop.edit(READERS.replace('"1"', '"2"').replace("busybox:latest", "busybox:nowhere"))
    failed = await platform.submit("POST", f"{shop.stack}/upgrade", {"onFailure": "rollback"})
    record = await platform.wait(failed, Status.FAILED)
    assert record.error is not None
    assert "brought back to version 1" in record.error.message
    late = await platform.get(f"/v2/applications/{shop.project}/d-late")
    assert [one["revision"] for one in late["versions"]] == [1], "the entry is what it was, so nothing of it was replaced"
    settings = await platform.get(f"/v2/configmaps/{shop.project}/d-settings")
    assert settings["data"] == {"LEVEL": "1"}
