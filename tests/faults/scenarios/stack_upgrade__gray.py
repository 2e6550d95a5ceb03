"""A stack goes out gray: the gate of its second app fails, the app goes back, and then the stack as a whole."""

from model.operations import Status
from tests.faults.apps import STACK
from tests.faults.apps import shown as then
from tests.platform import Platform

__all__ = ["ends", "given", "then", "when"]
ends = Status.FAILED
_WEB = "web:\n  replicas: 2\n"
_GRAY = "    rollout: {batches: [1], gates: [{http: {port: 9, failures: 1}}], onFailure: rollback}\n"  # of its x-mooring
_BEFORE = STACK["content"].replace("web:\n", _WEB)
_CHANGED = _BEFORE.replace("api:\n", "api:\n  environment: {A: b}\n").replace(_WEB, _WEB + "  environment: {A: b}\n")
_AFTER = _CHANGED.replace("  links:", _GRAY + "  links:")


async def given(platform: Platform) -> str:
    """The project with the stack running, two instances of the app that depends on the other."""
    project = await platform.project("crash")
    await platform.done("POST", f"/v2/composes/{project}", {**STACK, "content": _BEFORE})
    return project


async def when(platform: Platform, project: str) -> str:
    """Upgrade it to what no gate lets through."""
    body = {"content": _AFTER, "onFailure": "rollback"}
    return await platform.submit("POST", f"/v2/stacks/{project}/shop/upgrade", body)
