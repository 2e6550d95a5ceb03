"""So many operations may be live, of a project and of a person; what removes, takes back or retries never is refused (fault 36)."""

from collections.abc import AsyncIterator
from typing import Any

import asyncpg
import pytest

from model.access import Role
from model.operations import Outcome, Status, Target
from records import Records
from records.store import _queries
from tests.accepted import accepted
from tests.instance import TOKEN, Instance
from tests.platform import Platform, over_network, unique
from tests.processes import Api

_MANY_THAT_ENDED = """
INSERT INTO operations SELECT (ended).* FROM (
    SELECT jsonb_populate_record(o, jsonb_build_object('id', o.id || n, 'status', 'SUCCEEDED', 'finished_at', now())) AS ended
    FROM operations o, generate_series(1, 20000) n WHERE o.id = $1
) made
"""
FEW = {"MOORING_LIVE_PER_PROJECT": "3", "MOORING_LIVE_PER_PERSON": "2"}


@pytest.fixture(scope="module")
async def admin(without_worker: None, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Platform]:
    """An API that lets few operations be live, as its admin uses it."""
    api = Api(tmp_path_factory.mktemp("logs") / "few.log", **FEW)
    await api.up()
    found = Platform(over_network(api.url), TOKEN)
    yield found
    await found.http.aclose()
    await api.kill()


@pytest.fixture
async def project(records: Records) -> str:
    made = await records.projects.add(unique("t"), "", "admin")
    await records.projects.set_status(made.name, "ACTIVE")
    return made.name


async def member(admin: Platform, project: str) -> Platform:
    return await admin.user(Role.DEVELOPER, project)


async def create(person: Platform, project: str, name: str = "") -> Any:
    """The reply to the creation of an app."""
    body = {"name": name or unique("a"), "imageRef": "busybox"}
    return await person.http.post(f"/v2/applications/{project}", json=body)


async def settle(records: Records, operation_id: str, status: Status = Status.SUCCEEDED) -> None:
    await records.operations.settle(Outcome(operation_id=operation_id, attempt=1, status=status))


def check(refused: Any, words: str) -> None:
    told = refused.json()
    assert (refused.status_code, told["Reason"], told["Code"]) == (429, "TooManyLive", 4291)
    assert int(refused.headers["Retry-After"]) > 0
    assert words in told["Message"]
    assert "GET /v2/operations?" in told["Message"]


async def test_a_person_has_so_many_and_others_have_theirs(admin: Platform, project: str, records: Records) -> None:
    zoe, bob = await member(admin, project), await member(admin, project)
    first, second = [(await create(zoe, project)).json()["OperationID"] for _ in range(2)]
    check(await create(zoe, project), "has as many operations that have not ended as one person may: 2")
    assert (await create(bob, project)).status_code == 202
    await settle(records, first)
    await settle(records, second)
    assert (await create(zoe, project)).status_code == 202


async def test_a_persons_are_counted_in_all_projects(admin: Platform, project: str, records: Records) -> None:
    zoe = await member(admin, project)
    other = await records.projects.add(unique("t"), "", "admin")
    await records.projects.set_status(other.name, "ACTIVE")
    await admin.ask("PUT", f"/v2/projects/{other.name}/members/{(await zoe.get('/v2/users/me'))['name']}", {"role": "developer"})
    assert (await create(zoe, project)).status_code == 202
    assert (await create(zoe, other.name)).status_code == 202
    check(await create(zoe, project), "one person may")


async def test_a_project_has_so_many_whoever_asks(admin: Platform, project: str) -> None:
    for _ in range(3):  # a platform admin has no bound as a person
        assert (await create(admin, project)).status_code == 202
    check(await create(admin, project), f"The project '{project}' has as many operations that have not ended as one project may: 3")
    check(await create(await member(admin, project), project), "one project may: 3")


async def test_of_what_is_refused_nothing_is_kept(admin: Platform, project: str, records: Records) -> None:
    first, *_ = [(await create(admin, project)).json()["OperationID"] for _ in range(3)]
    body = {"name": "web", "imageRef": "busybox"}
    key = {"Idempotency-Key": unique("k")}
    check(await admin.http.post(f"/v2/applications/{project}", json=body, headers=key), "one project may")
    assert (await admin.http.get(f"/v2/applications/{project}/web")).status_code == 404
    assert (await admin.get("/v2/operations", project=project))["total"] == 3
    await settle(records, first)
    made = await admin.http.post(f"/v2/applications/{project}", json=body, headers=key)
    assert made.status_code == 202
    # What was accepted is told again, however many are live by now.
    assert (await admin.http.post(f"/v2/applications/{project}", json=body, headers=key)).json() == made.json()


async def test_what_removes_takes_back_or_retries_is_accepted_all_the_same(admin: Platform, project: str, records: Records) -> None:
    grouped = await admin.submit("POST", f"/v2/configmaps/{project}", {"name": "settings", "data": {"a": "1", "b": "2"}}, wait=0)
    await settle(records, grouped)
    names = [unique("a") for _ in range(3)]
    ids = [(await create(admin, project, name)).json()["OperationID"] for name in names]
    await settle(records, ids[0], Status.FAILED)
    assert (await create(admin, project)).status_code == 202
    check(await create(admin, project), "one project may")
    check(await admin.http.post(f"/v2/configmaps/{project}/settings/c", json={"data": "3"}, params={"wait": 0}), "one project may")
    await admin.submit("POST", f"/v2/operations/{ids[0]}/retry")
    await admin.submit("DELETE", f"/v2/applications/{project}/{names[1]}")
    await admin.submit("POST", f"/v2/operations/{ids[2]}/cancel")
    entry = await admin.submit("DELETE", f"/v2/configmaps/{project}/settings/a", wait=0)
    await settle(records, entry)
    back = await admin.submit("POST", f"/v2/configmaps/{project}/settings/rollback", {"version": 1}, wait=0)
    await settle(records, back)
    await admin.submit("DELETE", f"/v2/configmaps/{project}/settings", wait=0)
    await admin.submit("DELETE", f"/v2/projects/{project}", cascade=True)


async def test_one_who_may_not_is_told_that_and_no_number(admin: Platform, project: str) -> None:
    for _ in range(3):
        await create(admin, project)
    viewer, stranger = await admin.user(Role.VIEWER, project), await admin.user()
    assert (await create(viewer, project)).status_code == 403
    assert (await create(stranger, project)).status_code == 404


async def test_what_has_ended_costs_the_count_nothing(instance: Instance, records: Records) -> None:
    project, actor = unique("p"), unique("a")
    target = Target(kind="project", name=unique("x"))
    live = await accepted(records, target, project=project, project_id=project, actor=actor)
    connection = await asyncpg.connect(instance.database_url)
    try:
        await connection.execute(_MANY_THAT_ENDED, live)
        await connection.execute("ANALYZE operations")
        found = await records.live.count(project, actor, project_most=10, person_most=10)
        assert (found.of_project, found.of_person) == (1, 1)
        plan = await connection.fetch(f"EXPLAIN {_queries('live').count_live.sql}", project, 10, actor, 10)
        scans = [line[0] for line in plan if "Scan" in line[0]]
        assert len(scans) == 2
        assert all("using operations_live_of_" in scan for scan in scans), scans
    finally:
        await connection.close()
