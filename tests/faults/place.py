"""What stands of a project at one moment, so that two runs can be compared: objects in the cluster, records, stores."""

import re
from collections import Counter
from typing import Any

from clients.kubernetes import KINDS, Cluster, Object
from model.operations import OperationRecord
from tests.platform import Platform

# Kept by Kubernetes itself, or by metrics-server, beside the objects they tell about.
_NOT_COUNTED = {"Event", "EndpointSlice", "PodMetrics"}
# A stack's Service for a link is named by the stack's own id.
_LINK = re.compile("link-[0-9a-f]{20}")


async def place(platform: Platform, cluster: Cluster, project: str) -> dict[str, Any]:
    """The namespace, how often each object stands in it, and the operations on record; the project's own name left out."""
    namespace = await cluster.find("Namespace", project)
    objects: Counter[str] = Counter()
    for kind in sorted(name for name, (_, _, namespaced) in KINDS.items() if namespaced and name not in _NOT_COUNTED):
        for item in (await cluster.list(kind, project))["items"]:
            if "deletionTimestamp" not in item["metadata"]:
                objects[f"{kind} {_told(item)}".replace(project, "PROJECT")] += 1
    told = await platform.get("/v2/operations", project=project, size=200)
    records = [await platform.operation(row["id"]) for row in told["operations"]]
    return {
        "namespace": namespace["status"]["phase"] if namespace else None,
        "objects": dict(sorted(objects.items())),
        "operations": sorted(_record(record, project) for record in records),
    }


def _told(item: Object) -> str:
    """An object by what has to be the same in every run: names that Kubernetes makes up are told by their owner."""
    owners = item["metadata"].get("ownerReferences")
    name = f"of {owners[0]['kind']} {_stem(owners[0])}" if owners else _LINK.sub("link", item["metadata"]["name"])
    spec = item.get("spec", {})
    template = spec.get("template", {}).get("spec", spec)
    images = [container["image"] for container in template.get("containers", [])]
    ports = [port["port"] for port in spec.get("ports", [])]
    return f"{name} replicas={spec.get('replicas')} images={images} ports={ports} phase={item.get('status', {}).get('phase')}"


def _stem(owner: Object) -> str:
    """A ReplicaSet's name ends with a hash over ids of this very run."""
    name: str = owner["name"]
    return name.rpartition("-")[0] if owner["kind"] == "ReplicaSet" else name


def _record(record: OperationRecord, project: str) -> str:
    titles = [step.title for step in record.steps or []]
    reason = record.error.reason if record.error else None
    return f"{record.kind} {record.target.name} {record.status} {reason} {titles}".replace(project, "PROJECT")
