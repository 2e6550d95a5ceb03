"""Steps that move an app, against a cluster and records in memory: what they leave, also where they fail or give way."""

import asyncio
import dataclasses
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from temporalio.testing import ActivityEnvironment

from activities import move_loop
from activities.app_moves import AppMoves
from activities.apps import AppActivities
from activities.courses import DeploymentCourse
from activities.instances_course import InstancesCourse
from activities.patience import Patience
from activities.together import side_by_side
from activities.workloads import Workloads
from clients.watch import Changed
from model.apps import AppSpec, MoveApp, Port, Revision, ScaleApp
from model.errors import Conflict
from model.layouts import AppType, Layout, at_revision, fewer, first, restarted, scaled, with_running
from model.manifests import REVISION, service
from model.moves import Limits, limits_of
from model.suspension import activity_id
from tests.standing import LONG_AGO, REVISIONS, FakeCluster, FakeImages, FakeRecords, FakeSuspensions, FakeWatches, Object, app_of


class Stage:
    """An app that stands as its layout says in a cluster of its own, and the steps."""

    def __init__(self, before: Layout, after: Layout) -> None:
        self.cluster, self.records = FakeCluster(), FakeRecords(app_of(before), before, after)
        self.ask = MoveApp(operation_id="op-1", project="shop", target="web", actor="ann", app_id="ab" * 32, before=1, after=2)
        given: Any = (self.records, self.cluster, FakeImages(), FakeWatches())
        self.cancelled: list[str] = []
        self.suspensions = FakeSuspensions()
        self.moves = AppMoves(*given, self, self.suspensions)  # type: ignore[arg-type]
        self.activities = AppActivities(*given)

    async def cancel(self, workflow_id: str) -> bool:
        """As Temporal does: what is cancelled ends a moment later."""
        self.cancelled.append(workflow_id)
        for row in self.records.within:
            row["status"] = "CANCELLED" if row["workflow_id"] == workflow_id else row["status"]
        return True

    async def stand(self) -> None:
        """Bring the cluster to the layout before."""
        await self.run(self.moves.move, self.ask.model_copy(update={"after": 1}))

    async def run(self, step: Callable[..., Any], ask: Any = None, seconds: float = 20, look: int = 0) -> Any:
        environment = ActivityEnvironment()
        environment.info = dataclasses.replace(environment.info, activity_id=activity_id(4, look))
        times = {"start_to_close_timeout": timedelta(seconds=seconds), "scheduled_time": datetime.now(UTC)}
        environment.info = dataclasses.replace(environment.info, **times, schedule_to_close_timeout=None)
        return await environment.run(step, ask or self.ask)

    def course(self, layout: Layout, limits: Limits) -> Any:
        kind: Any = {"Deployment": DeploymentCourse, "TApp": InstancesCourse}[layout.type]
        workloads: Any = Workloads(self.cluster, FakeImages())  # type: ignore[arg-type]
        return kind(workloads, self.records.app, layout, REVISIONS, frozenset(layout.by_track), limits)

    def stranger(self, kind: str, name: str) -> None:
        meta = {"name": name, "uid": "strange", "generation": 1, "labels": {}}
        self.cluster.objects[kind, name] = {"metadata": meta, "spec": {}, "by": "hand"}


def with_a_port(number: int, port: int = 80) -> AppSpec:
    spec = REVISIONS[number].spec
    container = spec.containers[0].model_copy(update={"ports": (Port(protocol="tcp", container_port=port),)})
    return spec.model_copy(update={"containers": (container,)})


def two_versions() -> Layout:
    return scaled(first("Deployment", 1, 4), 7, 2)


async def test_a_version_that_is_left_leaves_no_empty_deployment_behind() -> None:
    stage = Stage(two_versions(), at_revision(two_versions(), 3))
    await stage.stand()
    assert stage.cluster.names("Deployment") == ["web", "web-r2"]
    await stage.run(stage.moves.move)
    assert stage.cluster.names("Deployment") == ["web-r3"]


async def test_several_deployments_are_restarted_one_after_the_other() -> None:
    stage = Stage(two_versions(), restarted(two_versions(), "rs-1"))
    await stage.stand()
    stage.cluster.lags = True
    course = stage.course(stage.records.layouts[2], limits_of(7, 7, 1, 1))
    await course.act(await course.look(fresh=True))
    told = [d for d in stage.cluster.objects.values() if d["spec"]["template"]["metadata"].get("annotations")]
    assert [d["metadata"]["name"] for d in told] == ["web"]
    await course.act(await course.look(fresh=True))
    assert "annotations" not in stage.cluster.objects["Deployment", "web-r2"]["spec"]["template"]["metadata"]
    stage.cluster.lags = False
    await stage.run(stage.moves.move)
    assert "annotations" in stage.cluster.objects["Deployment", "web-r2"]["spec"]["template"]["metadata"]


