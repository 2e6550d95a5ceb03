"""The log of one stage of a build: streamed into the records while the stage runs, bounded, with truncation said."""

import asyncio
import contextlib
from types import TracebackType

import structlog

from model.builds import Stage
from model.errors import MooringError, PlatformUnavailable
from records import Records

log = structlog.get_logger()
LARGEST_LOG = 1024 * 1024
LAST_WORDS = 16 * 1024
_FLUSH_SECONDS = 0.3
_FLUSH_CHARACTERS = 32 * 1024
_CUT = f"\n… Output beyond {LARGEST_LOG // 1024} KiB is not kept; its last lines follow when the stage is over.\n"


class StageLog:
    """An async context manager; `say` takes text as it comes, and it is written every _FLUSH_SECONDS and at the end.

    While the database is away the text waits here, for a log is not worth failing a build; what does not get through by the
    stage's end is given up, with a word in the worker's own log.
    """

    def __init__(self, records: Records, operation_id: str, run: int, stage: Stage) -> None:
        self._records = records
        self._place = (operation_id, run, stage)
        self._waiting: list[str] = []
        self._size = 0
        self._cut = False
        self._end = ""
        self._full = asyncio.Event()
        self._one_writes = asyncio.Lock()
        self._writing: asyncio.Task[None] | None = None

    async def __aenter__(self) -> "StageLog":
        self._size = await self._records.builds.log_size(*self._place)
        self._cut = self._size >= LARGEST_LOG
        if self._size and not self._cut:
            await self.say("— tried again —\n")
        self._writing = asyncio.create_task(self._write())
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        assert self._writing
        if isinstance(error, MooringError):
            await self.say(f"{error.reason}: {error.message}\n")
        elif isinstance(error, asyncio.CancelledError):
            await self.say("The build was stopped.\n")
        self._writing.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self._writing
        self._waiting.append(self._end)
        try:
            await asyncio.shield(self._flush())
        except PlatformUnavailable:
            log.warning("the end of a stage's log is lost", operation=self._place[0], stage=self._place[2])

    async def say(self, text: str) -> None:
        """Add text; of what goes beyond LARGEST_LOG bytes in all only the LAST_WORDS are kept, and the log says so."""
        if self._cut:
            self._end = (self._end + text)[-LAST_WORDS:]
            return
        self._size += len(text.encode(errors="replace"))
        if self._size > LARGEST_LOG:
            self._cut, self._end, text = True, text[-LAST_WORDS:], _CUT
        self._waiting.append(text)
        if sum(map(len, self._waiting)) > _FLUSH_CHARACTERS:
            self._full.set()

    async def _write(self) -> None:
        while True:
            with contextlib.suppress(asyncio.TimeoutError):
                await asyncio.wait_for(self._full.wait(), _FLUSH_SECONDS)
            self._full.clear()
            with contextlib.suppress(PlatformUnavailable):
                await asyncio.shield(self._flush())

    async def _flush(self) -> None:
        """Write what waits; it stays waiting when the database is away."""
        async with self._one_writes:
            count = len(self._waiting)
            if text := "".join(self._waiting[:count]):
                await self._records.builds.append_log(*self._place, text)
            del self._waiting[:count]
