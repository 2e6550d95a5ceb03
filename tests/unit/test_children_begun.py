"""A child operation that is begun with what was asked of its parent."""

from datetime import timedelta
from typing import Any

import pytest
from temporalio import workflow
from temporalio.exceptions import FailureError

from activities.children import FORWARD_ONLY
from model.controls import Controls
from model.operations import Child
from workflows.apps import AppCreate
from workflows.operation import Operation
from workflows.registry import BY_NAME
from workflows.stacks import _DELETES, _DEPLOYS


class Ended:
    """The handle of a child that has ended before it could be told anything, as when its parent's worker died in between."""

    async def signal(self, *_: Any) -> None:
        raise FailureError("Unable to signal external workflow because it was not found")


class Parent(Operation):
    """One that is always in time."""

    def _left(self) -> timedelta:
        return timedelta(minutes=1)


async def test_a_child_that_ended_before_it_was_told_what_is_asked_is_no_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    fields = {"operation_id": "op-1", "project": "shop", "target": "web", "actor": "ann", "deadline_seconds": 60}
    asked = Controls(attempt=1, version=1, promoted=True).model_dump()
    child = Child(operation_id="op-1", kind="app.create", workflow_id="wf-1", ask=fields, asked=asked)
    handle = Ended()

    async def accepted(*_: Any) -> Child:
        return child

    async def started(*_: Any, **__: Any) -> Ended:
        return handle

    parent = Parent()
    monkeypatch.setattr(parent, "_run", accepted)
    monkeypatch.setattr(workflow, "start_child_workflow", started)
    begun = await parent._begin_child("Start web", Any, None, {"app.create": AppCreate.run})  # type: ignore[arg-type]
    assert begun == (child, handle)


def test_the_children_that_cannot_be_cancelled_are_of_the_kinds_that_only_go_forward() -> None:
    assert {kind for kind in {**_DEPLOYS, **_DELETES} if BY_NAME[kind].workflow.forward_only} == FORWARD_ONLY
