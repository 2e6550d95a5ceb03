"""The fields of create and rollout that say how a Job is run, named as Kubernetes names them, and what means nothing for one."""

from typing import Annotated, Any, Literal

from pydantic import Field

from model.apps import MOST_INSTANCES, AppSpec, JobRun
from model.base import Input
from model.errors import Invalid, Problem
from model.jobs import time_to_run

LONGEST_RUN = 86400
MOST_TRIES = 100
Tries = Annotated[int, Field(ge=0, le=MOST_TRIES)]
Parallel = Annotated[int, Field(ge=1, le=MOST_INSTANCES)]
Seconds = Annotated[int, Field(ge=1, le=LONGEST_RUN)]
# By the body's name of a field that means nothing for what runs to its end, the model's.
_NOT_FOR_JOBS = {
    "portMappings": "port_mappings",
    "networkType": "network_type",
    "readinessProbe": "readiness_probe",
    "lifecycle": "lifecycle",
    "minReadySeconds": "min_ready_seconds",
    "maxSurge": "max_surge",
    "maxUnavailable": "max_unavailable",
    "scale": "scale",
    "batches": "batches",
    "gates": "gates",
    "readySeconds": "ready_seconds",
}


class JobFields(Input):
    """How a Job is run; `restartPolicy` is "Always" for an app that serves."""

    restart_policy: Literal["Always", "OnFailure", "Never"] | None = None
    backoff_limit: Tries | None = None
    parallelism: Parallel | None = None
    active_deadline_seconds: Seconds | None = None


def with_run(spec: AppSpec, body: JobFields) -> AppSpec:
    """The spec with how it is run, as far as the body says; raises Invalid naming a field that means nothing for its type."""
    if spec.type != "Job":
        return _checked_serving(spec, body)
    for field, name in _NOT_FOR_JOBS.items():
        if getattr(body, name, None):
            raise _invalid(field, "means nothing for a Job, which runs to its end and serves nobody")
    if body.restart_policy == "Always":
        raise _invalid("restartPolicy", 'must be "Never" or "OnFailure" for a Job')
    said: dict[str, Any] = {name: getattr(body, name) for name in JobRun.model_fields if name in body.model_fields_set}
    now = spec.job or JobRun()
    kept = {name: value if value is not None else JobRun.model_fields[name].default for name, value in said.items()}
    return spec.model_copy(update={"job": now.model_copy(update=kept)})


def _checked_serving(spec: AppSpec, body: JobFields) -> AppSpec:
    if body.restart_policy not in (None, "Always"):
        raise _invalid("restartPolicy", f'must be "Always": the instances of a {spec.type} are always restarted; a "Job" ends')
    later = {"backoffLimit": body.backoff_limit, "parallelism": body.parallelism}
    for field, given in {**later, "activeDeadlineSeconds": body.active_deadline_seconds}.items():
        if given is not None:
            raise _invalid(field, f"is for Jobs: a {spec.type} runs until it is stopped")
    return spec


def deadline_for(body: Any, spec: AppSpec) -> int:
    """The operation's deadline: the body's `deadlineSeconds` where it is given, else a Job's own time, else the default."""
    given: int = body.deadline_seconds
    return given if "deadline_seconds" in body.model_fields_set else time_to_run(spec) or given


def _invalid(field: str, rule: str) -> Invalid:
    return Invalid(f"{field}: {rule}.", problems=[Problem(field=field, message=rule)])
