"""Query parameters that routes have in common."""

from datetime import UTC, datetime
from typing import Annotated, Any, TypeVar

from fastapi import Query
from fastapi.exceptions import RequestValidationError
from pydantic import AfterValidator, BaseModel, GetJsonSchemaHandler, TypeAdapter, ValidationError
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema

M = TypeVar("M", bound=BaseModel)
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
AppId = Annotated[str | None, Query(pattern=r"^[0-9a-f]{64}$", description="One life of the app; by default the live one")]


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
