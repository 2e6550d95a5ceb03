"""Named instances of a TApp go, the others keep their names."""

from tests.faults.apps import tapp as given
from tests.faults.apps import versions as then
from tests.faults.apps import web
from tests.platform import Platform

__all__ = ["given", "then", "when"]


async def when(platform: Platform, project: str) -> str:
    """Take the first and the last one away."""
    return await platform.submit("POST", web(project, "scale"), {"instances": ["web-0", "web-2"]}, type="manual")
