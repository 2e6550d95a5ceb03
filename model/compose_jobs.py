"""Services of a compose file that run to their end, because others wait for that (Compose Specification: depends_on, restart)."""

import re
from collections.abc import Iterator
from typing import Any

from model.apps import JobRun
from model.job_bodies import MOST_TRIES

COMPLETED = "service_completed_successfully"
UNREACHED = "{!r} runs to its end, so nothing can be reached at it; wait for it with the condition " + COMPLETED
_RESTART = re.compile(r"always|unless-stopped|no|on-failure(?::([0-9]{1,3}))?")
_TRIES = 6  # as Kubernetes has it where nothing is said


def known_restart(value: str) -> str:
    """A `restart`, as it is written; raises ValueError."""
    if not _RESTART.fullmatch(value):
        raise ValueError("must be always, unless-stopped, no, or on-failure[:times]")
    return value


def what_is_wrong(service: Any, *, is_job: bool) -> Iterator[tuple[str, str]]:
    """The keys of a service that mean nothing for one that runs to its end, or for one that serves, and why."""
    if not is_job:
        if service.restart not in (None, "always", "unless-stopped"):
            told = f"must be always or unless-stopped: only what others wait for with {COMPLETED} may end"
            yield "restart", told
        return
    for key in ("ports", "expose", "healthcheck"):
        if getattr(service, key):
            yield key, "means nothing for what others wait for to complete: it is not reached; remove it"
    if service.extension.rollout or service.extension.readiness_probe or service.extension.lifecycle:
        yield "x-mooring", "says how what serves comes and goes; this runs to its end; remove it"
    if service.restart in ("always", "unless-stopped"):
        yield "restart", 'must be "no" or on-failure: others wait for it to complete'
    if service.replicas == 0:
        yield "deploy" if service.scale is None else "scale", "must have at least 1 instance: others wait for it to complete"
    found = _RESTART.fullmatch(service.restart or "no")
    if found and found[1] and int(found[1]) > MOST_TRIES:
        yield "restart", f"must be at most {MOST_TRIES} times"


def run_of(restart: str | None) -> JobRun:
    """How it is run; without `restart` it is tried once, as in Docker.

    >>> run_of("on-failure:3")
    JobRun(restart_policy='OnFailure', backoff_limit=3, parallelism=None, active_deadline_seconds=None)
    >>> run_of(None).backoff_limit
    0
    """
    found = _RESTART.fullmatch(restart or "no")
    if found is None or found[0] == "no":
        return JobRun(restart_policy="Never", backoff_limit=0)
    return JobRun(restart_policy="OnFailure", backoff_limit=int(found[1]) if found[1] else _TRIES)
