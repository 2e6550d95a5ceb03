"""How long requests take, by route, and /metrics, of all processes of the API together (prometheus_client: multiprocess mode)."""

import glob
import os
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

from prometheus_client import CollectorRegistry, Gauge, Histogram, Metric, ProcessCollector, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector, mark_process_dead
from prometheus_client.registry import Collector
from starlette.types import ASGIApp, Message, Receive, Scope, Send

_SHARED = "PROMETHEUS_MULTIPROC_DIR"
_SECONDS = Histogram(
    "mooring_api_request_seconds",
    "Seconds from a request until its reply begins; what a request waits for of its own accord (?wait=) is in it.",
    ["method", "route", "status"],
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60),
)
_PROCESSES = Gauge("mooring_api_processes", "Processes of the API that run.", multiprocess_mode="livesum")
_METHODS = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"}
# What the library tells of one process, and what is added up of several.
_ADDED = {"process_cpu_seconds", "process_resident_memory_bytes", "process_virtual_memory_bytes", "process_open_fds"}


class Measured:
    """ASGI middleware: counts each request with its time by method, route and status; what no route has is of none."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        _PROCESSES.set(1)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Hand on, and take the time when the reply begins."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began, status = time.perf_counter(), 0

        async def told(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                _note(scope, status, began)
            await send(message)

        try:
            await self._app(scope, receive, told)
        except Exception:
            if not status:  # a bug, which is answered outside of all middleware
                _note(scope, 500, began)
            raise


def _note(scope: Scope, status: int, began: float) -> None:
    method = scope["method"] if scope["method"] in _METHODS else "other"  # anybody can send any word as one
    route = getattr(scope.get("route"), "path", "")
    _SECONDS.labels(method, route, status).observe(time.perf_counter() - began)


def exposition() -> bytes:
    """The figures in Prometheus' text format, of all processes of this API; of those that died what they had counted stays."""
    if _SHARED not in os.environ:
        return generate_latest()
    registry = CollectorRegistry()
    place = os.environ[_SHARED]
    alive = list(_alive(place))
    MultiProcessCollector(registry, place)
    registry.register(_Together([os.getppid(), *alive]))
    return generate_latest(registry)


def _alive(place: str) -> Iterator[int]:
    """The processes that share the directory; what one that died had live is taken away."""
    for file in glob.glob(f"{place}/gauge_livesum_*.db"):
        pid = int(Path(file).stem.rpartition("_")[2])
        if Path(f"/proc/{pid}").exists():
            yield pid
        else:
            mark_process_dead(pid, place)


class _Together(Collector):
    """What several processes use: the library tells that of its own one only, and in this mode none."""

    def __init__(self, pids: Iterable[int]) -> None:
        self._each = [ProcessCollector(pid=lambda pid=pid: pid, registry=None) for pid in pids]

    def collect(self) -> Iterator[Metric]:
        """The amounts, added up."""
        found = [metric for one in self._each for metric in one.collect() if metric.name in _ADDED]
        for name in sorted({metric.name for metric in found}):
            same = [metric for metric in found if metric.name == name]
            total = Metric(name, same[0].documentation, same[0].type)
            total.add_sample(same[0].samples[0].name, {}, sum(metric.samples[0].value for metric in same))
            yield total
