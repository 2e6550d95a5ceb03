"""The bodies that change a running app: rollout, rollback, scale, one instance's update (app接口, instance接口)."""

from typing import Annotated, Any, Literal, Self

from pydantic import Field, field_validator, model_validator

from model.app_bodies import NO_SURGE, AppFields, check_once, invalid_field, refuse_unbuilt, with_fields
from model.apps import DEFAULT_DEADLINE, MOST_INSTANCES, AppSpec, OnUnschedulable
from model.base import Input, Number, OfField
from model.gray import Grayness
from model.job_bodies import with_run
from model.revisions import as_written

# What a create body says, and a rollout says otherwise.
_OF_CREATE = {
    "imageRef": "is called image in a rollout, which names only what shall change",
    "instanceNum": "is not changed by a rollout: POST …/scale?type=manual&scale=N",
}


class Rollout(AppFields, Grayness):
    """Body of POST …/rollout: the manual's `image`, any other field that shall change with it, and how it goes (model/gray.py).

    Without `deadlineSeconds` each batch has the default, and what its gates may take beside it.
    """

    image: Annotated[str, Field(min_length=1, max_length=512)] | None = None
    container: str | None = None
    reason: Annotated[str, Field(max_length=500)] = ""

    @model_validator(mode="before")
    @classmethod
    def _not_a_create_body(cls, value: Any) -> Any:
        for field, rule in _OF_CREATE.items():
            if isinstance(value, dict) and field in value:
                raise OfField(field, rule)
        return value


class InstanceUpdateBody(Input):
    """Body of POST /v2/instances/…/update: the manual's `image`; `container` where the app has several."""

    image: Annotated[str, Field(min_length=1, max_length=512)]
    container: str | None = None
    on_failure: Literal["keep", "rollback"] = "keep"
    reason: Annotated[str, Field(max_length=500)] = ""
    deadline_seconds: Annotated[int, Field(ge=5, le=86400)] = DEFAULT_DEADLINE


class ManualScale(Input):
    """Body of POST …/scale?type=manual: the image of new instances, or those that go; how long it may take, what without room."""

    image: Annotated[str, Field(min_length=1, max_length=512)] | None = None
    container: str | None = None
    instances: Annotated[list[str], Field(max_length=MOST_INSTANCES)] = []
    deadline_seconds: Annotated[int, Field(ge=5, le=86400)] | None = None
    on_unschedulable: OnUnschedulable | None = None

    @field_validator("instances")
    @classmethod
    def _instances_once(cls, value: list[str]) -> list[str]:
        check_once(value, "the instance {} is named twice")
        return value


class Retry(Input):
    """Body of POST /v2/operations/{id}/retry: how long the attempt may take, by default as long as the one before."""

    deadline_seconds: Annotated[int, Field(ge=5, le=86400)] | None = None


class Rollback(Input):
    """Body of POST …/rollback: to `revision`, by default the one before; or to the exact versions before `operation`."""

    revision: Number | None = None
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
    """The spec after a rollout: the fields that were given replace, the others stay, as do amounts that are only written otherwise.

    Raises NotImplementedYet and Invalid.
    """
    refuse_unbuilt(rollout)
    chosen = chosen_container(spec, rollout.container)
    if spec.type == "TApp" and rollout.max_surge is not None:
        raise invalid_field("maxSurge", NO_SURGE)
    return as_written(spec, with_run(with_fields(spec, rollout, chosen, rollout.image), rollout))


def chosen_container(spec: AppSpec, container: str | None) -> str:
    """The container that a body means, which names it where there are several; raises Invalid."""
    names = [c.name for c in spec.containers]
    if container is None and len(names) > 1:
        raise invalid_field("container", f"must be one of {', '.join(names)}: the app has several containers")
    if container is not None and container not in names:
        raise invalid_field("container", f"must be one of {', '.join(names)}")
    return container or names[0]
