"""Sending a source: the right to it is held until it is kept, and its check takes no thread of others (targets S13)."""

import asyncio
import threading
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest.mock import AsyncMock

import pytest
from fastapi import Response

from api.grants import Grant
from api.routes import sources
from clients import archives
from model.access import Actor
from model.errors import Forbidden, NotFound, Unauthenticated
from model.seats import SeatKind
from tests.unit.test_held_streams import held_as
from tests.unit.test_rules import routes
from tests.unit.test_sources import archive, entry


class Platform:
    """What the route uses: a project, whose id may change before it is locked, and what is kept of it."""

    def __init__(self, state: Path) -> None:
        self.tx = SimpleNamespace(projects=AsyncMock(), sources=AsyncMock())
        self.tx.projects.hold.return_value = SimpleNamespace(id="p1")
        kept = SimpleNamespace(model_dump=lambda **_: {}, kept_until=None)
        self.tx.sources.keep.return_value = (kept, True)
        projects = AsyncMock()
        projects.get.return_value = SimpleNamespace(id="p1")
        self.records = SimpleNamespace(projects=projects, transaction=self._transaction)
        self.settings = SimpleNamespace(mooring_state=state, mooring_source_mib=1)

    @asynccontextmanager
    async def _transaction(self) -> AsyncIterator[Any]:
        yield self.tx


async def whole() -> AsyncGenerator[bytes, None]:
    yield archive(entry("a", b"x")).getvalue()


async def send(platform: Platform, grant: Grant, body: AsyncGenerator[bytes, None]) -> dict[str, Any]:
    services: Any = platform
    caller: Any = SimpleNamespace(actor=Actor(name="zoe"), request=SimpleNamespace(stream=lambda: body))
    return await asyncio.wait_for(sources.send_source(services, caller, grant, "shop", Response()), 10)


def granted() -> Grant:
    return Grant(b"token", lambda _: None)


async def test_a_source_is_kept_of_the_project_it_was_sent_to(tmp_path: Path) -> None:
    platform = Platform(tmp_path)
    await send(platform, granted(), whole())
    assert platform.tx.sources.keep.call_args.args[0] == "p1"


async def test_who_loses_the_right_while_sending_keeps_nothing_and_need_not_finish(tmp_path: Path) -> None:
    platform, grant = Platform(tmp_path), granted()

    async def without_end() -> AsyncGenerator[bytes, None]:
        yield b"the beginning"
        grant.take(Unauthenticated("Your token was revoked, or has expired."))
        await asyncio.Event().wait()

    with pytest.raises(Unauthenticated):
        await send(platform, grant, without_end())
    platform.tx.sources.keep.assert_not_called()


async def test_who_loses_the_right_during_the_check_keeps_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    platform, grant = Platform(tmp_path), granted()
    names = []

    def check(_: Any) -> None:
        names.append(threading.current_thread().name)
        grant.take(Forbidden("no more"))

    monkeypatch.setattr(archives, "check", check)
    with pytest.raises(Forbidden):
        await send(platform, grant, whole())
    platform.tx.sources.keep.assert_not_called()
    assert names[0].startswith("archives")  # a pool of its own, not the one that everything else shares


async def test_a_project_made_anew_while_the_source_arrives_does_not_get_it(tmp_path: Path) -> None:
    platform = Platform(tmp_path)
    platform.tx.projects.hold.return_value = SimpleNamespace(id="p2")
    with pytest.raises(NotFound, match="created anew"):
        await send(platform, granted(), whole())
    platform.tx.sources.keep.assert_not_called()


def test_sending_has_a_seat_and_is_held_by_a_grant() -> None:
    [route] = [route for route in routes() if route.path.endswith("/{project}/sources")]
    assert held_as(route.dependant) is SeatKind.UPLOADS
