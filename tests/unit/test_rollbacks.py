"""Whether a way back is offered for an app: only where the route that goes it would accept that."""

from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any, cast

import pytest

from api.rollbacks import leads_back
from model.apps import App, AppPhase, AppSpec, ContainerSpec, Revision
from model.layouts import AppType, first
from records import Records
from records.store import Row

BEGUN = datetime(2026, 11, 23, tzinfo=UTC)
FAILED = {"id": "op-1", "kind": "app.upgrade", "status": "FAILED", "target_id": "ab" * 32}


def app(revision: int, type: AppType = "Deployment", phase: AppPhase = AppPhase.LIVE) -> App:
    return App(
        id="ab" * 32,
        project="shop",
        project_id="prj-1",
        name="web",
        type=type,
        cluster="default",
        phase=phase,
        layout=first(type, revision, 1),
        username="ann",
        created_at=BEGUN,
        created_by="ann",
    )


def revision(number: int, *, found: bool = True) -> Revision:
    return Revision(
        app_id="ab" * 32,
        number=number,
        spec=AppSpec(containers=(ContainerSpec(name="web", image="x"),)),
        digests={"web": "sha256:a"} if found else {},
        created_at=BEGUN,
        created_by="ann",
        reason="",
    )


def records(upgrade: Row | None = None, before: Revision | None = None, known: Revision | None = None) -> Records:
    """What is kept of the app: its newest rollout, the revision that was in force before, and the one that the rollout left."""

    async def newest_upgrade(_: App) -> Row | None:
        return upgrade

    async def deployed_before(_: App, __: int, **___: bool) -> Revision | None:
        return before

    async def in_force(_: str, number: int) -> Revision:
        return revision(number)

    async def layout(_: int) -> Any:
        return first("Deployment", 1, 1)

    async def numbered(_: str, __: Any) -> dict[int, Revision]:
        return {known.number: known} if known else {}

    async def find(_: str) -> Row | None:
        return upgrade

    apps = {"newest_upgrade": newest_upgrade, "deployed_before": deployed_before, "layout": layout, "numbered": numbered}
    apps |= {"revision": in_force}
    return cast(Records, SimpleNamespace(apps=SimpleNamespace(**apps), operations=SimpleNamespace(find=find)))


async def test_an_app_that_crashes_after_its_creation_has_nothing_to_go_back_to() -> None:
    assert not await leads_back(records(), app(1))


async def test_an_app_goes_back_to_the_revision_that_was_in_force_before() -> None:
    upgrade = {**FAILED, "ask": {"revision": 2, "before": 1}}
    assert await leads_back(records(upgrade, before=revision(1)), app(2))
    assert not await leads_back(records(upgrade), app(2)), "the image of its creation was never found"


@pytest.mark.parametrize("found", [True, False])
async def test_batches_that_stopped_are_taken_back_where_what_was_before_them_ran(found: bool) -> None:
    upgrade = {**FAILED, "ask": {"revision": 2, "before": 1}}
    stopped = app(1).model_copy(update={"layout": first("Deployment", 2, 1).model_copy(update={"revision": 1})})
    assert await leads_back(records(upgrade, known=revision(1, found=found)), stopped) is found


async def test_a_rollout_that_left_nothing_a_stopped_app_and_a_job_lead_nowhere_back() -> None:
    upgrade = {**FAILED, "ask": {"revision": 2, "before": 1}}
    there = records(upgrade, before=revision(1))
    assert not await leads_back(there, app(1)), "revision 2 is of no instance"
    assert not await leads_back(there, app(2, phase=AppPhase.STOPPED))
    assert not await leads_back(there, app(2, type="Job"))
