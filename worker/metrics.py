"""The worker's own figures for Prometheus: what is carried out, what stands still, which tries ran out."""

import contextlib
from collections.abc import Iterator
from urllib.parse import urlsplit

from prometheus_client import Counter, Gauge, start_http_server

from activities.suspensions import Suspensions

RUNNING = Gauge("mooring_activities_running", "Activities that this worker carries out now", ["activity"])
RAN_OUT = Counter(
    "mooring_tries_ran_out",
    "Tries that Temporal gave up although the worker was at work on them: one of the two is overloaded",
    ["activity"],
)
ADMITTED = Counter("mooring_operations_admitted", "Operations that waited for a place and were started by this worker")
_SUSPENDED = Gauge("mooring_suspended_steps", "Steps that stand still in this worker's care, without an activity")
_WOKEN = Gauge("mooring_suspended_steps_woken", "How many suspended steps this worker has woken since its start")


@contextlib.contextmanager
def served(listen: str, suspensions: Suspensions) -> Iterator[None]:
    """Answer GET /metrics on `listen` (host:port) as long as the context lasts; nothing where it is empty."""
    _SUSPENDED.set_function(lambda: suspensions.count)
    _WOKEN.set_function(lambda: suspensions.woken)
    if not listen:
        yield
        return
    address = urlsplit(f"//{listen}")
    server, thread = start_http_server(address.port or 0, address.hostname or "127.0.0.1")
    try:
        yield
    finally:
        server.shutdown()
        thread.join()
