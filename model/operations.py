"""The operation: one durable piece of work, its input, its states and what its record tells (mission A)."""

from datetime import datetime
from enum import StrEnum
from typing import Any

from pydantic import ConfigDict, Field

from model.base import Body, Frozen
from model.errors import NotFound, OperationError


class Status(StrEnum):
    """An operation's state. ACCEPTED → RUNNING ⇄ WAITING | PAUSED → CANCELLING? → SUCCEEDED | FAILED | CANCELLED."""

    ACCEPTED = "ACCEPTED"
    RUNNING = "RUNNING"
    WAITING = "WAITING"
    PAUSED = "PAUSED"
    CANCELLING = "CANCELLING"
    SUCCEEDED = "SUCCEEDED"
    FAILED = "FAILED"
    CANCELLED = "CANCELLED"


AUTOSCALER = "autoscaler"  # the actor of the operations that autoscaling starts; it yields to people, and no user can be called so
TERMINAL = frozenset({Status.SUCCEEDED, Status.FAILED, Status.CANCELLED})
RETRYABLE = frozenset({Status.FAILED, Status.CANCELLED})


class StepStatus(StrEnum):
    """A step's state; UNCHANGED means that the step found its work already done."""

    RUNNING = "RUNNING"
    SUCCEEDED = "SUCCEEDED"
    UNCHANGED = "UNCHANGED"
    FAILED = "FAILED"
    CANCELLED = "CANCELLED"


class Verb(StrEnum):
    """What a person or program may ask of a running operation, beside cancel, where its kind has it (model/controls.py)."""

    PAUSE = "pause"
    RESUME = "resume"
    PROMOTE = "promote"
    ROLLBACK = "rollback"


class Ask(Frozen):
    """The frozen input of every operation; never holds a secret. Subclasses add the noun's own fields.

    `deadline_seconds` counts from the start of the attempt's workflow run. `preempts` is the operation whose target
    this one took over and whose end it has to wait for. Unknown fields are ignored here, unlike elsewhere: a general step
    takes any kind's ask and reads what all of them have.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    operation_id: str
    attempt: int = 1
    project: str
    target: str
    actor: str
    deadline_seconds: int = Field(default=300, ge=1)
    preempts: str | None = None


class Child(Frozen):
    """An accepted child operation, as its parent's workflow runs it; `asked` are the Controls that hold for it from the start."""

    operation_id: str
    kind: str
    workflow_id: str
    ask: dict[str, Any]
    asked: dict[str, Any] | None = None

    @property
    def has_own_time(self) -> bool:
        """Whether it goes in batches, which may pause for days: its time is no part of its parent's."""
        return self.ask.get("gray") is not None


class Outcome(Frozen):
    """How one attempt ended, as the workflow tells it to the record; `result` is small and holds no secret."""

    operation_id: str
    attempt: int
    status: Status
    error: OperationError | None = None
    result: dict[str, Any] | None = None


class StepNote(Frozen):
    """What the workflow tells the worker about a step, in a header of the activity (never in the history's input).

    `total` is how many steps the operation expects (0: its progress is counted in children), `forward` that it can no longer
    be cancelled, `undo` that the step takes something back and so is no progress.
    """

    operation_id: str
    attempt: int
    title: str
    total: int
    forward: bool = False
    undo: bool = False


class Target(Body):
    """What an operation works on."""

    kind: str
    name: str
    id: str | None = None


class Progress(Body):
    """How far: steps done of steps expected."""

    done: int
    total: int


class Step(Body):
    """One row of an operation's record; `attempt` counts the tries of this step, `run` the operation's attempt it belongs to."""

    seq: int
    run: int
    title: str
    name: str
    status: StepStatus
    attempt: int
    started_at: datetime
    finished_at: datetime | None = None
    message: str = ""


class Pause(Body):
    """The pause that holds now: since when, until when it may last, why, and how to go on; after which `batch` that holds."""

    title: str
    message: str
    since: datetime
    until: datetime
    batch: int | None = None


class WaitsFor(Body):
    """A paused child operation, for which its parent waits; resume or promote either of them."""

    operation_id: str
    kind: str
    target: str
    pause: Pause


class Control(Body):
    """Who asked what of an operation, and when: a Verb, cancel, retry, or scale in a pause; `words` say what of that.

    `attempt` is the operation's that it was asked of.
    """

    verb: str
    actor: str
    at: datetime
    attempt: int
    words: str = ""


class Afterwards(Body):
    """What became of an app since the operation on it succeeded, where it is not well: its status now, and why."""

    status: str
    reason: str
    message: str
    hint: str


class Version(Body):
    """How many instances of an app shall have a revision, and its images by container."""

    revision: int
    images: dict[str, str]
    count: int


class Line(Body):
    """Where a WAITING operation stands: how many of its own project's come `before` it, how many wait in all.

    `places` is how many work at once, of which `running` are taken. The projects that wait take turns.
    """

    before: int
    waiting: int
    running: int
    places: int


class InForce(Body):
    """What an app's instances shall be now, as its record has it; no versions where it is stopped or deleted."""

    versions: list[Version]


class OperationRecord(Body):
    """The record as the API shows it; `available` are the controls that would change something now, `waitsFor` paused children.

    `inForce` is told where one operation on an app is read that was cancelled: what is in force instead. `line` is told where one
    is read that waits for a place. `leadsBack` is told where one rollout is read that failed: whether a rollback of the app, as it
    is now, would be accepted.
    """

    id: str
    kind: str
    project: str
    target: Target
    actor: str
    status: Status
    progress: Progress
    steps: list[Step] | None = None
    error: OperationError | None = None
    request: dict[str, Any]
    result: dict[str, Any] | None = None
    attempt: int
    cancellable: bool
    available: list[Verb] = []
    pause: Pause | None = None
    waits_for: list[WaitsFor] | None = None
    line: Line | None = None
    in_force: InForce | None = None
    leads_back: bool | None = None
    controls: list[Control] | None = None
    afterwards: Afterwards | None = None
    parent_id: str | None = None
    workflow_id: str
    run_id: str | None = None
    temporal_url: str | None = None
    created_at: datetime
    started_at: datetime | None = None
    finished_at: datetime | None = None


def workflow_id(kind: str, project: str, target: str, operation_id: str) -> str:
    """The operation's workflow id: readable in Temporal's UI, derived from the operation id.

    >>> workflow_id("app.create", "shop", "web", "op-1")
    'app.create/shop/web/op-1'
    """
    return f"{kind}/{project}/{target}/{operation_id}"


def no_operation(operation_id: str) -> NotFound:
    """The error for an operation that there is not, or not for this actor."""
    return NotFound(f"There is no operation {operation_id!r}.", hint="Check the id; list those there are: GET /v2/operations.")
