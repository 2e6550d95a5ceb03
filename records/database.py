"""The connection pool and transactions: the door to all stores."""

import contextlib
import functools
from collections.abc import AsyncIterator

import asyncpg
import pydantic_core

from records.admission import AdmissionStore
from records.apps import AppStore
from records.autoscaling import AutoscalingStore
from records.builds import BuildStore
from records.configs import ConfigStore
from records.controls import ControlStore
from records.documents import DocumentStore
from records.live import LiveStore
from records.operations import OperationStore
from records.people import PeopleStore
from records.projects import ProjectStore
from records.sealing import Seal
from records.seats import SeatStore
from records.shells import ShellStore
from records.sources import SourceStore
from records.stacks import StackStore
from records.store import Executor, connected, translated
from records.suspensions import SuspensionStore
from records.templates import TemplateStore


class Records:
    """All stores on one executor, a pool or one connection in a transaction."""

    def __init__(self, executor: Executor, seal: Seal) -> None:
        self._executor = executor
        self._seal = seal

    @functools.cached_property
    def apps(self) -> AppStore:
        """Apps and their revisions."""
        return AppStore(self._executor)

    @functools.cached_property
    def autoscaling(self) -> AutoscalingStore:
        """Autoscaling policies and what the loop remembers."""
        return AutoscalingStore(self._executor)

    @functools.cached_property
    def operations(self) -> OperationStore:
        """Operations, steps, events, locks and idempotency keys."""
        return OperationStore(self._executor)

    @functools.cached_property
    def admission(self) -> AdmissionStore:
        """Which operations run at once, and who waits for a place."""
        return AdmissionStore(self._executor)

    @functools.cached_property
    def suspensions(self) -> SuspensionStore:
        """Steps that wait without an activity."""
        return SuspensionStore(self._executor)

    @functools.cached_property
    def live(self) -> LiveStore:
        """How many operations have not ended."""
        return LiveStore(self._executor)

    @functools.cached_property
    def controls(self) -> ControlStore:
        """What was asked of running operations, and the pauses that hold."""
        return ControlStore(self._executor)

    @functools.cached_property
    def people(self) -> PeopleStore:
        """Users and tokens."""
        return PeopleStore(self._executor)

    @functools.cached_property
    def projects(self) -> ProjectStore:
        """Projects and members."""
        return ProjectStore(self._executor)

    @functools.cached_property
    def builds(self) -> BuildStore:
        """Build projects and their builds' logs."""
        return BuildStore(self._executor)

    @functools.cached_property
    def sources(self) -> SourceStore:
        """Archives of directories that are built as they were sent."""
        return SourceStore(self._executor)

    @functools.cached_property
    def stacks(self) -> StackStore:
        """Stacks and which apps they became."""
        return StackStore(self._executor, self._seal)

    @functools.cached_property
    def shells(self) -> ShellStore:
        """Web shells: who had one, and how it ended."""
        return ShellStore(self._executor)

    @functools.cached_property
    def seats(self) -> SeatStore:
        """What is open in the processes of the API."""
        return SeatStore(self._executor)

    @functools.cached_property
    def configs(self) -> ConfigStore:
        """Configuration groups, their versions and sealed contents."""
        return ConfigStore(self._executor, self._seal)

    @functools.cached_property
    def templates(self) -> TemplateStore:
        """Templates and their versions."""
        return TemplateStore(self._executor, self._seal)

    @functools.cached_property
    def documents(self) -> DocumentStore:
        """What concerns the documents of templates and stacks alike."""
        return DocumentStore(self._executor, self._seal)

    @contextlib.asynccontextmanager
    async def transaction(self) -> AsyncIterator["Records"]:
        """All or nothing: the records yielded write in one transaction."""
        async with connected(self._executor) as connection, connection.transaction():
            yield Records(connection, self._seal)

    async def ping(self) -> None:
        """Return if the database answers, else raise PlatformUnavailable."""
        async with connected(self._executor) as connection:
            await connection.fetchval("SELECT 1", timeout=2)

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


async def _nothing_to_reset(_: asyncpg.Connection) -> None:
    """No session state is ever set on a pooled connection, so a return to the pool costs no round trip."""


async def connect(url: str, *, size: int = 20, seal: Seal | None = None, lazy: bool = False) -> Records:
    """Open a pool of up to `size` connections; it reconnects by itself after PostgreSQL was away.

    Without a seal the contents of configuration groups can be neither written nor read. A lazy pool opens none before it is used.
    """
    least = 0 if lazy else 1
    with translated():
        pool = await asyncpg.create_pool(
            url, min_size=least, max_size=size, init=_prepare, reset=_nothing_to_reset, command_timeout=10, timeout=5
        )
    return Records(pool, seal or Seal())
