"""What goes on after its request was judged has a seat and is held by a grant: a test over all routes that stream."""

import inspect
from collections.abc import Iterator
from typing import Any

import pytest
from fastapi import APIRouter, Depends
from fastapi.dependencies.models import Dependant
from fastapi.responses import StreamingResponse
from fastapi.routing import APIRoute, APIWebSocketRoute

from api.holding import holding
from model.seats import SeatKind
from tests.unit.test_rules import routes

_WORDS = ("StreamingResponse", "EventSourceResponse", "FileResponse")


def streams(route: APIRoute | APIWebSocketRoute) -> bool:
    """Whether the reply may go on for as long as it likes."""
    if isinstance(route, APIWebSocketRoute) or inspect.isasyncgenfunction(route.endpoint):
        return True
    by_class = inspect.isclass(route.response_class) and issubclass(route.response_class, StreamingResponse)
    return by_class or any(word in inspect.getsource(route.endpoint) for word in _WORDS)


def held_as(dependant: Dependant) -> SeatKind | None:
    """What the route keeps open, as the dependency says that keeps it."""
    own = [getattr(one.call, "keeps_open", None) or held_as(one) for one in dependant.dependencies]
    return next(filter(None, own), None)


def unheld(found: Iterator[Any]) -> list[str]:
    return [route.path for route in found if streams(route) and not held_as(route.dependant)]


def test_every_route_that_streams_has_a_seat_and_is_held_by_a_grant() -> None:
    assert not unheld(iter(routes()))
    kept = {route.path.rpartition("/")[2] + " " + held_as(route.dependant) for route in routes() if held_as(route.dependant)}
    assert kept == {"events events", "logs build-logs", "logs logs", "shell shells", "sources uploads"}


def test_what_says_that_it_keeps_something_open_does() -> None:
    calls = {one.call for route in routes() for one in route.dependant.dependencies if hasattr(one.call, "keeps_open")}
    for call in calls:
        assert f"kept_open(services, SeatKind.{call.keeps_open.name}," in inspect.getsource(call)


@pytest.mark.parametrize("kind", ["class", "generator", "body", "socket"])
def test_one_that_is_not_is_found(kind: str) -> None:
    router = APIRouter()

    async def generator() -> Any:
        yield 1

    async def by_body() -> Any:
        return StreamingResponse(generator())

    async def plain() -> Any:
        return 1

    @holding(SeatKind.EVENTS)
    async def held() -> Any:
        yield 1

    def add(**more: Any) -> APIRoute | APIWebSocketRoute:
        if kind == "socket":
            router.add_api_websocket_route("/x", plain, **more)
        else:
            endpoint = {"class": plain, "generator": generator, "body": by_body}[kind]
            shape = {"response_class": StreamingResponse} if kind == "class" else {}
            router.add_api_route("/x", endpoint, **shape, **more)
        return router.routes[-1]  # type: ignore[return-value]

    assert unheld(iter([add()])) == ["/x"]
    assert unheld(iter([add(dependencies=[Depends(held)])])) == []
