"""Jobs: apps whose instances run to their end, once a revision and once more a restart (Kubernetes: Job v1 batch).

Each run is a Job object of its own, as a Job's template cannot be changed. That a version has run is kept by its finished object,
so that going back to it, which runs nothing, finds it as it was.
"""

import hashlib
from collections.abc import Iterable, Mapping, Sequence

from model.apps import App, AppPhase, AppSpec, AppStatus, Revision
from model.base import Frozen
from model.diagnosis import has_failed, troubles
from model.errors import (
    AdmissionRefused,
    CommandNotFound,
    DeadlineExceeded,
    Evidence,
    ImageNotFound,
    JobFailed,
    MooringError,
    NamespaceGone,
    OutOfMemory,
    ProbeFailing,
    QuotaExceeded,
    Unschedulable,
)
from model.job_instances import interrupted, still_running
from model.layouts import Layout, Workload
from model.manifests import metadata_of, workload_name
from model.pod_templates import TEMPLATE, Object, pod_template
from model.pods import condition, containers, leaves
from model.rollouts import BY_OPERATION
from model.troubles import LogRef, Seen, Trouble, evidence_of, last_line, pod_troubles, worst

RUN = "mooring.io/run"
LONGEST_NAME = 63 - len("-r9999-01234")  # a Job's name is a label's value of its pods
_LONGEST_RUN = 3600  # seconds an operation waits for a run that says nothing itself
_TO_BEGIN = 120  # seconds beyond a run's own time: to find a node, to pull the image
_MOST_LOGS = 3
# An instance that is evicted, preempted or lost with its node is no try of the program's (Kubernetes: Pod failure policy).
_TAKEN_AWAY = {"rules": [{"action": "Ignore", "onPodConditions": [{"type": "DisruptionTarget", "status": "True"}]}]}
_TOO_LONG = "See in the evidence what it was at; raise activeDeadlineSeconds or mend that, and roll it out."
_END_THEM = "An instance has run to its end when all its containers have: end the others when the first is done, or make them apps."
_NO_TRY_HELPS = (ImageNotFound, CommandNotFound, Unschedulable, AdmissionRefused, NamespaceGone, QuotaExceeded)
_TOLD_AS_THEY_ARE = (ImageNotFound, CommandNotFound, OutOfMemory, ProbeFailing)


class Run(Frozen):
    """How far a Job is: counts of instances, and once it has failed Kubernetes' reason; `began` orders runs.

    `ended` says that none of its instances runs any more: of one that has failed, they may be given their time to end first.
    """

    wanted: int
    running: int
    succeeded: int
    tries_failed: int
    complete: bool
    failure: str
    began: str
    ended: bool = False
    failed_at: str = ""

    @property
    def over(self) -> bool:
        """Whether it is decided how it ends: no further instance will be begun."""
        return self.complete or bool(self.failure)

    @property
    def message(self) -> str:
        """How far, in words.

        >>> Run(wanted=3, running=1, succeeded=1, tries_failed=2, complete=False, failure="", began="").message
        '1 of 3 completed, 1 running, 2 tries failed'
        """
        words = [f"{self.succeeded} of {self.wanted} completed"]
        words += [f"{self.running} running"] if self.running else []
        words += [f"{_tries(self.tries_failed)} failed"] if self.tries_failed else []
        return ", ".join(words)


def run_of(job: Object) -> Run:
    """Read a Job. It has failed from when it is decided, while its last instances are still being ended (FailureTarget)."""
    status = job.get("status", {})
    failed = [c for kind in ("Failed", "FailureTarget") if (c := condition(job, kind)).get("status") == "True"]
    complete = condition(job, "Complete").get("status") == "True"
    return Run(
        wanted=job["spec"].get("completions", 1),
        running=status.get("ready", 0),
        succeeded=status.get("succeeded", 0),
        tries_failed=status.get("failed", 0),
        complete=complete,
        failure=failed[0].get("reason") or "Failed" if failed else "",
        began=job["metadata"].get("creationTimestamp", ""),
        ended=complete or condition(job, "Failed").get("status") == "True",
        failed_at=min((c["lastTransitionTime"] for c in failed if "lastTransitionTime" in c), default=""),
    )


