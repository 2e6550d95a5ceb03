"""Every workflow goes the recorded way still: open runs survive an update of the platform (targets F10)."""

import json
from typing import Any

import pytest
from temporalio import workflow
from temporalio.client import WorkflowHistory
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.worker import Replayer
from temporalio.workflow import NondeterminismError

from activities.projects import ProjectActivities
from model.projects import CreateProject
from tests.replay.histories import recorded
from worker.main import SANDBOX, SCHEDULED
from workflows.operation import Operation
from workflows.registry import KINDS

HISTORIES = recorded()
WORKFLOWS = [*(kind.workflow for kind in KINDS), *SCHEDULED]


def _replayer(*workflows: type) -> Replayer:
    # Unlike the worker's, without workflow_failure_exception_types: what does not replay has to fail here, not end the workflow.
    return Replayer(
        workflows=workflows,
        data_converter=pydantic_data_converter,
        workflow_runner=SANDBOX,
    )


def _kind(history: dict[str, Any]) -> str:
    started = history["events"][0]["workflowExecutionStartedEventAttributes"]
    return str(started["workflowType"]["name"])


def test_every_workflow_has_a_recorded_history() -> None:
    pinned = {getattr(one, "__temporal_workflow_definition").name for one in WORKFLOWS}
    assert pinned == {_kind(history) for history in HISTORIES.values()}


@pytest.mark.parametrize("name", HISTORIES)
async def test_history_replays(name: str) -> None:
    await _replayer(*WORKFLOWS).replay_workflow(WorkflowHistory.from_json(name, json.dumps(HISTORIES[name])))


@workflow.defn(name="project.create")
class Mutant(Operation):
    """project.create with its two steps in the other order."""

    @workflow.run
    async def run(self, ask: CreateProject) -> None:
        """The steps of ProjectCreate, the other way round."""
        async with self.recorded(ask, steps=2):
            await self.step("Open the project", ProjectActivities.mark_active, ask)
            await self.step("Create the namespace", ProjectActivities.make_namespace, ask)


async def test_a_mutant_does_not_replay() -> None:
    history = WorkflowHistory.from_json("project_create", json.dumps(HISTORIES["project_create"]))
    with pytest.raises(NondeterminismError):
        await _replayer(Mutant).replay_workflow(history)
