"""Apps through HTTP: every operation on the real cluster, how each ends, and what is left (mission A, B)."""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from clients.kubernetes import Cluster, Object
from model.operations import OperationRecord, Status
from tests.images import publish
from tests.platform import Platform, eventually, unique

SERVES = {"imageRef": "busybox", "cmd": "httpd -f -p 8080", "minReadySeconds": 0, "terminationGracePeriodSeconds": 1}
NEVER_READY = {"readinessProbe": {"tcpSocket": {"port": 9}, "periodSeconds": 1}}
MANUAL = json.loads((Path(__file__).parent / "manual_create.json").read_text())
MANUAL_REPLY = [
    "AppID",
    "Cmd",
    "Created",
    "DockerDataDir",
    "DockerLogDir",
    "Environments",
    "Image",
    "InstanceNum",
    "InstanceSummary",
    "Name",
    "PortsInfo",
    "ProjectID",
    "ProjectName",
    "Status",
    "Username",
    "ResInfo",
    "NetworkType",
    "Type",
    "scale",
    "configMap",
    "secret",
    "internalVolumes",
    "nodeLabels",
]


class Apps:
    """The apps of one project."""

    def __init__(self, platform: Platform, project: str) -> None:
        self.platform = platform
        self.project = project

    def path(self, name: str = "", verb: str = "") -> str:
        return "/".join(part for part in ("/v2/applications", self.project, name, verb) if part)

    async def create(self, ends: Status = Status.SUCCEEDED, **fields: Any) -> tuple[str, OperationRecord]:
        name = unique("app")
        operation = await self.platform.submit("POST", self.path(), {**SERVES, **fields, "name": name})
        return name, await self.platform.wait(operation, ends)

    async def submit(self, name: str, verb: str = "", body: Any = None, **query: Any) -> str:
        return await self.platform.submit("POST" if verb else "DELETE", self.path(name, verb), body, **query)

    async def done(self, name: str, verb: str = "", body: Any = None, **query: Any) -> OperationRecord:
        return await self.platform.wait(await self.submit(name, verb, body, **query))

    async def get(self, name: str, **query: Any) -> Any:
        return await self.platform.get(self.path(name), **query)


@pytest.fixture
def apps(platform: Platform, project: str) -> Apps:
    return Apps(platform, project)


async def deployment(cluster: Cluster, apps: Apps, name: str) -> Object | None:
    return await cluster.find("Deployment", name, apps.project)


def image_of(found: Object | None) -> str:
    assert found
    return str(found["spec"]["template"]["spec"]["containers"][0]["image"])


def reason(record: OperationRecord) -> str:
    assert record.error is not None
    return record.error.reason


async def waiting(apps: Apps, operation: str) -> None:
    """Until the operation waits for its instances."""

    async def waits() -> bool:
        record = await apps.platform.operation(operation)
        return any(step.name == "app.move" for step in record.steps or [])

    await eventually(waits, f"{operation} waits for its instances")


async def test_the_manuals_body_gives_the_manuals_reply(apps: Apps, cluster: Cluster) -> None:
    (node,) = (await cluster.list("Node"))["items"][:1]
    await cluster.patch("Node", node["metadata"]["name"], None, {"metadata": {"labels": MANUAL["nodeLabels"]}})
    name = unique("demoapp")
    body = {**MANUAL, "name": name, "imageRef": "busybox", "terminationGracePeriodSeconds": 1}
    created = await apps.platform.ask("POST", apps.path(), body, expect=202)
    assert [field for field in MANUAL_REPLY if field not in created] == []
    assert created["Status"] == "PENDING"
    await apps.platform.wait(created["OperationID"])
    app = await apps.get(name)
    assert (app["Status"], app["InstanceSummary"], app["Cmd"], app["Image"]) == ("RUNNING", "2/2 running", "sleep 10000", "busybox")
    assert app["Environments"] == MANUAL["dockerEnv"]
    assert app["PortsInfo"] == MANUAL["portMappings"]
    assert app["ResInfo"] == MANUAL["resources"]
    assert (app["Username"], app["Type"], app["NetworkType"]) == ("Jack", "Deployment", 0)
    pods = (await cluster.list("Pod", apps.project, labelSelector=f"mooring.io/app={name}"))["items"]
    assert all(pod["metadata"]["name"].startswith(name) for pod in pods)
    container = pods[0]["spec"]["containers"][0]
    assert container["command"] == ["sleep", "10000"]
    assert container["resources"]["limits"] == {"cpu": "100m", "memory": "256Mi", "ephemeral-storage": "1Gi"}
    assert [mount["mountPath"] for mount in container["volumeMounts"]] == ["/log/dir", "/data/dir"]
    assert (await cluster.get("Service", name, apps.project))["spec"]["type"] == "ClusterIP"


