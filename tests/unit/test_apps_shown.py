"""Apps as replies, while they change."""

from collections.abc import Iterable, Sequence
from types import SimpleNamespace
from typing import Any

from api.apps_shown import shown
from model.apps import Revision
from model.layouts import at_revision, first
from tests.standing import REVISIONS, FakeCluster, app_of


class Moved:
    """Records of an app that went back to revision 1 just after it was read."""

    async def in_use(self, ids: Sequence[str]) -> dict[str, dict[int, Revision]]:
        return {app_id: {1: REVISIONS[1]} for app_id in ids}

    async def numbered(self, app_id: str, numbers: Iterable[int]) -> dict[int, Revision]:
        return {number: REVISIONS[number] for number in numbers}

    async def newest_operations(self, project: str, ids: Sequence[str]) -> dict[str, Any]:
        return {}

    async def in_force(self, ids: Sequence[str]) -> dict[str, Any]:
        return {}


async def test_an_app_that_changes_while_it_is_read_is_shown_as_it_was_read() -> None:
    records = SimpleNamespace(apps=Moved(), autoscaling=Moved())
    services: Any = SimpleNamespace(records=records, cluster=FakeCluster())
    base = first("TApp", 1, 2)
    (found,) = await shown(services, "shop", [app_of(at_revision(base, 2, ["1"]))])
    assert {version["revision"]: version["count"] for version in found["versions"]} == {1: 1, 2: 1}
