"""Accepting over HTTP: idempotency keys, what a crash of the API leaves, long poll and stream (targets F4, F5, F14)."""

import asyncio
import contextlib
import json
import os
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import httpx
import pytest

from model.operations import Status
from records import Records
from tests.instance import TOKEN, Instance
from tests.platform import Platform, bearer, eventually, over_network, unique
from tests.processes import Api, Process
from tests.tunnel import Tunnel, tunnel


def keyed(key: str) -> dict[str, str]:
    return {"Idempotency-Key": key}


async def records_of(records: Records, project: str) -> list[Any]:
    _, rows = await records.operations.page({"project": project}, None, None, 50)
    return rows


async def test_fifty_posts_with_one_key_are_one_operation(platform: Platform, records: Records) -> None:
    name, key = platform.will_have(unique("idem")), unique("key")
    posts = (platform.http.post("/v2/projects", json={"name": name}, headers=keyed(key)) for _ in range(50))
    replies = await asyncio.gather(*posts)
    assert {reply.status_code for reply in replies} == {202}
    (operation,) = {reply.json()["OperationID"] for reply in replies}
    assert {json.dumps(reply.json(), sort_keys=True) for reply in replies} == {json.dumps(replies[0].json(), sort_keys=True)}
    assert [row["id"] for row in await records_of(records, name)] == [operation]
    await platform.wait(operation)


async def test_a_key_with_another_body_is_refused(platform: Platform) -> None:
    name, key = platform.will_have(unique("idem")), unique("key")
    first = await platform.http.post("/v2/projects", json={"name": name}, headers=keyed(key))
    other = await platform.http.post("/v2/projects", json={"name": name, "description": "another"}, headers=keyed(key))
    assert (other.status_code, other.json()["Reason"]) == (409, "IdempotencyMismatch")
    await platform.wait(first.json()["OperationID"])


async def test_a_key_belongs_to_its_actor_and_route(platform: Platform) -> None:
    project, key = await platform.project("idem"), unique("key")
    member = await platform.user("admin", project)
    first = await platform.http.delete(f"/v2/projects/{project}", headers=keyed(key))
    assert first.status_code == 202
    other = await member.http.delete(f"/v2/projects/{project}", headers=keyed(key))
    assert other.status_code in (404, 409), other.text  # it is being deleted already: not the first one's reply
    await platform.wait(first.json()["OperationID"])


async def test_a_refused_request_is_not_kept(platform: Platform, records: Records) -> None:
    taken, key = await platform.project("idem"), unique("key")
    refused = await platform.http.post("/v2/projects", json={"name": taken}, headers=keyed(key))
    assert refused.status_code == 409
    await platform.done("DELETE", f"/v2/projects/{taken}")
    again = await platform.http.post("/v2/projects", json={"name": platform.will_have(taken)}, headers=keyed(key))
    assert again.status_code == 202, again.text
    await platform.wait(again.json()["OperationID"])
    assert len(await records_of(records, taken)) == 3


@contextlib.asynccontextmanager
async def behind(to: str, variable: str, logs: Path) -> AsyncIterator[tuple[Api, Tunnel, Platform]]:
    """Another API of the instance that reaches what `variable` names through a tunnel only."""
    parts = urlsplit(to if "//" in to else f"//{to}")
    assert parts.hostname
    assert parts.port
    async with tunnel(parts.hostname, parts.port) as through:
        credentials, _, _ = parts.netloc.rpartition("@")
        place = f"{credentials}@{through.address}" if credentials else through.address
        api = Api(logs / f"{unique('api')}.log", **{variable: urlunsplit(parts._replace(netloc=place)).removeprefix("//")})
        await api.up()
        user = Platform(over_network(api.url), TOKEN)
        yield api, through, user
        await user.http.aclose()
        await api.kill()


@pytest.mark.parametrize("reached", [False, True], ids=["between-insert-and-start", "before-the-reply"])
async def test_an_api_killed_while_it_accepts_loses_nothing(
    platform: Platform, instance: Instance, records: Records, logs: Path, reached: bool
) -> None:
    """The record stands; whether or not Temporal had heard of it, exactly one workflow runs, and the key finds it again."""
    name, key = platform.will_have(unique("killed")), unique("key")
    body = {"name": name}
    async with behind(os.environ["TEMPORAL_ADDRESS"], "TEMPORAL_ADDRESS", logs) as (api, temporal, user):
        await user.ask("GET", "/readyz")  # connected
        if reached:
            temporal.stall()
        else:
            temporal.hold()
        posting = asyncio.create_task(user.http.post("/v2/projects", json=body, headers=keyed(key)))

        async def accepted() -> bool:
            return bool(await records_of(records, name))

        await eventually(accepted, "the record is written")
        if reached:
            await asyncio.wait_for(temporal.asked.wait(), 10)
        await api.kill()
        with pytest.raises(httpx.TransportError):
            await posting
    (row,) = await records_of(records, name)
    assert (await platform.wait(row["id"], seconds=60)).attempt == 1
    again = await platform.http.post("/v2/projects", json=body, headers=keyed(key))
    assert again.json()["OperationID"] == row["id"]
    runs = [run async for run in instance.client.list_workflows(f"WorkflowId = '{row['workflow_id']}'")]
    assert len(runs) <= 1  # what Temporal lists lags a little; two would be wrong
    assert len(await records_of(records, name)) == 1


