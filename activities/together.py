"""Doing several things side by side, so that nothing goes on behind an error."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Iterable
from typing import Any, TypeVar

T = TypeVar("T")


async def together(work: Iterable[Coroutine[Any, Any, None]]) -> None:
    """Do all side by side; the first that fails ends the others, and is raised when they have ended."""
    tasks = [asyncio.create_task(one) for one in work]
    try:
        await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def side_by_side(change: Callable[[T], Awaitable[None]], things: Iterable[T], at_once: int = 20) -> None:
    """Change all things, `at_once` at a time; the first that fails ends the others, and is raised when they have ended."""
    places = asyncio.Semaphore(at_once)

    async def in_turn(thing: T) -> None:
        async with places:
            await change(thing)

    await together(in_turn(thing) for thing in things)
