"""Cluster objects that several parts need alike: rights of a component, and the Service of one that runs on the host."""

from collections.abc import Sequence
from typing import Any

import yaml

from deploy.local.layout import NODE_ADDRESS

Object = dict[str, Any]
_RBAC = "rbac.authorization.k8s.io"


def role(name: str, rules: Sequence[tuple[str, Sequence[str], Sequence[str]]]) -> Object:
    """Return a cluster role; a rule is (API group, resources, verbs)."""
    listed = [{"apiGroups": [group], "resources": list(resources), "verbs": list(verbs)} for group, resources, verbs in rules]
    return {"apiVersion": f"{_RBAC}/v1", "kind": "ClusterRole", "metadata": {"name": name}, "rules": listed}


def binding(name: str, role_name: str, users: Sequence[str]) -> Object:
    """Return what gives a cluster role to users."""
    return {
        "apiVersion": f"{_RBAC}/v1",
        "kind": "ClusterRoleBinding",
        "metadata": {"name": name},
        "roleRef": {"apiGroup": _RBAC, "kind": "ClusterRole", "name": role_name},
        "subjects": [{"apiGroup": _RBAC, "kind": "User", "name": user} for user in users],
    }


def host_service(name: str, ports: Sequence[Object], cluster_ip: str | None = None) -> list[Object]:
    """Return a Service in kube-system without selector, and the slice that leads it to the node's own address.

    A port is {name, port, targetPort}, with a protocol where that is not TCP.
    """
    own = {"clusterIP": cluster_ip} if cluster_ip else {}
    labels = {"kubernetes.io/service-name": name, "endpointslice.kubernetes.io/managed-by": "mooring"}
    return [
        {
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": {"name": name, "namespace": "kube-system"},
            "spec": {**own, "ports": list(ports)},
        },
        {
            "apiVersion": "discovery.k8s.io/v1",
            "kind": "EndpointSlice",
            "metadata": {"name": f"{name}-node", "namespace": "kube-system", "labels": labels},
            "addressType": "IPv4",
            "endpoints": [{"addresses": [NODE_ADDRESS], "conditions": {"ready": True}}],
            "ports": [
                {"name": port["name"], "protocol": port.get("protocol", "TCP"), "port": port["targetPort"]} for port in ports
            ],
        },
    ]


def documents(objects: Sequence[Object]) -> str:
    """Return the objects as YAML documents."""
    return yaml.safe_dump_all(objects, sort_keys=False)
