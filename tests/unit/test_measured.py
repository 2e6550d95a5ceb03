"""What is measured of each request; that several processes are told together holds tests/integration/test_api_processes.py."""

from types import SimpleNamespace

import pytest
from prometheus_client import REGISTRY

from api.recent import Recent
from clients.settings import Settings
from model.errors import PlatformUnavailable
from tests.front import answered, door


def counted(route: str, status: int, method: str = "GET") -> float:
    labels = {"method": method, "route": route, "status": str(status)}
    return REGISTRY.get_sample_value("mooring_api_request_seconds_count", labels) or 0


@pytest.mark.parametrize(
    ("path", "token", "route", "status"),
    [
        ("/healthz", None, "/healthz", 200),
        ("/v2/operations/op-1?nonsense=1", "x", "/v2/operations/{operation_id}", 422),
        ("/v2/operations/op-1", None, "", 401),
        ("/v2/nowhere/at/all", "x", "", 404),
        ("/v2/operations/op-1", "x", "/v2/operations/{operation_id}", 500),  # as there is no database
    ],
)
def test_a_request_is_counted_by_its_route_not_by_its_path(path: str, token: str | None, route: str, status: int) -> None:
    before = counted(route, status)
    assert answered(door(), "GET", path, token=token).status_code == status
    assert counted(route, status) == before + 1


def test_no_word_that_somebody_sends_is_kept() -> None:
    before = counted("/healthz", 405, "other")
    assert answered(door(), "FROBNICATE", "/healthz", token=None).status_code == 405
    assert counted("/healthz", 405, "other") == before + 1
    assert counted("/healthz", 405, "FROBNICATE") == 0


class _Away:
    """A database that does not answer."""

    async def by_status(self) -> dict[str, int]:
        raise PlatformUnavailable("away")


def test_what_is_measured_is_told_while_the_database_is_away_too() -> None:
    app = door()
    app.state.services.live, app.state.services.records = Recent(0), SimpleNamespace(live=_Away())
    text = answered(app, "GET", "/metrics", token=None).text
    assert 'mooring_operations_live{status="RUNNING"} NaN' in text
    assert "mooring_api_processes 1.0" in text
    assert "mooring_api_request_seconds_bucket" in text
    assert "process_resident_memory_bytes" in text


@pytest.mark.parametrize(("processes", "connections", "pool"), [(1, 48, 20), (2, 48, 20), (4, 48, 10), (4, 16, 2), (8, 8, 1)])
def test_the_processes_share_the_connections_that_they_may_open(processes: int, connections: int, pool: int) -> None:
    given = {"mooring_api_processes": processes, "mooring_api_connections": connections}
    assert Settings(database_url="", kubeconfig="", **given).api_pool == pool
