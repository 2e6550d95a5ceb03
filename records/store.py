"""Named SQL on a pool or a connection, and the one place where PostgreSQL's errors become ours."""

import asyncio
import contextlib
import functools
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import aiosql
import asyncpg

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
def translated() -> Iterator[None]:
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
