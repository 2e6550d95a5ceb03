"""stack.upgrade: what is touched and in which order, and what a failure, a rollback and a cancellation leave."""

import asyncio
from typing import Any

from temporalio.client import WorkflowHandle

from activities.app_moves import AppMoves, Moved
from activities.apps import AppActivities
from activities.configs import ConfigActivities
from activities.stack_plans import StackPlans
from activities.stacks import StackActivities
from model.apps import AppAsk, CreateApp, DeleteApp
from model.configs import ApplyConfig
from model.errors import CrashLoop
from model.operations import Child, Status
from model.stack_changes import Action, Change
from model.stacks import Part, Plan, StackAt, StackMove, UpgradeStack
from records.ids import new_id
from tests.workflow.conftest import Run, StandIn, returning, stand_in
from tests.workflow.test_stacks import child_of
from workflows.stacks import StackUpgrade

AFTER = {"store": (), "api": ("store",), "web": ("api",)}


def upgrade(on_failure: str = "keep") -> UpgradeStack:
    fields = {"operation_id": new_id("op"), "project": "shop", "target": "s", "actor": "ann", "stack_id": "stk-1"}
    return UpgradeStack.model_validate({**fields, "version": 2, "before": 1, "on_failure": on_failure})


def plan(actions: dict[str, Action]) -> Plan:
    gone = {name: () for name, action in actions.items() if action is Action.DELETE}
    told = {name: Change(name=name, app=f"s-{name}", action=action, reason="") for name, action in actions.items()}
    return Plan(after=AFTER, apps={name: f"s-{name}" for name in [*AFTER, *gone]}, removals=gone, changes=told)


class World:
    """Stand-ins for a stack whose upgrade does `forth`, and its way back `back`; apps in `crash` do not come up in version 2."""

    def __init__(self, forth: dict[str, Action], back: dict[str, Action] | None = None, crash: tuple[str, ...] = ()) -> None:
        self.plans = {2: plan(forth), 1: plan(back or {})}
        self.crash = crash
        self.seen: list[str] = []
        self.hold: asyncio.Event | None = None
        self.version = 2

    def stand_ins(self) -> list[StandIn]:
        return [
            stand_in(StackPlans.plan_upgrade, self._plan),
            stand_in(StackActivities.accept_app, self._accept),
            stand_in(StackActivities.accept_removal, self._remove),
            stand_in(AppMoves.move, self._ready),
            stand_in(AppActivities.resolve_images, self._images),
        ]

    async def _plan(self, move: StackMove) -> Plan:
        self.version = move.version
        self.seen.append(f"plan {move.before} → {move.version}")
        return self.plans[move.version]

    async def _accept(self, part: Part) -> Child:
        assert part.version == self.version
        self.seen.append(f"bring {part.service}")
        return child_of(part, CreateApp, "app.create")

    async def _remove(self, part: Part) -> Child:
        self.seen.append(f"delete {part.service}")
        return child_of(part, DeleteApp, "app.delete")

    async def _images(self, _: Any) -> dict[str, str]:
        return {}

    async def _ready(self, ask: AppAsk) -> Moved:
        if self.hold:
            self.hold.set()
            await asyncio.Event().wait()
        if ask.app_id in self.crash and self.version == 2:
            raise CrashLoop("It ends with exit code 3.")
        self.seen.append(f"ready {ask.app_id}")
        return Moved(instances=1)


async def test_only_what_differs_is_touched_and_what_left_goes_last(run: Run) -> None:
    world = World({"store": Action.UNCHANGED, "api": Action.CREATE, "web": Action.UPDATE, "old": Action.DELETE})
    ended = await run(StackUpgrade, upgrade(), *world.stand_ins())
    assert ended.outcome.status is Status.SUCCEEDED
    assert world.seen == ["plan 1 → 2", "bring api", "ready api", "bring web", "ready web", "delete old"]
    assert ended.outcome.result is not None
    assert {action: ended.outcome.result[action] for action in ("create", "update", "delete")} == {
        "create": ["s-api"],
        "update": ["s-web"],
        "delete": ["s-old"],
    }


async def test_what_cannot_be_changed_in_place_is_deleted_and_created_in_its_turn(run: Run) -> None:
    world = World({"store": Action.UNCHANGED, "api": Action.RECREATE, "web": Action.UPDATE})
    ended = await run(StackUpgrade, upgrade(), *world.stand_ins())
    assert ended.outcome.status is Status.SUCCEEDED
    assert world.seen == ["plan 1 → 2", "delete api", "bring api", "ready api", "bring web", "ready web"]


async def test_a_failure_keeps_back_what_comes_after_and_deletes_nothing(run: Run) -> None:
    world = World({"store": Action.UPDATE, "api": Action.UPDATE, "web": Action.UPDATE, "old": Action.DELETE}, crash=("api",))
    ended = await run(StackUpgrade, upgrade(), *world.stand_ins())
    assert ended.outcome.status is Status.FAILED
    assert world.seen == ["plan 1 → 2", "bring store", "ready store", "bring api"]
    assert ended.outcome.error is not None
    assert "s-web" in ended.outcome.error.message


