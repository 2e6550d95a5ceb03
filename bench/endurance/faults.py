"""Parts of the platform that fail in the middle of a load: killed, frozen, restarted. The supervisor starts them again."""

import asyncio
import os
import signal
from collections.abc import Awaitable, Callable

from bench.endurance.load import processes, say

_FROZEN = 30.0


async def worker_killed() -> None:
    """SIGKILL the worker."""
    say("the worker is killed")
    os.kill((await processes())["worker"], signal.SIGKILL)


async def temporal_frozen() -> None:
    """Let Temporal stand still for half a minute."""
    pid = (await processes())["temporal"]
    say(f"Temporal stands still for {_FROZEN:g} s")
    os.kill(pid, signal.SIGSTOP)
    try:
        await asyncio.sleep(_FROZEN)
    finally:
        os.kill(pid, signal.SIGCONT)
    say("Temporal goes on")


async def postgres_restarted() -> None:
    """Shut PostgreSQL down as an administrator in a hurry does (fast shutdown): its sessions are cut off."""
    say("PostgreSQL is shut down")
    os.kill((await processes())["postgres"], signal.SIGINT)


ALL: tuple[Callable[[], Awaitable[None]], ...] = (worker_killed, temporal_frozen, postgres_restarted)
