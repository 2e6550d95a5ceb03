"""The bodies that change a running app: rollout, rollback, scale, one instance's update (app接口, instance接口)."""

from typing import Annotated, Literal, Self

from pydantic import Field, field_validator, model_validator

from model.app_bodies import NO_SURGE, AppFields, check_once, invalid_field, refuse_unbuilt, with_fields
from model.apps import DEFAULT_DEADLINE, MOST_INSTANCES, AppSpec
from model.base import Input, OfField
from model.gray import Grayness
from model.job_bodies import with_run


class Rollout(AppFields, Grayness):
    """Body of POST …/rollout: the manual's `image`, any other field that shall change with it, and how it goes (model/gray.py).

    Without `deadlineSeconds` each batch has the default, and what its gates may take beside it.
    """

    image: Annotated[str, Field(min_length=1, max_length=512)] | None = None
    container: str | None = None
    reason: Annotated[str, Field(max_length=500)] = ""


class InstanceUpdateBody(Input):
    """Body of POST /v2/instances/…/update: the manual's `image`; `container` where the app has several."""

    image: Annotated[str, Field(min_length=1, max_length=512)]
    container: str | None = None
    on_failure: Literal["keep", "rollback"] = "keep"
    reason: Annotated[str, Field(max_length=500)] = ""
    deadline_seconds: Annotated[int, Field(ge=5, le=86400)] = DEFAULT_DEADLINE


class ManualScale(Input):
    """Body of POST …/scale?type=manual: the image of new instances, or the instances that go."""

    image: Annotated[str, Field(min_length=1, max_length=512)] | None = None
    container: str | None = None
    instances: Annotated[list[str], Field(max_length=MOST_INSTANCES)] = []

    @field_validator("instances")
    @classmethod
    def _instances_once(cls, value: list[str]) -> list[str]:
        check_once(value, "the instance {} is named twice")
        return value


class Rollback(Input):
    """Body of POST …/rollback: to `revision`, by default the one before; or to the exact versions before `operation`."""

    revision: Annotated[int, Field(ge=1)] | None = None
    operation: Annotated[str, Field(max_length=100)] | None = None
    on_failure: Literal["keep", "rollback"] = "keep"
    reason: Annotated[str, Field(max_length=500)] = ""
    deadline_seconds: Annotated[int, Field(ge=5, le=86400)] = DEFAULT_DEADLINE

    @model_validator(mode="after")
    def _one_aim(self) -> Self:
        if self.revision is not None and self.operation is not None:
            raise OfField("revision", "must not be given together with operation")
        return self


def changed(spec: AppSpec, rollout: Rollout) -> AppSpec:
    """The spec after a rollout: the fields that were given replace, the others stay. Raises NotImplementedYet and Invalid."""
    refuse_unbuilt(rollout)
    names = [c.name for c in spec.containers]
    chosen = rollout.container or names[0]
    if rollout.container is None and len(names) > 1:
        raise invalid_field("container", f"must be one of {', '.join(names)}: the app has several containers")
    if chosen not in names:
        raise invalid_field("container", f"must be one of {', '.join(names)}")
    if spec.type == "TApp" and rollout.max_surge is not None:
        raise invalid_field("maxSurge", NO_SURGE)
    return with_run(with_fields(spec, rollout, chosen, rollout.image), rollout)
