"""Whether a host reports, read off its Node and the Lease that its kubelet renews (Kubernetes: Nodes, Node heartbeats).

A kubelet renews its Lease every 10 s; its Node's conditions it writes every five minutes where nothing changes. So the Lease says
since when a host has been silent, also before the control plane has noticed, which takes it most of a minute.
"""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from model.errors import Evidence, HostUnreachable
from model.pods import Object, condition, is_over, is_ready, leaves

LEASES = "kube-node-lease"
_PATIENCE = timedelta(seconds=20)  # what has changed since then is told by a host that reports
_MOST_HOSTS = 5
_LEASE_SECONDS = 40  # kubelet: nodeLeaseDurationSeconds


def doubtful_hosts(pods: Iterable[Object], now: datetime) -> list[str]:
    """The hosts, five at most, of pods that neither serve nor end although nothing has been heard of them for a while."""
    found = {
        pod["spec"]["nodeName"]: None
        for pod in pods
        if pod["spec"].get("nodeName") and not is_over(pod) and not is_ready(pod) and now - _last_news(pod) > _PATIENCE
    }
    return list(found)[:_MOST_HOSTS]


def silence(host: str, node: Object | None, lease: Object | None, now: datetime) -> str:
    """In words that a host does not report, or is not able to run anything, and since when; "" of one that is well."""
    if node is None:
        return f"the host {host!r} is not in the cluster any more"
    ready = condition(node, "Ready")
    heard = _heard(ready, lease)
    if ready.get("status") == "Unknown" or _is_expired(lease, now):
        since = f"has not reported since {_written(heard)}" if heard else "has never reported"
        return f"the host {host!r} {since}"
    if ready.get("status") == "False":
        why = str(ready.get("message", "")).strip().rstrip(".")
        return f"the host {host!r} is not ready since {ready.get('lastTransitionTime')}: {why}"
    return ""


def unreachable(instance: str, pod: Object, silent: Mapping[str, str]) -> HostUnreachable | None:
    """The error of an instance whose host is among the `silent` ones, told by host in words; else None."""
    host = pod["spec"].get("nodeName", "")
    if host not in silent:
        return None
    words = silent[host]
    return HostUnreachable(
        f"Nothing is known of instance {instance!r}: {words}.",
        hint=f"Have the cluster's administrator look at the host {host!r}. When it reports again, or is taken out of the cluster "
        "so that its instances are made elsewhere, retry.",
        evidence=[Evidence(type="event", source=f"host {host}", text=words)],
    )


def _last_news(pod: Object) -> datetime:
    """When the pod was to have ended, where it is leaving; else when it was placed, or ceased to be ready."""
    if leaves(pod):
        return _time(pod["metadata"]["deletionTimestamp"])
    told = [condition(pod, kind).get("lastTransitionTime") for kind in ("PodScheduled", "Ready")]
    return max((_time(at) for at in told if at), default=_time(pod["metadata"]["creationTimestamp"]))


def _heard(ready: Object, lease: Object | None) -> datetime | None:
    """When the host was heard of last."""
    told = [ready.get("lastHeartbeatTime"), (lease or {}).get("spec", {}).get("renewTime")]
    return max((_time(at) for at in told if at), default=None)


def _is_expired(lease: Object | None, now: datetime) -> bool:
    spec: dict[str, Any] = (lease or {}).get("spec", {})
    if not spec.get("renewTime"):
        return False
    return now - _time(spec["renewTime"]) > timedelta(seconds=spec.get("leaseDurationSeconds") or _LEASE_SECONDS)


def _time(text: str) -> datetime:
    return datetime.fromisoformat(text)


def _written(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
