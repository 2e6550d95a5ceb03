"""What a tenant's pod may not have, refused by the cluster itself (targets S1, S2)."""

from typing import Any

import pytest

from clients.kubernetes import Cluster
from model.errors import AdmissionRefused

HOSTILE: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "privileged": ({}, {"securityContext": {"privileged": True}}),
    "hostPath": ({"volumes": [{"name": "root", "hostPath": {"path": "/"}}]}, {}),
    "hostNetwork": ({"hostNetwork": True}, {}),
    "hostPID": ({"hostPID": True}, {}),
    "hostIPC": ({"hostIPC": True}, {}),
    "hostPort": ({}, {"ports": [{"containerPort": 80, "hostPort": 80}]}),
    "capabilities": ({}, {"securityContext": {"capabilities": {"add": ["SYS_ADMIN"]}}}),
}


def pod(project: str, spec: dict[str, Any], container: dict[str, Any], kind: str = "containers") -> dict[str, Any]:
    plain = {"name": "main", "image": "localhost:5000/public/busybox:latest", "command": ["sleep", "600"]}
    containers = {"containers": [plain]} | {kind: [plain | {"name": "odd"} | container]}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "odd", "namespace": project},
        "spec": {"terminationGracePeriodSeconds": 0, **containers, **spec},
    }


@pytest.mark.parametrize("kind", ["containers", "initContainers"])
@pytest.mark.parametrize("what", HOSTILE)
async def test_a_pod_that_reaches_for_the_host_is_refused(cluster: Cluster, project: str, what: str, kind: str) -> None:
    with pytest.raises(AdmissionRefused, match="PodSecurity"):
        await cluster.apply(pod(project, *HOSTILE[what], kind=kind))


async def test_no_token_is_mounted(cluster: Cluster, project: str) -> None:
    made = await cluster.apply(pod(project, {}, {}))
    mounts = [mount["mountPath"] for container in made["spec"]["containers"] for mount in container.get("volumeMounts", [])]
    assert mounts == []
    await cluster.delete("Pod", "odd", project)
