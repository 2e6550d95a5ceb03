"""Templates through HTTP: versions, search, checking, drawing, and their deployments on the real cluster."""

import json
from pathlib import Path
from typing import Any

import pytest

from clients.kubernetes import Cluster
from model.operations import OperationRecord, Status
from tests.platform import Platform, eventually, unique

STAYS = "image: busybox, command: [sh, -c, 'trap exit TERM; sleep 9999 & wait']"
CRASHES = "image: busybox, command: [sh, -c, 'exit 3']"
UNASKED = "x-mooring: {readinessProbe: {none: true}}"  # it opens a port for links, and nothing listens there
SHOP = f"# the shop\nstore: {{{STAYS}, expose: [8080], {UNASKED}}}\nside: {{{STAYS}}}\nweb: {{{STAYS}, links: [store, side]}}\n"
DATA = Path(__file__).parents[1] / "data"


class Templates:
    """The templates and deployments of one project."""

    def __init__(self, platform: Platform, project: str) -> None:
        self.platform = platform
        self.project = project

    async def create(self, content: str = SHOP, kind: str = "compose", name: str | None = None) -> str:
        """A template; its name."""
        chosen = name or unique("t")
        body = {"name": chosen, "kind": kind, "content": content}
        await self.platform.ask("POST", f"/v2/templates/{self.project}", body, expect=201)
        return chosen

    async def edit(self, name: str, content: str) -> dict[str, Any]:
        found: dict[str, Any] = await self.platform.ask("PUT", f"/v2/templates/{self.project}/{name}", {"content": content})
        return found

    async def deployed(self, template: str, name: str | None = None) -> str:
        """A deployment of a template, ready; its name."""
        chosen = name or unique("d")
        await self.platform.done("POST", f"/v2/templates/{self.project}/{template}/deploy", {"deploymentName": chosen})
        return chosen

    async def plan(self, deployment: str, how: str = "upgrade") -> dict[str, str]:
        """What a dry run says, by service."""
        found = await self.platform.ask("POST", f"/v2/stacks/{self.project}/{deployment}/{how}", dryRun="true")
        return {change["name"]: change["action"] for change in found["changes"]}

    async def submit(self, deployment: str, how: str = "upgrade", **body: Any) -> str:
        return await self.platform.submit("POST", f"/v2/stacks/{self.project}/{deployment}/{how}", body)

    async def children(self, operation: str) -> dict[str, OperationRecord]:
        """The newest child by service."""
        listed = await self.platform.get("/v2/operations", parent=operation)
        found = [OperationRecord.model_validate(one) for one in reversed(listed["operations"])]
        return {one.target.name.rpartition("-")[2]: one for one in found}

    async def apps(self, deployment: str) -> dict[str, dict[str, Any]]:
        found = await self.platform.get(f"/v2/stacks/{self.project}/{deployment}")
        return {app["service"]: app for app in found["apps"]}

    async def delete(self, deployment: str) -> None:
        await self.platform.done("DELETE", f"/v2/stacks/{self.project}/{deployment}")


@pytest.fixture(scope="module")
def templates(platform: Platform, project: str) -> Templates:
    return Templates(platform, project)


async def test_a_template_keeps_what_was_written_in_every_version(templates: Templates, platform: Platform) -> None:
    name = await templates.create()
    path = f"/v2/templates/{templates.project}/{name}"
    assert (await platform.get(path))["content"] == SHOP
    edited = await templates.edit(name, SHOP.replace("# the shop", "# the new shop"))
    assert (edited["version"], edited["images"]) == (2, ["busybox"])
    assert (await templates.edit(name, SHOP.replace("# the shop", "# the new shop")))["version"] == 2, "the same text is no version"
    assert (await platform.get(path, version=1))["content"] == SHOP
    listed = (await platform.get(f"{path}/versions"))["versions"]
    assert [v["number"] for v in listed] == [2, 1]
    assert "-# the shop\n+# the new shop" in listed[0]["diff"]
    stale = await platform.ask("PUT", path, {"content": "a: {image: x}", "basedOn": 1}, expect=409)
    assert "version 2" in stale["Message"]
    await platform.ask("DELETE", path)
    await platform.ask("GET", path, expect=404)


