"""An app that takes so long to get ready that its operation stands still and is suspended, until it is woken."""

from tests.faults.apps import WEB
from tests.faults.apps import shown as then
from tests.platform import Platform

__all__ = ["given", "then", "when"]

_SLOW = {
    "cmd": ["sh", "-c", "sleep 30; touch /tmp/ready; exec sleep 100000"],
    "readinessProbe": {"exec": {"command": ["test", "-f", "/tmp/ready"]}, "periodSeconds": 1, "failureThreshold": 60},
}


async def given(platform: Platform) -> str:
    """An empty project."""
    return await platform.project("crash")


async def when(platform: Platform, project: str) -> str:
    """Create the app."""
    return await platform.submit("POST", f"/v2/applications/{project}", WEB | _SLOW)
