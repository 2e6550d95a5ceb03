"""Settings of API and worker, from the environment (`.local/env` for the embedded platform)."""

import os
from collections.abc import Mapping
from typing import Annotated

from pydantic import BeforeValidator, Field, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from model.images import Registries
from model.seats import SeatBound, SeatKind

Seats = Annotated[SeatBound, NoDecode, BeforeValidator(lambda value: SeatBound.read(value) if isinstance(value, str) else value)]

_LARGEST_POOL = 20  # more than one process keeps busy


class Settings(BaseSettings):
    """Where the parts are; every field is the environment variable of the same name in upper case."""

    model_config = SettingsConfigDict(extra="ignore")

    database_url: str
    temporal_address: str = "127.0.0.1:7233"
    temporal_namespace: str = "mooring"
    temporal_ui_url: str | None = None
    kubeconfig: str
    mooring_registry: str = "localhost:5000"
    # Other registries whose images tenants may use (hosts, comma): those, and no other, are ever asked for a name.
    mooring_registries: str = ""
    docker_host: str | None = None
    # The metrics store's Prometheus API; without one nothing can depend on a metric.
    mooring_metrics_url: str | None = None
    # How often autoscaling looks (Kubernetes: --horizontal-pod-autoscaler-sync-period).
    mooring_autoscaling_seconds: int = Field(default=15, ge=1, le=300)
    # How many operations work at once, and how many builds; what is more waits for its turn (docs/operations-under-load.md).
    mooring_operations_at_once: int = Field(default=6 * (os.cpu_count() or 1), ge=4, le=1000)
    mooring_builds_at_once: int = Field(default=8, ge=4, le=100)
    # Where the worker answers Prometheus (host:port); nowhere where it is empty.
    mooring_worker_metrics: str = ""
    mooring_url: str = "http://127.0.0.1:8000"
    mooring_listen: str = "127.0.0.1:8000"
    mooring_state: str = ".local"
    # How many processes answer at that address, and how many connections to PostgreSQL they open together.
    mooring_api_processes: int = Field(default_factory=lambda: min(len(os.sched_getaffinity(0)), 4), ge=1, le=64)
    mooring_api_connections: int = Field(default=48, ge=3, le=10_000)
    # After so many seconds without a byte in either direction a web shell is closed.
    mooring_shell_idle_seconds: float = 900
    # How much of each kind may be open: for each person in all processes, and for all together in one process.
    mooring_seats_events: Seats = SeatBound(50, 1000)
    mooring_seats_build_logs: Seats = SeatBound(20, 200)
    mooring_seats_logs: Seats = SeatBound(20, 200)
    mooring_seats_shells: Seats = SeatBound(20, 200)
    mooring_seats_uploads: Seats = SeatBound(3, 20)
    mooring_seats_waits: Seats = SeatBound(200, 2000)
    # How many operations that have not ended a project may have, and a person in all projects together.
    mooring_live_per_project: int = Field(default=2000, ge=1, le=1_000_000)
    mooring_live_per_person: int = Field(default=1000, ge=1, le=1_000_000)
    # Fernet keys that configuration is kept sealed with, comma-separated, the newest first; none: there can be no configuration.
    mooring_secret_key: str = ""
    # Networks (CIDR, comma) whose Git servers builds may read although they are loopback, link-local or reserved.
    mooring_source_allow: str = ""
    # The work of a worker that died is taken up after so many seconds: of a step that it carried out (Temporal: heartbeat timeout),
    # and of operations that it had in its cache (Temporal: sticky queue's schedule-to-start timeout, by default 10 s).
    mooring_heartbeat_seconds: float = Field(default=5, ge=1, le=60)
    mooring_sticky_seconds: float = Field(default=3, ge=0.5, le=60)
    # The largest archive of a directory that is taken to be built, in MiB.
    mooring_source_mib: int = Field(default=100, ge=1, le=1024)

    @property
    def registries(self) -> Registries:
        """The registries that images may come from."""
        return Registries.listed(self.mooring_registry, self.mooring_registries)

    @property
    def api_pool(self) -> int:
        """The connections for queries that each process of the API may open: two more hear notifications and show that it lives."""
        return max(1, min(_LARGEST_POOL, self.mooring_api_connections // self.mooring_api_processes - 2))

    @property
    def seats(self) -> Mapping[SeatKind, SeatBound]:
        """How much of each kind may be open."""
        return {kind: getattr(self, kind.setting.lower()) for kind in SeatKind}

    @field_validator("mooring_registries")
    @classmethod
    def _hosts(cls, value: str) -> str:
        Registries.listed("", value)
        return value
