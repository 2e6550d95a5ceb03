"""What the nodes have, what is reserved of it, and who has it (Kubernetes: Assigning Pods to Nodes; NodeResourcesFit)."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from functools import cached_property

from model.pod_templates import APP, APP_ID, TEMPLATE
from model.pods import Object, is_over, leaves, requested
from model.quantities import amount

BYTES = frozenset({"memory", "ephemeral-storage"})
NAMES = {"ephemeral-storage": "disk", "nvidia.com/gpu": "gpu", "pods": "room for pods"}
_MOST_USERS = 3


class Room:
    """The nodes and the pods bound to them, as they were read; what is asked of it is reckoned once."""

    def __init__(self, nodes: Sequence[Object], bound: Sequence[Object]) -> None:
        self.nodes = nodes
        self.bound = bound

    @cached_property
    def _reserved(self) -> list[tuple[Object, Mapping[str, Decimal]]]:
        return [(pod, requested(pod)) for pod in self.bound if pod["spec"].get("nodeName") and not is_over(pod)]

    @cached_property
    def used(self) -> dict[str, dict[str, Decimal]]:
        """By node what is reserved on it, by resource."""
        return self.used_without(lambda _: False)

    def used_without(self, goes: Callable[[Object], bool]) -> dict[str, dict[str, Decimal]]:
        """The same without the pods that go."""
        used: dict[str, dict[str, Decimal]] = {}
        for pod, asked in self._reserved:
            if goes(pod):
                continue
            sums = used.setdefault(pod["spec"]["nodeName"], {})
            for name, value in asked.items():
                sums[name] = sums.get(name, Decimal(0)) + value
        return used

    def users(self, resource: str, project: str) -> str:
        """Who has most of a resource, in words: the project's own apps by name; other projects' only together.

        "" where it is all the nodes' own.
        """
        own: Counter[str] = Counter()
        others = Decimal(0)
        for pod, asked in self._reserved:
            app = pod["metadata"].get("labels", {}).get(APP)
            if pod["metadata"].get("namespace") == project and app:
                own[app] += asked.get(resource, Decimal(0))  # type: ignore[assignment]  # Counter adds what can be added
            else:
                others += asked.get(resource, Decimal(0))
        told = [f"{app!r} has {shown(resource, Decimal(value))}" for app, value in own.most_common(_MOST_USERS) if value]
        if rest := sum((Decimal(value) for _, value in own.most_common()[_MOST_USERS:]), Decimal(0)):
            told.append(f"the project's other apps {shown(resource, rest)}")
        return ", ".join([*told, *([f"others outside the project {shown(resource, others)}"] if others else [])])


def is_of_version_before(pod: Object, other: Object) -> bool:
    """Whether `other` is an instance of the same app at another version than `pod`, and is to stay as far as is known."""
    mine, its = pod["metadata"].get("labels", {}), other["metadata"].get("labels", {})
    same = APP_ID in mine and mine[APP_ID] == its.get(APP_ID)
    return same and mine.get(TEMPLATE) != its.get(TEMPLATE) and not leaves(other)


def free_of(node: Object, used: Mapping[str, Mapping[str, Decimal]], resource: str) -> Decimal:
    """What of a resource is free on a node."""
    most = amount(node["status"]["allocatable"].get(resource, "0"))
    return max(most - used.get(node["metadata"]["name"], {}).get(resource, Decimal(0)), Decimal(0))


def shown(name: str, value: Decimal) -> str:
    """An amount as people read it: cores, or GiB and MiB.

    >>> shown("cpu", Decimal("1.200")), shown("memory", Decimal(900 * 2**30)), shown("memory", Decimal(2**24))
    ('1.2', '900 GiB', '16 MiB')
    """
    if name not in BYTES:
        return _trimmed(value)
    gib = value / 2**30
    return f"{_trimmed(gib)} GiB" if gib >= 1 or value == 0 else f"{_trimmed(value / 2**20)} MiB"


def _trimmed(value: Decimal) -> str:
    rounded = f"{value:.2f}" if value < 10 else f"{value:.1f}"
    return rounded.rstrip("0").rstrip(".")
