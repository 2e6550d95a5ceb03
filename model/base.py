"""The bases of every model: frozen values, bodies that refuse unknown fields, and those that come from outside."""

import re
from typing import Any

from pydantic import BaseModel, ConfigDict, field_validator
from pydantic.alias_generators import to_camel

_NO_TEXT = re.compile("[\0\ud800-\udfff]")


class Frozen(BaseModel):
    """A value inside the platform: immutable, unknown fields refused."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Body(BaseModel):
    """A JSON body of the v2 API: camelCase outside, snake_case inside; an unknown field is an error, never ignored."""

    model_config = ConfigDict(frozen=True, extra="forbid", alias_generator=to_camel, populate_by_name=True)


class OfField(ValueError):
    """What is wrong with one field of a body, found by looking at the body as a whole."""

    def __init__(self, field: str, rule: str) -> None:
        super().__init__(f"{field}: {rule}")
        self.field = field
        self.rule = rule


class Input(Body):
    """A body that comes from outside: no text in it has a NUL character or half of a surrogate pair."""

    @field_validator("*", mode="before")
    @classmethod
    def _plain_text(cls, value: Any) -> Any:
        if not _is_plain(value):
            raise ValueError("must be text without a NUL character or half of a surrogate pair")
        return value


def _is_plain(value: Any) -> bool:
    if isinstance(value, str):
        return not _NO_TEXT.search(value)
    if isinstance(value, dict):
        return all(_is_plain(key) and _is_plain(item) for key, item in value.items())
    return not isinstance(value, list) or all(_is_plain(item) for item in value)
