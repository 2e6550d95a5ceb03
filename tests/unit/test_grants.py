"""The task that judges what is open does not die of anything it meets (faults 12, 29)."""

import asyncio
from collections.abc import Collection
from typing import Any

import pytest

from api import grants
from model.access import Actor
from model.errors import InternalError, PlatformUnavailable, Unauthenticated


class People:
    """Fails as told, else knows the tokens in `valid`."""

    def __init__(self) -> None:
        self.failure: Exception | None = None
        self.valid = {b"a", b"b"}

    async def actors(self, hashes: Collection[bytes]) -> dict[bytes, Actor]:
        if self.failure:
            raise self.failure
        return {token: Actor(name="zoe") for token in hashes if token in self.valid}


@pytest.fixture
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(grants, "_BETWEEN", 0.01)


def fine(_: Actor) -> None:
    return None


@pytest.mark.usefixtures("_quick")
@pytest.mark.parametrize("failure", [RuntimeError("a bug"), KeyError("name"), PlatformUnavailable("away")])
async def test_it_judges_on_after_any_failure(failure: Exception, monkeypatch: pytest.MonkeyPatch) -> None:
    people: Any = People()
    async with grants.opened(people) as held:
        with held.held(b"a", fine) as grant:
            people.failure = failure
            await asyncio.sleep(0.05)
            people.failure = None
            people.valid = set()
            await asyncio.wait_for(grant.lost.wait(), 2)
            assert isinstance(grant.error, Unauthenticated)


@pytest.mark.usefixtures("_quick")
async def test_what_cannot_be_judged_for_long_ends_whatever_the_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(grants, "_LONGEST_UNSURE", 0.1)
    people: Any = People()
    people.failure = RuntimeError("a bug")
    async with grants.opened(people) as held:
        with held.held(b"a", fine) as grant:
            await asyncio.wait_for(grant.lost.wait(), 2)
            assert isinstance(grant.error, PlatformUnavailable)


@pytest.mark.usefixtures("_quick")
async def test_a_judge_that_fails_ends_its_own_grant_only() -> None:
    def broken(_: Actor) -> None:
        raise KeyError("project")

    people: Any = People()
    async with grants.opened(people) as held:
        with held.held(b"a", broken) as one, held.held(b"b", fine) as other:
            await asyncio.wait_for(one.lost.wait(), 2)
            assert isinstance(one.error, InternalError)
            assert not other.lost.is_set()
            people.valid = set()
            await asyncio.wait_for(other.lost.wait(), 2)
