"""Whose a running process is: every part, and all it starts, carries its checkout's state directory in its environment."""

import os
import signal
from collections.abc import Container, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil

# The name of the process that stands between containerd and a container, and outlives containerd.
SHIM = "containerd-shim"


@dataclass(frozen=True)
class Owned:
    """A process of a platform: of which checkout, and of which part."""

    process: psutil.Process
    state: Path
    part: str

    @property
    def shim(self) -> bool:
        return self.part == "containerd" and Path(_executable(self.process)).name.startswith(SHIM)


def owned() -> Iterator[Owned]:
    """Yield every process that a platform's supervisor has started, of any checkout, and what these have started.

    Shells that sourced the env file carry MOORING_STATE as well; MOORING_PART is what only the supervisor gives. The
    processes inside containers have environments of their own, and are not among these.
    """
    for process in psutil.process_iter():
        try:
            environment = process.environ()
        except psutil.Error:
            continue
        if "MOORING_PART" in environment and "MOORING_STATE" in environment and process.pid != os.getpid():
            yield Owned(process, Path(environment["MOORING_STATE"]), environment["MOORING_PART"])


def descendants(parents: Iterable[psutil.Process]) -> list[psutil.Process]:
    """Return everything that the processes have started, and what that has."""
    found = []
    for process in parents:
        try:
            found += process.children(recursive=True)
        except psutil.NoSuchProcess:
            continue
    return found


def in_containers(ids: Container[str]) -> list[psutil.Process]:
    """Return the processes inside containers with these ids.

    Source: their control groups. The shims' children would not do: a container outlives its shim.
    """
    found = []
    for process in psutil.process_iter():
        try:
            groups = Path(f"/proc/{process.pid}/cgroup").read_text()
        except OSError:
            continue
        if any(line.rpartition("/")[2] in ids for line in groups.splitlines()):
            found.append(process)
    return found


def end(processes: Iterable[psutil.Process], grace: float) -> None:
    """Ask the processes to end, and after `grace` seconds make them; returns when all have ended."""
    alive = list(processes)
    for number, seconds in ((signal.SIGTERM, grace), (signal.SIGKILL, 10.0)):
        for process in alive:
            try:
                process.send_signal(number)
            except psutil.NoSuchProcess:
                continue
        _, alive = psutil.wait_procs(alive, timeout=seconds)
        if not alive:
            return


def listeners() -> dict[int, int]:
    """Return which process listens on which TCP port of this machine: port -> process id."""
    found = psutil.net_connections("tcp")
    return {item.laddr.port: item.pid or 0 for item in found if item.status == psutil.CONN_LISTEN}


def _executable(process: psutil.Process) -> str:
    try:
        return str(process.exe())
    except psutil.Error:
        return ""
