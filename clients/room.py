"""What the cluster has room for, known to a process without asking each time: read seldom, and never waited for long."""

import asyncio
import contextlib

from clients.kubernetes import Cluster, Object
from model.errors import MooringError
from model.room import Room

_FRESH = 5.0  # seconds for which what was read is taken for what is
_KNOWN = 60.0  # seconds for which it is better than nothing
_WITHIN = 1.0  # seconds that a caller waits for the first read
_SHARE = 20  # what is costly to read is read that much more seldom than it takes
_AT_ONCE = "500"  # objects in one reply: a larger one would hold up the process while it is parsed


class Rooms:
    """The newest Room, read again behind the back of who asks; one read at a time, however many ask."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        self._clock = asyncio.get_running_loop().time
        self._known: Room | None = None
        self._read_at = self._next = float("-inf")
        self._reading: asyncio.Task[None] | None = None

    async def known(self) -> Room | None:
        """The nodes and what is bound to them as they were a moment ago; None where the cluster does not tell in a second."""
        if self._clock() >= self._next and (self._reading is None or self._reading.done()):
            self._reading = asyncio.create_task(self._read())
        if self._clock() - self._read_at > _KNOWN and self._reading:
            await asyncio.wait([self._reading], timeout=_WITHIN)
        return self._known if self._clock() - self._read_at <= _KNOWN else None

    async def close(self) -> None:
        """End a read that is under way."""
        if self._reading:
            self._reading.cancel()
            await asyncio.wait([self._reading])

    async def _read(self) -> None:
        began = self._clock()
        with contextlib.suppress(
            MooringError
        ):  # then there is nothing to say of room; who needs the cluster is told by the cluster
            room = Room(await self._all("Node"), await self._all("Pod", "spec.nodeName!="))
            await asyncio.to_thread(lambda: room.used)
            self._known, self._read_at = room, began
        took = self._clock() - began
        self._next = began + max(_FRESH, _SHARE * took)

    async def _all(self, kind: str, fields: str = "") -> list[Object]:
        found: list[Object] = []
        query = {"limit": _AT_ONCE} | ({"fieldSelector": fields} if fields else {})
        while True:
            listed = await self._cluster.list(kind, **query)
            found += listed["items"]
            if not (more := listed["metadata"].get("continue")):
                return found
            query["continue"] = more
