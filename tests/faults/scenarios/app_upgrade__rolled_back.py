"""A gray upgrade of a TApp to what cannot run: it goes back by itself to the versions before, exactly."""

from model.operations import Status
from tests.faults.apps import instance, other_image, tapp, web
from tests.faults.apps import versions as then
from tests.platform import Platform

__all__ = ["ends", "given", "then", "when"]
ends = Status.FAILED


async def given(platform: Platform) -> str:
    """A TApp of two versions, one instance of it killed."""
    project = await tapp(platform)
    await platform.done("POST", instance(project, 0, "update"), {"image": await other_image()})
    await platform.done("POST", instance(project, 2, "kill"))
    return project


async def when(platform: Platform, project: str) -> str:
    """Roll out a program that is not there."""
    broken = {"cmd": "/no/such/program", "batches": [1, "100%"], "onFailure": "rollback"}
    return await platform.submit("POST", web(project, "rollout"), broken)