async def test_templates_are_found_by_name_and_image(templates: Templates, platform: Platform) -> None:
    name = await templates.create("a: {image: 'busybox:1.35'}\n")
    for search in (name[2:], "BUSYBOX:1.35"):
        found = await platform.get(f"/v2/templates/{templates.project}", search=search)
        assert name in [t["name"] for t in found["templates"]]
    assert (await platform.get(f"/v2/templates/{templates.project}", search=name, kind="pod"))["total"] == 0
    assert (await platform.get("/v2/templates", search=name))["templates"][0]["project"] == templates.project


async def test_a_document_is_checked_as_it_is_typed(templates: Templates, platform: Platform) -> None:
    path = f"/v2/templates/{templates.project}/validate"
    wrong = await platform.ask("POST", path, {"kind": "compose", "content": "a:\n  image: busybox\n  volumes: ['/:/x']\n"})
    assert wrong["Code"] != 0
    assert [(p["line"], p["column"], p["field"]) for p in wrong["problems"]] == [(3, 3, "a.volumes")]
    right = await platform.ask("POST", path, {"kind": "compose", "content": SHOP})
    assert (right["Code"], right["problems"]) == (0, [])
    nodes = {node["name"]: node["level"] for node in right["graph"]["nodes"]}
    assert nodes == {"store": 1, "side": 1, "web": 2}
    assert {(e["from"], e["to"], e["type"]) for e in right["graph"]["edges"]} == {
        ("app:web", "app:store", "link"),
        ("app:web", "app:side", "link"),
    }
    refused = await platform.ask(
        "POST", f"/v2/templates/{templates.project}", {"name": "x", "kind": "pod", "content": "hostPID: 1"}, expect=422
    )
    assert {p["field"] for p in refused["problems"]} == {"containers", "hostPID"}


async def test_the_manuals_documents_are_templates_too(templates: Templates, platform: Platform) -> None:
    stays = "busybox\n  command: [sh, -c, 'httpd -p 8080; httpd -p 80; trap exit TERM; sleep 9999 & wait']"
    pod = json.loads((DATA / "podstack-create.json").read_text())["content"].replace("replicas: 3", "replicas: 1")
    for image in ("docker.oa.com:8080/public/mysql:latest", "docker.oa.com:8080/public/2048:latest"):
        pod = pod.replace(image, stays)
    name = await templates.deployed(await templates.create(pod, "pod"))
    app = await platform.get(f"/v2/applications/{templates.project}/{name}")
    assert (app["containers"], app["Status"]) == (["mysql", "2048app"], "RUNNING")
    drawn = await platform.get(f"/v2/stacks/{templates.project}/{name}/graph")
    assert [(n["type"], n["name"]) for n in drawn["nodes"]] == [("app", name), ("volume", "rethinkdb-storage")]
    assert drawn["nodes"][0]["status"] == "RUNNING"
    assert drawn["edges"][0]["mounts"] == ["mysql:/var/lib/mysql"]
    await templates.delete(name)


