"""A TCP proxy between a part of Mooring and what it depends on, to cut and to stall what passes."""

import asyncio
import contextlib
from collections.abc import AsyncIterator


class Tunnel:
    """Forwards connections from `address` to one server, as long as it is told to.

    `cut`: connections break and new ones are refused at once. `hold`: they stay open and nothing passes. `stall`: requests
    pass, what the server answers is held back. `heal`: all passes again. `add`: words the server did not say.
    """

    def __init__(self, host: str, port: int) -> None:
        self.address = ""
        self.asked = asyncio.Event()  # set when bytes went to the server, since the last stall
        self._to = (host, port)
        self._open = True
        self._requests, self._answers = asyncio.Event(), asyncio.Event()
        self._added = b""
        self.heal()
        self._connections: set[asyncio.StreamWriter] = set()

    def cut(self) -> None:
        """Break everything that passes and refuse what comes."""
        self._open = False
        for writer in self._connections:
            writer.transport.abort()

    def hold(self) -> None:
        """Keep what passes, in both directions."""
        self._requests.clear()
        self._answers.clear()

    def stall(self) -> None:
        """Let requests through to the server and hold its answers back."""
        self.asked.clear()
        self._answers.clear()

    def heal(self) -> None:
        """Let everything pass."""
        self._open = True
        self._requests.set()
        self._answers.set()

    def add(self, words: bytes) -> None:
        """Put these behind the server's next answer, so that they arrive with it."""
        self._added = words

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection, until either side ends it."""
        if not self._open:
            writer.transport.abort()
            return
        with contextlib.suppress(ConnectionError):
            there, back = await asyncio.open_connection(*self._to)
            self._connections |= {writer, back}
            try:
                await asyncio.gather(self._pass(reader, back, requests=True), self._pass(there, writer, requests=False))
            finally:
                self._connections -= {writer, back}
                writer.transport.abort()
                back.transport.abort()

    async def _pass(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter, *, requests: bool) -> None:
        while data := await source.read(65_536):
            await (self._requests if requests else self._answers).wait()
            if not requests:
                data, self._added = data + self._added, b""
            sink.write(data)
            await sink.drain()
            if requests:
                self.asked.set()
        sink.transport.abort()


@contextlib.asynccontextmanager
async def tunnel(host: str, port: int) -> AsyncIterator[Tunnel]:
    """An open tunnel to host:port; `address` is where it listens."""
    found = Tunnel(host, port)
    server = await asyncio.start_server(found.serve, "127.0.0.1", 0)
    listens = server.sockets[0].getsockname()
    found.address = f"{listens[0]}:{listens[1]}"
    try:
        yield found
    finally:
        server.close()
        found.heal()
        found.cut()