async def test_a_version_that_grows_later_is_applied_once_with_the_count_that_waited() -> None:
    standing = scaled(first("Deployment", 1, 9), 10, 2)
    stage = Stage(standing, at_revision(standing, 2))
    await stage.stand()
    course = stage.course(stage.records.layouts[2], limits_of(10, 10, "25%", "25%"))

    async def acted() -> list[tuple[int, int]]:
        await course.act(await course.look(fresh=True), little=False)
        found = [stage.cluster.objects["Deployment", name] for name in ("web", "web-r2")]
        return [(item["spec"]["replicas"], item["metadata"]["generation"]) for item in found]

    old, new = (stage.cluster.objects["Deployment", name]["metadata"]["generation"] for name in ("web", "web-r2"))
    assert await acted() == [(7, old + 1), (1, new)]
    assert await acted() == [(7, old + 1), (6, new + 1)]


async def test_an_instance_whose_maker_died_before_its_address_gets_it() -> None:
    layout = first("TApp", 1, 3)
    stage = Stage(layout, layout)
    await stage.stand()
    assert stage.cluster.names("Service") == ["web-0", "web-1", "web-2"]
    del stage.cluster.objects["Service", "web-1"]
    await stage.run(stage.moves.move)
    assert stage.cluster.names("Service") == ["web-0", "web-1", "web-2"]


async def test_a_strangers_service_is_not_taken_and_what_was_reached_is_kept() -> None:
    before = first("TApp", 1, 2)
    stage = Stage(before, at_revision(scaled(before, 3), 2))
    await stage.stand()
    stage.stranger("Service", "web-2")
    with pytest.raises(Conflict, match="not this app's"):
        await stage.run(stage.moves.apply)
    by_track = stage.records.app.layout.by_track
    for track in ("0", "1"):
        annotations = stage.cluster.objects["StatefulSet", f"web-{track}"]["metadata"]["annotations"]
        assert annotations[REVISION] == str(by_track[track].revision)


async def test_an_operation_that_fails_before_it_touched_anything_leaves_the_layout_before() -> None:
    before = first("TApp", 1, 2)
    stage = Stage(before, at_revision(before, 2))
    await stage.stand()

    async def revision(app_id: str, number: int) -> Revision:
        return REVISIONS[number].model_copy(update={"spec": with_a_port(2)}) if number == 2 else REVISIONS[number]

    stage.records.revision = revision  # type: ignore[method-assign]
    stage.stranger("Service", "web")
    with pytest.raises(Conflict, match="Service 'web'"):
        await stage.run(stage.moves.apply)
    assert stage.records.app.layout == before


async def test_hands_on_the_apps_own_service_are_set_right() -> None:
    layout = first("Deployment", 1, 1)
    stage = Stage(layout, layout)
    await stage.cluster.apply(service(stage.records.app, [with_a_port(1)]) or {})
    stage.cluster.objects["Service", "web"]["by"] = "hand"
    workloads: Any = Workloads(stage.cluster, FakeImages())  # type: ignore[arg-type]
    await workloads.put_service(stage.records.app, [with_a_port(1)])
    assert "by" not in stage.cluster.objects["Service", "web"]


async def test_a_batch_keeps_to_the_limits_of_the_version_it_leads_to() -> None:
    before = first("TApp", 1, 10)
    after = at_revision(before, 2)
    stage = Stage(before, after)
    stage.records.layouts[3] = at_revision(before, 2, ["0", "1", "2"])
    wide = REVISIONS[2].model_copy(update={"spec": REVISIONS[2].spec.model_copy(update={"max_unavailable": 5})})

    async def revision(app_id: str, number: int) -> Revision:
        return wide if number == 2 else REVISIONS[number]

    stage.records.revision = revision  # type: ignore[method-assign]
    course = await stage.moves._course(stage.records.app, stage.ask, stage.records.layouts[3])
    assert course.limits == Limits(least=5, most=10)
    assert course.scope == {"0", "1", "2"}


async def test_one_instance_is_changed_however_the_others_are() -> None:
    before = first("TApp", 1, 3)
    for after in (with_running(before, "1", False), at_revision(before, 2, ["1"]), fewer(before, {"1": 1})):
        stage = Stage(before, after)
        await stage.stand()
        for index in (0, 2):
            stage.cluster.broken.add(f"web-{index}")
            del stage.cluster.objects["Pod", f"web-{index}-0"]
        stage.cluster.control()
        course = await stage.moves._course(stage.records.app, stage.ask, after)
        await course.act(await course.look(fresh=True))
        sight = await course.look(fresh=True)
        assert sight.standings["1"].set_right if "1" in after.by_track else "web-1" not in stage.cluster.names("StatefulSet")


