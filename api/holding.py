"""What goes on after its request was judged: it has a seat, and the right to go on, for as long as it is open."""

import contextlib
from collections.abc import AsyncIterator, Callable
from typing import TypeVar

from api.grants import Grant, Judge
from api.services import Services
from api.sign_in import Signed
from model.seats import SeatKind

D = TypeVar("D", bound=Callable[..., object])


def holding(kind: SeatKind) -> Callable[[D], D]:
    """Mark a route's dependency as one that keeps what the route streams open; read by the test over all routes."""

    def marked(dependency: D) -> D:
        dependency.keeps_open = kind  # type: ignore[attr-defined]
        return dependency

    return marked


@contextlib.asynccontextmanager
async def kept_open(services: Services, kind: SeatKind, signed: Signed, judge: Judge) -> AsyncIterator[Grant]:
    """The right of who asks to keep something of that kind open, for the time of the block; raises TooManyOpen."""
    async with services.seats.taken(kind, signed.actor.name):
        with services.grants.held(signed.token, judge) as grant:
            yield grant
