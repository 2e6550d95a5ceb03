"""The running platform as the figures need it: HTTP with long polls, and a project of its own that is removed at the end."""

import asyncio
import contextlib
import os
import shlex
import sys
import tempfile
from collections.abc import AsyncIterator
from datetime import datetime
from pathlib import Path
from typing import Any

import httpx

ROOT = Path(__file__).parent.parent
PROJECT = "bench"
_WAITING = 50  # requests at once that wait for an operation's end: fewer than the client's connections and a person's seats
IMAGE = "public/busybox:latest"


def environment(root: Path) -> dict[str, str]:
    """What `make up` wrote into .local/env; what the process's own environment says wins."""
    written = root / ".local" / "env"
    lines = [shlex.split(line, comments=True) for line in written.read_text().splitlines()] if written.exists() else []
    return dict(words[1].split("=", 1) for words in lines if words) | os.environ


class Platform:
    """Submit and wait; an operation that does not succeed ends the run with its record's words."""

    def __init__(self, http: httpx.AsyncClient, project: str) -> None:
        self.http = http
        self._project = project
        self._waiting = asyncio.Semaphore(_WAITING)

    async def submit(self, method: str, path: str, body: Any = None) -> str:
        """The id of the accepted operation."""
        reply = await self.http.request(method, path, json=body)
        if reply.status_code != 202:
            raise RuntimeError(f"{method} {path} answered {reply.status_code}: {reply.text}")
        return str(reply.json()["OperationID"])

    async def ended(self, operation_id: str) -> dict[str, Any]:
        """The record when it has SUCCEEDED; raises RuntimeError with its error otherwise."""
        record = await self.over(operation_id)
        if record["status"] != "SUCCEEDED":
            raise RuntimeError(f"{record['kind']} {operation_id} is {record['status']}: {record['error']}")
        return record

    async def over(self, operation_id: str) -> dict[str, Any]:
        """The record when it has ended, however it did."""
        record: dict[str, Any] = {"status": "ACCEPTED"}
        while record["status"] not in ("SUCCEEDED", "FAILED", "CANCELLED"):
            async with self._waiting:
                reply = await self.http.get(f"/v2/operations/{operation_id}", params={"wait": 30})
            record = reply.raise_for_status().json()
        return record

    async def removed(self) -> None:
        """Remove the project of an earlier run; an end that is under way already is waited for."""
        reply = await self.http.request("DELETE", f"/v2/projects/{self._project}", params={"cascade": "true"})
        await self.ended(str(reply.json()["OperationID"]))

    async def run(self, method: str, path: str, body: Any = None) -> dict[str, Any]:
        """Submit and wait."""
        return await self.ended(await self.submit(method, path, body))


@contextlib.asynccontextmanager
async def opened(env: dict[str, str], project: str = PROJECT, *, own_worker: bool = False) -> AsyncIterator[Platform]:
    """The platform with an empty project; one left by an interrupted run is removed first.

    The removal at the end is waited for where the worker ends with it; else its end is nobody's figure.
    """
    headers = {"Authorization": f"Bearer {env['MOORING_TOKEN']}"}
    async with httpx.AsyncClient(base_url=env["MOORING_URL"], headers=headers, timeout=70) as http:
        platform = Platform(http, project)
        if (await http.get(f"/v2/projects/{project}")).status_code == 200:
            await platform.removed()
        await platform.run("POST", "/v2/projects", {"name": project})
        yield platform
        removal = await platform.submit("DELETE", f"/v2/projects/{project}?cascade=true")
        if own_worker:
            await platform.ended(removal)


@contextlib.asynccontextmanager
async def running(module: str, env: dict[str, str]) -> AsyncIterator[None]:
    """`python -m <module>` with that environment, until the end of the block."""
    log = Path(tempfile.gettempdir()) / f"mooring-bench-{module}.log"
    with log.open("wb") as out:
        process = await asyncio.create_subprocess_exec(sys.executable, "-m", module, env=env, cwd=ROOT, stdout=out, stderr=out)
    try:
        yield
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.terminate()
        await process.wait()


async def answers(url: str) -> None:
    """Wait until the API at that url reaches all it needs."""
    async with asyncio.timeout(60), httpx.AsyncClient(base_url=url) as http:
        while True:
            with contextlib.suppress(httpx.TransportError):
                if (await http.get("/readyz")).status_code == 200:
                    return
            await asyncio.sleep(0.2)


def profile(record: dict[str, Any]) -> list[str]:
    """Where the operation's time went, a line each: until the first step, each step, and settling."""
    at = datetime.fromisoformat
    begun, lines = at(record["createdAt"]), []
    for step in record["steps"]:
        started, finished = at(step["startedAt"]), at(step["finishedAt"])
        lines.append(f"{(started - begun).total_seconds() * 1000:7.1f} ms  between")
        lines.append(f"{(finished - started).total_seconds() * 1000:7.1f} ms  {step['title']}")
        begun = finished
    lines.append(f"{(at(record['finishedAt']) - begun).total_seconds() * 1000:7.1f} ms  until settled")
    return lines
