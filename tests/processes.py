"""Mooring's own processes, started, killed and started again by a test."""

import asyncio
import contextlib
import os
import socket
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Protocol

import httpx

from tests.platform import eventually


class Running(Protocol):
    """A process that was started, as subprocess.Popen has it."""

    pid: int

    def poll(self) -> int | None:
        """Its exit status, negative for a signal; None as long as it runs."""
        ...

    def kill(self) -> None:
        """SIGKILL."""
        ...

    def wait(self) -> int:
        """Its exit status, once it has ended."""
        ...


class Process:
    """`python -m <module> <arguments>` with the test's environment; its output goes to `log`."""

    def __init__(self, log: Path, module: str, *arguments: str, **environment: str) -> None:
        self.log = log
        self._module, self._arguments = module, arguments
        self._environment: Mapping[str, str] = environment
        self._running: Running | None = None

    def start(self) -> None:
        """Start it; it must not be running."""
        assert not self.runs()
        self._running = self._begin({**os.environ, **self._environment})

    def _begin(self, environment: Mapping[str, str]) -> Running:
        with self.log.open("ab") as out:
            command = [sys.executable, "-m", self._module, *self._arguments]
            return subprocess.Popen(command, stdout=out, stderr=out, env=environment)

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

        await eventually(ended, f"{self._module} ends; it says: {self.tail()}", seconds)
        assert self._running is not None
        return self._running.wait()

    def terminate(self) -> None:
        """SIGTERM: it is to end by itself."""
        assert self._running is not None
        self._running.terminate()

    async def kill(self) -> None:
        """SIGKILL: nothing of it is finished or told."""
        if self._running is not None and self.runs():
            self._running.kill()
            await asyncio.to_thread(self._running.wait)

    def tail(self) -> str:
        """The end of what it has written."""
        return self.log.read_text(errors="replace")[-3000:] if self.log.exists() else ""


class Api(Process):
    """`python -m api` on a free port of its own: one process, so that to kill it is to kill all of it."""

    def __init__(self, log: Path, **environment: str) -> None:
        with contextlib.closing(socket.create_server(("127.0.0.1", 0))) as free:
            port = free.getsockname()[1]
        self.url = f"http://127.0.0.1:{port}"
        super().__init__(log, "api", **{"MOORING_LISTEN": f"127.0.0.1:{port}", "MOORING_API_PROCESSES": "1", **environment})

    async def up(self) -> None:
        """Start it and wait until it answers."""
        self.start()
        async with httpx.AsyncClient(base_url=self.url) as http:

            async def answers() -> bool:
                assert self.runs(), f"the API ended: {self.tail()}"
                with contextlib.suppress(httpx.TransportError):
                    return (await http.get("/healthz")).status_code == 200
                return False

            await eventually(answers, "the API answers", 90)  # of a busy machine importing alone takes a while
