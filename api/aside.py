"""Reckoning that takes long goes on beside the event loop, so that whoever else is served meanwhile feels nothing of it."""

import asyncio
import functools
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")
# Threads of their own, and few: those that reckon take turns with the event loop, and each more makes its turn come later.
_THREADS = ThreadPoolExecutor(2, thread_name_prefix="aside")


async def aside(reckon: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """What `reckon` makes of the arguments; raises what it raises. It must be pure."""
    return await asyncio.get_running_loop().run_in_executor(_THREADS, functools.partial(reckon, *args, **kwargs))
