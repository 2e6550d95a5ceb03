"""Instances, containers and ports as replies, from recorded pods; why no node takes a pod."""

import copy
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from model.apps import App, AppPhase, AppSpec, ContainerSpec, EnvVar, Revision
from model.instances import (
    access,
    container_reply,
    image_shown,
    instance_detail,
    instance_reply,
    instances_of,
    pod_instance,
    port_mappings,
    tapp_instance_id,
    version_of,
)
from model.layouts import Layout, Workload, at_revision, first, restarted, with_running
from model.nameservice import Wanted, addresses, why_none
from model.placement import why_unplaced
from model.pod_templates import TRACK, pod_template
from model.pods import containers, requested
from model.rollouts import has_settled
from model.room import Room
from model.troubles import Seen
from tests.unit.test_diagnosis import recorded

DIGEST = "sha256:" + "1" * 64
REGISTRY = "localhost:5000"
FIELDS = {"instanceId", "name", "version", "status", "image", "ip", "host", "restarts", "startedAt", "reason", "message"}


def revision(number: int, image: str, digest: str) -> Revision:
    spec = AppSpec(containers=(ContainerSpec(name="web", image=image),))
    now = datetime(2026, 1, 1, tzinfo=UTC)
    return Revision(app_id="a", number=number, spec=spec, digests={"web": digest}, created_at=now, created_by="x", reason="")


def app(layout: Layout | None = None, phase: AppPhase = AppPhase.LIVE) -> App:
    whole = layout or first("Deployment", 1, 1)
    return App(
        id="a" * 64,
        project="shop",
        project_id="p",
        name="web",
        type=whole.type,
        cluster="default",
        phase=phase,
        layout=whole,
        username="x",
        created_at=datetime(2026, 1, 1, tzinfo=UTC),
        created_by="x",
    )


def test_the_image_is_shown_as_it_was_written() -> None:
    revisions = [revision(2, "web:2", "sha256:" + "2" * 64), revision(1, "web:1", DIGEST)]
    assert image_shown("web", f"localhost:5000/public/web@{DIGEST}", revisions) == "web:1"
    assert image_shown("other", f"localhost:5000/public/web@{DIGEST}", revisions) == f"localhost:5000/public/web@{DIGEST}"
    assert image_shown("web", "localhost:5000/public/web:3", revisions) == "localhost:5000/public/web:3"


def test_an_instance_has_the_fields_of_the_convention() -> None:
    seen = recorded("exit3")
    reply = instance_reply(pod_instance(app(), seen.pods[0]), seen, [], REGISTRY)
    assert set(reply) == FIELDS
    assert (reply["status"], reply["reason"], reply["restarts"]) == ("FAILED", "CrashLoop", 38)


def test_an_unplaced_instance_has_no_host_yet() -> None:
    seen = recorded("toobigcpu")
    reply = instance_reply(pod_instance(app(), seen.pods[0]), seen, [], REGISTRY)
    assert (reply["ip"], reply["host"], reply["startedAt"]) == ("", "", None)
    assert "insufficient cpu (asked 64, free 1.9)" in reply["message"]


@pytest.mark.parametrize(
    ("name", "status", "exit_code", "reason"),
    [("running", "RUNNING", None, ""), ("exit3", "TERMINATED", 3, "Error"), ("noimage", "WAITING", None, "ImagePullBackOff")],
)
def test_containers_say_how_they_are(name: str, status: str, exit_code: int | None, reason: str) -> None:
    pod = copy.deepcopy(recorded(name).pods[0])
    if name == "running":
        pod["status"]["containerStatuses"][0].update(restartCount=0, lastState={})
    reply = container_reply(containers(pod)[0], [])
    assert (reply["status"], reply["exitCode"], reply["reason"]) == (status, exit_code, reason)


POD = {
    "metadata": {"name": "web-1", "labels": {}, "uid": "u1"},
    "spec": {"containers": [{"ports": [{"containerPort": 80, "protocol": "TCP"}, {"containerPort": 53, "protocol": "UDP"}]}]},
    "status": {"podIP": "10.1.0.2"},
}


