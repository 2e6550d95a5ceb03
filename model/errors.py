"""Every failure the platform can tell, as one tree.

MooringError
├── Invalid, TooLarge, NotImplementedYet, NoMetricsStore   the request itself is at fault, or asks for what is not here
├── Unauthenticated, Forbidden, NotFound          who asks, and what they may see
├── Conflict, Superseded, ForwardOnly, IdempotencyMismatch, StaleAttempt
├── ImageNotFound, CommandNotFound, CrashLoop, OutOfMemory, ProbeFailing, JobFailed, BuildFailed, SourceUnreachable
├── Unschedulable, QuotaExceeded                  there is no room
├── GateFailed                                    what was rolled out does not do well
├── DeadlineExceeded, Cancelled, RolledBack
└── ClusterUnreachable, RegistryUnavailable, PushRefused, PlatformUnavailable, MetricsUnavailable, InternalError

Each class states its code, HTTP status, whose fault it is, whether pressing retry can help, whether a running step tries again
by itself (transient) and what to do next. The documented table of codes is `error_table()`; nothing branches on message text.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, ClassVar, Literal

from model.base import Body

Fault = Literal["user", "quota", "platform", "cluster"]


class Evidence(Body):
    """One piece of what was seen: a Kubernetes event, a container's exit, log lines, quota numbers, another operation's words."""

    type: Literal["event", "container", "log", "scheduler", "quota", "build", "registry", "step", "operation", "metric", "probe"]
    source: str
    text: str
    at: str | None = None


class Problem(Body):
    """One place in a document or body that is wrong; line and column count from 1 and are absent for JSON bodies."""

    field: str
    message: str
    line: int | None = None
    column: int | None = None


class OperationError(Body):
    """Why an operation failed, as its record tells it (mission A2)."""

    code: int
    reason: str
    message: str
    fault: Fault
    retryable: bool
    evidence: list[Evidence] = []
    hint: str


class MooringError(Exception):
    """The root: `message` says what happened to which thing, `hint` what to do about it."""

    code: ClassVar[int] = 5000
    status: ClassVar[int] = 500
    fault: ClassVar[Fault] = "platform"
    retryable: ClassVar[bool] = True
    transient: ClassVar[bool] = False
    hint: str = "Look at the operation record and the platform's log, then retry."

    def __init__(
        self,
        message: str,
        *,
        hint: str | None = None,
        evidence: Sequence[Evidence] = (),
        problems: Sequence[Problem] = (),
        operation_id: str | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint or type(self).hint
        self.evidence = list(evidence)
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


def no_operation(operation_id: str) -> NotFound:
    """The error for an operation that there is not, or not for this actor."""
    return NotFound(f"There is no operation {operation_id!r}.", hint="Check the id; list those there are: GET /v2/operations.")


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


class BuildFailed(MooringError):
    """The Dockerfile's build ended with an error."""

    code, status, fault = 4406, 422, "user"
    hint = "Read the build log, mend the Dockerfile or the source, push and retry."


class SourceUnreachable(MooringError):
    """The Git repository, branch or file of a build cannot be had."""

    code, status, fault = 4407, 422, "user"
    hint = "Check the repository's address, the branch and the Dockerfile's path, then retry."


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
    hint = "See the steps for what it waited on; raise deadlineSeconds or mend that, then retry."


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
    hint = "It is tried again by itself until the deadline; look at the cluster's health if it lasts."


class RegistryUnavailable(MooringError):
    """The image registry does not answer."""

    code, status, fault, transient = 5302, 503, "platform", True
    hint = "It is tried again by itself until the deadline; look at the registry's health if it lasts."


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


def error_table() -> list[dict[str, Any]]:
    """The documented table: reason, Code, HTTP status, fault, retryable, meaning, hint; sorted by code."""
    return sorted(
        (
            {
                "reason": c.__name__,
                "code": c.code,
                "status": c.status,
                "fault": c.fault,
                "retryable": c.retryable,
                "meaning": (c.__doc__ or "").strip(),
                "hint": c.hint,
            }
            for c in error_classes()
        ),
        key=lambda row: row["code"],
    )


BY_REASON: Mapping[str, type[MooringError]] = {c.__name__: c for c in error_classes()}
