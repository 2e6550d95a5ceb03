"""Taking named instances away: what the request asks of the cluster, and when."""

from types import SimpleNamespace
from typing import Any

from fastapi import Response

from api.access import Caller
from api.routes.app_changes import scale_app
from model.access import Actor
from model.app_bodies import NewApp, spec_of
from model.pod_templates import APP_ID, app_label
from model.projects import ProjectStatus
from records import connect
from records.ids import new_app_id
from tests.instance import database
from tests.platform import unique


async def test_while_the_cluster_is_asked_the_database_is_free_for_others() -> None:
    """A pool of one connection: where the request holds it, nobody else gets one."""
    name, app_id = unique("shop"), new_app_id()
    async with database() as url:
        records = await connect(url, size=1)
        await records.projects.add(name, "", "zoe")
        await records.projects.set_status(name, ProjectStatus.ACTIVE)
        spec = spec_of(NewApp.model_validate({"name": "web", "imageRef": "busybox"}))
        async with records.transaction() as tx:
            await tx.apps.add(app_id, await tx.projects.get(name), "web", spec, replicas=2, username="zoe", actor="zoe")
        await records.apps.set_digests(app_id, 1, {"web": f"sha256:{'1' * 64}"})

        class World:
            async def list(self, *_: str, **__: str) -> Any:
                await records.ping()
                return {"items": [{"metadata": {"name": "web-x", "labels": {APP_ID: app_label(app_id)}}}]}

            async def start(self, *_: Any) -> bool:
                return True

            async def room(self) -> None:
                await records.ping()

        world: Any = World()
        rooms, bounds = SimpleNamespace(known=world.room), SimpleNamespace(mooring_live_per_project=1, mooring_live_per_person=1)
        services: Any = SimpleNamespace(records=records, cluster=world, operations=world, rooms=rooms, settings=bounds)
        request: Any = SimpleNamespace(headers={})
        caller = Caller(Actor(name="zoe", admin=True), b"", name, request)
        reply = await scale_app(services, caller, name, "web", Response(), "manual", body={"instances": ["web-x"]})
        ask = (await records.operations.get(reply["OperationID"]))["ask"]
        assert (ask["gone"], ask["replicas"]) == (["web-x"], 1)
        await records.close()
