"""Connections beside the pool, which stand for as long as the process lives, and are opened anew whenever they were lost."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable

import asyncpg
import structlog

from model.errors import PlatformUnavailable
from records.store import translated

log = structlog.get_logger()
PRESENCE = 7_060_002  # any number, the same for every process of the platform
_ASKED_EVERY = 10.0
_AGAIN = 0.5  # seconds until an unreachable database is asked again
# A machine that went without a word is noticed within half a minute, not after the hours that TCP takes by itself: by PostgreSQL
# with these, by us with a question now and then.
_KEEPALIVE = {"tcp_keepalives_idle": "10", "tcp_keepalives_interval": "5", "tcp_keepalives_count": "3"}


async def for_ever(work: Callable[[], Awaitable[None]], failed: str) -> None:
    """Do the work again whenever it has ended, and a moment after it failed; the log tells `failed` of what is a fault of ours.

    Such a fault must not end the task that this is: what it does would be done no more, and nobody would see why.
    """
    while True:
        try:
            await work()
        except PlatformUnavailable:
            await asyncio.sleep(_AGAIN)
        except Exception:
            log.exception(failed)
            await asyncio.sleep(_AGAIN)


async def listen(url: str, channel: str, hear: Callable[[str], None], begun: Callable[[], None]) -> None:
    """Hear the channel for ever: `hear` gets each payload; `begun` is called whenever one may have been missed before."""

    async def until_lost() -> None:
        async with _standing(url) as (connection, lost):
            with translated():
                await connection.add_listener(channel, lambda _c, _pid, _channel, payload: hear(payload))
            begun()
            await lost.wait()
            log.warning("the database's notifications were lost; connecting again", channel=channel)

    await for_ever(until_lost, f"the channel {channel!r} cannot be listened to")


@contextlib.asynccontextmanager
async def present(url: str, process: int) -> AsyncIterator[asyncio.Event]:
    """Show for the time of the block that the process of that number lives, by a lock that is given back when its connection ends.

    What is yielded is set when that happens before. Raises PlatformUnavailable.
    """
    async with _standing(url) as (connection, lost):
        with translated():
            await connection.execute("SELECT pg_advisory_lock($1, $2)", PRESENCE, process)
        yield lost


@contextlib.asynccontextmanager
async def _standing(url: str) -> AsyncIterator[tuple[asyncpg.Connection, asyncio.Event]]:
    """A connection, and what is set when it ends before the block does."""
    lost = asyncio.Event()
    with translated():
        connection = await asyncpg.connect(url, timeout=5, command_timeout=10, server_settings=_KEEPALIVE)
    connection.add_termination_listener(lambda _: lost.set())
    asking = asyncio.create_task(_ask(connection, lost))
    try:
        yield connection, lost
    finally:
        asking.cancel()
        connection.terminate()


async def _ask(connection: asyncpg.Connection, lost: asyncio.Event) -> None:
    """See now and then whether the database still answers; `lost` is set where it does not."""
    while True:
        await asyncio.sleep(_ASKED_EVERY)
        try:
            await connection.execute("SELECT 1")
        except (TimeoutError, OSError, asyncpg.PostgresError, asyncpg.InterfaceError):
            lost.set()
            return
