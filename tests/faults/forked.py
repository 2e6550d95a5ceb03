"""A worker that is ready in a moment: forked from a process that has read the code in, which is most of a start's time."""

import multiprocessing
from collections.abc import Mapping
from multiprocessing.context import ForkServerProcess
from pathlib import Path

from tests.faults import worker
from tests.processes import Process, Running

_FORKS = multiprocessing.get_context("forkserver")
_FORKS.set_forkserver_preload([worker.__name__])


class ForkedWorker(Process):
    """The worker of tests/faults/worker.py, which dies where `armed` says. What is forked runs from its `main` on, as any other."""

    def __init__(self, log: Path, armed: Path, **environment: str) -> None:
        super().__init__(log, worker.__name__, **environment)
        self._armed = armed

    def _begin(self, environment: Mapping[str, str]) -> Running:
        process = _FORKS.Process(target=worker.run, args=(self._armed, self.log, dict(environment)), daemon=True)
        process.start()
        return _Fork(process)


class _Fork:
    def __init__(self, process: ForkServerProcess) -> None:
        assert process.pid is not None
        self.pid = process.pid
        self._process = process

    def poll(self) -> int | None:
        return self._process.exitcode

    def kill(self) -> None:
        self._process.kill()

    def wait(self) -> int:
        self._process.join()
        code = self._process.exitcode
        assert code is not None
        return code
