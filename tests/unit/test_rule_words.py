"""Nobody reads pydantic's own words: what is wrong with any field of any model or query is told in the platform's."""

import string
from collections.abc import Iterator
from typing import Any

import pytest
from fastapi.routing import APIRoute
from pydantic import BaseModel, TypeAdapter, ValidationError
from pydantic_core._pydantic_core import list_all_errors

from api.app import build
from api.errors import problems_of
from model import rule_words
from model.base import Input

# Each literal part of pydantic's messages that is of several words.
PARTS = {
    part.strip(" ,'`:").casefold()
    for error in list_all_errors()
    for template in (error["message_template_python"], error.get("message_template_json", ""))
    for part, *_ in string.Formatter().parse(template)
    if part.strip().count(" ")
}
ODD: list[Any] = [
    None, True, -1, 0, 1.5, 0.5, 10**9, 10**400, float("nan"), float("inf"), "", "!", "web", "a\n", "12", "x" * 300_000,
    [], [1], [None], [[]], ["x"] * 1100, [{}], [{"odd": 1}], {}, {"a": 1}, {"a": None}, {"": "x"},
    {str(n): "x" for n in range(1100)},
]  # fmt: skip


def models(known: type[BaseModel] = Input) -> Iterator[type[BaseModel]]:
    for one in known.__subclasses__():
        if one.__module__.startswith(("model.", "api.")):
            yield one
        yield from models(one)


def check(words: str) -> None:
    assert words
    assert not [part for part in PARTS if part in words.casefold()], words
    assert rule_words.FURTHER not in words


def wrong(shape: Any, value: Any) -> list[Any]:
    try:
        TypeAdapter(shape).validate_python(value)
    except ValidationError as error:
        return [{**one, "loc": ("body", *one["loc"])} for one in error.errors()]
    return []


def test_the_parts_are_found() -> None:
    assert {"input should be a valid integer", "field required", "string should match pattern", "value error"} <= PARTS


@pytest.mark.parametrize("model", dict.fromkeys(models()), ids=lambda model: model.__name__)
def test_no_field_of_a_body_or_document_is_refused_in_words_of_pydantic(model: type[BaseModel]) -> None:
    for name, field in model.model_fields.items():
        for odd in ODD:
            found = wrong(model, {field.alias or name: odd})
            for problem in problems_of(found):
                check(problem.message)


def test_no_query_is_refused_in_words_of_pydantic() -> None:
    seen = 0
    for route in routes(build().routes):
        for field in [*route.dependant.query_params, *route.dependant.header_params]:
            for odd in ("", "x", "-1", "1.5", "9" * 5000, "2030-01-01", "x" * 1100):
                for problem in problems_of(wrong(field.field_info.rebuild_annotation(), odd)):
                    check(problem.message)
                    seen += 1
    assert seen > 100


def routes(given: Any) -> Iterator[APIRoute]:
    for route in given:
        inner = getattr(route, "original_router", None)
        if inner is not None:
            yield from routes(inner.routes)
        elif isinstance(route, APIRoute):
            yield route
