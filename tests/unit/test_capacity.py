"""What hosts have and who uses it: the scheduler's arithmetic, and whose share is told to whom."""

import asyncio
from types import SimpleNamespace
from typing import Any

from rich.console import Console

from api.recent import Recent
from api.routes.clusters import list_hosts
from cli import host_report
from model.access import Actor, Role
from model.capacity import Host, hosts, total
from model.pod_templates import APP_ID


def node(name: str = "node-1", cpu: str = "2", memory: str = "4Gi", **more: Any) -> dict[str, Any]:
    """A node that is ready."""
    amounts = {"cpu": cpu, "memory": memory, "pods": "110", "hugepages-2Mi": "0"}
    status = {"capacity": {**amounts, "cpu": "4"}, "allocatable": amounts, "conditions": [{"type": "Ready", "status": "True"}]}
    status["addresses"] = [{"type": "InternalIP", "address": "10.0.0.1"}]
    return {"metadata": {"name": name}, "spec": more.get("spec", {}), "status": {**status, **more.get("status", {})}}


def pod(project: str, cpu: str, on: str = "node-1", phase: str = "Running", *, ours: bool = True) -> dict[str, Any]:
    """A pod that is bound to a node, of an app unless it is the cluster's own."""
    labels = {APP_ID: "0" * 32} if ours else {}
    asked = {"resources": {"requests": {"cpu": cpu, "memory": "128Mi"}}}
    spec = {"nodeName": on, "containers": [{"name": "c", **asked}]}
    return {"metadata": {"name": "p", "namespace": project, "labels": labels}, "spec": spec, "status": {"phase": phase}}


def test_what_is_asked_for_is_summed_by_project_and_what_is_over_asks_for_nothing() -> None:
    pods = [pod("shop", "250m"), pod("shop", "0.5"), pod("other", "1"), pod("other", "1", phase="Succeeded")]
    (found,) = hosts([node()], [*pods, pod("kube-system", "100m", ours=False)])
    assert (found.capacity.cpu, found.allocatable.cpu, found.requested.cpu, found.free.cpu) == (4, 2, 1.85, 0.15)
    assert (found.free.memory, found.requested.instances) == (4 * 2**30 - 4 * 128 * 2**20, 4)
    assert {(share.project, share.cpu, share.instances) for share in found.projects} == {
        ("shop", 0.75, 2),
        ("other", 1, 1),
        (None, 0.1, 1),
    }


def test_a_member_sees_his_own_projects_beside_what_is_asked_for_in_all() -> None:
    pods = [pod("shop", "250m"), pod("secret-plans", "1"), pod("kube-system", "100m", ours=False)]
    (everybodys,) = hosts([node()], pods)
    found = everybodys.seen_by(frozenset({"shop", "elsewhere"}))
    assert [share.project for share in found.projects] == ["shop"]
    assert found.requested.cpu == 1.35
    assert "secret-plans" not in found.model_dump_json()
    assert everybodys.seen_by(None) == everybodys


async def test_many_who_look_at_the_hosts_cost_one_read_and_each_sees_his_own() -> None:
    reads: list[str] = []

    async def read(kind: str, **_: str) -> dict[str, Any]:
        reads.append(kind)
        return {"items": [node()] if kind == "Node" else [pod("shop", "250m"), pod("other", "1")]}

    services: Any = SimpleNamespace(cluster=SimpleNamespace(list=read), hosts=Recent[list[Host]](60))

    async def told(**actor: Any) -> list[str]:
        caller: Any = SimpleNamespace(actor=Actor(name="ann", **actor))
        reply = await list_hosts(services, caller, "default")
        return [share["project"] for share in reply["hosts"][0]["projects"]]

    shop, other = ({name: Role.VIEWER} for name in ("shop", "other"))
    found = await asyncio.gather(told(roles=shop), told(roles=other), told(admin=True), told(roles=shop))
    assert found == [["shop"], ["other"], ["other", "shop"], ["shop"]]
    assert reads == ["Node", "Pod"]


def test_a_host_that_takes_nothing_has_nothing_free_and_says_why() -> None:
    silent = [
        {
            "type": "Ready",
            "status": "Unknown",
            "message": "Kubelet stopped posting node status.",
            "lastTransitionTime": "2026-11-29T10:00:00Z",
        }
    ]
    lost, kept, fine = hosts(
        [node("c"), node("b", spec={"unschedulable": True}), node("a", status={"conditions": silent})],
        [pod("shop", "1", on="c")],
    )
    assert (lost.status, lost.reason, lost.since) == ("NotReady", "Kubelet stopped posting node status.", "2026-11-29T10:00:00Z")
    assert (lost.free.cpu, kept.status, kept.free.cpu, fine.status, fine.free.cpu) == (0, "Cordoned", 0, "Ready", 1)
    sums = total([lost, kept, fine])
    assert (sums["allocatable"].cpu, sums["requested"].cpu, sums["free"].cpu) == (6, 1, 1)


def test_a_table_of_hosts_tells_who_uses_what() -> None:
    found = hosts([node()], [pod("shop", "250m"), pod("kube-system", "100m", ours=False)])
    reply = {"total": 1, "hosts": [one.model_dump() for one in found], "all": {k: v.model_dump() for k, v in total(found).items()}}
    console = Console(width=120)
    with console.capture() as caught:
        console.print(host_report.hosts(reply))
    lines = [line.split() for line in caught.get().splitlines()]
    assert ["shop", "0.25", "128Mi", "0Mi", "1"] in lines
    assert ["the", "cluster", "itself", "0.1", "128Mi", "0Mi", "1"] in lines
    assert ["free", "1.65", "3.8Gi", "0Mi", "108"] in lines