async def test_a_missing_image_fails_at_once_and_a_retry_after_the_push_succeeds(apps: Apps) -> None:
    tag = unique("late")
    name, failed = await apps.create(Status.FAILED, imageRef=f"busybox:{tag}")
    assert reason(failed) == "ImageNotFound"
    assert tag in failed.error.message  # type: ignore[union-attr]
    assert (await apps.get(name))["Status"] == "FAILED"

    digest = await publish(tag, tag)
    retried = await apps.platform.retry(failed.id)
    assert retried.attempt == 2
    app = await apps.get(name)
    assert (app["Status"], app["digests"], app["Image"]) == ("RUNNING", {name: digest}, f"busybox:{tag}")


@pytest.mark.parametrize(
    ("fields", "expected", "word"),
    [
        ({"cmd": "/no/such"}, "CommandNotFound", "/no/such"),
        ({"cmd": ["sh", "-c", "echo cannot open db; exit 3"], "minReadySeconds": 30}, "CrashLoop", "cannot open db"),
        ({"cmd": "tail /dev/zero", "resources": {"mem": "16Mi"}, "minReadySeconds": 30}, "OutOfMemory", "16Mi"),
        ({**NEVER_READY, "deadlineSeconds": 25}, "ProbeFailing", "readiness"),
        ({"resources": {"cpu": "64"}}, "Unschedulable", "asked 64"),
        ({"nodeLabels": {"no": "such"}}, "Unschedulable", "no=such"),
    ],
)
async def test_what_cannot_serve_fails_with_the_true_cause(
    apps: Apps, cluster: Cluster, fields: dict[str, Any], expected: str, word: str
) -> None:
    name, failed = await apps.create(Status.FAILED, **fields)
    assert reason(failed) == expected
    assert failed.error is not None
    assert word in failed.error.message
    assert failed.error.evidence
    assert failed.error.hint
    assert (await apps.get(name))["Status"] == "FAILED"
    assert await deployment(cluster, apps, name), "a failed creation keeps its objects for inspection"
    await apps.done(name)


async def test_an_upgrade_rolls_back_exactly_and_keeps_its_revisions(apps: Apps, cluster: Cluster) -> None:
    tag = unique("v")
    first = await publish(tag, "1")
    name, _ = await apps.create(imageRef=f"busybox:{tag}", instanceNum=2)
    second = await publish(tag, "2")  # the tag moves
    await apps.done(name, "rollout", {"image": f"busybox:{tag}", "reason": "second", "dockerEnv": [{"name": "A", "value": "$B"}]})
    assert image_of(await deployment(cluster, apps, name)).endswith(second)

    await apps.done(name, "rollback")
    assert image_of(await deployment(cluster, apps, name)).endswith(first)
    revisions = (await apps.platform.get(apps.path(name, "revisions")))["revisions"]
    assert [(r["revision"], r["current"], r["reason"], r["createdBy"]) for r in revisions] == [
        (3, True, "rollback to revision 1", "admin"),
        (2, False, "second", "admin"),
        (1, False, "created", "admin"),
    ]
    # The tag had moved: that is told as what it is, another image.
    assert {change["field"] for change in revisions[1]["changes"]} == {f"containers.{name}.env", f"containers.{name}.digest"}
    assert (await apps.get(name))["InstanceSummary"] == "2/2 running"