def run_name(app: str, workload: Workload) -> str:
    """The name of a run's Job object.

    >>> run_name("migrate", Workload(track="", revision=2, replicas=1))
    'migrate-r2'
    >>> run_name("migrate", Workload(track="", revision=2, replicas=1, restart="rs_1"))
    'migrate-r2-15a94'
    """
    again = f"-{hashlib.sha256(workload.restart.encode()).hexdigest()[:5]}" if workload.restart else ""
    return workload_name(app, f"r{workload.revision}{again}")


def job_object(app: App, revision: Revision, registry: str, workload: Workload, run: str) -> Object:
    """The Job of one run at a revision whose images are resolved; `run` says which attempt of which operation makes it."""
    job = revision.spec.job
    assert job is not None
    metadata = metadata_of(app, run_name(app.name, workload), workload.track, revision)
    spec: Object = {
        "completions": workload.replicas,
        "parallelism": job.parallelism or 1,
        "backoffLimit": job.backoff_limit,
        "template": pod_template(app, revision, registry, workload),
    }
    if job.restart_policy == "Never":  # with another Kubernetes takes no such policy
        spec["podFailurePolicy"] = _TAKEN_AWAY
    if job.active_deadline_seconds is not None:
        spec["activeDeadlineSeconds"] = job.active_deadline_seconds
    metadata["annotations"][RUN] = run
    return {"apiVersion": "batch/v1", "kind": "Job", "metadata": metadata, "spec": spec}


def time_to_run(spec: AppSpec) -> int | None:
    """How long an operation waits where it does not say itself, in seconds; None for an app that serves."""
    if spec.job is None:
        return None
    own = spec.job.active_deadline_seconds
    return min(own + _TO_BEGIN, 86400) if own is not None else _LONGEST_RUN


def of_run(app: App, jobs: Iterable[Object]) -> Object | None:
    """The Job of the version in force, None where it has none (any more)."""
    (workload,) = app.layout.workloads
    name = run_name(app.name, workload)
    return next((job for job in jobs if job["metadata"]["name"] == name and not leaves(job)), None)


def reached(wanted: Layout, known: Mapping[tuple[str, str], Workload], found: Iterable[Object]) -> Layout:
    """Where a move got to: the version of the newest run; `known` has the workloads by track and template digest."""
    for job in sorted((j for j in found if not leaves(j)), key=lambda j: run_of(j).began, reverse=True):
        if workload := known.get(("", job["spec"]["template"]["metadata"]["labels"][TEMPLATE])):
            return wanted.model_copy(update={"workloads": (workload,)})
    return wanted


def job_status(app: App, operation: str | None, operation_status: str | None, jobs: Sequence[Object]) -> tuple[AppStatus, str, str]:
    """A Job's Status, InstanceSummary and why it does not run, from its record, its newest operation and its Job objects."""
    job = of_run(app, jobs)
    run = run_of(job) if job else None
    (workload,) = app.layout.workloads
    has_run = run is None and workload.ran and app.phase is AppPhase.LIVE
    summary = f"{app.replicas if has_run else run.succeeded if run else 0}/{app.replicas} completed"
    summary += f", {run.running} running" if run and run.running else ""
    if operation_status not in (None, "SUCCEEDED", "FAILED", "CANCELLED") and operation in BY_OPERATION:
        told = BY_OPERATION[operation]
        begun = run and run.running and operation not in ("app.kill", "app.delete")
        return (AppStatus.RUNNING if begun else told), summary, ""
    if app.phase is not AppPhase.LIVE:
        return AppStatus.STOPPED, summary, ""
    if has_run:
        why = (
            "This version had run to its end and was gone back to, which runs nothing; that run is no longer kept. Restart runs it."
        )
        return AppStatus.COMPLETED, summary, why
    if run is None:
        if not workload.runs:
            why = "This version was gone back to, which runs nothing; restart runs it."
        else:
            why = "Its run is no longer in the cluster, where it was cancelled or taken away; restart runs it again."
        return (AppStatus.FAILED if operation_status == "FAILED" else AppStatus.STOPPED), summary, why
    if run.complete:
        return AppStatus.COMPLETED, summary, ""
    if run.failure:
        return AppStatus.FAILED, summary, f"It failed ({run.failure}): {run.message}. Restart runs it again."
    if run.running:
        return AppStatus.RUNNING, summary, ""
    return (AppStatus.FAILED if operation_status == "FAILED" else AppStatus.PENDING), summary, ""


