"""Mooring's worker as a process of this machine: which one it is, killing it, and seeing it come back."""

import asyncio
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from demo.stage import NotShown

ROOT = Path(__file__).parents[1]
_BACK_WITHIN = 60.0


@dataclass(frozen=True)
class WorkerProcess:
    """`pid` tells the worker's present process id, None while none runs."""

    pid: Callable[[], int | None]

    def kill(self) -> int:
        """End it at once, as a crash would; returns the process id that was."""
        found = self.pid()
        if found is None:
            raise NotShown("The worker is not a process that `make up` runs here. Name its pid file: --worker-pid-file.")
        os.kill(found, signal.SIGKILL)
        return found

    async def back(self, killed: int) -> int:
        """Wait until another process is the worker; returns its id."""
        try:
            async with asyncio.timeout(_BACK_WITHIN):
                while (found := await asyncio.to_thread(self.pid)) in (None, killed):  # noqa: ASYNC110  (another process is waited for)
                    await asyncio.sleep(0.2)
        except TimeoutError:
            raise NotShown(f"The worker did not come back within {_BACK_WITHIN:.0f} s. See `make status` and its log.") from None
        assert found is not None
        return found


def of_platform() -> int | None:
    """The worker's process id as `make status` tells it."""
    words = [sys.executable, "-m", "deploy.local", "status", "--json"]
    told = subprocess.run(words, cwd=ROOT, capture_output=True, text=True)
    try:
        parts = {part["name"]: part["pid"] for part in json.loads(told.stdout)}
    except ValueError:
        raise NotShown(f"`make status JSON=1` does not tell the parts: {told.stderr.strip() or 'no JSON'}") from None
    pid: int | None = parts.get("worker")
    return pid


def of_file(path: Path) -> int | None:
    """The process id that a file holds, for a worker that somebody else keeps running."""
    text = path.read_text().strip() if path.exists() else ""
    return int(text) if text.isdigit() else None
