"""Seats over several processes of the API: no more than there are, and free however what took one ends (fault 36)."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import asyncpg
import httpx
import pytest

from api import seats
from api.seats import Seats
from model.access import Role
from model.errors import TooManyOpen
from model.operations import Outcome, Status, Target
from model.seats import SeatBound, SeatKind
from records import Records, connect
from records.connections import PRESENCE
from tests.accepted import accepted
from tests.instance import TOKEN, Instance
from tests.platform import Platform, eventually, over_network, unique
from tests.processes import Api

KIND = SeatKind.EVENTS
BOUNDS = dict.fromkeys(SeatKind, SeatBound(5, 100))
# Each process of the API under test has so few seats that one is the last.
FEW = {f"MOORING_SEATS_{kind.name}": "1/2" for kind in SeatKind}


@contextlib.asynccontextmanager
async def process(instance: Instance) -> AsyncIterator[Seats]:
    """The seats of one process, with connections of its own."""
    records = await connect(instance.database_url, size=10)
    async with seats.opened(instance.database_url, records.seats, BOUNDS) as found:
        yield found
    await records.close()


async def rows(instance: Instance, person: str) -> int:
    connection = await asyncpg.connect(instance.database_url)
    try:
        return int(await connection.fetchval("SELECT count(*) FROM seats WHERE person = $1", person))
    finally:
        await connection.close()


async def holders(own: list[Seats], person: str, let_go: asyncio.Event) -> list[asyncio.Task[bool]]:
    """Twenty tries in each process at once, which hold what they get; whether they got one."""

    async def hold(one: Seats) -> bool:
        try:
            async with one.taken(KIND, person):
                await let_go.wait()
        except TooManyOpen:
            return False
        return True

    return [asyncio.create_task(hold(one)) for _ in range(20) for one in own]


async def test_all_processes_together_give_a_person_no_more_than_there_are(instance: Instance) -> None:
    person = unique("p")
    async with process(instance) as one, process(instance) as two, process(instance) as three:
        for _ in range(3):
            let_go = asyncio.Event()
            tries = await holders([one, two, three], person, let_go)

            async def decided(tries: list[asyncio.Task[bool]] = tries) -> bool:
                return sum(one.done() for one in tries) == 55

            await eventually(decided, "all but five are refused")
            assert await rows(instance, person) == 5
            let_go.set()
            assert sum(await asyncio.gather(*tries)) == 5

            async def free() -> bool:
                return await rows(instance, person) == 0

            await eventually(free, "what was closed is free")


async def test_who_lost_the_connection_that_shows_its_life_has_its_seats_again(instance: Instance) -> None:
    person, let_go = unique("p"), asyncio.Event()
    async with process(instance) as one, process(instance) as two:
        tries = await holders([one], person, let_go)

        async def taken() -> bool:
            return await rows(instance, person) == 5

        await eventually(taken, "five are open")
        connection = await asyncpg.connect(instance.database_url)
        ended = "SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory' AND classid = $1"
        await connection.fetch(ended, PRESENCE)
        await connection.execute("DELETE FROM seats WHERE person = $1", person)  # as who finds it dead does
        await connection.close()
        await eventually(taken, "its seats are written anew")
        with pytest.raises(TooManyOpen):
            async with two.taken(KIND, person):
                pass
        let_go.set()
        await asyncio.gather(*tries)


@pytest.fixture(scope="module")
async def few(instance: Instance, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Api]:
    """An API with one seat of each kind for a person."""
    found = Api(tmp_path_factory.mktemp("logs") / "few.log", **FEW)
    await found.up()
    yield found
    await found.kill()


@pytest.fixture
async def admin(few: Api) -> AsyncIterator[Platform]:
    found = Platform(over_network(few.url), TOKEN)
    yield found
    await found.http.aclose()


@pytest.fixture
async def person(admin: Platform, records: Records) -> Platform:
    """Somebody who may read the operation of `begun`, with a second token."""
    name = unique("p")
    await admin.ask("POST", "/v2/users", {"name": name}, expect=201)
    token = (await admin.ask("POST", "/v2/tokens", {"user": name, "name": "first"}, expect=201))["token"]
    found = admin.signed_in(token)
    found.name = name  # type: ignore[attr-defined]
    return found


async def begun(records: Records, reader: Any, kind: str = "project.create", target: Target | None = None) -> tuple[str, str]:
    """An operation that nobody carries out, in a project that the person is in; the project's name and the operation's id."""
    project = await records.projects.add(unique("t"), "", "admin")
    await records.projects.set_status(project.name, "ACTIVE")
    await records.projects.put_member(project.id, reader.name, Role.DEVELOPER)
    on = target or Target(kind="project", name=project.name, id=project.id)
    return project.name, await accepted(records, on, project=project.name, project_id=project.id, kind=kind)


@contextlib.asynccontextmanager
async def opened(platform: Platform, path: str) -> AsyncIterator[httpx.Response]:
    async with platform.http.stream("GET", path) as reply:
        yield reply


async def opens(platform: Platform, path: str) -> bool:
    async with opened(platform, path) as reply:
        return reply.status_code == 200


@pytest.mark.parametrize("end", ["the client leaves", "the operation ends", "the right is gone"])
async def test_a_stream_of_events_gives_its_seat_back(admin: Platform, person: Any, records: Records, end: str) -> None:
    project, operation_id = await begun(records, person)
    _, other = await begun(records, person)
    path = f"/v2/operations/{operation_id}/events"
    async with opened(person, path) as reply:
        assert reply.status_code == 200
        refused = await person.http.get(f"/v2/operations/{other}/events")
        assert (refused.status_code, refused.json()["Reason"], refused.json()["Code"]) == (429, "TooManyOpen", 4290)
        assert int(refused.headers["Retry-After"]) > 0
        assert "has as many streams of operations' events open as one person may: 1" in refused.json()["Message"]
        if end == "the operation ends":
            await records.operations.settle(Outcome(operation_id=operation_id, attempt=1, status=Status.SUCCEEDED))
        if end == "the right is gone":
            await admin.ask("DELETE", f"/v2/projects/{project}/members/{person.name}")
        if end != "the client leaves":
            async with asyncio.timeout(20):
                await reply.aread()
    await eventually(lambda: opens(person, f"/v2/operations/{other}/events"), "the seat is free", 20)


async def test_a_build_s_log_takes_a_seat_and_gives_it_back(person: Any, records: Records) -> None:
    project, operation_id = await begun(records, person, "image.build", Target(kind="build", name="image", id=None))
    path = f"/v2/builds/{project}/image/records/{operation_id}/logs?follow=true"
    async with opened(person, path) as reply:
        assert reply.status_code == 200
        assert (await person.http.get(path)).json()["Reason"] == "TooManyOpen"
    await eventually(lambda: opens(person, path), "the seat is free", 20)


async def test_who_waits_takes_a_seat_until_they_have_left(instance: Instance, person: Any, records: Records) -> None:
    _, operation_id = await begun(records, person)
    path = f"/v2/operations/{operation_id}"

    async def taken() -> bool:
        return await rows(instance, person.name) == 1

    async def free() -> bool:
        return bool((await person.http.get(path, params={"wait": 0.1})).status_code == 200)

    waiting = asyncio.create_task(person.http.get(path, params={"wait": 60}))
    await eventually(taken, "the seat is taken")
    assert not await free()
    assert (await person.http.get(path)).status_code == 200  # without waiting it takes none
    waiting.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await waiting

    await eventually(free, "the seat is free long before the minute is over", 20)


async def test_one_who_may_not_takes_no_seat_and_learns_nothing(admin: Platform, person: Any, records: Records) -> None:
    _, own = await begun(records, person)
    stranger = await admin.user()
    _, other = await begun(records, person)
    async with opened(person, f"/v2/operations/{own}/events"):
        for path in (f"/v2/operations/{own}/events", f"/v2/operations/{other}/events"):
            for _ in range(3):
                assert (await stranger.http.get(path)).status_code == 404
    await eventually(lambda: opens(person, f"/v2/operations/{other}/events"), "the seat is free", 20)
    await admin.clean()


async def test_all_together_have_as_many_as_one_process_carries(admin: Platform, person: Any, records: Records) -> None:
    _, operation_id = await begun(records, person)
    path = f"/v2/operations/{operation_id}/events"
    third = await admin.user(Role.VIEWER, (await records.operations.get(operation_id))["project"])
    async with opened(person, path), opened(admin, path):
        refused = await third.http.get(path)
        assert (refused.status_code, "one process of the API carries: 2" in refused.json()["Message"]) == (429, True)
        assert "MOORING_SEATS_EVENTS" in refused.json()["Message"]
        told = (await admin.http.get("/metrics")).text
        assert 'mooring_api_open{kind="events"} 2.0' in told
        assert 'mooring_api_refused_total{bound="process",kind="events"}' in told
    await eventually(lambda: opens(third, path), "a seat is free", 20)


async def test_the_seats_of_a_process_that_was_killed_are_free(
    few: Api, admin: Platform, person: Any, records: Records, tmp_path: Path
) -> None:
    _, operation_id = await begun(records, person)
    path = f"/v2/operations/{operation_id}/events"
    dying = Api(tmp_path / "dying.log", **FEW)
    await dying.up()
    try:
        async with (
            httpx.AsyncClient(base_url=dying.url, headers=dict(person.http.headers)) as there,
            there.stream("GET", path) as reply,
        ):
            assert reply.status_code == 200
            refused = await person.http.get(path)
            assert (refused.status_code, refused.json()["Reason"]) == (429, "TooManyOpen")  # the other process's counts here
            await dying.kill()
            await eventually(lambda: opens(person, path), "the seat is free", 20)
    finally:
        await dying.kill()
