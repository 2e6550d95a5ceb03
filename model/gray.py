"""Gray upgrades as they are asked for: batches, pauses, gates, what a failure does; and the plan that the operation carries.

{"image": "shop/web:2", "batches": ["10%", "50%", "100%"], "pause": "first", "readySeconds": 10, "onFailure": "rollback",
 "gates": [{"http": {"path": "/health", "port": 8080}},
           {"metric": {"query": "sum(rate(errors_total[1m]))", "condition": "< 0.05", "duration": "2m", "failDuration": "30s"}}]}
"""

import re
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from model.base import Frozen, Input, Number, OfField
from model.gates import condition_of, seconds_of
from model.layouts import Layout

OnFailure = Literal["keep", "pause", "rollback"]
PauseAfter = Literal["never", "first", "each"]
MOST_BATCHES, MOST_GATES = 50, 10
_PERCENT = re.compile(r"(100|[1-9][0-9]?)%")
_PATH = re.compile(r"/[-\w.~!$&'()*+,;=:@/]*(\?[-\w.~!$&'()*+,;=:@/?%]*)?", re.ASCII)
_LONGEST = 24 * 3600
_MOST_NAMED = 1000  # an app has no more instances


def _condition(value: str) -> str:
    condition_of(value)
    return value


def _duration(value: str | int) -> str | int:
    seconds = value if isinstance(value, int) else seconds_of(value)
    if seconds > _LONGEST:
        raise ValueError("must be at most 24h")
    return value


def _path(value: str) -> str:
    # No '%' before the query: a client on the way would decode and shorten "%2e%2e", and the path lead elsewhere.
    if not _PATH.fullmatch(value) or any(part in (".", "..") for part in value.partition("?")[0].split("/")):
        raise ValueError("must be an absolute path such as /health, of letters, digits and -._~!$&'()*+,;=:@, without '..'")
    return value


def _batch(value: Any) -> Any:
    """Told before the types are tried: of three alternatives each would say what is wrong with it as that."""
    if isinstance(value, str) and value.isdecimal():
        raise ValueError(f'"{value}" is text: write {value} without quotes for so many instances, or "{value}%" for a percentage')
    if isinstance(value, str) and not _PERCENT.fullmatch(value):
        raise ValueError(f'"{value[:100]}" is no percentage: write one from "1%" to "100%", or a number of instances')
    if value == [] or (isinstance(value, int) and not isinstance(value, bool) and value < 1):
        raise ValueError(f"{value} is no batch: it has to bring 1 instance at least")
    if isinstance(value, bool) or not isinstance(value, int | str | list):
        raise ValueError('must be a number of instances, a percentage such as "10%", or a list of instance names')
    return value


Duration = Annotated[int | str, Field(union_mode="left_to_right"), AfterValidator(_duration)]
Named = Annotated[list[str], Field(min_length=1, max_length=_MOST_NAMED)]
BatchBody = Annotated[Number | str | Named, BeforeValidator(_batch)]


class HttpGate(Input):
    """Each new instance answers `successes` requests in a row with `expectStatus`, by default with any of 200 to 399.

    One that fails `failures` times in a row fails the gate.
    """

    path: Annotated[str, Field(max_length=2000), AfterValidator(_path)] = "/"
    port: Annotated[int, Field(ge=1, le=65535)]
    expect_status: Annotated[int, Field(ge=100, le=599)] | None = None
    timeout_seconds: Annotated[int, Field(ge=1, le=60)] = 5
    successes: Annotated[int, Field(ge=1, le=100)] = 1
    failures: Annotated[int, Field(ge=1, le=100)] = 3

    def accepts(self, status: int) -> bool:
        """Whether an answer of that status is as asked."""
        return status == self.expect_status if self.expect_status else 200 <= status < 400

    @property
    def seconds(self) -> int:
        """How long it takes at most where it passes."""
        return (self.timeout_seconds + 1) * self.successes * self.failures


class MetricGate(Input):
    """A query's number meets `condition` for `duration`; it fails once it has not for `failDuration` (KubeVela: check-metrics)."""

    query: Annotated[str, Field(min_length=1, max_length=4096)]
    condition: Annotated[str, Field(max_length=100), AfterValidator(_condition)]
    duration: Duration = "5m"
    fail_duration: Duration = "2m"
    interval: Duration = "5s"

    @model_validator(mode="after")
    def _interval(self) -> Self:
        if not 1 <= whole(self.interval) <= 3600:
            raise ValueError("interval must be between 1s and 1h")
        return self

    @property
    def seconds(self) -> int:
        """How long it takes where the metric turns bad once and recovers at the last moment."""
        return whole(self.duration) + whole(self.fail_duration)