def service(kind: str) -> dict[str, Any]:
    ports = [{"protocol": "TCP", "port": 80, "targetPort": 80, "nodePort": 30080}]
    return {"spec": {"type": kind, "ports": ports}}


def test_nat_maps_ports_to_the_node_and_overlay_does_not() -> None:
    nat = port_mappings(POD, service("NodePort"), "192.0.2.7")
    assert nat[0] == {
        "protocol": "tcp",
        "containerPort": 80,
        "hostIp": "192.0.2.7",
        "hostPort": 30080,
        "privateAddr": "10.1.0.2:80",
    }
    assert nat[1]["hostPort"] is None
    overlay = port_mappings(POD, service("ClusterIP"), "192.0.2.7")
    assert [(m["hostIp"], m["hostPort"], m["privateAddr"]) for m in overlay] == [
        ("", None, "10.1.0.2:80"),
        ("", None, "10.1.0.2:53"),
    ]


def test_the_url_or_why_there_is_none() -> None:
    nat = access(pod_instance(app(), POD), port_mappings(POD, service("NodePort"), "192.0.2.7"))
    assert nat == {"Code": 0, "Message": "", "url": "http://192.0.2.7:30080", "urls": ["http://192.0.2.7:30080"]}
    assert access(pod_instance(app(), POD), port_mappings(POD, service("NodePort"), "fd00::7"))["url"] == "http://[fd00::7]:30080"
    overlay = access(pod_instance(app(), POD), port_mappings(POD, None, ""))
    assert overlay["url"] == ""
    assert "web.shop.svc:80/tcp" in overlay["Message"]
    assert "networkType 2" in overlay["Message"]
    assert "opens no ports" in access(pod_instance(app(), POD), [])["Message"]


def running(name: str, track: str = "main", image: str = f"localhost:5000/public/web@{DIGEST}", **status: Any) -> dict[str, Any]:
    """A ready pod."""
    return {
        "metadata": {"name": name, "uid": f"uid-{name}", "labels": {TRACK: track}},
        "spec": {"nodeName": "n1", "containers": [{"name": "web", "image": image, "ports": [{"containerPort": 80}]}]},
        "status": {"podIP": "10.1.0.9", "phase": "Running", "conditions": [{"type": "Ready", "status": "True"}], **status},
    }


def test_a_tapps_instances_come_by_index_killed_ones_too() -> None:
    """given instances 0 to 11, 1 killed, 2 without a pod yet, 12 scaled away but not gone."""
    layout = with_running(first("TApp", 1, 12), "1", False)
    pods = [running(f"web-{n}-0", str(n)) for n in (12, 10, 0, *range(3, 10), 11)]
    found = instances_of(app(layout), pods)
    assert [instance.track for instance in found] == [*map(str, range(12)), "12"]
    revisions = [revision(1, "web:1", DIGEST)]
    lines = [instance_reply(instance, Seen(pods=[]), revisions, REGISTRY) for instance in found]
    assert set(lines[0]) == FIELDS | {"index"}
    assert [line["index"] for line in lines] == list(range(13))
    assert [line["status"] for line in lines[:3]] == ["RUNNING", "KILLED", "PENDING"]
    assert (lines[1]["name"], lines[1]["image"], lines[1]["version"]) == ("web-1", "web:1", 1)
    assert lines[1]["instanceId"] == tapp_instance_id("a" * 64, "1")
    assert not instances_of(app(layout, AppPhase.STOPPED), [])


def test_an_instance_without_a_pod_says_what_the_cluster_says() -> None:
    instance = instances_of(app(first("TApp", 1, 1)), [])[0]
    event = {"type": "Warning", "reason": "FailedCreate", "message": "exceeded quota", "lastTimestamp": "2026-01-01T00:00:00Z"}
    detail = instance_detail(instance, Seen(pods=[], events=[event]), [], REGISTRY)
    assert (detail["status"], detail["reason"]) == ("PENDING", "FailedCreate")
    assert "exceeded quota" in detail["message"]
    assert (detail["containers"], len(detail["events"])) == ([], 1)


