"""Named SQL on a pool or a connection, and the one place where PostgreSQL's errors become ours."""

import asyncio
import contextlib
import functools
import re
from collections.abc import AsyncIterator, Iterator, Sequence
from pathlib import Path
from typing import Any

import aiosql
import asyncpg
from aiosql.adapters.asyncpg import AsyncPGAdapter

from model.errors import PlatformUnavailable

Row = asyncpg.Record
# What PostgreSQL's text cannot hold: NUL, and half of a surrogate pair. Programs write such bytes into their logs.
_UNSTORABLE = re.compile("[\0\ud800-\udfff]")
Executor = Any  # an asyncpg Pool or Connection: asyncpg's two classes share these methods but no base class

MOST_COUNTED = 1000
"""As far as is counted of what grows for ever: more are told as more."""

_UNAVAILABLE = (
    asyncpg.PostgresConnectionError,
    asyncpg.InsufficientResourcesError,
    asyncpg.OperatorInterventionError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,  # what asyncpg raises between a session's last message and the end of its socket
    asyncpg.ReadOnlySQLTransactionError,
    asyncpg.TransactionRollbackError,
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


@contextlib.asynccontextmanager
async def connected(executor: Executor) -> AsyncIterator[Any]:
    """A connection of the pool, or the connection itself; raises PlatformUnavailable where none is free within 5 s.

    The bound holds for giving it back too: after a statement timed out, asyncpg waits there for its cancellation.
    """
    with translated():
        if isinstance(executor, asyncpg.Pool):
            async with executor.acquire(timeout=5) as connection:
                try:
                    yield connection
                except asyncpg.InternalClientError:
                    connection.terminate()  # asyncpg holds it for open; the pool must not give it out again
                    raise
        else:
            yield executor


class _OnConnection(AsyncPGAdapter):
    """The library's adapter for a connection that is had already: its own looks through the object for a pool at each query."""

    async def select(self, conn: Any, query_name: str, sql: str, parameters: Any, record_class: None = None) -> AsyncIterator[Row]:
        for row in await conn.fetch(sql, *self._ordered(query_name, parameters)):
            yield row

    async def select_one(self, conn: Any, query_name: str, sql: str, parameters: Any, record_class: None = None) -> Row | None:
        row: Row | None = await conn.fetchrow(sql, *self._ordered(query_name, parameters))
        return row

    async def select_value(self, conn: Any, query_name: str, sql: str, parameters: Any) -> Any:
        return await conn.fetchval(sql, *self._ordered(query_name, parameters))

    async def insert_update_delete(self, conn: Any, query_name: str, sql: str, parameters: Any) -> Any:
        return await conn.execute(sql, *self._ordered(query_name, parameters))

    def _ordered(self, query_name: str, parameters: Any) -> list[Any]:
        found: list[Any] = self.maybe_order_params(query_name, parameters)  # type: ignore[no-untyped-call]
        return found


@functools.cache
def _queries(name: str) -> Any:
    adapter: Any = _OnConnection  # the library's protocol for adapters says more than its own adapter does
    return aiosql.from_path(Path(__file__).parent / "sql" / f"{name}.sql", adapter, mandatory_parameters=False)


def storable(value: Any) -> Any:
    """The value with U+FFFD in the place of characters that no column can hold, in dicts and lists too.

    >>> storable({"text": ["a\\0b"]})
    {'text': ['a\ufffdb']}
    """
    if isinstance(value, str):
        return _UNSTORABLE.sub("\ufffd", value) if _UNSTORABLE.search(value) else value
    if isinstance(value, dict):
        return {storable(key): storable(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [storable(item) for item in value]
    return value


class Store:
    """Named SQL of one file, on a pool or on one connection; subclasses say what the rows mean."""

    sql: str

    def __init__(self, executor: Executor) -> None:
        self._executor = executor

    async def _call(self, query: str, **params: Any) -> Any:
        """Run one named query: a row or None for `^`, a value for `$`, a status for `!`."""
        async with connected(self._executor) as connection:
            return await getattr(_queries(self.sql), query)(connection, **storable(params))

    async def _rows(self, query: str, **params: Any) -> list[Row]:
        """Run one named query that returns many rows."""
        async with connected(self._executor) as connection:
            return [row async for row in getattr(_queries(self.sql), query)(connection, **storable(params))]

    async def _count(self, query: str, **params: Any) -> int:
        """What a `$` query counts, whose `:bound` keeps it from counting further than one beyond MOST_COUNTED."""
        counted: int = await self._call(query, bound=MOST_COUNTED + 1, **params)
        return counted

    async def _fetch(self, query: str, params: Sequence[Any], *, planned_anew: bool = False) -> list[Row]:
        """Run a query that was put together for what is asked, with $1, $2 … for `params`.

        Planned anew it is for these values; else PostgreSQL may keep to one plan for whatever values.
        """
        async with connected(self._executor) as connection:
            if planned_anew:  # a statement without a name is kept neither by the client nor by the server
                statement = await connection.prepare(query, name="")
                rows: list[Row] = await statement.fetch(*storable(params))
            else:
                rows = await connection.fetch(query, *storable(params))
            return rows
