"""Who is refused one more operation, and what the metrics tell of those that are live."""

import asyncio
import math
from types import SimpleNamespace
from typing import Any

import pytest
from prometheus_client import REGISTRY

from api import live_bounds
from api.live_bounds import check_live, tell_live
from api.recent import Recent
from model.access import Actor
from model.errors import PlatformUnavailable, TooManyLive
from records.live import Live

SETTINGS: Any = SimpleNamespace(mooring_live_per_project=10, mooring_live_per_person=5)
ZOE, ADMIN = Actor(name="zoe"), Actor(name="ann", admin=True)


class Counts:
    """So many are live; asked for no more than the bounds."""

    def __init__(
        self, of_project: int = 0, of_person: int = 0, by_status: dict[str, int] | None = None, *, hangs: bool = False
    ) -> None:
        self._live = Live(of_project, of_person)
        self._by_status = by_status
        self._hangs = hangs
        self.live = self

    async def count(self, project_id: str, person: str, *, project_most: int, person_most: int) -> Live:
        assert (project_id, project_most, person_most) == ("p1", 10, 5)
        return self._live

    async def by_status(self) -> dict[str, int]:
        if self._hangs:
            await asyncio.Event().wait()
        if self._by_status is None:
            raise PlatformUnavailable("away")
        return self._by_status


async def checked(actor: Actor, of_project: int, of_person: int) -> TooManyLive | None:
    tx: Any = Counts(of_project, of_person)
    try:
        await check_live(SETTINGS, tx, actor, "shop", "p1")
    except TooManyLive as refused:
        return refused
    return None


@pytest.mark.parametrize(
    ("actor", "of_project", "of_person", "words"),
    [
        (ZOE, 9, 4, ""),
        (ZOE, 10, 0, "The project 'shop' has as many operations that have not ended as one project may: 10."),
        (ZOE, 0, 5, "'zoe' has as many operations that have not ended as one person may: 5."),
        (ADMIN, 9, 5, ""),
        (ADMIN, 10, 5, "The project 'shop' has"),
    ],
)
async def test_a_bound_holds_for_whom_it_is_meant(actor: Actor, of_project: int, of_person: int, words: str) -> None:
    refused = await checked(actor, of_project, of_person)
    assert bool(refused) == bool(words)
    assert words in (refused.message if refused else "")


async def test_a_refusal_says_where_to_look_and_what_is_accepted() -> None:
    of_project, of_person = await checked(ZOE, 10, 0), await checked(ZOE, 0, 5)
    assert of_project
    assert of_person
    assert "GET /v2/operations?project=shop." in of_project.hint
    assert "GET /v2/operations?actor=zoe." in of_person.hint
    assert "Deletes, kills, cancels, rollbacks and retries" in of_project.hint


@pytest.mark.parametrize("hangs", [False, True])
async def test_the_metrics_tell_what_is_live_or_that_it_is_not_known(hangs: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    def told(status: str) -> float | None:
        return REGISTRY.get_sample_value("mooring_operations_live", {"status": status})

    services: Any = SimpleNamespace(records=Counts(by_status={"RUNNING": 3, "WAITING": 2}), live=Recent(0))
    await tell_live(services)
    assert (told("RUNNING"), told("WAITING"), told("PAUSED"), told("SUCCEEDED")) == (3, 2, 0, None)
    monkeypatch.setattr(live_bounds, "_PATIENCE", 0.01)
    services = SimpleNamespace(records=Counts(hangs=hangs), live=Recent(0))
    await tell_live(services)
    assert math.isnan(told("RUNNING") or 0)