async def test_the_same_image_again_changes_nothing(apps: Apps, cluster: Cluster) -> None:
    name, _ = await apps.create()
    before = await deployment(cluster, apps, name)
    told = await apps.platform.ask("POST", apps.path(name, "rollout"), {"image": "busybox"})
    after = await deployment(cluster, apps, name)
    assert before
    assert after
    assert after["spec"] == before["spec"]
    assert told["unchanged"]
    assert told["Message"].startswith("Nothing differs")


async def test_of_two_upgrades_the_second_is_told_the_first_and_a_delete_takes_over(apps: Apps, cluster: Cluster) -> None:
    name, _ = await apps.create()
    first = await apps.submit(name, "rollout", NEVER_READY)
    refused = await apps.platform.ask("POST", apps.path(name, "rollout"), {"image": "busybox"}, expect=409)
    assert refused["OperationID"] == first
    await waiting(apps, first)
    assert (await apps.get(name))["Status"] == "UPDATING"

    await apps.done(name)
    await apps.platform.wait(first, Status.CANCELLED)
    assert await deployment(cluster, apps, name) is None
    await apps.platform.ask("GET", apps.path(name), expect=404)


async def test_a_failed_upgrade_stays_where_it_got_and_its_fix_goes_on_top(apps: Apps) -> None:
    name, _ = await apps.create(instanceNum=2)
    bad = await apps.submit(name, "rollout", {"cmd": "/no/such"})
    failed = await apps.platform.wait(bad, Status.FAILED)
    assert reason(failed) == "CommandNotFound"
    app = await apps.get(name)
    assert (app["Status"], app["revision"]) == ("RUNNING", 2), "the older instances still serve"
    assert bad in app["message"]

    await apps.done(name, "rollout", {"cmd": "httpd -f -p 8080"})
    assert (await apps.get(name))["revision"] == 3
    superseded = await apps.platform.ask("POST", f"/v2/operations/{bad}/retry", expect=409)
    assert superseded["Reason"] == "Superseded"


async def test_an_upgrade_goes_back_by_itself_where_asked(apps: Apps, cluster: Cluster) -> None:
    name, _ = await apps.create()
    before = image_of(await deployment(cluster, apps, name))
    operation = await apps.submit(name, "rollout", {"cmd": "/no/such", "onFailure": "rollback"})
    await apps.platform.wait(operation, Status.FAILED)
    app = await apps.get(name)
    assert (app["Status"], app["revision"], app["Cmd"]) == ("RUNNING", 1, SERVES["cmd"])
    found = await deployment(cluster, apps, name)
    assert image_of(found) == before
    assert found
    assert found["status"]["replicas"] == 1


async def test_cancelling_leaves_what_the_table_says(apps: Apps, cluster: Cluster) -> None:
    async def cancelled(operation: str) -> None:
        await waiting(apps, operation)
        await apps.platform.ask("POST", f"/v2/operations/{operation}/cancel", expect=202)
        await apps.platform.wait(operation, Status.CANCELLED)

    born = unique("app")
    creation = await apps.platform.submit("POST", apps.path(), {**SERVES, **NEVER_READY, "name": born})
    name, _ = await apps.create()
    await cancelled(creation)
    assert await deployment(cluster, apps, born) is None
    assert (await apps.get(born))["Status"] == "STOPPED"

    await cancelled(await apps.submit(name, "rollout", NEVER_READY))
    app = await apps.get(name)
    assert (app["Status"], app["revision"]) == ("RUNNING", 1)

    await cancelled(await apps.submit(name, "scale", type="manual", scale=3))
    found = await deployment(cluster, apps, name)
    assert found
    assert found["spec"]["replicas"] == 1
    assert (await apps.get(name))["InstanceSummary"] == "1/1 running"


