"""Every failure the platform can tell, as one tree.

MooringError
├── Invalid, TooLarge, NotImplementedYet, NoMetricsStore   the request itself is at fault, or asks for what is not here
├── OtherRegistryUnavailable                      what is asked of lies outside the platform, and does not answer
├── Unauthenticated, Forbidden, NotFound          who asks, and what they may see
├── Conflict, Superseded, ForwardOnly, IdempotencyMismatch, StaleAttempt, TooManyOpen, TooManyLive
├── ImageNotFound, CommandNotFound, CrashLoop, OutOfMemory, ProbeFailing, JobFailed, JobInterrupted, BuildFailed, SourceUnreachable
├── Unschedulable, QuotaExceeded                  there is no room
├── AdmissionRefused, NamespaceGone, HostUnreachable, DeletionHeld   what in the cluster stands against it
├── GateFailed                                    what was rolled out does not do well
├── DeadlineExceeded, Cancelled, RolledBack
└── ClusterUnreachable, WebhookUnavailable, RegistryUnavailable, PushRefused, PlatformUnavailable, MetricsUnavailable, BuilderFull,
    InternalError

Each class states its code, HTTP status, whose fault it is, whether pressing retry can help, whether a step tries again by itself
(transient), seconds for Retry-After, and what to do. Their table is `model/error_table.py`; nothing branches on message text.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, ClassVar

from model.causes import Cause
from model.evidence import Evidence as Evidence
from model.evidence import told_once
from model.operation_error import Fault
from model.operation_error import OperationError as OperationError
from model.problems import Problem as Problem

WITH_MORE_TIME = 'POST /v2/operations/{id}/retry {"deadlineSeconds": {more}}'
"""In a hint the request that retries the operation with twice the time: `OperationError.of` fills it in."""


class MooringError(Exception):
    """The root: `message` says what happened to which thing, `hint` what to do, `cause` where it lies if the reason has several."""

    code: ClassVar[int] = 5000
    status: ClassVar[int] = 500
    fault: ClassVar[Fault] = "platform"
    retryable: ClassVar[bool] = True
    transient: ClassVar[bool] = False
    retry_after: ClassVar[int | None] = None
    hint: str = "Look at the operation record and the platform's log, then retry."

    def __init__(
        self,
        message: str,
        *,
        hint: str | None = None,
        cause: Cause | None = None,
        evidence: Sequence[Evidence] = (),
        problems: Sequence[Problem] = (),
        operation_id: str | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint or type(self).hint
        self.cause = cause
        self.evidence = told_once(evidence)
        self.problems = list(problems)
        self.operation_id = operation_id

    @property
    def reason(self) -> str:
        """The stable PascalCase word programs branch on: the class's own name."""
        return type(self).__name__

    def as_error(self) -> OperationError:
        """The same failure as an operation record tells it."""
        return OperationError(
            code=self.code,
            reason=self.reason,
            cause=self.cause,
            message=self.message,
            fault=self.fault,
            retryable=self.retryable,
            evidence=self.evidence,
            hint=self.hint,
        )

    def as_reply(self) -> dict[str, Any]:
        """The body of a refused request (mission, API conventions)."""
        reply: dict[str, Any] = {
            "Code": self.code,
            "Message": f"{self.message} {self.hint}".strip(),
            "Reason": self.reason,
        }
        if self.problems:
            reply["problems"] = [p.model_dump(exclude_none=True, by_alias=True) for p in self.problems]
        if self.operation_id:
            reply["OperationID"] = self.operation_id
        return reply


class Invalid(MooringError):
    """A field, name or document breaks a rule."""

    code, status, fault, retryable = 4220, 422, "user", False
    hint = "Correct the named field and send it again."


class TooLarge(Invalid):
    """A body or document is larger than the platform takes."""

    code, status = 4130, 413
    hint = "Make it smaller, or split it."


class NotImplementedYet(MooringError):
    """A field or value of the manual that this version does not carry out."""

    code, status, fault, retryable = 5010, 501, "platform", False
    hint = "Leave it out."


class NoMetricsStore(MooringError):
    """What was asked for needs a metrics store, and the platform has none that it may use."""

    code, status, fault, retryable = 5011, 501, "platform", False
    hint = "Have the administrator set MOORING_METRICS_URL, or leave the metric out."


class Unauthenticated(MooringError):
    """No token, or one that is unknown, expired or revoked."""

    code, status, fault, retryable = 4010, 401, "user", False
    hint = "Send the header 'Authorization: Bearer <token>' with a valid token; `mooring login` stores one."


