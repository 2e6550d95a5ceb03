"""What a running step says of itself; the worker's interceptor listens (worker/interceptors.py)."""

from collections.abc import Awaitable, Callable
from contextvars import ContextVar
from dataclasses import dataclass


@dataclass
class Teller:
    """What the interceptor keeps for one try of a step: where messages go, and whether the work was found done."""

    write: Callable[[str], Awaitable[None]]
    message: str = ""
    unchanged: bool = False


teller: ContextVar[Teller | None] = ContextVar("teller", default=None)


async def tell(message: str) -> None:
    """Say how far the step is, in words for the record; shown at once, repeated words are not written again."""
    listening = teller.get()
    if listening and message != listening.message:
        listening.message = message
        await listening.write(message)


def unchanged(message: str = "found as it should be") -> None:
    """Say that the step found its work done and changed nothing."""
    listening = teller.get()
    if listening:
        listening.unchanged = True
        listening.message = message
