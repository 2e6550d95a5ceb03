"""The HTTP API as the CLI and the demo use it: one client, its failures ours, its streams lists of events."""

import json
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from types import TracebackType
from typing import IO, Any
from urllib.parse import quote

import httpx
from httpx_sse import EventSource, ServerSentEvent, SSEError

from cli.failures import Foreign, Refused, Unreachable
from cli.session import Session

Record = dict[str, Any]
TERMINAL = frozenset({"SUCCEEDED", "FAILED", "CANCELLED"})
# The API sends something at least every 15 s while a stream is open; silence for this long means that it is gone.
_SILENCE = 40.0
_PIECE = 256 * 1024


@dataclass(frozen=True)
class Event:
    """One event of an operation's stream: its sequence, `type` step, status, control or child, and the data with the time `at`."""

    seq: int
    type: str
    data: dict[str, Any]


class Api:
    """An open client; use it as an async context manager. Every call raises Refused, Unreachable or Foreign."""

    def __init__(self, session: Session, transport: httpx.AsyncBaseTransport | None = None) -> None:
        self.url = session.url
        self.skew = timedelta(0)
        self._transport = transport
        try:
            self._http = httpx.AsyncClient(
                base_url=session.url,
                headers={"Authorization": f"Bearer {session.token}"},
                timeout=httpx.Timeout(75, connect=5),
                transport=transport,
            )
        except (httpx.InvalidURL, UnicodeEncodeError) as error:
            raise Unreachable(f"{session.url!r} is not a url, or the token is not one. Run `mooring login` again.") from error

    async def __aenter__(self) -> "Api":
        return self

    async def __aexit__(self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None) -> None:
        await self._http.aclose()

    def signed_in(self, token: str) -> "Api":
        """The same API for another person; a client of its own."""
        return Api(Session(self.url, token), self._transport)

    async def get(self, path: str, **query: Any) -> Record:
        """Read; query values that are None are left out."""
        return await self._ask("GET", path, query)

    async def post(self, path: str, body: Mapping[str, Any] | None = None, **query: Any) -> Record:
        """Do; a body of None sends none."""
        return await self._ask("POST", path, query, body)

    async def send(self, path: str, file: IO[bytes], size: int) -> Record:
        """Send a file of so many bytes, piece by piece."""

        async def pieces() -> AsyncIterator[bytes]:
            file.seek(0)
            while piece := file.read(_PIECE):
                yield piece

        headers = {"Content-Type": "application/gzip", "Content-Length": str(size)}
        return await self._ask("POST", path, {}, content=pieces(), headers=headers)

    async def put(self, path: str, body: Mapping[str, Any]) -> Record:
        """Set."""
        return await self._ask("PUT", path, {}, body)

    async def delete(self, path: str, **query: Any) -> Record:
        """Delete."""
        return await self._ask("DELETE", path, query)

    async def operation(self, operation_id: str, wait: float | None = None) -> Record:
        """One operation's record with its steps; with `wait`, when it has ended or after so many seconds."""
        return await self.get(path("/v2/operations", operation_id), wait=wait)

    async def operations(self, limit: int, **filters: Any) -> Record:
        """Up to `limit` matching operations, newest first, with how many there are as the API tells it."""
        found: list[Record] = []
        cursor = None
        while True:
            page = await self.get("/v2/operations", **filters, cursor=cursor, size=min(limit - len(found), 200))
            found += page["operations"]
            cursor = page["next"]
            if cursor is None or len(found) >= limit:
                return {**page, "operations": found}

    async def events(self, operation_id: str, after: int) -> AsyncIterator[Event]:
        """The operation's events with a sequence above `after`, as they come; ends when the API ends the stream."""
        headers = {"Accept": "text/event-stream", "Last-Event-ID": str(after)}
        url = path("/v2/operations", operation_id, "events")
        timeout = httpx.Timeout(_SILENCE, connect=5)
        try:
            async with self._http.stream("GET", url, headers=headers, timeout=timeout) as reply:
                if reply.is_error:
                    await reply.aread()
                    raise self._refused(reply)
                async for sent in EventSource(reply).aiter_sse():
                    if sent.data:  # the library makes an empty event of the comment that keeps the connection alive
                        yield _event(sent)
        except httpx.TransportError as error:
            raise self._unreachable(error) from error
        except (SSEError, ValueError, KeyError) as error:
            raise Foreign(f"{self.url} does not stream events as Mooring does. Check the url.") from error

    async def text(self, path: str, **query: Any) -> AsyncIterator[str]:
        """A plain text as it comes, however long that takes; query values that are None are left out."""
        given = {name: value for name, value in query.items() if value is not None}
        try:
            async with self._http.stream("GET", path, params=given, timeout=httpx.Timeout(None, connect=5)) as reply:
                if reply.is_error:
                    await reply.aread()
                    raise self._refused(reply)
                async for piece in reply.aiter_text():
                    yield piece
        except httpx.TransportError as error:
            raise self._unreachable(error) from error

    async def _ask(
        self, method: str, path: str, query: Mapping[str, Any], body: Mapping[str, Any] | None = None, **sent: Any
    ) -> Record:
        given = {name: value for name, value in query.items() if value is not None}
        try:
            reply = await self._http.request(method, path, params=given, json=body, **sent)
        except httpx.TransportError as error:
            raise self._unreachable(error) from error
        if not reply.is_success:
            raise self._refused(reply)
        if "Date" in reply.headers:
            self.skew = datetime.now(UTC) - parsedate_to_datetime(reply.headers["Date"])
        return self._object(reply)

    def _refused(self, reply: httpx.Response) -> Refused | Foreign | Unreachable:
        try:
            after = reply.headers.get("Retry-After", "")
            return Refused(reply.status_code, self._object(reply), int(after) if after.isdecimal() else None)
        except (Foreign, KeyError):
            if reply.status_code >= 500:  # a proxy before the API tells that it is away
                return Unreachable(f"{self.url} answers {reply.status_code}. Try again in a moment; `make status` shows the parts.")
            return Foreign(f"{self.url} answers {reply.status_code}, but not as Mooring does. Check the url.")

    def _object(self, reply: httpx.Response) -> Record:
        try:
            found = reply.json()
        except ValueError as error:
            raise Foreign(f"{self.url} answers, but not as Mooring does. Check the url.") from error
        if not isinstance(found, dict):
            raise Foreign(f"{self.url} answers, but not as Mooring does. Check the url.")
        return found

    def _unreachable(self, error: httpx.TransportError) -> Unreachable:
        why = str(error) or type(error).__name__
        return Unreachable(f"{self.url} does not answer ({why}). Check the url; `make status` shows the platform's parts.")


def path(*parts: str) -> str:
    """A path of the API; every part after the first is quoted, so that no name reaches another route.

    >>> path("/v2/operations", "op-1/../x", "events")
    '/v2/operations/op-1%2F..%2Fx/events'
    """
    return "/".join([parts[0], *(quote(part, safe="") for part in parts[1:])])


def _event(sent: ServerSentEvent) -> Event:
    return Event(int(sent.id), sent.event, json.loads(sent.data))
