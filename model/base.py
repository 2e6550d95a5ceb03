"""The bases of every model: frozen values, bodies that refuse unknown fields, and those that come from outside."""

import functools
from typing import Annotated, Any, get_args

from pydantic import BaseModel, ConfigDict, Field, ValidationInfo, field_validator, model_validator
from pydantic.alias_generators import to_camel

MOST_ITEMS = 1000


class Frozen(BaseModel):
    """A value inside the platform: immutable, unknown fields refused."""

    model_config = ConfigDict(frozen=True, extra="forbid")


Number = Annotated[int, Field(ge=1, le=2**31 - 1)]
"""The number of a version, a revision or an attempt: what PostgreSQL's integer holds."""


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
    """A body that comes from outside: no text in it has a NUL character or half of a surrogate pair, no list over 1000 items."""

    @model_validator(mode="before")
    @classmethod
    def _few_fields(cls, value: Any) -> Any:
        if isinstance(value, dict) and len(value) > MOST_ITEMS:  # each that is unknown would be an error of its own
            raise ValueError(f"must have at most {MOST_ITEMS} fields")
        return value

    @field_validator("*", mode="before")
    @classmethod
    def _plain_text(cls, value: Any, info: ValidationInfo) -> Any:
        # What lies deeper is asked at its own field, so that it is named; all values together are bounded where they are read.
        if isinstance(value, dict | list) and len(value) > MOST_ITEMS:
            raise ValueError(f"must have at most {MOST_ITEMS} items")
        place = _no_text(value, deep=not _asks_below(cls, str(info.field_name)))
        if place is None:
            return value
        if place:
            raise OfField(place, _RULE)
        raise ValueError(_RULE)


_RULE = "must be text without a NUL character or half of a surrogate pair"


@functools.cache
def _asks_below(model: type[Input], field: str) -> bool:
    """Whether objects in the field are inputs, which ask for their own texts: what nests deep is not read anew at each level."""
    return _of_inputs(model.model_fields[field].annotation)


def _of_inputs(annotation: Any) -> bool:
    if isinstance(annotation, type) and issubclass(annotation, Input):
        return True
    return any(_of_inputs(inner) for inner in get_args(annotation))


def _no_text(value: Any, *, deep: bool) -> str | None:
    """Where in the value, or `deep` in what is in it, a text is none, by keys and places below it; None where all is text."""
    if isinstance(value, str):
        return None if _is_text(value) else ""
    if isinstance(value, dict):
        inner = [("", key) for key in value] + [(str(key), item) for key, item in value.items()]
    elif isinstance(value, list):
        inner = [(str(index), item) for index, item in enumerate(value)]
    else:
        return None
    asked = inner if deep else [(key, item) for key, item in inner if isinstance(item, str)]
    found = ((key, place) for key, item in asked if (place := _no_text(item, deep=True)) is not None)
    return next((".".join(filter(None, pair)) for pair in found), None)


def _is_text(value: str) -> bool:
    if "\0" in value:
        return False
    try:
        value.encode()  # much faster than a search, and texts may be long
    except UnicodeEncodeError:
        return False
    return True
