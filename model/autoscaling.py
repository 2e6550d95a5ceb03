"""An app's autoscaling policy: the manual's `scale` and more (manual, app接口 扩容缩容; mission B)."""

import re
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, Field, ValidationInfo, field_validator, model_validator

from model import cron
from model.apps import MOST_INSTANCES, AppSpec
from model.base import Frozen, Input
from model.errors import Invalid, Problem

STABILIZATION_SECONDS = 300  # Kubernetes' default for scaling down (--horizontal-pod-autoscaler-downscale-stabilization)
_CLOCK = re.compile(r"([01][0-9]|2[0-3]):[0-5][0-9]")
_DAYS = 7  # how long the longest window is open

Count = Annotated[int, Field(ge=1, le=MOST_INSTANCES)]


def _cron(text: str) -> str:
    cron.parse(text)
    return text


def _zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise ValueError('must be a time zone like "Asia/Shanghai"') from error
    return name


def _clock(text: str) -> str:
    if not _CLOCK.fullmatch(text):
        raise ValueError('must be a time of day like "18:30"')
    return text


class MetricTarget(Input):
    """A Prometheus query whose one value is shared among the instances: each is to bear `target` of it."""

    query: Annotated[str, Field(min_length=1, max_length=4000)]
    target: Annotated[float, Field(gt=0, allow_inf_nan=False)]


class Schedule(Input):
    """A window that begins at `cron`, and lasts `minutes` or until the next `until` o'clock: at least `minReplicas` in it."""

    cron: Annotated[str, Field(max_length=200), AfterValidator(_cron)]
    min_replicas: Count
    minutes: Annotated[int, Field(ge=1, le=_DAYS * 24 * 60)] | None = None
    until: Annotated[str, AfterValidator(_clock)] | None = None
    timezone: Annotated[str, Field(min_length=1, max_length=100), AfterValidator(_zone)] = "UTC"

    @model_validator(mode="after")
    def _one_end(self) -> "Schedule":
        if (self.minutes is None) == (self.until is None):
            raise ValueError("must have either minutes, how long the window lasts, or until, the time of day when it ends")
        return self

    def open_until(self, now: datetime) -> datetime | None:
        """When the window that is open at `now` ends; None where none is open.

        >>> office = Schedule(cron="0 8 * * mon-fri", min_replicas=4, until="18:00")
        >>> office.open_until(datetime(2026, 11, 23, 9, 0, tzinfo=UTC))  # a Monday
        datetime.datetime(2026, 11, 23, 18, 0, tzinfo=datetime.timezone.utc)
        """
        begun = cron.parse(self.cron).latest(now.astimezone(ZoneInfo(self.timezone)), _DAYS + 1)
        if begun is None:
            return None
        end = (begun.astimezone(UTC) + timedelta(minutes=self.minutes)) if self.minutes else self._next(begun)
        return end if now < end else None

    def _next(self, begun: datetime) -> datetime:
        hour, minute = map(int, str(self.until).split(":"))
        end = begun.replace(hour=hour, minute=minute)
        return (end if end > begun else end + timedelta(days=1)).astimezone(UTC)


class Scale(Input):
    """Body of POST …/scale?type=auto and the create body's `scale`: the manual's three fields, and more.

    The largest of what cpu and the metrics ask for counts. `stabilizationSeconds` is for how long less has to be enough before
    instances are taken away.
    """

    min_replicas: Count
    max_replicas: Count
    target_cpu_utilization: Annotated[int, Field(ge=1, le=1000)] | None = Field(default=None, alias="targetCPUUtilization")
    metrics: Annotated[tuple[MetricTarget, ...], Field(max_length=10)] = ()
    schedules: Annotated[tuple[Schedule, ...], Field(max_length=20)] = ()
    stabilization_seconds: Annotated[int, Field(ge=0, le=3600)] = STABILIZATION_SECONDS

    @field_validator("max_replicas")
    @classmethod
    def _not_less(cls, value: int, given: ValidationInfo) -> int:
        if value < given.data.get("min_replicas", 0):
            raise ValueError("must not be less than minReplicas")
        return value

    @field_validator("schedules")
    @classmethod
    def _within(cls, value: tuple[Schedule, ...], given: ValidationInfo) -> tuple[Schedule, ...]:
        if any(schedule.min_replicas > given.data.get("max_replicas", MOST_INSTANCES) for schedule in value):
            raise ValueError("minReplicas must not be more than the policy's maxReplicas")
        return value

    @model_validator(mode="after")
    def _by_something(self) -> "Scale":
        if self.target_cpu_utilization is None and not self.metrics and not self.schedules:
            raise ValueError("targetCPUUtilization, metrics or schedules is required: what to scale by")
        return self

    def least(self, now: datetime) -> int:
        """The smallest number of instances at that moment: minReplicas, or that of an open window where it is more."""
        wanted = (s.min_replicas for s in self.schedules if s.open_until(now))
        return max([self.min_replicas, *wanted])

    def shown(self) -> dict[str, Any]:
        """The policy as replies have it: the manual's fields, and of the others those that were set."""
        return self.model_dump(mode="json", by_alias=True, exclude_defaults=True)