async def test_an_edit_is_planned_upgraded_in_order_and_rolled_back(
    templates: Templates, platform: Platform, cluster: Cluster
) -> None:
    template = await templates.create()
    name = await templates.deployed(template)
    before = await templates.apps(name)
    assert await templates.plan(name) == {"store": "unchanged", "side": "unchanged", "web": "unchanged"}
    edited = SHOP.replace(f"side: {{{STAYS}}}\n", f"cache: {{{STAYS}}}\n").replace("links: [store, side]", "links: [store, cache]")
    edited = edited.replace("expose: [8080]", "expose: [8080], replicas: 2")
    await templates.edit(template, edited)
    assert (await templates.apps(name)).keys() == before.keys(), "editing a template never touches what runs"

    planned = await templates.plan(name)
    assert planned == {"store": "update", "cache": "create", "web": "update", "side": "delete"}
    operation = await templates.submit(name)
    done = await platform.wait(operation)
    children = await templates.children(operation)
    kinds = {service: child.kind for service, child in children.items()}
    assert kinds == {"store": "app.scale", "cache": "app.create", "web": "app.upgrade", "side": "app.delete"}
    assert (done.progress.done, done.progress.total) == (4, 4)
    web, side = children["web"], children["side"]
    assert all(children[first].finished_at <= web.created_at for first in ("store", "cache"))
    assert web.finished_at <= side.created_at, "what left the document goes last"
    assert set(await templates.plan(name)) == {"store", "cache", "web"}
    assert set((await templates.plan(name)).values()) == {"unchanged"}
    stack = await platform.get(f"/v2/stacks/{templates.project}/{name}")
    links = await cluster.list("Service", templates.project, labelSelector=f"mooring.io/stack-id={stack['id']}")
    assert {s["metadata"]["labels"]["app.kubernetes.io/name"] for s in links["items"]} == {f"{name}-store", f"{name}-cache"}

    assert await templates.plan(name, "rollback") == {"side": "create", "store": "update", "web": "update", "cache": "delete"}
    await platform.wait(await templates.submit(name, "rollback"))
    after = await templates.apps(name)
    assert after.keys() == before.keys()
    assert after["store"]["InstanceSummary"] == "1/1 running"
    assert after["web"]["AppID"] == before["web"]["AppID"]
    versions = (await platform.get(f"/v2/stacks/{templates.project}/{name}/versions"))["versions"]
    assert [(v["version"], v["restores"], v["templateVersion"]) for v in versions] == [(3, 1, 1), (2, None, 2), (1, None, 1)]
    history = await platform.get(f"/v2/templates/{templates.project}/{template}/operations")
    assert [o["kind"] for o in history["operations"]] == ["stack.upgrade", "stack.upgrade", "stack.deploy"]
    await templates.delete(name)
    left = await cluster.list("Service", templates.project, labelSelector=f"mooring.io/stack-id={stack['id']}")
    assert left["items"] == []


async def test_a_failed_upgrade_goes_back_as_a_whole_where_asked(templates: Templates, platform: Platform) -> None:
    template = await templates.create()
    name = await templates.deployed(template)
    broken = SHOP.replace(f"web: {{{STAYS}", f"web: {{{CRASHES}").replace(f"side: {{{STAYS}}}", f"side: {{{STAYS}, replicas: 2}}")
    await templates.edit(template, broken)
    operation = await templates.submit(name, onFailure="rollback")
    failed = await platform.wait(operation, Status.FAILED)
    assert failed.error is not None
    assert failed.error.reason == "CrashLoop"
    apps = await templates.apps(name)
    assert {service: app["InstanceSummary"] for service, app in apps.items()} == dict.fromkeys(apps, "1/1 running")
    stack = await platform.get(f"/v2/stacks/{templates.project}/{name}")
    assert (stack["version"], stack["content"]) == (1, SHOP)
    await templates.delete(name)


async def test_a_failed_upgrade_stays_and_retry_goes_on(templates: Templates, platform: Platform) -> None:
    template = await templates.create()
    name = await templates.deployed(template)
    await templates.edit(template, SHOP.replace(f"side: {{{STAYS}}}", f"side: {{{CRASHES}}}"))
    operation = await templates.submit(name, deadlineSeconds=120)
    await platform.wait(operation, Status.FAILED)
    assert set(await templates.children(operation)) == {"side"}, "web waits for side, and store is as it was"
    assert (await templates.plan(name))["side"] == "update"
    await templates.edit(template, SHOP.replace("# the shop", "# mended"))
    await platform.wait(await templates.submit(name))
    assert {app["Status"] for app in (await templates.apps(name)).values()} == {"RUNNING"}
    await templates.delete(name)


