"""Requests as programs send them that do not give up: each with a key, sent again while the platform is away or has too much."""

import asyncio
import contextlib
import json
import math
import secrets
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterable
from typing import Any

import httpx

from bench.deploying import kubectl
from bench.platform import ROOT
from bench.storms import IN_FLIGHT, small

_GIVES_UP = 3600.0  # seconds that one request is sent again and again
_AGAIN = 1.0
_LOOKS = 5.0
_BEGUN = time.monotonic()
LIVE = ("ACCEPTED", "WAITING", "RUNNING", "PAUSED", "CANCELLING")


def say(text: str) -> None:
    """A line of progress with the seconds since the start."""
    sys.stderr.write(f"{time.monotonic() - _BEGUN:7.1f} s  {text}\n")


class Load:
    """The API as one program uses it; what it answered is counted by status in `replies`."""

    def __init__(self, http: httpx.AsyncClient) -> None:
        self.http = http
        self.replies: Counter[int] = Counter()

    async def ask(self, method: str, path: str, body: Any = None, **query: Any) -> httpx.Response:
        """The reply to one request, sent again with its key while nobody answers, or 429 or 503 is answered."""
        headers = {"Idempotency-Key": secrets.token_hex(8)} if method != "GET" else {}
        give_up = time.monotonic() + _GIVES_UP
        while True:
            seconds = _AGAIN
            try:
                reply = await self.http.request(method, path, json=body, params=query or None, headers=headers)
                self.replies[reply.status_code] += 1
                if reply.status_code not in (429, 503):
                    return reply
                seconds = float(reply.headers.get("Retry-After", _AGAIN))
            except httpx.TransportError:
                self.replies[0] += 1
            if time.monotonic() > give_up:
                raise RuntimeError(f"{method} {path} was not answered for {_GIVES_UP:g} s")
            await asyncio.sleep(seconds)

    async def accepted(self, method: str, path: str, body: Any = None, **query: Any) -> str:
        """The id of the operation that was accepted."""
        reply = await self.ask(method, path, body, **query)
        if reply.status_code != 202:
            raise RuntimeError(f"{method} {path} answered {reply.status_code}: {reply.text}")
        return str(reply.json()["OperationID"])

    async def all_accepted(self, requests: Iterable[tuple[str, str, Any]]) -> list[str]:
        """The ids of all, some requests at once."""
        places = asyncio.Semaphore(IN_FLIGHT)

        async def one(method: str, path: str, body: Any) -> str:
            async with places:
                return await self.accepted(method, path, body)

        return list(await asyncio.gather(*(one(*request) for request in requests)))

    async def ended(self, operation_id: str) -> dict[str, Any]:
        """The record when it has ended, however it did."""
        while True:
            reply = await self.ask("GET", f"/v2/operations/{operation_id}", wait=30)
            record: dict[str, Any] = reply.raise_for_status().json()
            if record["status"] not in LIVE:
                return record

    async def records(self, project: str) -> list[dict[str, Any]]:
        """All operations of the project, newest first."""
        found: list[dict[str, Any]] = []
        cursor: dict[str, str] = {}
        while True:
            reply = await self.ask("GET", "/v2/operations", project=project, size=200, **cursor)
            page = reply.raise_for_status().json()
            found += page["operations"]
            if page["next"] is None:
                return found
            cursor = {"cursor": page["next"]}

    async def live(self, project: str) -> int:
        """How many of the project's operations have not ended: as far as it is counted, each status to 1000."""
        replies = [await self.ask("GET", "/v2/operations", project=project, status=status, size=1) for status in LIVE]
        return sum(reply.raise_for_status().json()["total"] for reply in replies)

    async def quiet(self, projects: Iterable[str], seconds: float) -> float:
        """Wait until nothing of the projects is live; the seconds that took. Raises RuntimeError when it takes too long."""
        begun, told = time.monotonic(), 0.0
        chosen = list(projects)
        while left := sum([await self.live(project) for project in chosen]):
            if time.monotonic() - begun > seconds:
                raise RuntimeError(f"{left} operations are live after {seconds:g} s")
            if time.monotonic() - told > 30:
                told = time.monotonic()
                say(f"{left} are live")
            await asyncio.sleep(_LOOKS)
        return time.monotonic() - begun

    async def deploys(self, project: str, stem: str, count: int) -> list[float]:
        """Deploy so many apps one after the other; the seconds of each. Raises RuntimeError where one fails."""
        return [await self.deployed(project, f"{stem}-{number}") for number in range(count)]

    async def deployed(self, project: str, name: str) -> float:
        """The seconds that an app takes from the request until it serves; raises RuntimeError where it fails."""
        begun = time.monotonic()
        record = await self.ended(await self.accepted("POST", f"/v2/applications/{project}", small(name)))
        if record["status"] != "SUCCEEDED":
            raise RuntimeError(f"{record['kind']} {record['id']} is {record['status']}: {record['error']}")
        return time.monotonic() - begun

    @contextlib.asynccontextmanager
    async def project(self, stem: str) -> AsyncIterator[str]:
        """A project that is removed at the end, with all in it."""
        name = f"{stem}-{secrets.token_hex(3)}"
        record = await self.ended(await self.accepted("POST", "/v2/projects", {"name": name}))
        if record["status"] != "SUCCEEDED":
            raise RuntimeError(f"The project {name} could not be made: {record['error']}")
        try:
            yield name
        finally:
            await self.ended(await self.accepted("DELETE", f"/v2/projects/{name}", cascade="true"))

    async def live_of_all(self) -> float:
        """How many operations of the whole platform have not ended; infinitely many while it cannot tell."""
        lines = (await self.ask("GET", "/metrics")).text.splitlines()
        counts = [float(line.rpartition(" ")[2]) for line in lines if line.startswith("mooring_operations_live{")]
        return math.inf if not counts or any(map(math.isnan, counts)) else sum(counts)


@contextlib.asynccontextmanager
async def opened(env: dict[str, str]) -> AsyncIterator[Load]:
    """The platform; requests wait for a connection as long as they like."""
    headers = {"Authorization": f"Bearer {env['MOORING_TOKEN']}"}
    limits = httpx.Limits(max_connections=150, max_keepalive_connections=150)
    timeout = httpx.Timeout(60, pool=None)
    async with httpx.AsyncClient(base_url=env["MOORING_URL"], headers=headers, timeout=timeout, limits=limits) as http:
        yield Load(http)


async def deployments(env: dict[str, str], project: str) -> Counter[str]:
    """How many Deployments each app of the project has in the cluster."""
    names = await kubectl(env, "-n", project, "get", "deployments", "-o", r"jsonpath={.items[*].metadata.labels.mooring\.io/app}")
    return Counter(names.split())


async def apps(load: Load, project: str) -> dict[str, dict[str, Any]]:
    """The project's apps by name."""
    found: dict[str, dict[str, Any]] = {}
    page = 0
    while True:
        reply = (await load.ask("GET", f"/v2/applications/{project}", size=200, page=page)).raise_for_status().json()
        found |= {one["Name"]: one for one in reply["applications"]}
        page += 1
        if len(found) >= reply["total"] or not reply["applications"]:
            return found


async def processes() -> dict[str, int]:
    """The process of each part of the platform that has one, whatever state the parts are in."""
    words = (sys.executable, "-m", "deploy.local", "status", "--json")
    told = await asyncio.create_subprocess_exec(*words, cwd=ROOT, stdout=asyncio.subprocess.PIPE)
    out, _ = await told.communicate()
    return {part["name"]: int(part["pid"]) for part in json.loads(out) if part["pid"]}