def wanted_logs(pods: Iterable[Object]) -> list[LogRef]:
    """The logs of what ran, three at most; `pods` are in the order in which they matter."""
    ran = [(pod, c) for pod in pods for c in containers(pod) if c.end or c.running_since]
    lost = [LogRef(pod=p["metadata"]["name"], container=c.name, previous=bool(c.end and c.running_since)) for p, c in ran]
    return lost[:_MOST_LOGS]


def dead_end(app: App, job: Object | None, seen: Seen) -> MooringError | None:
    """The error that is certain: the run has failed, or no further try can do better; None while it may still come right."""
    if job and run_of(job).failure:
        return _failure(app, job, seen)
    hopeless = [t for t in _all_troubles(seen) if t.certain and isinstance(t.error, _NO_TRY_HELPS)]
    trouble = worst(hopeless)
    return trouble.error if trouble else None


def cause_at_deadline(app: App, job: Object | None, seen: Seen, message: str) -> MooringError:
    """Why the run is not over now that the operation's time is up; it goes on by itself."""
    trouble, held_up = worst(_all_troubles(seen)), still_running(seen.pods)
    because = f": {trouble.error.message}" if trouble else "."
    goes_on = "What has begun goes on by itself. Retry waits for it as long again; kill the app to stop it." if job else None
    return DeadlineExceeded(
        f"The Job {app.name!r} has not come to its end in time; {message}{because}",
        hint=f"{_END_THEM} {goes_on}" if held_up else goes_on,
        evidence=trouble.error.evidence if trouble else _last_words(seen),
    )


def _failure(app: App, job: Object, seen: Seen) -> MooringError:
    """Why a run has failed: what its last try says, as the error that amounts to."""
    run, spec = run_of(job), job["spec"]
    trouble = worst([t for pod in seen.pods for t in pod_troubles(pod, seen)])
    if run.failure == "DeadlineExceeded":
        held_up = still_running(seen.pods)
        words = f"O{held_up[1:]}." if held_up else trouble.error.message if trouble else _last_line(seen)
        return JobFailed(
            f"The Job {app.name!r} was ended: it did not get done within its activeDeadlineSeconds of "
            f"{spec['activeDeadlineSeconds']} ({run.message}).{f' {words}' if words else ''}",
            hint=_END_THEM if held_up else _TOO_LONG,
            evidence=trouble.error.evidence if trouble else _last_words(seen),
        )
    if found := interrupted(app.name, seen.pods, spec["backoffLimit"]):
        return found
    told = f"The Job {app.name!r} failed: no further try is made (backoffLimit {spec['backoffLimit']})."
    if trouble is None:
        return JobFailed(f"{told} {_last_end(seen)}".strip(), evidence=_last_words(seen))
    kind = type(trouble.error) if isinstance(trouble.error, _TOLD_AS_THEY_ARE) else JobFailed
    return kind(f"{told} {trouble.error.message}", evidence=trouble.error.evidence)


def _all_troubles(seen: Seen) -> list[Trouble]:
    return [*troubles(seen), *(t for pod in seen.pods if has_failed(pod) for t in pod_troubles(pod, seen))]


def _last_end(seen: Seen) -> str:
    """How the newest life of a container ended that was not well, also where another has begun since (OnFailure)."""
    for pod in seen.pods:
        for c in containers(pod):
            if c.end and c.end.exit_code:
                where = f"container {c.name!r} of instance {pod['metadata']['name']!r}"
                return f"The {where} ended with exit code {c.end.exit_code}{last_line(pod, c, seen)}."
    return ""


def _last_line(seen: Seen) -> str:
    found = (last_line(pod, c, seen) for pod in seen.pods for c in containers(pod))
    words = next((line for line in found if line), "")
    return f"I{words.removeprefix('; i')}." if words else ""


def _last_words(seen: Seen) -> list[Evidence]:
    return [piece for pod in seen.pods[:_MOST_LOGS] for c in containers(pod) for piece in evidence_of(pod, c, seen)]


def _tries(count: int) -> str:
    return "1 try" if count == 1 else f"{count} tries"