async def test_a_stack_without_a_template_is_upgraded_by_its_document(templates: Templates, platform: Platform) -> None:
    name = unique("d")
    body = {"stackInstanceName": name, "content": f"a: {{{STAYS}}}\n"}
    await platform.done("POST", f"/v2/composes/{templates.project}", body)
    path = f"/v2/stacks/{templates.project}/{name}/upgrade"
    missing = await platform.ask("POST", path, {}, expect=422)
    assert missing["problems"][0]["field"] == "content"
    wrong = await platform.ask("POST", path, {"content": "a: {}"}, expect=422)
    assert wrong["problems"][0]["line"] == 1
    await platform.done("POST", path, {"content": f"a: {{{STAYS}, environment: {{A: b}}}}\n"})
    assert "b" in json.dumps((await platform.get(f"/v2/applications/{templates.project}/{name}-a"))["Environments"])
    await templates.delete(name)


async def test_who_may(templates: Templates, platform: Platform) -> None:
    name = await templates.create()
    viewer, stranger = await platform.user("viewer", templates.project), await platform.user()
    path = f"/v2/templates/{templates.project}/{name}"
    await viewer.ask("GET", path)
    await viewer.ask("PUT", path, {"content": SHOP}, expect=403)
    await viewer.ask("POST", f"{path}/deploy", {"deploymentName": "x"}, expect=403)
    await stranger.ask("GET", path, expect=404)
    assert (await stranger.get("/v2/templates"))["total"] == 0


KUBERNETES = """
apiVersion: apps/v1
kind: StatefulSet
metadata: {name: store}
spec:
  selector: {matchLabels: {app: store}}
  template:
    metadata: {labels: {app: store}}
    spec:
      terminationGracePeriodSeconds: 1
      containers:
      - name: store
        image: busybox
        command: [sh, -c, 'cd /tmp; echo hi > hello; httpd -f -p 8080']
        ports: [{containerPort: 8080, name: http}]
---
apiVersion: v1
kind: Service
metadata: {name: db}
spec:
  selector: {app: store}
  ports: [{port: 80, targetPort: http}]
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: api, annotations: {mooring.io/depends-on: store}}
spec:
  selector: {matchLabels: {app: api}}
  template:
    metadata: {labels: {app: api}}
    spec:
      containers:
      - name: api
        image: busybox
        command: [sh, -c, 'until wget -qO- http://db/hello; do sleep 0.2; done; trap exit TERM; sleep 9999 & wait']
"""


async def test_kubernetes_documents_are_deployed_in_order_and_reach_each_other(templates: Templates, platform: Platform) -> None:
    name = await templates.deployed(await templates.create(KUBERNETES, "kubernetes"))
    apps = await templates.apps(name)
    assert {service: (app["order"], app["Status"]) for service, app in apps.items()} == {
        "store": (1, "RUNNING"),
        "api": (2, "RUNNING"),
    }
    assert (await platform.get(f"/v2/applications/{templates.project}/{name}-store"))["Type"] == "TApp"
    listed = await platform.get(f"/v2/instances/{templates.project}/{name}-api/lists")
    path = f"/v2/containers/{templates.project}/{listed['instances'][0]['name']}/api/logs"

    async def reached() -> bool:
        return "hi\n" in (await platform.http.get(path)).text

    await eventually(reached, "api has got store's answer under the Service's name and port")
    await templates.delete(name)


async def test_a_modern_compose_file_waits_for_health(templates: Templates, platform: Platform) -> None:
    content = (
        "services:\n  store:\n    image: busybox\n"
        "    command: [sh, -c, 'sleep 3; touch /tmp/ok; trap exit TERM; sleep 9999 & wait']\n"
        "    healthcheck: {test: [CMD, test, -e, /tmp/ok], interval: 1s}\n"
        f"  web: {{{STAYS}, depends_on: {{store: {{condition: service_healthy}}}}}}\n"
    )
    name = await templates.deployed(await templates.create(content))
    assert {app["Status"] for app in (await templates.apps(name)).values()} == {"RUNNING"}
    await templates.delete(name)