async def test_instances_that_go_do_not_wait_and_make_no_room() -> None:
    before = first("TApp", 1, 5)
    after = at_revision(fewer(before, {"3": 1, "4": 1}), 2)
    stage = Stage(before, after)
    await stage.stand()
    stage.cluster.lags = True
    course = stage.course(after, Limits(least=2, most=5))
    await course.act(await course.look(fresh=True))
    assert stage.cluster.names("StatefulSet") == ["web-0", "web-1", "web-2"]
    told = {name: stage.cluster.objects["StatefulSet", name]["metadata"]["generation"] for name in ("web-0", "web-1", "web-2")}
    assert [name for name, generation in told.items() if generation > 1] == ["web-0"]


async def test_a_lost_pod_of_another_instance_holds_nobody_up() -> None:
    before = first("TApp", 1, 3)
    stage = Stage(before, with_running(before, "1", False))
    await stage.stand()
    stage.cluster.objects["Pod", "web-2-0"]["metadata"]["deletionTimestamp"] = LONG_AGO
    moved = await stage.run(stage.moves.move)
    assert moved.instances == 1


async def test_an_app_scaled_down_need_not_be_well() -> None:
    before = first("Deployment", 1, 4)
    stage = Stage(before, scaled(before, 2))
    await stage.stand()
    stage.cluster.broken.add("web")
    stage.cluster.control()
    await stage.run(stage.moves.move)
    assert stage.cluster.objects["Deployment", "web"]["spec"]["replicas"] == 2


async def scaled_from(before: Layout) -> Stage:
    """An app that is told to have five instances."""
    stage = Stage(before, scaled(before, 5))
    await stage.stand()
    await stage.run(stage.moves.apply)
    return stage


def taken_over(**ask: int) -> dict[str, Object]:
    return {"op-1": {"preempted_by": "op-2", "ask": {}}, "op-2": {"ask": ask}}


async def test_what_a_person_takes_over_from_the_autoscaler_stays_where_it_got() -> None:
    before = first("Deployment", 1, 2)
    stage = await scaled_from(before)
    stage.records.rows |= taken_over(before=2, after=3)
    await stage.run(stage.moves.move_back)
    assert stage.records.app.layout.running == stage.cluster.objects["Deployment", "web"]["spec"]["replicas"] == 5


async def test_what_is_killed_goes_back_in_the_record_only() -> None:
    before = first("Deployment", 1, 2)
    stage = await scaled_from(before)
    stage.records.rows |= taken_over()
    await stage.run(stage.moves.move_back)
    assert stage.records.app.layout == before
    assert stage.cluster.objects["Deployment", "web"]["spec"]["replicas"] == 5


async def test_a_kill_need_not_wait_for_a_way_back_that_does_not_end() -> None:
    before = first("Deployment", 1, 2)
    stage = await scaled_from(before)
    stage.cluster.lags = True
    looks = iter(range(10))

    def asked() -> None:
        if next(looks) == 3:
            stage.records.rows |= taken_over()

    stage.records.asked = asked
    await stage.run(stage.moves.move_back)
    assert stage.records.app.layout == before


@pytest.mark.parametrize("type", ["Deployment", "TApp"])
async def test_a_way_back_waits_for_what_does_not_get_ready_for_a_time_only(type: AppType, monkeypatch: pytest.MonkeyPatch) -> None:
    """As a version whose readiness probe never passes: nothing is certain, and one that is slow to start is waited for."""
    before = first(type, 1, 3)
    stage = Stage(before, at_revision(before, 2))
    await stage.run(stage.moves.move, stage.ask.model_copy(update={"before": 2}))
    stage.cluster.stuck.add("web")
    monkeypatch.setattr(move_loop, "_TO_GET_READY", 0.5)
    await stage.run(stage.moves.move_back)
    kind = "Deployment" if type == "Deployment" else "StatefulSet"
    told = {o["metadata"]["annotations"][REVISION] for (found, _), o in stage.cluster.objects.items() if found == kind}
    assert told == {"1"}
    assert stage.records.app.layout == before


async def test_the_first_error_stops_the_others_before_it_is_told() -> None:
    running, ended = set(), set()

    async def change(number: int) -> None:
        running.add(number)
        try:
            await asyncio.sleep(0.01 if number == 0 else 5)
        finally:
            ended.add(number)
        raise Conflict("taken")

    with pytest.raises(Conflict):
        await side_by_side(change, range(40))
    assert running == ended
    assert 39 not in running


