"""Query parameters that routes have in common."""

from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from difflib import get_close_matches
from typing import Annotated, Any, TypeVar

from fastapi import Depends, Query, Request
from fastapi.dependencies.models import Dependant
from fastapi.exceptions import RequestValidationError
from pydantic import AfterValidator, BaseModel, GetJsonSchemaHandler, TypeAdapter, ValidationError
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema
from starlette.requests import HTTPConnection

from model.errors import Invalid, Problem
from model.names import AppIdText

M = TypeVar("M", bound=BaseModel)
_MOST_PARAMETERS = 50
_MOST_PAGES = 1_000_000  # far beyond any list, and a page's first row stays a number that PostgreSQL takes


def moment(value: datetime) -> datetime:
    """Return the moment in UTC; raises ValueError without a zone, and where the calendar ends."""
    if value.tzinfo is None:
        raise ValueError("must be a time with its zone, like 2030-01-31T12:00:00Z")
    try:
        # A day's room: PostgreSQL and its client reckon with zones of their own.
        return min(max(value.astimezone(UTC), _FIRST), _LAST)
    except OverflowError as error:
        raise ValueError("must lie in the years 1 to 9999") from error


_FIRST, _LAST = datetime(1, 1, 2, tzinfo=UTC), datetime(9999, 12, 30, tzinfo=UTC)
Moment = Annotated[datetime, AfterValidator(moment)]
Size = Annotated[int, Query(ge=1, le=200)]
Page = Annotated[int, Query(ge=0, le=_MOST_PAGES)]
WithContent = Annotated[bool, Query(alias="content", description="Whether the reply has the document itself.")]
DeadlineSeconds = Annotated[
    int | None, Query(alias="deadlineSeconds", ge=5, le=86400, description="How long the operation may take; by default as ever")
]
AppId = Annotated[AppIdText | None, Query(description="One life of the app; by default the live one")]


async def known_only(asked: HTTPConnection) -> None:
    """Raise Invalid for each query parameter that the route does not have, and for each that is given twice.

    Left out silently, a dry run would be a real one; of two values only one could hold. The manual's `&&` names nothing, so
    nothing is missing.
    """
    if not asked.query_params:
        return
    given = Counter(name for name, _ in asked.query_params.multi_items() if name)
    if len(given) > _MOST_PARAMETERS:  # for each that is unknown one is looked for that is like it
        rule = f"must have at most {_MOST_PARAMETERS} parameters"
        raise Invalid(f"query: {rule}.", problems=[Problem(field="query", message=rule)])
    known = list(dict.fromkeys(_names(asked.scope["route"].dependant)))
    problems = [
        Problem(field=name[:100], message=_unknown(name, known) if name not in known else f"is given {times} times; give it once")
        for name, times in given.items()
        if name not in known or times > 1
    ]
    if problems:
        told = "; ".join(f"{p.field}: {p.message}" for p in problems[:5])
        raise Invalid(f"{told}.", hint="Nothing was done. Correct it and send it again.", problems=problems)


def _names(dependant: Dependant) -> Iterator[str]:
    """The query parameters of a route and of what it depends on, as they are written; a model's are its fields."""
    for field in dependant.query_params:
        shape = field.field_info.annotation
        if isinstance(shape, type) and issubclass(shape, BaseModel):
            yield from (of_model.alias or name for name, of_model in shape.model_fields.items())
        else:
            yield field.alias
    if model := getattr(dependant.call, "query_model", None):
        yield from model.model_fields
    for further in dependant.dependencies:
        yield from _names(further)


def _unknown(name: str, known: Sequence[str]) -> str:
    by_letters = {other.lower(): other for other in known}
    if near := get_close_matches(name.lower(), by_letters, n=1):
        return f"is not a query parameter of this call; {by_letters[near[0]]} is meant, perhaps"
    return f"is not a query parameter of this call, which takes {', '.join(known) or 'none'}"


def of_query(model: type[M]) -> Any:
    """A dependency: the query as `model`, read as a whole. FastAPI reads each by itself, which takes a fifth of a request.

    The route says what there is by `described`; that nothing else is given, or given twice, is seen to by `known_only`.
    """

    async def read(asked: Request) -> M:
        try:
            return model.model_validate(dict(asked.query_params))
        except ValidationError as error:
            raise RequestValidationError([{**problem, "loc": ("query", *problem["loc"])} for problem in error.errors()]) from error

    read.query_model = model  # type: ignore[attr-defined]  # read by `_names`
    return Depends(read)


def described(model: type[BaseModel]) -> dict[str, Any]:
    """What OpenAPI says of the query that `of_query` reads, for a route's `openapi_extra`."""
    schema = model.model_json_schema()
    fields = _inlined(schema["properties"], schema.get("$defs", {}))
    return {"parameters": [{"name": name, "in": "query", "required": False, "schema": shape} for name, shape in fields.items()]}


def _inlined(shape: Any, shapes: dict[str, Any]) -> Any:
    """The schema with what it refers to in its place: the query's models are in no list of OpenAPI's."""
    if isinstance(shape, list):
        return [_inlined(one, shapes) for one in shape]
    if not isinstance(shape, dict):
        return shape
    if "$ref" in shape:
        return _inlined(shapes[shape["$ref"].rpartition("/")[2]], shapes)
    return {name: _inlined(inner, shapes) for name, inner in shape.items()}


def body_of(model: type[M], body: Any) -> M:
    """The body as `model`, where the query says which model it has; raises what a wrong body of any route raises."""
    try:
        return model.model_validate(body or {})
    except ValidationError as error:
        raise RequestValidationError([{**problem, "loc": ("body", *problem["loc"])} for problem in error.errors()]) from error


class ShownAs:
    """Says in OpenAPI what a body is whose model depends on the query; it is read by `body_of`."""

    def __init__(self, shape: Any) -> None:
        self._shape = shape

    def __get_pydantic_json_schema__(self, _: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        return handler(TypeAdapter(self._shape).core_schema)