def test_the_version_is_what_runs_not_what_is_wanted() -> None:
    other = "sha256:" + "2" * 64
    revisions = [revision(3, "web:1", DIGEST), revision(2, "web:2", other), revision(1, "web:1", DIGEST)]
    on_its_way = app(at_revision(first("TApp", 1, 1), 2))
    assert version_of(instances_of(on_its_way, [running("web-0-0", "0")])[0], revisions, REGISTRY) == 3
    there = [running("web-0-0", "0", f"localhost:5000/public/web@{other}")]
    assert version_of(instances_of(on_its_way, there)[0], revisions, REGISTRY) == 2
    # Of revisions with the same images the wanted one is meant.
    assert version_of(instances_of(app(first("TApp", 1, 1)), [running("web-0-0", "0")])[0], revisions, REGISTRY) == 1


@pytest.mark.parametrize("stamp", ["", "rs-1"])
def test_versions_with_the_same_image_are_told_by_their_templates(stamp: str) -> None:
    """given a rollout from 1 to 2, which differ by a variable alone: some instances are of each."""
    old, new = revision(1, "web:1", DIGEST), revision(2, "web:1", DIGEST)
    container = old.spec.containers[0].model_copy(update={"env": (EnvVar(name="A", value="b"),)})
    new = new.model_copy(update={"spec": old.spec.model_copy(update={"containers": (container,)})})
    layout = restarted(at_revision(first("Deployment", 1, 2), 2), stamp)

    def shown(number: Revision) -> int | None:
        made = pod_template(app(), number, REGISTRY, Workload(track="", revision=number.number, replicas=2, restart=stamp))
        pod = running("web-x") | {"metadata": {"name": "web-x", "uid": "1", **made["metadata"]}}
        return version_of(pod_instance(app(layout), pod), [new, old], REGISTRY)

    assert (shown(old), shown(new)) == (1, 2)


def test_the_name_service_has_what_serves() -> None:
    pods = [running("web-0-0", "0"), running("web-1-0", "1", conditions=[])]
    tapp, nat = app(first("TApp", 1, 2)), service("NodePort")
    (line,) = addresses(tapp, pods, nat, {"n1": "fd00::7"}, Wanted())
    assert line == {
        "instanceName": "web-0",
        "protocol": "tcp",
        "port": 80,
        "privateAddr": "10.1.0.9:80",
        "publicAddr": "[fd00::7]:30080",
        "name": "web-0.shop.svc",
    }
    assert addresses(tapp, pods, nat, {}, Wanted.model_validate({"port": "80", "protocol": "TCP", "instanceName": ""}))
    for other in ({"port": 81}, {"protocol": "udp"}, {"instanceName": "web-1"}):
        assert not addresses(tapp, pods, nat, {}, Wanted.model_validate(other))
    assert addresses(app(), [running("web-x")], None, {}, Wanted())[0]["name"] == "web.shop.svc"
    assert "opens no ports" in why_none(tapp, None, Wanted(), opens=False)
    assert "no address yet" in why_none(tapp, None, Wanted(), opens=True)
    assert "web-1" in why_none(tapp, nat, Wanted(instance_name="web-1"), opens=True)
    assert "does not open that port. It opens 80/tcp" in why_none(tapp, nat, Wanted(port=81), opens=True)
    assert "serves now with port 80, tcp" in why_none(tapp, nat, Wanted(port=80, protocol="tcp"), opens=True)


def node(name: str, cpu: str = "2", memory: str = "4Gi", **more: Any) -> dict[str, Any]:
    allocatable = {"cpu": cpu, "memory": memory, "pods": "110"}
    return {
        "metadata": {"name": name, "labels": more.get("labels", {})},
        "spec": {"taints": more.get("taints", [])},
        "status": {"allocatable": allocatable},
    }


def pod(cpu: str = "1", **spec: Any) -> dict[str, Any]:
    return {
        "metadata": {"name": "p"},
        "spec": {"containers": [{"resources": {"requests": {"cpu": cpu}}}], **spec},
        "status": {"conditions": [{"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": "said"}]},
    }


def bound(on: str, cpu: str) -> dict[str, Any]:
    return {**pod(cpu, nodeName=on), "status": {"phase": "Running"}}


