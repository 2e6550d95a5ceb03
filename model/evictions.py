"""Instances that their node has put out, told by whose disk or memory ran out (Kubernetes: Node-pressure Eviction)."""

import re
from collections.abc import Iterable, Sequence
from datetime import datetime

from model.errors import CrashLoop, Evidence, MooringError, Unschedulable
from model.pod_templates import instance_name
from model.pods import Object, condition, is_ready, leaves, stable_after

_CERTAIN = 3
# The kubelet gives these causes no other form than words; each is its own, fixed, and read only here (kubelet: eviction).
_VOLUME = re.compile(r"Usage of EmptyDir volume \"(?P<volume>[^\"]*)\" exceeds the limit")
_OWN_DISK = re.compile(r"ephemeral local storage usage exceeds|exceeded its local ephemeral storage limit")
_NODE = re.compile(r"The node was low on resource: (?P<resource>[\w-]+)")
_MEMORY = "memory"


def evictions(pods: Iterable[Object]) -> list[Object]:
    """Those of the pods that were evicted and are not taken away yet."""
    return [pod for pod in pods if pod["status"].get("reason") == "Evicted" and not leaves(pod)]


def not_outlived(pods: Iterable[Object], now: datetime) -> list[Object]:
    """Those of the pods that were evicted, but for what is history: what came before an instance that serves and stays.

    One that is made in the place of an evicted one is ready until it is put out itself. It stays when it has been ready for so much
    longer than those lived that it may be taken for stable.
    """
    there = list(pods)
    gone = evictions(there)
    if not gone:
        return []
    longest = max(map(_life, gone))
    ready = [_time(condition(pod, "Ready")["lastTransitionTime"]) for pod in there if is_ready(pod)]
    stays = max((since for since in ready if (now - since).total_seconds() > stable_after(longest)), default=None)
    return [pod for pod in gone if stays is None or _end(pod) > stays]


def evicted(gone: Sequence[Object]) -> tuple[MooringError, bool]:
    """The error of evicted pods, told by those that went as the last one did, and whether it is certain that the next ones do."""
    in_order = sorted(gone, key=_end)
    last = in_order[-1]
    words = _words(last)
    there = [pod for pod in in_order if _cause(_words(pod)) == _cause(words)]
    evidence = [
        Evidence(type="event", source=f"instance {instance_name(p)}", text=p["status"].get("message", "")) for p in there[-3:]
    ]
    count = "1 instance was" if len(there) == 1 else f"{len(there)} instances were"
    text = f"{count} evicted by their node; the last one, {instance_name(last)!r}: {words}"
    if node := _NODE.search(words):
        return Unschedulable(text, hint=_of_node(node["resource"]), evidence=evidence), False
    return CrashLoop(text, hint=_of_pod(words), evidence=evidence), len(there) >= _CERTAIN


def _words(pod: Object) -> str:
    found: str = pod["status"].get("message", "").strip()
    return found


def _cause(words: str) -> str:
    """What ran out, without the figures."""
    if volume := _VOLUME.search(words):
        return f"volume {volume['volume']}"
    if _OWN_DISK.search(words):
        return "its disk"
    node = _NODE.search(words)
    return f"the node's {node['resource']}" if node else words


def _end(pod: Object) -> datetime:
    """When it was put out; one that its node never took in has no conditions."""
    return _time(condition(pod, "Ready").get("lastTransitionTime") or pod["metadata"]["creationTimestamp"])


def _life(pod: Object) -> float:
    return (_end(pod) - _time(pod["metadata"]["creationTimestamp"])).total_seconds()


def _time(text: str) -> datetime:
    return datetime.fromisoformat(text)


def _of_pod(words: str) -> str:
    if volume := _VOLUME.search(words):
        what = (
            "resources.disk"
            if volume["volume"].endswith(("-log", "-data"))
            else f"the sizeLimit of its volume {volume['volume']!r}"
        )
        return f"Raise {what}, or write less to it; then roll out."
    if _OWN_DISK.search(words):
        return "Raise resources.disk, or write less to the container's own disk (its log counts too); then roll out."
    return "Mend what the message names; then roll out."


def _of_node(resource: str) -> str:
    if resource == _MEMORY:
        return (
            "The node ran out of memory, and instances that use more than they asked for go first: roll out with resources.mem, or "
            "have the administrator free memory or add a node; then retry."
        )
    what = "process ids" if resource == "pids" else "disk"
    return f"The node ran out of {what}, which is not this app's doing alone: have the administrator free some; then retry."