class Gate(Input):
    """What has to hold after a batch before the next may begin: `http` or `metric`."""

    http: HttpGate | None = None
    metric: MetricGate | None = None

    @model_validator(mode="after")
    def _one(self) -> Self:
        if (self.http is None) == (self.metric is None):
            raise ValueError("must have exactly one of http and metric")
        return self

    @property
    def title(self) -> str:
        """What the gate asks, in a few words."""
        if self.http:
            return f"GET :{self.http.port}{self.http.path}"
        assert self.metric
        return f"{self.metric.query} {self.metric.condition}"

    @property
    def seconds(self) -> int:
        """How long it takes at most where it passes in the end."""
        chosen = self.http or self.metric
        assert chosen
        return chosen.seconds


class Grayness(Input):
    """The fields by which a rollout is gray; where none is given all instances go in one batch."""

    batches: Annotated[list[BatchBody], Field(min_length=1, max_length=MOST_BATCHES)] | None = None
    pause: PauseAfter = "never"
    ready_seconds: Annotated[int, Field(ge=0, le=3600)] = 0
    gates: Annotated[list[Gate], Field(max_length=MOST_GATES)] = []
    on_failure: OnFailure = "keep"

    @property
    def gray(self) -> bool:
        """Whether it asks for more than a plain rollout."""
        return bool(self.batches or self.gates or self.ready_seconds or self.on_failure == "pause")

    @model_validator(mode="after")
    def _sensible(self) -> Self:
        self.check_order()
        return self

    def check_order(self) -> None:
        """Raise ValueError where batches do not rise, and for a pause without any."""
        if found := not_rising(self.batches or []):
            raise OfField(f"batches.{found[0]}", found[1])
        if self.pause != "never" and not self.batches:
            raise OfField("pause", f"{self.pause!r} has nothing to hold between: give batches")


class Stage(Frozen):
    """One batch as planned: the kept layout it comes to, and how many of all instances are of the new version then."""

    layout: int
    moved: int
    total: int


class GrayPlan(Frozen):
    """How an upgrade goes, as its operation carries it: small, whatever the number of instances."""

    stages: tuple[Stage, ...]
    pause: PauseAfter = "never"
    ready_seconds: int = 0
    gates: tuple[Gate, ...] = ()

    @property
    def measures(self) -> bool:
        """Whether anything is looked at after a batch."""
        return bool(self.gates or self.ready_seconds)

    def pauses_after(self, number: int) -> bool:
        """Whether the plan pauses after the batch `number`, from 1; never after the last.

        >>> plan = GrayPlan(stages=(Stage(layout=1, moved=1, total=2), Stage(layout=2, moved=2, total=2)), pause="first")
        >>> plan.pauses_after(1), plan.pauses_after(2)
        (True, False)
        """
        return number < len(self.stages) and (self.pause == "each" or (self.pause == "first" and number == 1))


def first_open(now: Layout, stages: Sequence[Layout], revision: int) -> int:
    """How many of the first stages an app that has got to `now` is beyond: they hold, and are not gone back to.

    One that it is exactly at is open still: its gates may not have passed.
    """
    here = _moved(now, revision)
    return next((place for place, stage in enumerate(stages) if not _beyond(here, _moved(stage, revision))), len(stages) - 1)


def _moved(layout: Layout, revision: int) -> dict[str, int]:
    """By track how many instances are of the revision; a killed one of a TApp counts as one."""
    one = layout.type == "TApp"
    return {w.track: 1 if one else w.replicas for w in layout.workloads if w.revision == revision}


def _beyond(here: Mapping[str, int], stage: Mapping[str, int]) -> bool:
    return here != stage and all(here.get(track, 0) >= count for track, count in stage.items())


def whole(duration: int | str) -> int:
    """A duration of a body in seconds."""
    return duration if isinstance(duration, int) else seconds_of(duration)


def not_rising(batches: Sequence[int | str | list[str]]) -> tuple[int, str] | None:
    """The first batch that is wrong after those before it, and why: numbers and percentages rise, no instance is named twice.

    >>> not_rising([1, "10%", 1])
    (2, '1 must be more than the one before: batches are cumulative')
    """
    newest: dict[bool, int] = {}
    named: set[str] = set()
    for place, batch in enumerate(batches):
        if isinstance(batch, list):
            for name in batch:
                if name in named:
                    return place, f"names an instance twice: {name}"
                named.add(name)
            continue
        size = int(str(batch).removesuffix("%"))
        if size <= newest.get(isinstance(batch, str), 0):
            return place, f"{batch!r} must be more than the one before: batches are cumulative"
        newest[isinstance(batch, str)] = size
    return None


def default_deadline(grayness: Grayness, stages: int, one_batch: int) -> int:
    """Seconds an upgrade may take where its body does not say: `one_batch` for each batch and its gates, at most a day."""
    gates = grayness.ready_seconds + sum(gate.seconds for gate in grayness.gates)
    return min(86400, stages * (one_batch + gates))