async def test_accepted_although_temporal_is_away(platform: Platform, logs: Path) -> None:
    name = platform.will_have(unique("away"))
    async with behind(os.environ["TEMPORAL_ADDRESS"], "TEMPORAL_ADDRESS", logs) as (_, temporal, user):
        temporal.cut()
        operation = await user.submit("POST", "/v2/projects", {"name": name})
        assert (await user.operation(operation)).status is Status.ACCEPTED
        ready = await user.ask("GET", "/readyz", expect=503)
        assert ready["parts"]["temporal"] != "ok"
    await platform.wait(operation, seconds=60)


async def test_a_database_that_is_away_is_told_and_its_return_is_noticed(instance: Instance, logs: Path) -> None:
    async with behind(instance.database_url, "DATABASE_URL", logs) as (_, database, user):
        await user.get("/v2/projects")
        database.cut()
        for path in ("/v2/projects", "/v2/operations", "/v2/users/me"):
            refused = await user.ask("GET", path, expect=503)
            assert refused["Reason"] == "PlatformUnavailable"
        refused = await user.ask("POST", "/v2/projects", {"name": unique("never")}, expect=503)
        assert refused["Code"] == 5304
        database.heal()

        async def answers() -> bool:
            return (await user.http.get("/v2/projects")).status_code == 200

        await eventually(answers, "the API answers again", 30)


async def test_a_stalled_database_is_told_in_bounded_time(instance: Instance, logs: Path) -> None:
    """More requests than the pool has connections, none of which is answered."""
    async with behind(instance.database_url, "DATABASE_URL", logs) as (_, database, user):
        await user.get("/v2/projects")
        database.stall()
        begun = time.monotonic()
        replies = await asyncio.gather(*(user.http.get("/v2/projects") for _ in range(40)))
        assert {reply.status_code for reply in replies} == {503}
        assert time.monotonic() - begun < 35
        database.heal()

        async def answers() -> bool:
            return (await user.http.get("/v2/projects")).status_code == 200

        await eventually(answers, "the API answers again", 30)


async def test_the_long_poll_answers_when_the_operation_ends(platform: Platform) -> None:
    operation = await platform.submit("POST", "/v2/projects", {"name": platform.will_have(unique("poll"))})
    record = await platform.get(f"/v2/operations/{operation}", wait=30)
    assert record["status"] == "SUCCEEDED"
    assert (await platform.get(f"/v2/operations/{operation}", wait=30))["id"] == operation


async def test_the_long_poll_answers_in_time_when_nothing_happens(platform: Platform, worker: Process) -> None:
    await worker.kill()
    try:
        operation = await platform.submit("POST", "/v2/projects", {"name": platform.will_have(unique("poll"))})
        begun = time.monotonic()
        assert (await platform.get(f"/v2/operations/{operation}", wait=1))["status"] == "ACCEPTED"
        assert 1 <= time.monotonic() - begun < 5
    finally:
        worker.start()
    await platform.wait(operation)


async def streamed(api: Api, operation: str, after: int, most: int | None = None) -> list[tuple[int, str, Any]]:
    """Events of the stream behind `after`: all of them, or leave after the first `most`."""
    events: list[tuple[int, str, Any]] = []
    async with (
        httpx.AsyncClient(base_url=api.url, timeout=60, headers={**bearer(TOKEN), "Last-Event-ID": str(after)}) as http,
        http.stream("GET", f"/v2/operations/{operation}/events") as stream,
    ):
        assert stream.headers["content-type"].startswith("text/event-stream")
        fields: dict[str, str] = {}
        async for line in stream.aiter_lines():
            if line:
                name, _, value = line.partition(":")
                fields[name] = value.strip()
            elif "data" in fields:
                events.append((int(fields["id"]), fields["event"], json.loads(fields["data"])))
                fields = {}
                if most and len(events) >= most:
                    break
    return events


async def test_a_stream_taken_up_again_misses_and_repeats_nothing(platform: Platform, api: Api) -> None:
    operation = await platform.submit("POST", "/v2/projects", {"name": platform.will_have(unique("sse"))})
    whole = asyncio.create_task(streamed(api, operation, 0))
    pieces: list[tuple[int, str, Any]] = []
    while not pieces or pieces[-1][1] != "status":
        pieces += await streamed(api, operation, pieces[-1][0] if pieces else 0, most=1)
    assert pieces == await whole
    assert pieces == await streamed(api, operation, 0)
    numbers = [number for number, _, _ in pieces]
    assert numbers == sorted(set(numbers))
    assert pieces[-1][2]["status"] == "SUCCEEDED"


async def test_a_stream_goes_on_at_another_api_after_a_kill(platform: Platform, instance: Instance, logs: Path) -> None:
    first, second = Api(logs / "first.log"), Api(logs / "second.log")
    await first.up()
    await second.up()
    operation = await platform.submit("POST", "/v2/projects", {"name": platform.will_have(unique("sse"))})
    seen = await streamed(first, operation, 0, most=1)
    await first.kill()
    seen += await streamed(second, operation, seen[-1][0])
    assert seen == await streamed(second, operation, 0)
    await second.kill()


async def test_what_failed_in_a_deleted_project_is_not_retried_into_its_successor(platform: Platform) -> None:
    name = await platform.project("again")
    body = {"name": "web", "imageRef": "public/nowhere:1", "resources": {"cpu": "0.01", "mem": "32Mi"}, "instanceNum": 1}
    operation = await platform.submit("POST", f"/v2/applications/{name}", body)
    await platform.wait(operation, Status.FAILED)
    await platform.done("DELETE", f"/v2/projects/{name}", cascade="true")
    await platform.done("POST", "/v2/projects", {"name": platform.will_have(name)})
    retried = await platform.http.post(f"/v2/operations/{operation}/retry")
    assert (retried.status_code, retried.json()["Reason"]) == (409, "Superseded")
