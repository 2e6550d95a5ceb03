"""The platform as a test meets it: through HTTP, in words for given, when and then."""

import asyncio
import os
import secrets
import shlex
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import httpx

from model.operations import TERMINAL, OperationRecord, Status

ENV_FILE = Path(__file__).parent.parent / ".local" / "env"
_ONE_POLL = 20.0
Connect = Callable[[str | None], httpx.AsyncClient]


def environment() -> dict[str, str]:
    """What reaches the platform: `.local/env` as `make up` wrote it; what the process's own environment says wins."""
    written = {}
    if ENV_FILE.exists():
        lines = [shlex.split(line, comments=True) for line in ENV_FILE.read_text().splitlines()]
        written = dict(words[1].split("=", 1) for words in lines if words)
    return written | os.environ


def unique(stem: str) -> str:
    """A legal name that no other test has.

    >>> unique("shop").startswith("shop-")
    True
    """
    return f"{stem}-{secrets.token_hex(4)}"


class Platform:
    """The v2 API as one person uses it. What a test makes with `project` and `user` is removed by `clean`."""

    def __init__(self, connect: Connect, token: str | None) -> None:
        self.http = connect(token)
        self._connect = connect
        self._projects: set[str] = set()
        self._removals: list[str] = []
        self._tokens: list[str] = []
        self._others: list[Platform] = []

    async def ask(self, method: str, path: str, body: Any = None, *, expect: int = 200, **query: Any) -> Any:
        """The JSON reply of one request that has to be answered with the status `expect`."""
        reply = await self.http.request(method, path, json=body, params=query)
        assert reply.status_code == expect, f"{method} {path} answered {reply.status_code}, not {expect}: {reply.text}"
        return reply.json()

    async def get(self, path: str, **query: Any) -> Any:
        """Read something that has to be there."""
        return await self.ask("GET", path, **query)

    async def submit(self, method: str, path: str, body: Any = None, **query: Any) -> str:
        """Have an operation accepted (202) and return its id."""
        accepted = await self.ask(method, path, body, expect=202, **query)
        operation_id: str = accepted["OperationID"]
        return operation_id

    async def operation(self, operation_id: str) -> OperationRecord:
        """The record as it is now."""
        return OperationRecord.model_validate(await self.get(f"/v2/operations/{operation_id}"))

    async def wait(self, operation_id: str, ends: Status = Status.SUCCEEDED, seconds: float = 120) -> OperationRecord:
        """The record once the operation has ended, which has to be as `ends`; else fail with what the record tells.

        A platform that is away for a moment (refused connections, 503) is waited for within the same bound.
        """
        record = None
        try:
            async with asyncio.timeout(seconds):
                while record is None or record.status not in TERMINAL:
                    record = await self._poll(operation_id) or record
        except TimeoutError:
            raise AssertionError(f"{operation_id} has not ended within {seconds} s.\n{told(record)}") from None
        assert record.status is ends, f"{operation_id} was to end {ends}.\n{told(record)}"
        return record

    async def done(self, method: str, path: str, body: Any = None, **query: Any) -> OperationRecord:
        """Submit an operation and return its record when it has SUCCEEDED."""
        return await self.wait(await self.submit(method, path, body, **query))

    async def retry(self, operation_id: str, ends: Status = Status.SUCCEEDED) -> OperationRecord:
        """Retry an ended operation and return its record when it has ended again."""
        return await self.wait(await self.submit("POST", f"/v2/operations/{operation_id}/retry"), ends)

    async def project(self, stem: str = "t") -> str:
        """A project of the test's own, ready to use, removed at the end; its name."""
        name = self.will_have(unique(stem))
        await self.done("POST", "/v2/projects", {"name": name})
        return name

    def will_have(self, project: str) -> str:
        """Have a project removed at the end that the test itself creates; returns its name."""
        self._projects.add(project)
        return project

    async def user(self, role: str | None = None, project: str | None = None) -> "Platform":
        """The same platform as another person sees it, a member of `project` where given."""
        name = unique("user")
        await self.ask("POST", "/v2/users", {"name": name}, expect=201)
        if project:
            await self.ask("PUT", f"/v2/projects/{project}/members/{name}", {"role": role})
        token = await self.ask("POST", "/v2/tokens", {"user": name, "name": "test"}, expect=201)
        self._tokens.append(token["id"])
        return self.signed_in(token["token"])

    def signed_in(self, token: str | None) -> "Platform":
        """The same platform with another token, or with none."""
        other = Platform(self._connect, token)
        self._others.append(other)
        return other

    @property
    def projects(self) -> set[str]:
        """The projects that tests have made and that are not being removed yet."""
        return set(self._projects)

    async def discard(self, project: str) -> None:
        """Have a project's removal begun now; `clean` waits for its end."""
        reply = await self.http.delete(f"/v2/projects/{project}", params={"cascade": "true"})
        if reply.status_code == 202:
            self._removals.append(reply.json()["OperationID"])
        else:  # the test has removed it itself, or its create was refused
            assert reply.status_code == 404, f"{project} cannot be removed: {reply.text}"
        self._projects.remove(project)

    async def clean(self) -> None:
        """Remove what was made for tests; projects go with all in them, side by side."""
        await asyncio.gather(*(self.discard(name) for name in [*self._projects]))
        await asyncio.gather(*(self.wait(removal) for removal in self._removals))
        for token_id in self._tokens:
            await self.http.delete(f"/v2/tokens/{token_id}")
        for other in self._others:
            await other.clean()
        await self.http.aclose()

    async def _poll(self, operation_id: str) -> OperationRecord | None:
        try:
            reply = await self.http.get(f"/v2/operations/{operation_id}", params={"wait": _ONE_POLL})
        except httpx.TransportError:
            reply = None
        if reply is None or reply.status_code == 503:
            await asyncio.sleep(0.2)
            return None
        assert reply.status_code == 200, f"the record of {operation_id} cannot be read: {reply.text}"
        return OperationRecord.model_validate(reply.json())


async def eventually(holds: Callable[[], Awaitable[bool]], what: str, seconds: float = 30) -> None:
    """Wait until `holds()`, looking five times a second; fail saying `what` was waited for."""
    try:
        async with asyncio.timeout(seconds):
            while not await holds():  # noqa: ASYNC110  (what is waited for is in another process)
                await asyncio.sleep(0.2)
    except TimeoutError:
        raise AssertionError(f"Not within {seconds} s: {what}.") from None


def over_network(url: str) -> Connect:
    """How to reach a platform that listens at `url`, with a token or none."""
    return lambda token: httpx.AsyncClient(base_url=url, timeout=_ONE_POLL + 20, headers=bearer(token))


def bearer(token: str | None) -> dict[str, str]:
    """The header that signs in."""
    return {} if token is None else {"Authorization": f"Bearer {token}"}


def told(record: OperationRecord | None) -> str:
    """What a record tells, as lines for a failed assertion."""
    if record is None:
        return "Its record could not be read."
    lines = [f"{record.kind} {record.project}/{record.target.name} is {record.status}, attempt {record.attempt}"]
    lines += [f"  {s.run}.{s.seq} {s.title}: {s.status} (try {s.attempt}) {s.message}" for s in record.steps or []]
    if record.error:
        lines += [f"  {record.error.reason}: {record.error.message} {record.error.hint}"]
        lines += [f"    {e.type} {e.source}: {e.text}" for e in record.error.evidence]
    return "\n".join([*lines, f"  {record.temporal_url or record.workflow_id}"])
