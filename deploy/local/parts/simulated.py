"""Simulated nodes (KWOK): nodes and pods that exist for the cluster alone, to see what a thousand instances cost."""

import json
from pathlib import Path

from deploy.local import probes, tools
from deploy.local.layout import LOOPBACK, Layout, Port
from deploy.local.part import Part
from deploy.local.parts.access import Access, api_url
from deploy.local.parts.control_plane import flags
from deploy.local.parts.objects import Object, binding, role
from deploy.local.wait import require

PREFIX = "simulated-"
SELECTOR = "mooring.io/simulated"
# The pod network has room for 128 nodes.
MOST = 100
STAGES = Path(__file__).with_name("simulated.yaml")

_TOLERATION = f"Object.spec.tolerations{{key: '{SELECTOR}', operator: 'Exists'}}"
# A patch, since a configuration cannot add to a list of this kind.
_ADD = f"""
has(object.spec.tolerations)
? [JSONPatch{{op: 'add', path: '/spec/tolerations/-', value: {_TOLERATION}}}]
: [JSONPatch{{op: 'add', path: '/spec/tolerations', value: [{_TOLERATION}]}}]
"""


def part(layout: Layout, access: Access) -> Part:
    """Return KWOK, which plays the kubelet of every node with our label."""
    stages = layout.config / "simulated.yaml"
    options = {
        "kubeconfig": access.kubeconfig("kwok"),
        "config": stages,
        "manage-nodes-with-label-selector": f"{SELECTOR}=true",
        "node-lease-duration-seconds": 40,
        "v": "WARN",
        "server-address": f"{LOOPBACK}:{Port.KWOK}",
    }
    return Part(
        name="kwok",
        ports=(Port.KWOK,),
        command=(tools.KWOK.path(layout, "kwok"), *flags(options)),
        ready=lambda: probes.http_ok(f"http://{LOOPBACK}:{Port.KWOK}/healthz"),
        ready_needs=("kube-apiserver",),
        config={stages: STAGES.read_text()},
    )


def roles() -> list[Object]:
    """Return what KWOK may do."""
    rules = [
        ("", ["events"], ["create", "patch", "update"]),
        ("", ["nodes"], ["get", "list", "watch"]),
        ("", ["nodes/status", "pods/status"], ["patch", "update"]),
        ("", ["pods"], ["delete", "get", "list", "patch", "update", "watch"]),
        ("coordination.k8s.io", ["leases"], ["create", "get", "list", "patch", "update", "watch"]),
    ]
    return [role("system:kwok", rules), binding("system:kwok", "system:kwok", ["system:kwok"])]


def admission() -> list[Object]:
    """Return a toleration for every pod that asks for the simulated nodes by its nodeSelector.

    So apps reach them through `nodeLabels`, and no other pod ever lands there (Kubernetes: MutatingAdmissionPolicy).
    """
    asks = f"object.spec.?nodeSelector[?'{SELECTOR}'].orValue('') == 'true'"
    pods = {"apiGroups": [""], "apiVersions": ["v1"], "resources": ["pods"], "operations": ["CREATE"]}
    spec = {
        "matchConstraints": {"resourceRules": [pods]},
        "matchConditions": [{"name": "asks-for-it", "expression": asks}],
        "failurePolicy": "Fail",
        "reinvocationPolicy": "Never",
        "mutations": [{"patchType": "JSONPatch", "jsonPatch": {"expression": _ADD}}],
    }
    version, metadata = "admissionregistration.k8s.io/v1", {"name": "mooring-simulated"}
    return [
        {"apiVersion": version, "kind": "MutatingAdmissionPolicy", "metadata": metadata, "spec": spec},
        {
            "apiVersion": version,
            "kind": "MutatingAdmissionPolicyBinding",
            "metadata": metadata,
            "spec": {"policyName": metadata["name"]},
        },
    ]


def names(count: int) -> list[str]:
    """Return what so many simulated nodes are called.

    >>> names(2)
    ['simulated-1', 'simulated-2']
    """
    return [f"{PREFIX}{number}" for number in range(1, count + 1)]


def nodes(count: int) -> list[Object]:
    """Return so many nodes."""
    return [_node(name) for name in names(count)]


def _node(name: str) -> Object:
    labels = {SELECTOR: "true", "kubernetes.io/hostname": name, "kubernetes.io/os": "linux", "kubernetes.io/arch": "amd64"}
    taint = {"key": SELECTOR, "value": "true", "effect": "NoSchedule"}
    return {"apiVersion": "v1", "kind": "Node", "metadata": {"name": name, "labels": labels}, "spec": {"taints": [taint]}}


def present(access: Access) -> list[str]:
    """Return the names of the simulated nodes that the cluster has."""
    return [node["metadata"]["name"] for node in _listed(access)]


def all_ready(access: Access, count: int) -> None:
    """Raise unless so many simulated nodes are ready and can be scheduled to."""
    ready = [node for node in _listed(access) if _is_ready(node)]
    require(len(ready) == count, f"{len(ready)} of {count} simulated nodes are ready")


def _listed(access: Access) -> list[Object]:
    reply = json.loads(probes.get(api_url(f"/api/v1/nodes?labelSelector={SELECTOR}%3Dtrue"), access.client))
    return list(reply["items"])


def _is_ready(node: Object) -> bool:
    conditions = {item["type"]: item["status"] for item in node["status"].get("conditions", [])}
    # A node that has just become ready is still tainted for a moment.
    return conditions.get("Ready") == "True" and len(node["spec"].get("taints", [])) == 1