async def test_a_failure_brings_the_whole_stack_back_where_asked(run: Run) -> None:
    forth = {"store": Action.UPDATE, "api": Action.UPDATE, "web": Action.UPDATE}
    back = {"store": Action.UPDATE, "api": Action.UPDATE, "web": Action.UNCHANGED}
    world = World(forth, back, crash=("api",))
    ended = await run(StackUpgrade, upgrade("rollback"), *world.stand_ins())
    assert ended.outcome.status is Status.FAILED
    assert ended.outcome.error is not None
    assert ended.outcome.error.reason == "CrashLoop"
    assert "Going back" not in ended.outcome.error.message
    assert ended.outcome.result is not None, "the record says what the way back did"
    assert (ended.outcome.result["version"], ended.outcome.result["update"]) == (1, ["s-store", "s-api"])
    assert world.seen[3:] == ["bring api", "plan 2 → 1", "bring store", "ready store", "bring api", "ready api"]
    assert [step.forward for step in ended.steps if step.title.startswith("Plan")] == [False, True]


async def test_a_way_back_that_fails_too_is_told_with_the_first_failure(run: Run) -> None:
    world = World({"store": Action.UPDATE}, crash=("store",))

    async def accept(part: Part) -> Child:
        if part.version == 1:
            raise CrashLoop("The old one does not start either.")
        return child_of(part, CreateApp, "app.create")

    world.plans[1] = plan({"store": Action.UPDATE})
    ended = await run(StackUpgrade, upgrade("rollback"), *world.stand_ins(), stand_in(StackActivities.accept_app, accept))
    assert ended.outcome.error is not None
    assert "exit code 3" in ended.outcome.error.message
    assert "Going back to version 1 failed too" in ended.outcome.error.message
    assert "The old one" in ended.outcome.error.message
    assert ended.outcome.result is None


async def test_cancel_reaches_what_runs_and_does_not_go_back(run: Run) -> None:
    world = World({"store": Action.UPDATE, "api": Action.UPDATE, "web": Action.UPDATE})
    world.hold = asyncio.Event()

    async def cancel(handle: WorkflowHandle[Any, Any]) -> None:
        assert world.hold
        await world.hold.wait()
        await handle.cancel()

    ended = await run(StackUpgrade, upgrade("rollback"), *world.stand_ins(), meanwhile=cancel)
    assert ended.outcome.status is Status.CANCELLED
    assert world.seen == ["plan 1 → 2", "bring store"]
    assert ended.outcome.result is None, "nothing was brought back"
    assert [child.status for child in ended.children] == [Status.CANCELLED]


async def test_groups_come_first_what_uses_them_next_and_what_they_lose_last(run: Run) -> None:
    old, new = Action.DELETE, Action.CREATE
    groups = {"configmap/set": Action.UPDATE, "secret/new": new, "secret/old": old}
    told = {}
    for part, action in groups.items():
        kind, _, name = part.partition("/")
        told[part] = Change(name=name, app=f"s-{name}", kind=kind, action=action, reason="")
    names = {part: f"{change.kind} {change.app}" for part, change in told.items()}
    apps = plan({"store": Action.UPDATE, "api": Action.UNCHANGED, "web": Action.UNCHANGED, "gone": old})
    whole = Plan(
        after={"configmap/set": (), "secret/new": (), "store": ("configmap/set", "secret/new"), "api": ("store",), "web": ("api",)},
        apps={**apps.apps, **names},
        removals={"gone": (), "secret/old": ("gone",), "configmap/set": ("gone", "secret/old")},
        changes={**apps.changes, **told},
        entrances=True,
    )
    world = World({})
    world.plans[2] = whole

    def group(part: Part, verb: str) -> Child:
        world.seen.append(f"{verb} {part.service}")
        operation_id = new_id("op")
        fields = {"operation_id": operation_id, "project": "shop", "target": names[part.service], "actor": "ann"}
        ask = ApplyConfig.model_validate({**fields, "group_id": "cfg-1"})
        return Child(operation_id=operation_id, kind="config.apply", workflow_id=operation_id, ask=ask.model_dump(mode="json"))

    async def accept(part: Part) -> Child:
        return group(part, "write") if "/" in part.service else await world._accept(part)

    async def remove(part: Part) -> Child:
        if "/" in part.service:
            return group(part, "delete" if part.version is None else "trim")
        return await world._remove(part)

    async def entrances(_: StackAt) -> None:
        world.seen.append("entrances")

    own = [
        stand_in(StackActivities.accept_app, accept),
        stand_in(StackActivities.accept_removal, remove),
        stand_in(StackPlans.set_entrances, entrances),
        stand_in(ConfigActivities.write_object, returning(1)),
        stand_in(ConfigActivities.wake_instances, returning(0)),
    ]
    ended = await run(StackUpgrade, upgrade(), *world.stand_ins(), *own)
    assert ended.outcome.status is Status.SUCCEEDED
    assert set(world.seen[1:3]) == {"write configmap/set", "write secret/new"}
    assert world.seen[3:] == ["bring store", "ready store", "entrances", "delete gone", "delete secret/old", "trim configmap/set"]
    titles = [step.title for step in ended.steps if step.title.startswith(("Delete s", "Remove old"))]
    assert titles == ["Delete s-gone", "Delete secret s-old", "Remove old entries of configmap s-set"]
    assert ended.outcome.result is not None
    assert ended.outcome.result["delete"] == ["s-gone", "secret s-old"]