class Forbidden(MooringError):
    """The actor may see the thing but not do this to it."""

    code, status, fault, retryable = 4030, 403, "user", False
    hint = "Ask a project admin for a role that includes it."


class NotFound(MooringError):
    """There is no such thing, or not for this actor."""

    code, status, fault, retryable = 4040, 404, "user", False
    hint = "Check the name and the project."


class Conflict(MooringError):
    """The thing is not in a state that allows this: the name is taken, or another operation runs on it."""

    code, status, fault, retryable = 4090, 409, "user", True
    hint = "Wait for the operation named, or cancel it, then try again."


class Superseded(MooringError):
    """A newer operation on the same target exists, so this one cannot be retried."""

    code, status, fault, retryable = 4091, 409, "user", False
    hint = "Retry the newest operation on the target, or submit a new one."


class ForwardOnly(MooringError):
    """The operation can no longer be cancelled: it only goes forward."""

    code, status, fault, retryable = 4092, 409, "user", False
    hint = "Wait for it to end; if it fails, retry goes on where it stopped."


class IdempotencyMismatch(MooringError):
    """The Idempotency-Key was used before with another body."""

    code, status, fault, retryable = 4093, 409, "user", False
    hint = "Use a new key for a new request."


class StaleAttempt(MooringError):
    """A step of an earlier attempt came late; a newer attempt owns the operation."""

    code, status, fault, retryable = 4094, 409, "platform", False
    hint = "Nothing to do: the newer attempt goes on."


class TooManyOpen(MooringError):
    """So many streams, logs, shells, uploads or waiting requests are open that no more is carried."""

    code, status, fault, retry_after = 4290, 429, "quota", 5
    hint = "Close one of them, or try again when some have ended."


class TooManyLive(MooringError):
    """So many operations have not ended that no more is accepted; deletes, kills, cancels and retries are."""

    code, status, fault, retry_after = 4291, 429, "quota", 10
    hint = "Wait until some have ended, or cancel some."


class ImageNotFound(MooringError):
    """The registry has no such repository, tag or digest."""

    code, status, fault = 4401, 422, "user"
    hint = "Push the image and retry, or deploy or roll out with the right name."


class CommandNotFound(MooringError):
    """The container's command does not exist in the image or cannot be executed."""

    code, status, fault = 4402, 422, "user"
    hint = "Correct cmd, or the image's entrypoint, and deploy again."


class CrashLoop(MooringError):
    """The container starts and ends again and again."""

    code, status, fault = 4403, 422, "user"
    hint = "Read the last log lines in the evidence, mend the program or its settings, and deploy again."


class OutOfMemory(MooringError):
    """The kernel ended the container for exceeding its memory limit."""

    code, status, fault = 4404, 422, "user"
    hint = "Raise resources.mem, or make the program use less."


class ProbeFailing(MooringError):
    """The container runs but its probe does not succeed."""

    code, status, fault = 4405, 422, "user"
    hint = "Check the probe's path, port and delays against what the program serves."


class GateFailed(MooringError):
    """A batch's gate did not pass: its new instances do not answer as asked, or a metric turned bad."""

    code, status, fault = 4408, 422, "user"
    hint = "Look at the values in the evidence; mend the program, or the gate, and roll out again; or go back with rollback."


class JobFailed(MooringError):
    """A Job has used up its tries, or its time, without coming to its end."""

    code, status, fault = 4409, 422, "user"
    hint = "Read the last log lines in the evidence, mend the program and roll it out; retry runs it again as it is."


class JobInterrupted(MooringError):
    """A Job's last try was taken away from outside: evicted, preempted, deleted, or lost with its node."""

    code, status, fault = 4410, 503, "cluster"
    hint = "The program is not at fault: retry runs it again. Where it happens often, raise backoffLimit."


class BuildFailed(MooringError):
    """The Dockerfile's build ended with an error."""

    code, status, fault = 4406, 422, "user"
    hint = "Read the build log, and mend the Dockerfile or the source."


class SourceUnreachable(MooringError):
    """The Git repository, branch or file of a build cannot be had."""

    code, status, fault = 4407, 422, "user"
    hint = "Check the repository's address, the branch and the Dockerfile's path."


class Unschedulable(MooringError):
    """No node has room or the labels asked for."""

    code, status, fault = 4501, 422, "quota"
    hint = "Free something or add a node and retry; or roll out with less, or with other nodeLabels."


