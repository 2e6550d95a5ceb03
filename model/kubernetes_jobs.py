"""Kubernetes Job documents: what runs to its end once an upgrade that changes it (Kubernetes: Job v1 batch)."""

from typing import Annotated, Literal

from pydantic import Field

from model.app_bodies import Labels
from model.apps import MOST_INSTANCES, AppSpec, JobRun
from model.config_references import References
from model.job_bodies import Parallel, Seconds, Tries
from model.kubernetes_shapes import Annotations, Metadata
from model.pod_documents import CheckImage, PodAt, pod_spec
from model.pod_shapes import PodParts, Written

_LATER = "is not carried out; remove it"
REFUSED = {
    "suspend": "has no meaning here: a Job runs when its turn has come; remove it",
    "ttlSecondsAfterFinished": "has no meaning here: what has run stays, with its logs, until the app is deleted; remove it",
    "manualSelector": "has no meaning here; remove it",
    **dict.fromkeys(("completionMode", "podFailurePolicy", "successPolicy", "podReplacementPolicy", "managedBy"), _LATER),
    **dict.fromkeys(("backoffLimitPerIndex", "maxFailedIndexes"), _LATER),
}


class TemplateMetadata(Written):
    """`spec.template.metadata`, which nothing selects."""

    labels: Labels = {}
    annotations: Annotations = {}


class JobPod(PodParts):
    """A pod that runs to its end."""

    restart_policy: Literal["Never", "OnFailure"]


class JobTemplate(Written):
    """`spec.template`."""

    metadata: TemplateMetadata = TemplateMetadata()
    spec: JobPod


class JobSpec(Written):
    """`spec` of a Job."""

    template: JobTemplate
    completions: Annotated[int, Field(ge=1, le=MOST_INSTANCES)] = 1
    parallelism: Parallel | None = None
    backoff_limit: Tries = 6
    active_deadline_seconds: Seconds | None = None


class Job(Written):
    """What runs to its end: what depends on it starts when it has completed."""

    api_version: Literal["batch/v1"]
    kind: Literal["Job"]
    metadata: Metadata
    spec: JobSpec


def job_spec(job: Job, at: PodAt, check_image: CheckImage, references: References) -> AppSpec:
    """The spec a Job means, its pod being `at`; notes ports and readiness probes at their places, as nobody reaches it."""
    pod = job.spec.template.spec
    for index, container in enumerate(pod.containers):
        for key, said in (("ports", container.ports), ("readinessProbe", container.readiness_probe)):
            if said:
                at.note(["containers", index, key], "means nothing for a Job, which runs to its end and is not reached; remove it")
    run = JobRun(
        restart_policy=pod.restart_policy,
        backoff_limit=job.spec.backoff_limit,
        parallelism=job.spec.parallelism,
        active_deadline_seconds=job.spec.active_deadline_seconds,
    )
    made = pod_spec(pod, at, check_image, references)
    return made.model_copy(update={"type": "Job", "job": run})
