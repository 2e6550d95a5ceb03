"""Tokens end with the one they were made with, and rights of today decide (faults 17, 35)."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import httpx
import pytest

from api import grants, seats
from api.app import build
from api.lookups import Lookups
from model.access import Role
from model.errors import Conflict, Unauthenticated
from model.operations import Outcome, Status, Target
from model.seats import SeatBound, SeatKind
from records import Records, connect
from records.ids import token_hash
from tests.accepted import accepted
from tests.instance import TOKEN, database
from tests.platform import Platform, bearer, eventually, unique


@pytest.fixture(scope="module")
async def url() -> AsyncIterator[str]:
    async with database() as found:
        yield found


@pytest.fixture(scope="module")
async def records(url: str) -> AsyncIterator[Records]:
    found = await connect(url)
    yield found
    await found.close()


@pytest.fixture
async def admin(url: str, records: Records) -> AsyncIterator[Platform]:
    """The API in this process, on the records alone: no cluster, no Temporal."""
    app = build()
    bounds = dict.fromkeys(SeatKind, SeatBound(5, 5))
    async with grants.opened(records.people) as held, seats.opened(url, records.seats, bounds) as seated:
        links = SimpleNamespace(link=lambda *_: None)
        actors = Lookups(records.people.actors)
        app.state.services = SimpleNamespace(
            records=records, actors=actors, grants=held, seats=seated, operations=links, notifications=_Still()
        )
        transport = httpx.ASGITransport(app)
        found = Platform(lambda token: httpx.AsyncClient(transport=transport, base_url="http://m", headers=bearer(token)), TOKEN)
        yield found
        await found.http.aclose()


class _Still:
    """Notifications of operations that do not move."""

    def subscribed(self, _: str) -> Any:
        return contextlib.nullcontext(asyncio.Event())


async def person(platform: Platform, **more: Any) -> tuple[str, dict[str, Any]]:
    name = unique("p")
    await platform.ask("POST", "/v2/users", {"name": name, **more}, expect=201)
    return name, await platform.ask("POST", "/v2/tokens", {"user": name, "name": "first"}, expect=201)


async def begun(records: Records, project: Any, actor: str) -> str:
    """An operation of that person's on the project."""
    target = Target(kind="project", name=project.name, id=project.id)
    return await accepted(records, target, project=project.name, project_id=project.id, actor=actor)


async def settled(records: Records, operation_id: str) -> None:
    await records.operations.settle(Outcome(operation_id=operation_id, attempt=1, status=Status.SUCCEEDED))


async def test_a_token_made_with_one_that_expires_expires_with_it(admin: Platform) -> None:
    name, first = await person(admin)
    soon = (datetime.now(UTC) + timedelta(hours=1)).replace(microsecond=0)
    me = admin.signed_in(first["token"])
    short = await me.ask("POST", "/v2/tokens", {"user": name, "name": "short", "expiresAt": soon.isoformat()}, expect=201)
    child = await admin.signed_in(short["token"]).ask("POST", "/v2/tokens", {"user": name, "name": "child"}, expect=201)
    assert datetime.fromisoformat(child["expiresAt"]) == soon
    assert (child["parent"], short["parent"]) == (short["id"], first["id"])
    later = (soon + timedelta(seconds=1)).isoformat()
    refused = await admin.signed_in(short["token"]).ask(
        "POST", "/v2/tokens", {"user": name, "name": "later", "expiresAt": later}, expect=422
    )
    assert refused["problems"][0]["field"] == "expiresAt"
    sooner = (soon - timedelta(minutes=1)).isoformat()
    await admin.signed_in(short["token"]).ask(
        "POST", "/v2/tokens", {"user": name, "name": "sooner", "expiresAt": sooner}, expect=201
    )


async def test_of_a_token_that_has_expired_nothing_that_it_made_is_left(admin: Platform, records: Records) -> None:
    name, _ = await person(admin)
    token, _ = await records.people.add_token(name, "old", datetime.now(UTC) + timedelta(seconds=1.5))
    child = await admin.signed_in(token).ask("POST", "/v2/tokens", {"user": name, "name": "child"}, expect=201)

    async def gone() -> bool:
        return (await admin.signed_in(child["token"]).http.get("/v2/users/me")).status_code != 200

    await eventually(gone, "what the token made has ended with it", 10)
    await admin.signed_in(token).ask("GET", "/v2/users/me", expect=401)


async def test_revoking_a_token_revokes_all_that_came_of_it_and_ends_what_is_open(admin: Platform, records: Records) -> None:
    name, first = await person(admin)
    made = [first]
    for depth in range(3):
        body = {"user": name, "name": f"child-{depth}"}
        made.append(await admin.signed_in(made[-1]["token"]).ask("POST", "/v2/tokens", body, expect=201))
    project = await records.projects.add(unique("t"), "", "admin")
    await records.projects.put_member(project.id, name, Role.VIEWER)
    operation_id = await begun(records, project, "admin")
    last = admin.signed_in(made[-1]["token"])
    waiting = asyncio.create_task(last.http.get(f"/v2/operations/{operation_id}", params={"wait": 4}))
    await asyncio.sleep(0)
    await admin.ask("DELETE", f"/v2/tokens/{made[1]['id']}")
    assert [(await admin.signed_in(one["token"]).http.get("/v2/users/me")).status_code for one in made] == [200, 401, 401, 401]
    assert (await waiting).status_code == 401