class QuotaExceeded(MooringError):
    """The project's quota does not allow it."""

    code, status, fault = 4502, 422, "quota"
    hint = "Free something in the project or have its quota raised, then retry."


class DeadlineExceeded(MooringError):
    """The operation did not get done within its deadline."""

    code, status, fault = 4503, 504, "cluster"
    hint = f"See the steps for what it waited on and mend that, then retry. Where it needs more time: {WITH_MORE_TIME}."


class AdmissionRefused(MooringError):
    """A rule of the cluster (an admission policy or webhook, a LimitRange, Pod Security) does not allow it."""

    code, status, fault = 4510, 422, "cluster"
    hint = "It is a rule of the cluster, not of Mooring. Change what it names, or ask who administers the cluster; then retry."


class NamespaceGone(MooringError):
    """The project's namespace is being removed, or is not in the cluster any more."""

    code, status, fault = 4511, 409, "cluster"
    hint = (
        "Somebody removed it, not through Mooring if the project is still listed: delete the project, create it again and deploy."
    )


class HostUnreachable(MooringError):
    """The host that instances are on has stopped reporting, so that nothing is known of them and nothing can be done to them."""

    code, status, fault = 4512, 503, "cluster"
    hint = "Have the cluster's administrator look at that host; when it reports again, or is taken out of the cluster, retry."


class DeletionHeld(MooringError):
    """What was deleted in the cluster does not go: a finalizer or something else holds it."""

    code, status, fault = 4513, 409, "cluster"
    hint = "Ask who runs what set the finalizer named; a platform admin can take it off. Then retry."


class Cancelled(MooringError):
    """The operation was cancelled and what it had begun is undone."""

    code, status, fault, retryable = 4504, 409, "user", False
    hint = "Retry runs it again."


class RolledBack(Cancelled):
    """The operation was rolled back: what it had done is taken back, to what was before it."""

    code = 4505
    hint = "Nothing to do: what was before is in force. Retry goes forward again."


class ClusterUnreachable(MooringError):
    """The Kubernetes API does not answer or refuses for reasons of its own."""

    code, status, fault, transient = 5301, 503, "cluster", True
    hint = "It is tried again by itself until the deadline; if it lasts, look at the cluster's health, then retry."


class WebhookUnavailable(ClusterUnreachable):
    """An admission webhook of the cluster has to be asked and does not answer."""

    code = 5306
    hint = "It is tried again by itself until the deadline; if it lasts, ask who administers the cluster about that webhook."


class RegistryUnavailable(MooringError):
    """The image registry does not answer."""

    code, status, fault, transient = 5302, 503, "platform", True
    hint = "It is tried again by itself until the deadline; look at the registry's health if it lasts."


class OtherRegistryUnavailable(MooringError):
    """A registry that is not the platform's does not answer."""

    code, status, fault = 5307, 503, "outside"
    hint = "Retry when it answers, or push the image to the platform's registry and use it from there."


class PushRefused(MooringError):
    """The registry does not take the image."""

    code, status, fault = 5303, 502, "platform"
    hint = "Look at the registry's answer in the evidence, then retry."


class PlatformUnavailable(MooringError):
    """A part of the platform itself (PostgreSQL, Temporal, the builder) does not answer."""

    code, status, fault, transient = 5304, 503, "platform", True
    hint = "Try again in a moment; `make status` shows the parts."


class MetricsUnavailable(MooringError):
    """What instances use or report cannot be read: metrics-server or the metrics store does not answer."""

    code, status, fault, transient = 5305, 503, "platform", True
    hint = "It is tried again by itself until the deadline; `make status` shows metrics-server and metrics-store."


class BuilderFull(MooringError):
    """The image builder has no disk left."""

    code, status, fault = 5308, 507, "platform"
    hint = "Have the administrator free disk on the builder, then retry."


class InternalError(MooringError):
    """A fault in the platform's own code."""

    code, status, fault = 5000, 500, "platform"
    hint = "Retry; if it stays, report it with the operation's id."


def error_classes() -> Iterator[type[MooringError]]:
    """Every class of the tree below the root, each once."""
    pending = list(MooringError.__subclasses__())
    while pending:
        cls = pending.pop(0)
        yield cls
        pending.extend(cls.__subclasses__())


BY_REASON: Mapping[str, type[MooringError]] = {c.__name__: c for c in error_classes()}
