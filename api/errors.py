"""Every failure leaves the API in one shape: Code, Message, Reason, and problems where fields are named."""

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError, WebSocketRequestValidationError
from fastapi.responses import Response
from starlette.exceptions import HTTPException

from api.headers import PRIVATE
from api.no_route import no_route
from model.base import OfField
from model.errors import InternalError, Invalid, MooringError, Problem, Unauthenticated
from model.names import as_told
from model.rule_words import in_words

log = structlog.get_logger()
_TOLD = 5  # problems that the message itself names
_MOST = 100  # errors that are told at all


def install(app: FastAPI) -> None:
    """Answer our errors, FastAPI's validation errors, routing errors and bugs in that shape; a WebSocket's before its upgrade."""
    app.add_exception_handler(MooringError, _ours)
    app.add_exception_handler(RequestValidationError, _validation)
    app.add_exception_handler(WebSocketRequestValidationError, _validation)
    app.add_exception_handler(HTTPException, _routing)
    app.add_exception_handler(Exception, _bug)


def refusal(error: MooringError) -> Response:
    """The response that tells this error."""
    headers = {"WWW-Authenticate": "Bearer"} if isinstance(error, Unauthenticated) else {}
    headers |= {"Retry-After": str(error.retry_after)} if error.retry_after else {}
    return _refused(error, error.status, headers)


def _refused(error: MooringError, status: int, headers: Mapping[str, str] | None) -> Response:
    # What is echoed may be no text at all (half of a surrogate pair): it must not make the refusal fail.
    content = json.dumps(error.as_reply(), ensure_ascii=False).encode(errors="replace")
    return Response(content, status_code=status, headers=headers, media_type="application/json")


async def _ours(_: Request, error: Exception) -> Response:
    assert isinstance(error, MooringError)
    return refusal(error)


async def _validation(_: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError | WebSocketRequestValidationError)
    found = error.errors()
    problems = problems_of(found[:_MOST])
    named = "; ".join(f"{p.field}: {p.message}" for p in problems[:_TOLD])
    more = f"; {len(problems) - _TOLD} more are under problems" if len(problems) > _TOLD else ""
    more += ", and others after these" if len(found) > _MOST else ""
    return refusal(Invalid(f"{named}{more}.", problems=problems))


def problems_of(errors: Sequence[Mapping[str, Any]]) -> list[Problem]:
    """What is wrong, one problem a field: of a field that may be of several types, what is wrong as the type that was given."""
    by_field: dict[str, list[Mapping[str, Any]]] = {}
    for error in errors:
        by_field.setdefault(_field(error), []).append(error)
    return [Problem(field=field, message=_rule_of_all(found)) for field, found in by_field.items()]


def _rule_of_all(errors: Sequence[Mapping[str, Any]]) -> str:
    meant = [error for error in errors if not _OTHER_TYPE.search(error["type"])] or errors
    return "; or ".join(dict.fromkeys(_rule(error) for error in meant))


# Pydantic's names for the alternatives of a field, and its errors about a value of another type than an alternative's.
_ALTERNATIVE = re.compile(r"(int|str|float|bool|none|constrained-\w+|(list|dict|tuple|union|function-\w+)\[.*)")
_OTHER_TYPE = re.compile(r"_type$|_parsing$")


def _field(error: Mapping[str, Any]) -> str:
    if error["type"] == "json_invalid":
        return "body"
    place = [as_told(str(part)) for part in error["loc"] if not _ALTERNATIVE.fullmatch(str(part))]
    cause = error.get("ctx", {}).get("error")
    place += [cause.field] if isinstance(cause, OfField) else []
    return ".".join(place[1:] if place[0] in ("body", "query", "path", "header") and len(place) > 1 else place)


def _rule(error: Mapping[str, Any]) -> str:
    cause = error.get("ctx", {}).get("error")
    if isinstance(cause, OfField):
        return cause.rule
    if error["type"] == "json_invalid":
        return f"is not JSON from character {error['loc'][-1]} on: {error['ctx']['error']}"
    if error["type"] == "model_attributes_type" and len(error["loc"]) == 1:
        return "must be a JSON object, sent with the header 'Content-Type: application/json'"
    return in_words(error)


async def _routing(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    if error.status_code == 400:
        # FastAPI's word for a body that Python's JSON reader gives up on.
        rule = "cannot be read as JSON: nested too deeply, a number too long, or not text"
        return refusal(Invalid(f"body: {rule}.", problems=[Problem(field="body", message=rule)]))
    found, headers = no_route(request.method, request.url.path, request.app.openapi()["paths"])
    return _refused(found, error.status_code, headers)


async def _bug(request: Request, error: Exception) -> Response:
    log.error("request failed unexpectedly", path=request.url.path, error=type(error).__name__, exc_info=error)
    told = refusal(InternalError(f"The platform's own code failed: {type(error).__name__}."))
    told.headers.update(PRIVATE)  # it is answered outside of all middleware
    return told