async def test_an_admin_s_token_for_another_ends_with_the_admin_s(admin: Platform) -> None:
    name, first = await person(admin, admin=True)
    other, _ = await person(admin)
    mine = admin.signed_in(first["token"])
    theirs = await mine.ask("POST", "/v2/tokens", {"user": other, "name": "given"}, expect=201)
    assert theirs["parent"] == first["id"]
    await admin.ask("DELETE", f"/v2/users/{name}")
    await admin.signed_in(theirs["token"]).ask("GET", "/v2/users/me", expect=401)


async def test_a_parent_that_is_gone_makes_no_token(records: Records) -> None:
    with pytest.raises(Unauthenticated):
        await records.people.add_token("admin", unique("t"), None, token_hash("mrg_never-was"))
    with pytest.raises(Conflict):
        await records.people.add_token("admin", "bootstrap", None, token_hash(TOKEN))


async def test_of_many_made_while_their_parent_is_revoked_none_is_left(records: Records) -> None:
    for _ in range(10):
        token, row = await records.people.add_token("admin", unique("t"), None)
        tries = [records.people.add_token("admin", unique("t"), None, token_hash(token)) for _ in range(4)]
        found = await asyncio.gather(*tries, records.people.delete_token(row["id"], None), return_exceptions=True)
        hashes = [token_hash(one[0]) for one in found if isinstance(one, tuple)]
        assert {type(one) for one in found} <= {tuple, bool, Unauthenticated}
        assert await records.people.actors(hashes) == {}


async def test_who_was_taken_out_reads_nothing_of_what_they_began(admin: Platform, records: Records) -> None:
    name, first = await person(admin)
    me = admin.signed_in(first["token"])
    project = await records.projects.add(unique("t"), "", "admin")
    await records.projects.put_member(project.id, name, Role.ADMIN)
    operation_id = await begun(records, project, name)
    assert (await me.get(f"/v2/operations/{operation_id}"))["actor"] == name
    waiting = asyncio.create_task(me.http.get(f"/v2/operations/{operation_id}", params={"wait": 4}))
    await asyncio.sleep(0)
    await admin.ask("DELETE", f"/v2/projects/{project.name}/members/{name}")
    nobodys = (await me.http.get("/v2/operations/op-x")).json()["Message"]
    for method, verb in [("GET", ""), ("GET", "/events"), *(("POST", f"/{v}") for v in ("cancel", "retry", "pause", "rollback"))]:
        refused = await me.http.request(method, f"/v2/operations/{operation_id}{verb}")
        assert refused.status_code == 404, verb
        assert refused.json()["Message"] == nobodys.replace("op-x", operation_id)
    assert (await me.get("/v2/operations"))["operations"] == []
    assert (await me.get("/v2/operations", actor=name))["total"] == 0
    assert (await waiting).status_code == 404
    await settled(records, operation_id)


async def test_members_of_a_deleted_project_still_read_how_its_deletion_ended(admin: Platform, records: Records) -> None:
    name, first = await person(admin)
    project = await records.projects.add(unique("t"), "", "admin")
    await records.projects.put_member(project.id, name, Role.VIEWER)
    operation_id = await begun(records, project, name)
    await records.projects.set_status(project.name, "DELETED")
    await settled(records, operation_id)
    me = admin.signed_in(first["token"])
    assert (await me.get(f"/v2/operations/{operation_id}"))["status"] == "SUCCEEDED"
    assert (await me.get("/v2/operations"))["total"] == 1
    await me.ask("GET", f"/v2/projects/{project.name}", expect=404)


async def test_a_projects_admin_does_not_learn_which_names_exist(admin: Platform, records: Records) -> None:
    """given people in no project with them, when they are added, then it is refused as of people that are not there."""
    boss, first = await person(admin)
    stranger, _ = await person(admin)
    colleague, _ = await person(admin)
    mine, ours = [await records.projects.add(unique("t"), "", "admin") for _ in range(2)]
    for project, name, role in ((mine, boss, Role.ADMIN), (ours, boss, Role.VIEWER), (ours, colleague, Role.VIEWER)):
        await records.projects.put_member(project.id, name, role)
    me = admin.signed_in(first["token"])
    told = []
    for name in (stranger, "never-was", "admin"):
        refused = await me.ask("PUT", f"/v2/projects/{mine.name}/members/{name}", {"role": "viewer"}, expect=403)
        told.append(refused["Message"].replace(repr(name), "NAME"))
    assert len(set(told)) == 1
    await me.ask("PUT", f"/v2/projects/{mine.name}/members/{colleague}", {"role": "developer"})
    await admin.ask("PUT", f"/v2/projects/{mine.name}/members/{stranger}", {"role": "viewer"})
    await me.ask("PUT", f"/v2/projects/{mine.name}/members/{stranger}", {"role": "developer"})


@pytest.mark.parametrize("name", ["mooring", "autoscaler"])
async def test_no_user_is_called_as_the_platform_calls_itself(admin: Platform, name: str) -> None:
    refused = await admin.ask("POST", "/v2/users", {"name": name}, expect=422)
    assert refused["problems"][0]["field"] == "name"


async def test_a_viewer_copies_no_app_out_of_a_project(admin: Platform, records: Records) -> None:
    name, first = await person(admin)
    there, here = [await records.projects.add(unique("t"), "", "admin") for _ in range(2)]
    await records.projects.put_member(there.id, name, Role.VIEWER)
    await records.projects.put_member(here.id, name, Role.ADMIN)
    body = {"name": "web", "project": here.name}
    refused = await admin.signed_in(first["token"]).ask("POST", f"/v2/applications/{there.name}/web/copy", body, expect=403)
    assert "app:write" in refused["Message"]
