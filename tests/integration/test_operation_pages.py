"""Pages of operations are right, and each is read off an index: what is looked at does not grow with what there is (fault 41)."""

import json
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime, timedelta
from itertools import combinations
from typing import Any

import asyncpg
import pytest

from model.operation_error import NOT_RECORDED
from model.operations import Status
from records import Records, connect
from records.ids import first_id
from records.operation_pages import page_query
from records.store import MOST_COUNTED
from tests.instance import database

MANY = 20_000
BEGUN = datetime(2026, 1, 1, tzinfo=UTC)
# What is found in the oldest rows only, one of each beginning with the first: whoever reads from the newest on reads all.
RARE = {
    "project": ("old", 40),
    "target": ("gone", 5),
    "kind": ("project.delete", 20),
    "actor": ("zoe", 10),
    "status": (Status.FAILED, 15),
    "parent": ("", 0),
}
COLUMNS = {"target": "target_name", "parent": "parent_id"}


def at(number: int) -> datetime:
    return BEGUN + timedelta(minutes=number)


def one(number: int) -> dict[str, Any]:
    """The operation of that number, as its row."""
    common = {"project": "big", "target": "web", "kind": "app.upgrade", "actor": "ann", "status": Status.SUCCEEDED, "parent": None}
    rare = {name: value for name, (value, count) in RARE.items() if number < count}
    if number in (17, MANY - 3):
        rare["status"] = Status.PAUSED
    if number in (30, 31):
        rare["parent"] = first_id("op", at(29))
    told = {COLUMNS.get(name, name): value for name, value in (common | rare).items()}
    ended = None if told["status"] == Status.PAUSED else at(number)
    return {
        **told,
        **{"id": first_id("op", at(number)), "project_id": f"prj-{told['project']}", "target_kind": "app", "cancellable": True},
        **{"error": '{"code": 1, "cause": "x"}' if number == 1 else '{"code": 2}' if told["status"] == Status.FAILED else None},
        **{"request": "{}", "ask": '{"gray": null}', "workflow_id": "w", "created_at": at(number), "finished_at": ended},
    }


ROWS = [one(number) for number in range(MANY)]


@pytest.fixture(scope="module")
async def url() -> AsyncIterator[str]:
    """A database with that many operations."""
    async with database() as found:
        connection = await asyncpg.connect(found)
        columns = list(ROWS[0])
        await connection.copy_records_to_table("operations", records=[list(row.values()) for row in ROWS], columns=columns)
        await connection.execute("VACUUM ANALYZE operations")
        await connection.close()
        yield found


@pytest.fixture(scope="module")
async def records(url: str) -> AsyncIterator[Records]:
    found = await connect(url)
    yield found
    await found.close()


def given() -> Iterator[dict[str, Any]]:
    """Filters: each alone with a rare and a common value, each two of the rare, and times."""
    yield {}
    for name, (value, _) in RARE.items():
        yield {name: value or first_id("op", at(29))}
        yield {name: "nowhere" if name != "status" else Status.WAITING}
    yield from ({"status": status} for status in (Status.PAUSED, Status.CANCELLED, Status.SUCCEEDED))
    yield from ({a: RARE[a][0], b: RARE[b][0]} for a, b in combinations(["project", "target", "kind", "actor", "status"], 2))
    yield from ({"project": "big"}, {"kind": "app.upgrade", "project": "old"}, {"actor": "ann", "status": Status.FAILED})
    yield from ({"until": at(3)}, {"since": at(MANY - 5)}, {"since": at(100), "until": at(2000)}, {"since": at(MANY + 99)})


def found_by_hand(filters: dict[str, Any], project_ids: list[str] | None) -> list[str]:
    """The ids of what matches, newest first."""
    exact = {COLUMNS.get(name, name): value for name, value in filters.items() if name not in ("since", "until")}
    since, until = filters.get("since", BEGUN), filters.get("until", at(MANY))
    return [
        row["id"]
        for row in reversed(ROWS)
        if all(row[name] == value for name, value in exact.items())
        and since <= row["created_at"] < until
        and (project_ids is None or row["project_id"] in project_ids)
    ]


SEEN = [None, ["prj-old"], ["prj-old", "prj-big", "prj-none"], []]


@pytest.mark.parametrize("project_ids", SEEN, ids=["all", "one", "three", "none"])
@pytest.mark.parametrize("filters", list(given()), ids=str)
async def test_a_page_has_what_matches_and_its_total(
    records: Records, filters: dict[str, Any], project_ids: list[str] | None
) -> None:
    expected = found_by_hand(filters, project_ids)
    total, first = await records.operations.page(filters, project_ids, None, 7)
    assert [row["id"] for row in first] == expected[:7]
    assert total == min(len(expected), MOST_COUNTED + 1)
    if len(expected) > 7:
        again, second = await records.operations.page(filters, project_ids, expected[6], 200)
        assert ([row["id"] for row in second], again) == (expected[7:207], total)
    if expected:
        assert await records.operations.page(filters, project_ids, expected[-1], 7) == (total, [])


@pytest.mark.parametrize("project_ids", [None, ["prj-old", "prj-big"]], ids=["all", "two"])
@pytest.mark.parametrize("filters", list(given()), ids=str)
async def test_what_is_looked_at_for_a_page_is_bounded(url: str, filters: dict[str, Any], project_ids: list[str] | None) -> None:
    """By the plan as it ran: neither the rows that are told, nor the total, nor that there is none costs a look at all of them."""
    query, params = page_query(filters, project_ids, None, 50)
    connection = await asyncpg.connect(url)
    try:
        plan = json.loads(await connection.fetchval(f"EXPLAIN (ANALYZE, FORMAT JSON) {query}", *params))[0]["Plan"]
    finally:
        await connection.close()
    assert looked_at(plan) < MANY / 2, json.dumps(plan, indent=1)


async def test_an_error_that_was_recorded_without_a_field_is_shown_with_it(records: Records) -> None:
    _, rows = await records.operations.page({"status": Status.FAILED}, None, None, 50)
    shown = [json.loads(row["error"]) for row in reversed(rows)][:3]
    assert shown == [NOT_RECORDED | {"code": 2}, NOT_RECORDED | {"code": 1, "cause": "x"}, NOT_RECORDED | {"code": 2}]


def looked_at(plan: dict[str, Any]) -> float:
    """The rows that a plan took off the table or an index, and those that it then left out."""
    here = 0.0
    if plan.get("Relation Name") == "operations":
        each = plan["Actual Rows"] + plan.get("Rows Removed by Filter", 0) + plan.get("Rows Removed by Index Recheck", 0)
        here = each * plan["Actual Loops"]
    return here + sum(looked_at(inner) for inner in plan.get("Plans", []))