class Autoscaler(Frozen):
    """A policy in force: who set it and when, and what the loop found last, as the API shows it."""

    scale: Scale
    set_by: str
    set_at: datetime
    evaluation: dict[str, Any] | None = None
    evaluated_at: datetime | None = None


def check_requests(scale: Scale, spec: AppSpec, prefix: str = "") -> None:
    """Raise Invalid where cpu is to be scaled by and no container asks for any: its share would be of nothing."""
    if goes_by_nothing(scale, spec):
        rule = f"needs a cpu request, and {_named(c.name for c in spec.containers)} none; roll out with resources.cpu first"
        field = f"{prefix}targetCPUUtilization"
        raise Invalid(f"{field}: {rule}.", problems=[Problem(field=field, message=rule)])


def check_still_asks(scale: Scale, spec: AppSpec, place: str) -> None:
    """Raise Invalid where a change would leave cpu to be scaled by and no container that asks for any; `place` is the app's."""
    if goes_by_nothing(scale, spec):
        rule = (
            f"no container would ask for cpu, of which autoscaling keeps {scale.target_cpu_utilization} % in use; give "
            f"resources.cpu, or scale otherwise first: POST {place}/scale?type=auto, or not at all: DELETE {place}/autoscaling"
        )
        raise Invalid(f"resources.cpu: {rule}.", problems=[Problem(field="resources.cpu", message=rule)])


def goes_by_nothing(scale: Scale, spec: AppSpec) -> bool:
    """Whether cpu is to be scaled by and no container asks for any.

    One that asks for none beside one that does adds to what is used and nothing to what is asked for.
    """
    return scale.target_cpu_utilization is not None and not asks_for_cpu(spec)


def asks_for_cpu(spec: AppSpec) -> bool:
    """Whether any container does."""
    return any(c.resources.cpu or c.resources.cpu_request for c in spec.containers)


def check_by_hand(scale: Scale, running: int, now: datetime, place: str) -> None:
    """Raise Invalid where a number of instances set by hand is outside the policy's bounds: it would be undone at once.

    `place` is the app's path in the API.
    """
    least = scale.least(now)
    if not least <= running <= scale.max_replicas:
        rule = (
            f"{running} is outside the {least} to {scale.max_replicas} instances that autoscaling keeps now; "
            f"change its bounds: POST {place}/scale?type=auto, or turn it off: DELETE {place}/autoscaling"
        )
        raise Invalid(f"scale: {rule}.", problems=[Problem(field="scale", message=rule)])


def check_copied(scale: Scale, replicas: int, now: datetime) -> None:
    """Raise Invalid where a copy shall have a number of instances that the policy which goes along would change at once."""
    least = scale.least(now)
    if replicas and not least <= replicas <= scale.max_replicas:
        rule = (
            f"{replicas} is outside the {least} to {scale.max_replicas} instances that the autoscaling which is copied keeps; "
            "give a number within them, another policy as scale, or null as scale to copy without it"
        )
        raise Invalid(f"instanceNum: {rule}.", problems=[Problem(field="instanceNum", message=rule)])


def _named(names: Iterable[str]) -> str:
    listed = list(names)
    return f"{', '.join(repr(n) for n in listed)} {'has' if len(listed) == 1 else 'have'}"
