"""The bodies of what is done to several apps at once, and of a copy (mission B)."""

from typing import Annotated

from pydantic import Field, field_validator

from model.app_bodies import AppName
from model.apps import DEFAULT_DEADLINE, MOST_INSTANCES
from model.autoscaling import Scale
from model.base import Input
from model.names import AppIdText

MOST_AT_ONCE = 100


class NamedApp(Input):
    """One app, and where `app_id` is given that life of it."""

    name: Annotated[str, Field(min_length=1, max_length=63)]
    app_id: Annotated[AppIdText | None, Field(alias="app_id")] = None


class DeleteApps(Input):
    """Body of POST …/delete: names, or names with an AppID, each once."""

    apps: Annotated[list[NamedApp], Field(min_length=1, max_length=MOST_AT_ONCE)]

    @field_validator("apps", mode="before")
    @classmethod
    def _names(cls, value: object) -> object:
        if not isinstance(value, list) or not all(isinstance(one, str | dict) for one in value):
            raise ValueError("must be a list of names, or of {name, app_id}")
        return [{"name": one} if isinstance(one, str) else one for one in value]

    @field_validator("apps")
    @classmethod
    def _each_once(cls, value: list[NamedApp]) -> list[NamedApp]:
        seen: set[str] = set()
        for app in value:
            if app.name in seen:
                raise ValueError(f"{app.name!r} is named twice")
            seen.add(app.name)
        return value


class CopyApp(Input):
    """Body of POST …/copy: the copy's name, and what shall differ: its project, its number of instances, its autoscaling.

    Without `scale` it has the policy that is in force for the original; null leaves it without one.
    """

    name: AppName
    project: str | None = None
    instance_num: Annotated[int | None, Field(ge=0, le=MOST_INSTANCES)] = None
    scale: Scale | None = None
    deadline_seconds: Annotated[int, Field(ge=5, le=86400)] = DEFAULT_DEADLINE
