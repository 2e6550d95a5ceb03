"""How an app's upgrades go, said in a template: batches, pauses and gates per app (mission B and D).

One shape in every language, that of POST …/rollout: `x-mooring: {rollout: {…}}` in a compose service and in a pod document,
and as YAML or JSON the annotation `mooring.io/rollout` of a Kubernetes Deployment or StatefulSet:

    mooring.io/rollout: |
      batches: [1, 50%]
      pause: first
      gates: [{metric: {query: "sum(rate(errors_total[1m]))", condition: "< 0.05"}}]
      onFailure: rollback

Instances of a TApp are named by their index, or as `<name in the document>-<index>`. What it says is no part of what runs: where
nothing else of an app differs, nothing is done.
"""

from collections.abc import Iterator, Sequence
from typing import Any

from pydantic import ConfigDict, field_validator
from yaml import ScalarNode

from model.app_bodies import NO_SURGE, Fraction
from model.apps import AppSpec
from model.base import Frozen
from model.documents import Node, Problems
from model.gray import Grayness, not_rising
from model.layouts import AppType
from model.pod_shapes import Written
from model.scheduling import Lifecycle, ReadinessProbe
from model.serving import end_rule
from model.shaping import locate, shaped

EXTENSION = "x-mooring"
ANNOTATION = "mooring.io/rollout"
Path = Sequence[str | int]


class Rollout(Grayness):
    """What a document says of one app's upgrades; `maxSurge` and `maxUnavailable` are the app's own, as in every change of it."""

    model_config = ConfigDict(populate_by_name=False)

    max_surge: Fraction | None = None
    max_unavailable: Fraction | None = None

    @field_validator("max_surge", "max_unavailable", mode="before")
    @classmethod
    def _amount(cls, value: Any) -> Any:
        return _number(value)

    @field_validator("batches", mode="before")
    @classmethod
    def _numbers(cls, value: Any) -> Any:
        return [_number(one) for one in value] if isinstance(value, list) else value

    def check_order(self) -> None:
        """Nothing here: what batches are to each other is told with its line, by `checked`."""


class Extension(Written):
    """`x-mooring` of an app: what this platform knows and the language does not."""

    rollout: Rollout | None = None


class ServiceExtension(Extension):
    """`x-mooring` of a compose service, whose language has no words for these."""

    readiness_probe: ReadinessProbe | None = None
    lifecycle: Lifecycle | None = None

    def check(self, grace: int, node: Node, field: str, problems: Problems) -> None:
        """Note, at its place below `node`, a wait that leaves nothing of the grace period."""
        if self.lifecycle and self.lifecycle.pre_stop.sleep.seconds >= max(grace, 1):
            problems.add(*locate(node, field, ["lifecycle", "preStop", "sleep", "seconds"]), end_rule(grace))

    def of(self, spec: AppSpec) -> AppSpec:
        """The spec of a service of one container with what is said here."""
        (container,) = spec.containers
        sleep = self.lifecycle.pre_stop.sleep.seconds if self.lifecycle else container.pre_stop_sleep
        said = {"readiness_probe": self.readiness_probe or container.readiness_probe, "pre_stop_sleep": sleep}
        return spec.model_copy(update={"containers": (container.model_copy(update=said),)})


class Query(Frozen):
    """A gate's query and where it stands, for the metrics store's word on it."""

    query: str
    field: str
    line: int
    column: int


class AppRollout(Frozen):
    """What a document says of one app's upgrades, checked against the app."""

    how: Rollout
    queries: tuple[Query, ...] = ()


def checked(
    how: Rollout, node: Node, field: str, problems: Problems, app: str, type: AppType = "Deployment", replicas: int | None = 1
) -> AppRollout:
    """The rollout that stands at `node`; notes, each at its place, what the app cannot have. `replicas` None: not known."""
    for path, rule in _wrong(how, app, type, replicas):
        problems.add(*locate(node, field, path), rule)
    queries = []
    for index, gate in enumerate(how.gates):
        if gate.metric:
            place, name = locate(node, field, ["gates", index, "metric", "query"])
            line, column = problems.place(place)
            queries.append(Query(query=gate.metric.query, field=name, line=line, column=column))
    return AppRollout(how=how, queries=tuple(queries))


def written(text: Node, field: str, problems: Problems) -> tuple[Rollout, Node, Problems] | None:
    """The rollout in a text value, its root, and where to note what is wrong of it; None after noting that it is none."""
    assert isinstance(text, ScalarNode), "a value of `annotations` is a text"
    inner = problems.inside(text)
    root = inner.root(text, field)
    how = shaped(Rollout, root, field, inner) if root is not None else None
    return (how, root, inner) if how is not None and root is not None else None


def with_amounts(spec: AppSpec, rollout: AppRollout | None) -> AppSpec:
    """The spec with how many instances may be replaced at once, where the rollout says so."""
    said = {name: value for name in _AMOUNTS if rollout and (value := getattr(rollout.how, name)) is not None}
    return spec.model_copy(update=said) if said else spec


def tracks(batches: Sequence[int | str | list[str]], app: str) -> list[int | str | tuple[str, ...]]:
    """The batches with the indices of TApp instances for their names.

    >>> tracks([1, "50%", ["db-0", "2"]], "db")
    [1, '50%', ('0', '2')]
    """
    return [tuple(name.removeprefix(f"{app}-") for name in one) if isinstance(one, list) else one for one in batches]


_AMOUNTS = ("max_surge", "max_unavailable")


def _number(value: Any) -> Any:
    """A document's values are text: a number is one again."""
    return int(value) if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 6 else value


def _wrong(how: Rollout, app: str, type: AppType, replicas: int | None) -> Iterator[tuple[Path, str]]:
    batches = how.batches or []
    if found := not_rising(batches):
        yield ["batches", found[0]], found[1]
    if how.pause != "never" and not batches:
        yield ["pause"], "has nothing to hold between: give batches"
    if type == "TApp" and how.max_surge is not None:
        yield ["maxSurge"], NO_SURGE
    if {how.max_surge, how.max_unavailable} <= {0, "0%"}:
        yield ["maxUnavailable"], "must not be 0 as maxSurge is: nothing could be replaced"
    for place, batch in enumerate(batches):
        if isinstance(batch, int) and replicas is not None and batch > replicas:
            yield ["batches", place], f"{batch} is more than the {replicas} instances of {app!r}"
        if isinstance(batch, list):
            yield from _unnamed(batch, ["batches", place], app, type, replicas)


def _unnamed(names: list[str], path: Path, app: str, type: AppType, replicas: int | None) -> Iterator[tuple[Path, str]]:
    if type == "Deployment":
        yield path, "instances can be named for a StatefulSet only: those of other apps are replaced by new ones; give a number"
        return
    for place, name in enumerate(names):
        index = name.removeprefix(f"{app}-")
        known = index.isascii() and index.isdigit() and str(int(index[:9])) == index
        if not known or (replicas is not None and int(index) >= replicas):
            told = f", and {app!r} has 0 to {replicas - 1}" if replicas else ""
            yield [*path, place], f"{name[:80]!r} names no instance: write its index, or {app}-<index>{told}"
            return
