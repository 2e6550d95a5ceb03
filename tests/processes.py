"""Mooring's own processes, started, killed and started again by a test."""

import asyncio
import contextlib
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import httpx

from tests.platform import eventually


class Process:
    """`python -m <module> <arguments>` with the test's environment; its output goes to `log`."""

    def __init__(self, log: Path, module: str, *arguments: str, **environment: str) -> None:
        self.log = log
        self._command = [sys.executable, "-m", module, *arguments]
        self._environment: Mapping[str, str] = environment
        self._running: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it; it must not be running."""
        assert not self.runs()
        with self.log.open("ab") as out:
            self._running = subprocess.Popen(self._command, stdout=out, stderr=out, env={**os.environ, **self._environment})

    def runs(self) -> bool:
        """Whether it is running."""
        return self._running is not None and self._running.poll() is None

    @property
    def pid(self) -> int:
        """Its process id; it must have been started."""
        assert self._running is not None
        return self._running.pid

    async def died(self, seconds: float) -> int:
        """Its exit status, negative for a signal, once it has ended by itself; fails with the end of its log after `seconds`."""

        async def ended() -> bool:
            return not self.runs()

        await eventually(ended, f"{self._command[2]} ends; it says: {self.tail()}", seconds)
        assert self._running is not None
        return int(self._running.returncode)

    async def kill(self) -> None:
        """SIGKILL: nothing of it is finished or told."""
        if self._running is not None and self.runs():
            self._running.send_signal(signal.SIGKILL)
            await asyncio.to_thread(self._running.wait)

    def tail(self) -> str:
        """The end of what it has written."""
        return self.log.read_text(errors="replace")[-3000:] if self.log.exists() else ""


class Api(Process):
    """`python -m api` on a free port of its own."""

    def __init__(self, log: Path, **environment: str) -> None:
        with contextlib.closing(socket.create_server(("127.0.0.1", 0))) as free:
            port = free.getsockname()[1]
        self.url = f"http://127.0.0.1:{port}"
        super().__init__(log, "api", MOORING_LISTEN=f"127.0.0.1:{port}", **environment)

    async def up(self) -> None:
        """Start it and wait until it answers."""
        self.start()
        async with httpx.AsyncClient(base_url=self.url) as http:

            async def answers() -> bool:
                assert self.runs(), f"the API ended: {self.tail()}"
                with contextlib.suppress(httpx.TransportError):
                    return (await http.get("/healthz")).status_code == 200
                return False

            await eventually(answers, "the API answers")
