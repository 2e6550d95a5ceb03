"""What the platform's processes use: seconds of a processor, and memory."""

import contextlib
import time
from collections.abc import Iterator
from typing import NamedTuple, Self

import psutil

from bench.endurance.load import processes

PARTS = ("api", "worker", "temporal", "postgres", "kube-apiserver", "kube-controller-manager", "etcd")


class Usage(NamedTuple):
    """At one moment: cpu seconds and MiB (proportional set size) of each part with its children."""

    at: float
    cpu: dict[str, float]
    memory: dict[str, float]

    @classmethod
    async def now(cls) -> Self:
        cpu: dict[str, float] = {}
        memory: dict[str, float] = {}
        for part, pid in (await processes()).items():
            if part in PARTS:
                used = list(_used(pid))
                cpu[part] = sum(seconds for seconds, _ in used)
                memory[part] = round(sum(size for _, size in used) / 2**20, 1)
        return cls(time.monotonic(), cpu, memory)

    def shares_since(self, before: Self) -> dict[str, float]:
        """Of one core, by part; a part that was started again since is left out."""
        seconds = self.at - before.at
        used = {part: self.cpu[part] - before.cpu.get(part, 0.0) for part in self.cpu}
        return {part: round(spent / seconds, 3) for part, spent in used.items() if spent >= 0}


def _used(pid: int) -> Iterator[tuple[float, int]]:
    """Cpu seconds and bytes of the process and of each of its children; of those that end meanwhile nothing."""
    with contextlib.suppress(psutil.NoSuchProcess):
        for process in [psutil.Process(pid), *psutil.Process(pid).children(recursive=True)]:
            with contextlib.suppress(psutil.NoSuchProcess):
                yield sum(process.cpu_times()[:2]), process.memory_full_info().pss
