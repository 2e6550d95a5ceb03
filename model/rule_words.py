"""What is wrong with a value, in plain words and mostly with an example: one table by the type of pydantic's error.

Pydantic's own messages are for programmers of models ("Input should be a valid integer"); none of them is shown to anybody.
"""

import re
from collections.abc import Mapping
from typing import Any

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, core_schema

_WHOLE = "must be a whole number, such as 3"
_NUMBER = "must be a number, such as 0.5"
_TEXT = 'must be text, such as "web"'
_LIST = 'must be a list, such as ["a", "b"]'
_OBJECT = 'must be an object with fields, such as {{"name": "web"}}'
_BOOLEAN = "must be true or false"
_TIME = "must be a time with its zone, like 2030-01-31T12:00:00Z"
# By type, with the error's context filled in (pydantic: Validation Errors).
_WORDS: Mapping[str, str] = {
    "missing": "is required",
    "extra_forbidden": "is not a known field; remove it or correct its spelling",
    "value_error": "{error}",
    **dict.fromkeys(("model_type", "model_attributes_type", "dict_type"), _OBJECT),
    **dict.fromkeys(("list_type", "tuple_type"), _LIST),
    **dict.fromkeys(("string_type", "invalid_key"), _TEXT),
    **dict.fromkeys(("int_type", "int_parsing", "int_from_float"), _WHOLE),
    **dict.fromkeys(("float_type", "float_parsing", "finite_number"), _NUMBER),
    **dict.fromkeys(("bool_type", "bool_parsing"), _BOOLEAN),
    **dict.fromkeys(("datetime_type", "datetime_parsing", "datetime_from_date_parsing", "datetime_object_invalid"), _TIME),
    **dict.fromkeys(("literal_error", "enum"), "must be {expected}"),
    "int_parsing_size": "has too many digits; it must be a whole number, such as 3",
    "none_required": "must be left out, or null",
    "greater_than": "must be more than {gt}",
    "greater_than_equal": "must be at least {ge}",
    "less_than": "must be less than {lt}",
    "less_than_equal": "must be at most {le}",
    "too_short": "must have at least {min_length}, and has {actual_length}",
    "too_long": "must have at most {max_length}",
    "string_too_short": "must have at least {min_length}",
    "string_too_long": "must have at most {max_length}",
}
FURTHER = "is not what this call takes; /docs describes it"
_COUNTED = {"min_length", "max_length"}


def in_words(error: Mapping[str, Any]) -> str:
    """What is wrong, to be read after the field's name; `error` is one of a ValidationError's errors(), with its context.

    >>> in_words({"type": "less_than_equal", "ctx": {"le": 5.0}})
    'must be at most 5'
    >>> in_words({"type": "string_too_short", "ctx": {"min_length": 1}})
    'must not be empty'
    """
    kind, context = error["type"], error.get("ctx", {})
    if context.get("min_length") == 1:
        return "must not be empty"
    of_what = ("character", "characters") if kind.startswith("string") else ("entry", "entries")
    filled = {name: _counted(value, *of_what) if name in _COUNTED else _plain(value) for name, value in context.items()}
    return _WORDS.get(kind, FURTHER).format_map(filled)


def _counted(count: int, one: str, several: str) -> str:
    return f"{count} {one if count == 1 else several}"


def _plain(value: Any) -> Any:
    return int(value) if isinstance(value, float) and value.is_integer() else value


class Like:
    """Text that a regular expression describes; refused in words of the field's own, which say how to write it."""

    def __init__(self, pattern: str, words: str) -> None:
        self._pattern, self._words = pattern, words

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_after_validator_function(self._checked, handler(source))

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        return {**handler(schema), "pattern": self._pattern}

    def _checked(self, value: str) -> str:
        if not re.fullmatch(self._pattern, value):
            raise ValueError(self._words)
        return value