def deployment_pod(name: str, track: str = "main", ready: bool = True) -> Object:
    labels = {"mooring.io/app-id": ("ab" * 32)[:32], "mooring.io/track": track}
    conditions = [{"type": "Ready", "status": str(ready)}]
    return {"metadata": {"name": name, "uid": name, "labels": labels, "annotations": {}}, "status": {"conditions": conditions}}


async def chosen(stage: Stage, *gone: str) -> None:
    ask = ScaleApp.model_validate({**stage.ask.model_dump(), "replicas": 3, "gone": gone, "marks": True})
    await stage.run(stage.activities.choose_leavers, ask)


async def test_a_removal_of_named_instances_goes_on_after_half_of_it() -> None:
    before = two_versions()
    stage = Stage(before, fewer(before, {"": 1, "r2": 1}))
    await stage.stand()
    pods = {f"web-{n}": deployment_pod(f"web-{n}") for n in "abcd"} | {
        f"web-r2-{n}": deployment_pod(f"web-r2-{n}", "r2") for n in "xyz"
    }
    stage.cluster.objects |= {("Pod", name): pod for name, pod in pods.items() if name != "web-a"}
    with pytest.raises(Conflict, match="went by itself"):
        await chosen(stage, "web-a", "web-r2-x")
    stage.cluster.objects["Deployment", "web"]["spec"]["replicas"] = 3
    await chosen(stage, "web-a", "web-r2-x")


async def test_who_was_named_in_vain_before_is_like_any_other() -> None:
    before = first("Deployment", 1, 3)
    stage = Stage(before, fewer(before, {"": 1}))
    await stage.stand()
    stage.cluster.objects |= {("Pod", name): deployment_pod(name) for name in ("web-a", "web-b", "web-c")}
    cost = "controller.kubernetes.io/pod-deletion-cost"
    stage.cluster.objects["Pod", "web-b"]["metadata"]["annotations"][cost] = "-1"
    await chosen(stage, "web-a")
    costs = {name: stage.cluster.objects["Pod", name]["metadata"]["annotations"].get(cost) for name in ("web-a", "web-b")}
    assert costs["web-b"] is None
    assert costs["web-a"]


async def test_what_the_watch_tells_is_no_proof_that_a_move_is_done() -> None:
    before = first("Deployment", 1, 2)
    stage = Stage(before, scaled(before, 4))
    await stage.stand()
    course = stage.course(stage.records.layouts[2], Limits(least=2, most=4))
    sight = await course.look(fresh=True)
    await course.act(sight)
    stood = json.loads(json.dumps(stage.cluster.objects["Deployment", "web"]))
    stood["metadata"]["resourceVersion"] = "1000"
    stage.cluster.objects["Deployment", "web"]["status"]["availableReplicas"] = 1
    course.workload_view.hints = Changed()
    course.workload_view.hints.take()
    course.workload_view.hints.set({"type": "MODIFIED", "object": stood})
    told = await course.look(fresh=False)
    assert (told.done, told.fresh) == (True, False)
    assert not (await course.look(fresh=True)).done


@pytest.mark.parametrize(("digest", "same"), [("1", True), ("2", False)])
async def test_one_instance_that_is_to_get_what_it_has_stays_as_it_is(digest: str, same: bool) -> None:
    """The image is named otherwise; whether it is another its digest says."""
    before = first("TApp", 1, 3)
    stage = Stage(before, at_revision(before, 2, ["1"]))
    await stage.stand()

    async def revision(app_id: str, number: int) -> Revision:
        return REVISIONS[number].model_copy(update={"digests": {"web": f"sha256:{(digest if number == 2 else '1') * 64}"}})

    stage.records.revision = revision  # type: ignore[method-assign]
    told = await stage.run(stage.moves.apply)
    assert told == ("nothing to do: web-1 (revision 1) is the very same already, image and all" if same else "")
    assert stage.records.app.layout.versions == ({1: 3} if same else {2: 1, 1: 2})


async def test_an_instance_that_waits_for_a_place_is_told_with_how_far_it_is() -> None:
    layout = first("TApp", 1, 2)
    stage = Stage(layout, layout)
    await stage.stand()
    waiting = {"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": "0/1 nodes: 1 Insufficient cpu."}
    stage.cluster.objects["Pod", "web-1-0"]["status"] = {"phase": "Pending", "conditions": [waiting]}
    course = stage.course(layout, Limits(least=1, most=2))
    words = await stage.moves._judge.check(course, await course.look(fresh=True), Patience(stage.ask), back=False)
    assert words.startswith("; Instance 'web-1' has no node: ")
    assert "nsufficient cpu" in words