async def test_kill_and_start_keep_the_app_id_and_free_the_name(apps: Apps, cluster: Cluster) -> None:
    name, _ = await apps.create(portMappings=[{"protocol": "tcp", "containerPort": 8080}])
    app_id = (await apps.get(name))["AppID"]
    await apps.done(name, "kill")
    assert (await apps.get(name))["Status"] == "STOPPED"
    assert await deployment(cluster, apps, name) is None
    assert await cluster.find("Service", name, apps.project) is None

    other = await apps.platform.ask("POST", apps.path(), {**SERVES, "name": name}, expect=202)
    await apps.platform.wait(other["OperationID"])
    taken = await apps.platform.ask("POST", apps.path(name, "start"), expect=409, app_id=app_id)
    assert "live" in taken["Message"]
    assert (await apps.get(name))["AppID"] == other["AppID"]
    await apps.done(name)

    await apps.done(name, "start", app_id=app_id)
    app = await apps.get(name)
    assert (app["AppID"], app["Status"]) == (app_id, "RUNNING")
    assert await cluster.find("Service", name, apps.project)


async def test_scale_out_and_in(apps: Apps, cluster: Cluster) -> None:
    name, _ = await apps.create()
    for wanted in (3, 0, 1):
        await apps.done(name, "scale", type="manual", scale=wanted)
        found = await deployment(cluster, apps, name)
        assert found
        assert found["status"].get("replicas", 0) == wanted
        assert (await apps.get(name))["InstanceSummary"] == f"{wanted}/{wanted} running"


async def test_network_type_2_opens_node_ports_and_leaving_the_ports_out_closes_them(apps: Apps, cluster: Cluster) -> None:
    defaults = {"minReadySeconds": None, "terminationGracePeriodSeconds": None}
    name, _ = await apps.create(networkType=2, portMappings=[{"protocol": "tcp", "containerPort": 8080}], **defaults)
    opened = await cluster.get("Service", name, apps.project)
    assert opened["spec"]["type"] == "NodePort"
    assert opened["spec"]["ports"][0]["nodePort"]
    await apps.done(name, "rollout", {"portMappings": [], "networkType": 0})
    assert await cluster.find("Service", name, apps.project) is None


async def test_what_is_not_for_this_caller_is_refused(apps: Apps, platform: Platform) -> None:
    viewer, developer = await asyncio.gather(platform.user("viewer", apps.project), platform.user("developer", apps.project))
    stranger = await platform.user()
    body = {**SERVES, "name": unique("app")}
    await viewer.ask("POST", apps.path(), body, expect=403)
    await stranger.ask("POST", apps.path(), body, expect=404)
    await stranger.ask("GET", apps.path(), expect=404)
    await developer.ask("POST", apps.path(), {**body, "userName": "Jack"}, expect=403)
    await developer.ask("POST", apps.path(), {**body, "imageRef": "~admin/tool"}, expect=403)
    await developer.ask("POST", apps.path(), {**body, "imageRef": "someone-elses/tool"}, expect=403)
    await developer.ask("POST", apps.path(), {**body, "hostNetwork": True}, expect=422)
    await developer.ask("POST", apps.path(), {**body, "volumes": "rbd1:/data"}, expect=501)


async def test_a_project_with_live_apps_goes_only_with_cascade(platform: Platform, cluster: Cluster) -> None:
    apps = Apps(platform, await platform.project())
    name, _ = await apps.create()
    refused = await platform.ask("DELETE", f"/v2/projects/{apps.project}", expect=409)
    assert name in refused["Message"]
    running = await apps.submit(name, "rollout", NEVER_READY)
    await waiting(apps, running)
    await platform.done("DELETE", f"/v2/projects/{apps.project}", cascade="true")
    await platform.wait(running, Status.CANCELLED)
    assert await cluster.find("Namespace", apps.project) is None
