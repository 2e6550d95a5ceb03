"""Workflows on the real Temporal server with stand-ins for what their activities do and for the records.

    async def test_…(run: Run) -> None:
        ended = await run(ProjectCreate, ask, stand_in(ProjectActivities.make_namespace, raising(Conflict("taken"))))
        assert ended.outcome.status is Status.FAILED

A stand-in carries the pinned name of the activity it stands for. Activities of the worker that no stand-in was given for
return None; one whose result the workflow needs has to be given.
"""

import contextlib
import inspect
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, Protocol

import pytest
from temporalio import activity
from temporalio.client import Client, WorkflowFailureError

from activities.operations import OperationActivities
from clients.settings import Settings
from clients.temporal import Operations
from model.operations import Ask, Outcome, Status, StepNote, StepStatus
from tests.instance import temporal_namespace
from worker import main as worker
from workflows.operation import Operation
from workflows.registry import BY_WORKFLOW, QUEUES


@dataclass
class StepSeen:
    """One try of a step as the record store was told it."""

    title: str
    name: str
    undo: bool
    forward: bool
    status: StepStatus = StepStatus.RUNNING
    message: str = ""


@dataclass
class Ended:
    """What one run has left: the outcome that was settled, the tries of its steps in order, and how its children ended."""

    outcome: Outcome
    steps: list[StepSeen]
    children: list[Outcome] = field(default_factory=list)

    @property
    def titles(self) -> list[str]:
        """The titles in order, repeated for every try."""
        return [step.title for step in self.steps]


@dataclass
class Seen:
    """Stands for the records at the worker's seam (worker.interceptors) and keeps what it is told."""

    outcomes: list[Outcome] = field(default_factory=list)
    steps: list[StepSeen] = field(default_factory=list)
    _open: dict[int, StepSeen] = field(default_factory=dict)

    @property
    def operations(self) -> "Seen":
        """The store of operations, as far as steps are concerned."""
        return self

    @property
    def suspensions(self) -> "Seen":
        """The store of suspended steps."""
        return self

    async def resume(self, operation_id: str, attempt: int) -> Status:
        """A suspended step is looked at again: the same try goes on."""
        return Status.RUNNING

    async def step_started(self, note: StepNote, seq: int, name: str, run_id: str) -> Status:
        """Keep that a try begins."""
        self._open[seq] = StepSeen(note.title, name, note.undo, note.forward)
        self.steps.append(self._open[seq])
        return Status.RUNNING

    async def step_finished(self, note: StepNote, seq: int, status: StepStatus, message: str) -> None:
        """Keep how a try ended."""
        self._open[seq].status, self._open[seq].message = status, message

    async def step_message(self, note: StepNote, seq: int, message: str) -> None:
        """Keep the words on the way."""
        self._open[seq].message = message


Behaviour = Callable[[Any], Awaitable[Any]]
StandIn = Callable[..., Any]


def stand_in(method: Callable[..., Any], behaviour: Behaviour) -> StandIn:
    """An activity of the same pinned name and types as `method` that does `behaviour(ask)`, or `behaviour(None)` without input."""
    return _stand_in(method, behaviour)


def returning(result: Any) -> Behaviour:
    """Always that result."""

    async def behave(_: Any) -> Any:
        return result

    return behave


nothing = returning(None)


def raising(*errors: Exception | None, then: Any = None) -> Behaviour:
    """Raise the errors try by try (None: succeed), then go on with the result `then`; a single error is raised for ever."""
    tries = iter(errors)

    async def behave(_: Any) -> Any:
        error = errors[0] if len(errors) == 1 else next(tries, None)
        if error is not None:
            raise error
        return then

    return behave


def _stand_in(method: Callable[..., Any], behaviour: Behaviour) -> StandIn:
    takes_input = len(inspect.signature(method).parameters) > (0 if inspect.ismethod(method) else 1)

    async def with_input(ask: Any) -> Any:
        return await behaviour(ask)

    async def without_input() -> Any:
        return await behaviour(None)

    stand: Any = with_input if takes_input else without_input
    hints = inspect.get_annotations(method, eval_str=True)
    if takes_input:
        (given,) = [hint for name, hint in hints.items() if name != "return"]
        stand.__annotations__ = {"ask": given, "return": hints["return"]}
    return activity.defn(name=_pinned(method))(stand)


def _pinned(method: Callable[..., Any]) -> str:
    return str(getattr(method, "__temporal_activity_definition").name)


@contextlib.asynccontextmanager
async def worker_with(
    client: Client, queue: str, seen: Seen, *given: StandIn, settling: Behaviour = nothing
) -> AsyncIterator[None]:
    """The worker as it is built for production, on `queue`, with stand-ins for every activity and `seen` for the records.

    `settling` is what stands between the workflow and its record's end.
    """

    async def settle(outcome: Outcome) -> None:
        await settling(outcome)
        seen.outcomes.append(outcome)

    chosen = {_pinned(one): one for one in (stand_in(OperationActivities.settle, settle), *given)}
    for method in worker.activities(*[None] * len(inspect.signature(worker.activities).parameters)):  # type: ignore[arg-type]
        chosen.setdefault(_pinned(method), _stand_in(method, returning(None)))
    async with worker.build(client, queue, seen, list(chosen.values()), Settings()):  # type: ignore[arg-type]
        yield


class Run(Protocol):
    """Run one operation's workflow to its end with the stand-ins given; `meanwhile(handle)` runs beside it."""

    async def __call__(
        self,
        workflow: type[Operation],
        ask: Ask,
        *given: StandIn,
        meanwhile: Behaviour = ...,
        settling: Behaviour = ...,
    ) -> Ended:
        """Start, wait, and return what was settled; the workflow's own failure in Temporal is expected where it failed."""
        ...


@pytest.fixture(scope="session")
async def client() -> AsyncIterator[Client]:
    """A Temporal namespace of this process's own."""
    async with temporal_namespace() as found:
        yield found


@pytest.fixture
def run(client: Client) -> Run:
    """Runs workflows as `Run` says."""

    async def runs(
        workflow: type[Operation],
        ask: Ask,
        *given: StandIn,
        meanwhile: Behaviour = nothing,
        settling: Behaviour = nothing,
    ) -> Ended:
        kind, seen = BY_WORKFLOW[workflow], Seen()
        async with worker_with(client, kind.queue, seen, *given, settling=settling):
            await Operations(client, QUEUES).start(kind.name, ask.operation_id, ask)
            handle = client.get_workflow_handle(ask.operation_id)
            await meanwhile(handle)
            with contextlib.suppress(WorkflowFailureError):
                await handle.result()
        (outcome,) = [one for one in seen.outcomes if one.operation_id == ask.operation_id]
        return Ended(outcome, seen.steps, [one for one in seen.outcomes if one is not outcome])

    return runs