def test_a_full_cluster_is_told_with_the_figures_of_the_freest_node() -> None:
    verdict = why_unplaced(pod("1"), Room([node("a"), node("b")], [bound("a", "1500m"), bound("b", "1200m")]))
    assert verdict.text == "0 of 2 nodes fit: 2 insufficient cpu (asked 1, free 0.8)"
    assert not verdict.never


def test_never_means_that_every_node_is_out_of_the_question() -> None:
    ssd = {"nodeSelector": {"disk": "ssd"}}
    assert why_unplaced(pod("1", **ssd), Room([node("a"), node("b", labels={"disk": "hdd"})], [])).never
    assert not why_unplaced(pod("1", **ssd), Room([node("a"), node("b", labels={"disk": "ssd"})], [bound("b", "2")])).never
    assert why_unplaced(pod("64", **ssd), Room([node("a"), node("b", labels={"disk": "ssd"})], [])).never


def test_a_cordoned_node_may_come_back() -> None:
    cordoned = [{"key": "node.kubernetes.io/unschedulable", "effect": "NoSchedule"}]
    verdict = why_unplaced(pod(), Room([node("a", taints=cordoned)], []))
    assert (verdict.text, verdict.never) == ("0 of 1 nodes fit: cordoned", False)


def test_a_simulated_node_is_no_hope_for_who_does_not_ask_for_it() -> None:
    simulated = [{"key": "mooring.io/simulated", "value": "true", "effect": "NoSchedule"}]
    verdict = why_unplaced(pod("64"), Room([node("a"), node("s", cpu="64", taints=simulated)], []))
    assert verdict.never
    assert verdict.text == (
        "0 of 2 nodes fit: 1 insufficient cpu (asked 64, free 2), 1 only simulated, for who asks for that by nodeLabels"
    )
    roomier = [node("a"), node("s", cpu="48", taints=simulated)]
    assert "free 2)" in why_unplaced(pod("64"), Room(roomier, [])).text
    cordoned = [{"key": "node.kubernetes.io/unschedulable", "effect": "NoSchedule"}]
    assert why_unplaced(pod("64"), Room([node("a", taints=cordoned)], [])).never
    asks = {"tolerations": [{"key": "mooring.io/simulated", "operator": "Exists"}]}
    assert not why_unplaced(pod("64", **asks), Room([node("s", cpu="64", taints=simulated)], [bound("s", "1")])).never


@pytest.mark.parametrize(
    ("operator", "values", "fits"),
    [
        ("In", ["ssd"], True),
        ("NotIn", ["ssd"], False),
        ("Exists", [], True),
        ("DoesNotExist", [], False),
        ("Gt", ["1"], False),
        ("Lt", ["1"], False),
    ],
)
def test_required_node_affinity(operator: str, values: list[str], fits: bool) -> None:
    terms = [{"matchExpressions": [{"key": "disk", "operator": operator, "values": values}]}]
    affinity = {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": terms}}}
    verdict = why_unplaced(pod(affinity=affinity), Room([node("a", labels={"disk": "ssd"})], []))
    assert verdict.never is not fits


def test_a_pod_asks_for_its_containers_together_or_its_largest_init_container() -> None:
    init = [{"resources": {"requests": {"cpu": "3", "memory": "1Gi"}}}]
    asked = requested({"spec": {"containers": pod("1")["spec"]["containers"] * 2, "initContainers": init}})
    assert (asked["cpu"], asked["memory"], asked["pods"]) == (3, 2**30, 1)


@pytest.mark.parametrize(("seconds", "settled"), [(1, False), (3600, True)])
def test_a_container_between_two_crashes_has_not_settled(seconds: int, settled: bool) -> None:
    pods = recorded("slowcrash").pods
    since = containers(pods[0])[0].running_since
    assert since
    assert has_settled(pods, datetime.fromisoformat(since) + timedelta(seconds=seconds)) is settled


def test_instances_that_leave_or_are_over_do_not_keep_others_from_settling() -> None:
    later = datetime(2027, 1, 1, tzinfo=UTC)
    assert has_settled(recorded("evicted").pods, later)
    assert has_settled(recorded("stopping").pods, later)
