"""What a spec says of the time its instances take to serve, held against an operation's deadline (Kubernetes: Probe)."""

from model.apps import AppSpec
from model.scheduling import Probe


def least_seconds(spec: AppSpec) -> tuple[int, str]:
    """How long an instance takes at least until it counts as serving, and the field that says so; (0, "") where none does."""
    found = [(_first_success(c.readiness_probe), "readinessProbe") for c in spec.containers if c.readiness_probe]
    found += [(_first_success(c.startup_probe), "startupProbe") for c in spec.containers if c.startup_probe]
    seconds, field = max(found, default=(0, ""))
    settles = spec.min_ready_seconds or 0
    return seconds + settles, "minReadySeconds" if settles > seconds else field


def start_notice(spec: AppSpec, deadline: int) -> str:
    """In words that an instance may start for longer than the operation waits, "" where it may not."""
    windows = [(_window(c.startup_probe), c.name) for c in spec.containers if c.startup_probe]
    seconds, name = max(windows, default=(0, ""))
    if spec.job or seconds <= deadline:
        return ""
    return (
        f"The startupProbe of {name!r} gives it {seconds} s to start, but the operation waits for {deadline} s only, then fails, "
        f"though it may come up yet: ask with deadlineSeconds over {seconds}."
    )


def _first_success(probe: Probe) -> int:
    return probe.initial_delay_seconds + (probe.success_threshold - 1) * probe.period_seconds


def _window(probe: Probe) -> int:
    return probe.initial_delay_seconds + probe.period_seconds * probe.failure_threshold
