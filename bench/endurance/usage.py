"""What the platform's processes use: seconds of a processor, and memory."""

import json
import sys
import time
from collections.abc import Iterator
from typing import NamedTuple, Self

import psutil

from bench.command import run

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
        for part in json.loads(await run(sys.executable, "-m", "deploy.local", "status", "--json")):
            if part["name"] in PARTS and part["pid"]:
                processes = list(_with_children(int(part["pid"])))
                cpu[part["name"]] = sum(sum(process.cpu_times()[:2]) for process in processes)
                memory[part["name"]] = round(sum(process.memory_full_info().pss for process in processes) / 2**20, 1)
        return cls(time.monotonic(), cpu, memory)

    def shares_since(self, before: Self) -> dict[str, float]:
        """Of one core, by part; a part that was started again since is left out."""
        seconds = self.at - before.at
        used = {part: self.cpu[part] - before.cpu.get(part, 0.0) for part in self.cpu}
        return {part: round(spent / seconds, 3) for part, spent in used.items() if spent >= 0}


def _with_children(pid: int) -> Iterator[psutil.Process]:
    process = psutil.Process(pid)
    yield process
    yield from process.children(recursive=True)
