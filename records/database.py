"""The connection pool, transactions, and the one place where PostgreSQL's errors become ours."""

import asyncio
import contextlib
import functools
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import aiosql
import asyncpg
import pydantic_core

from model.errors import PlatformUnavailable

Row = asyncpg.Record
Executor = Any  # an asyncpg Pool or Connection: asyncpg's two classes share these methods but no base class

_UNAVAILABLE = (
    asyncpg.PostgresConnectionError,
    asyncpg.InsufficientResourcesError,
    asyncpg.OperatorInterventionError,
    asyncpg.InterfaceError,
    asyncpg.ReadOnlySQLTransactionError,
    ConnectionError,
    OSError,
    asyncio.TimeoutError,
)
_MESSAGE = "The platform's database does not answer."


@contextlib.contextmanager
def translated() -> Any:
    """Turn an unreachable, full or restarting PostgreSQL into PlatformUnavailable; SQL mistakes stay what they are."""
    try:
        yield
    except _UNAVAILABLE as error:
        raise PlatformUnavailable(_MESSAGE) from error


@functools.cache
def _queries(name: str) -> Any:
    return aiosql.from_path(Path(__file__).parent / "sql" / f"{name}.sql", "asyncpg", mandatory_parameters=False)


class Store:
    """Named SQL of one file, on a pool or on one connection; subclasses say what the rows mean."""

    sql: str

    def __init__(self, executor: Executor) -> None:
        self._executor = executor

    async def _call(self, query: str, **params: Any) -> Any:
        """Run one named query: a row or None for `^`, a value for `$`, a status for `!`."""
        with translated():
            return await getattr(_queries(self.sql), query)(self._executor, **params)

    async def _rows(self, query: str, **params: Any) -> list[Row]:
        """Run one named query that returns many rows."""
        with translated():
            return [row async for row in getattr(_queries(self.sql), query)(self._executor, **params)]


class Records:
    """All stores on one executor. Stores import this module, so they are reached lazily."""

    def __init__(self, executor: Executor) -> None:
        self._executor = executor

    @functools.cached_property
    def operations(self) -> "OperationStore":
        """Operations, steps, events, locks and idempotency keys."""
        return OperationStore(self._executor)

    @functools.cached_property
    def people(self) -> "PeopleStore":
        """Users and tokens."""
        return PeopleStore(self._executor)

    @functools.cached_property
    def projects(self) -> "ProjectStore":
        """Projects and members."""
        return ProjectStore(self._executor)

    @contextlib.asynccontextmanager
    async def transaction(self) -> AsyncIterator["Records"]:
        """All or nothing: the records yielded write in one transaction."""
        with translated():
            async with self._executor.acquire(timeout=5) as connection, connection.transaction():
                yield Records(connection)

    async def ping(self) -> None:
        """Return if the database answers, else raise PlatformUnavailable."""
        with translated():
            await self._executor.fetchval("SELECT 1", timeout=2)

    async def close(self) -> None:
        """Close the pool."""
        await self._executor.close()


async def _prepare(connection: asyncpg.Connection) -> None:
    await connection.set_type_codec(
        "jsonb",
        schema="pg_catalog",
        encoder=lambda value: pydantic_core.to_json(value).decode(),
        decoder=pydantic_core.from_json,
    )


async def connect(url: str, *, size: int = 20) -> Records:
    """Open a pool of up to `size` connections; it reconnects by itself after PostgreSQL was away."""
    with translated():
        pool = await asyncpg.create_pool(url, min_size=1, max_size=size, init=_prepare, command_timeout=30, timeout=5)
    return Records(pool)


async def listen(url: str, channel: str, hear: Callable[[str], None], lost: asyncio.Event) -> asyncpg.Connection:
    """Hold one LISTEN connection; `hear` gets each payload, `lost` is set when the connection ends."""
    with translated():
        connection = await asyncpg.connect(url, timeout=5)
        connection.add_termination_listener(lambda _: lost.set())
        await connection.add_listener(channel, lambda _c, _pid, _channel, payload: hear(payload))
    return connection


from records.operations import OperationStore  # noqa: E402  (stores need Store from above)
from records.people import PeopleStore  # noqa: E402
from records.projects import ProjectStore  # noqa: E402
