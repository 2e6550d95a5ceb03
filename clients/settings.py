"""Settings of API and worker, from the environment (`.local/env` for the embedded platform)."""

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict


class Settings(BaseSettings):
    """Where the parts are; every field is the environment variable of the same name in upper case."""

    model_config = SettingsConfigDict(extra="ignore")

    database_url: str
    temporal_address: str = "127.0.0.1:7233"
    temporal_namespace: str = "mooring"
    temporal_ui_url: str | None = None
    kubeconfig: str
    mooring_registry: str = "localhost:5000"
    docker_host: str | None = None
    # The metrics store's Prometheus API; without one nothing can depend on a metric.
    mooring_metrics_url: str | None = None
    # How often autoscaling looks (Kubernetes: --horizontal-pod-autoscaler-sync-period).
    mooring_autoscaling_seconds: int = Field(default=15, ge=1, le=300)
    mooring_url: str = "http://127.0.0.1:8000"
    mooring_listen: str = "127.0.0.1:8000"
    mooring_state: str = ".local"
    # After so many seconds without a byte in either direction a web shell is closed.
    mooring_shell_idle_seconds: float = 900
    # Fernet keys that configuration is kept sealed with, comma-separated, the newest first; none: there can be no configuration.
    mooring_secret_key: str = ""
    # Networks (CIDR, comma) whose Git servers builds may read although they are loopback, link-local or reserved.
    mooring_source_allow: str = ""
