"""What a cluster's hosts have, and who has asked for how much of it (Kubernetes: Node allocatable, pod requests)."""

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Any

from model.base import Body
from model.instances import address_of
from model.pod_templates import APP_ID
from model.pods import Object, condition, is_over, requested
from model.quantities import amount

_RESOURCES = {"cpu": "cpu", "memory": "memory", "ephemeral-storage": "disk", "nvidia.com/gpu": "gpu", "pods": "instances"}


class Amounts(Body):
    """Cores, bytes of memory and disk, gpus, and pods."""

    cpu: float = 0
    memory: int = 0
    disk: int = 0
    gpu: int = 0
    instances: int = 0


class Share(Amounts):
    """What one project's instances have asked for on a host; the cluster's own pods are of no project."""

    project: str | None


class Host(Body):
    """One host: what it has, what of it instances may have, what they have asked for, and of whom that is.

    `free` is what the scheduler can still give; `status` is Ready, NotReady (with `reason` and `since` when) or Cordoned.
    """

    name: str
    address: str
    status: str
    reason: str
    since: str | None
    capacity: Amounts
    allocatable: Amounts
    requested: Amounts
    free: Amounts
    projects: list[Share]

    def seen_by(self, projects: frozenset[str] | None) -> "Host":
        """As who sees those projects is told, None is all: without the shares of others."""
        told = [share for share in self.projects if projects is None or share.project in projects]
        return self.model_copy(update={"projects": told})


def hosts(nodes: Sequence[Object], pods: Iterable[Object]) -> list[Host]:
    """The hosts by name, with the shares of all projects. `pods` are those that are bound to one.

    What a pod has asked for is its requests: a limit without a request is one. Pods that are over ask for nothing.
    """
    shares: dict[str, dict[str | None, dict[str, Decimal]]] = {}
    for pod in pods:
        if not is_over(pod) and (node := pod["spec"].get("nodeName")):
            _add(shares.setdefault(node, {}).setdefault(_project(pod), {}), requested(pod))
    return [_host(node, shares.get(node["metadata"]["name"], {})) for node in sorted(nodes, key=_name)]


def total(those: Sequence[Host]) -> dict[str, Amounts]:
    """Allocatable, requested and free of all hosts together; of hosts that take nothing now nothing is free."""
    fields = ("allocatable", "requested", "free")
    return {field: _sum([getattr(host, field) for host in those]) for field in fields}


def _host(node: Object, shares: Mapping[str | None, Mapping[str, Decimal]]) -> Host:
    status, allocatable = node["status"], _read(node["status"].get("allocatable", {}))
    used: dict[str, Decimal] = {}
    for share in shares.values():
        _add(used, share)
    word, reason, since = _state(node)
    left = {name: max(has - used.get(name, Decimal(0)), Decimal(0)) for name, has in allocatable.items()}
    return Host(
        name=_name(node),
        address=address_of(node),
        status=word,
        reason=reason,
        since=since,
        capacity=_amounts(_read(status.get("capacity", {}))),
        allocatable=_amounts(allocatable),
        requested=_amounts(used),
        free=_amounts(left if word == "Ready" else {}),
        projects=[
            Share(project=project, **_fields(share)) for project, share in sorted(shares.items(), key=lambda one: str(one[0]))
        ],
    )


def _state(node: Object) -> tuple[str, str, str | None]:
    """In a word, why, and since when."""
    ready = condition(node, "Ready")
    if ready.get("status") != "True":
        return "NotReady", ready.get("message", "") or "it has not reported yet", ready.get("lastTransitionTime")
    if node["spec"].get("unschedulable"):
        return "Cordoned", "it takes no further instances: an administrator has said so", None
    return "Ready", "", None


def _project(pod: Object) -> str | None:
    metadata = pod["metadata"]
    return str(metadata["namespace"]) if APP_ID in metadata.get("labels", {}) else None


def _name(node: Object) -> str:
    return str(node["metadata"]["name"])


def _read(amounts: Mapping[str, str]) -> dict[str, Decimal]:
    return {name: amount(text) for name, text in amounts.items() if name in _RESOURCES}


def _add(sums: dict[str, Decimal], more: Mapping[str, Decimal]) -> None:
    for name, value in more.items():
        sums[name] = sums.get(name, Decimal(0)) + value


def _fields(found: Mapping[str, Decimal]) -> dict[str, Any]:
    fields: dict[str, Any] = {field: int(found.get(name, 0)) for name, field in _RESOURCES.items()}
    return fields | {"cpu": round(float(found.get("cpu", 0)), 3)}


def _amounts(found: Mapping[str, Decimal]) -> Amounts:
    return Amounts(**_fields(found))


def _sum(those: Sequence[Amounts]) -> Amounts:
    added = {name: sum(getattr(one, name) for one in those) for name in Amounts.model_fields}
    return Amounts(**{**added, "cpu": round(added["cpu"], 3)})
