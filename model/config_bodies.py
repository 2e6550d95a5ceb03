"""How a body says that an app uses configuration groups (manual, app接口: configMap, secret)."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from model.base import Input, OfField
from model.config_mounts import ConfigUse
from model.directories import Directory, group_rule


class ConfigBody(Input):
    """One item of `configMap` or `secret`: the entries `key` of the group `name`, as files in `mountPath` or as variables."""

    type: Literal["Volume", "Env"]
    name: Annotated[str, Field(min_length=1, max_length=253)]
    key: Annotated[list[Annotated[str, Field(min_length=1, max_length=253)]], Field(min_length=1, max_length=500)]
    mount_path: Directory = None

    @model_validator(mode="after")
    def _path_with_files(self) -> Self:
        if (self.type == "Volume") != (self.mount_path is not None):
            raise ValueError('mountPath is required with type "Volume", and only there')
        if self.mount_path and (rule := group_rule(self.mount_path)):
            raise OfField("mountPath", rule)
        return self

    def use(self) -> ConfigUse:
        """The same as a spec keeps it."""
        return ConfigUse(type=self.type, name=self.name, key=tuple(self.key), mount_path=self.mount_path)
