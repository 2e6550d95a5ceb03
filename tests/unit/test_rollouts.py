"""A rollout that would change nothing is no operation and no revision; one that mends what failed goes on all the same."""

from types import SimpleNamespace
from typing import Any

import pytest

from api.rollouts import changes_nothing, kept, named_again, of_document
from api.submission import Accepted, Prepared, Unchanged, reply, submit
from model.access import Actor
from model.apps import App, AppSpec, Revision
from model.change_bodies import Rollout, changed
from model.errors import RegistryUnavailable
from model.images import Registries
from model.layouts import Layout, beside, first, scaled
from model.operations import Target
from tests.standing import REVISIONS, app_of
from workflows.upgrades import AppUpgrade

BEFORE = REVISIONS[1].model_copy(update={"spec": REVISIONS[1].spec.model_copy(update={"type": "Deployment"})})
DIGEST = BEFORE.digests["web"]
WELL = first("Deployment", 1, 3)


class Apps:
    """What is known of one app's operations."""

    def __init__(self, newest: str = "SUCCEEDED", brought: str | None = "op-1", outcome: str = "SUCCEEDED") -> None:
        self.apps = self
        self.newest, self.brought, self.outcome = newest, brought, outcome

    async def newest_operations(self, project: str, ids: list[str]) -> dict[str, Any]:
        return {ids[0]: {"id": "op-2", "kind": "app.upgrade", "status": self.newest}}

    async def brought_by(self, app: App, number: int) -> str | None:
        return self.brought

    async def outcomes(self, app: App, numbers: list[int]) -> dict[int, Any]:
        return {numbers[0]: {"id": "op-2", "status": self.outcome, "error": None}}


async def judged(body: dict[str, Any], layout: Layout = WELL, named: Any = None, before: Revision = BEFORE, **known: Any) -> Any:
    tx: Any = Apps(**known)
    spec = changed(before.spec, Rollout.model_validate(body))
    return await changes_nothing(tx, app_of(layout), before, spec, {} if named is None and "image" not in body else named)


@pytest.mark.parametrize("body", [{}, {"terminationGracePeriodSeconds": 30}, {"batches": [1, "100%"], "reason": "again"}])
async def test_the_same_again_changes_nothing_and_names_what_brought_it_and_restart(body: dict[str, Any]) -> None:
    found = await judged(body)
    assert isinstance(found, Unchanged)
    assert found.operation_id == "op-1"
    assert "Nothing differs" in found.words
    assert "POST /v2/applications/shop/web/restart" in found.words


async def test_what_differs_is_rolled_out() -> None:
    assert await judged({"terminationGracePeriodSeconds": 31}) is None
    assert await judged({"image": "busybox:v2"}) is None


async def test_an_image_that_is_named_again_is_the_same_only_where_its_tag_did_not_move() -> None:
    body = {"image": "busybox:v1"}
    assert await judged(body, named={"web": DIGEST})
    assert await judged(body, named={"web": "sha256:other"}) is None
    assert await judged(body, named=None) is None  # the registry did not tell


@pytest.mark.parametrize("newest", ["FAILED", "RUNNING", "PAUSED", "CANCELLING", "ACCEPTED"])
async def test_a_failed_or_running_operation_is_not_in_the_way_of_what_mends_it(newest: str) -> None:
    assert await judged({}, newest=newest) is None


async def test_what_is_half_done_or_never_worked_goes_on() -> None:
    half = WELL.model_copy(update={"workloads": (*scaled(WELL, 2).workloads, *scaled(beside(WELL, 2), 1).workloads)})
    assert half.versions == {2: 1, 1: 2}
    assert await judged({}, half) is None
    assert await judged({}, brought=None) is None
    assert await judged({}, before=BEFORE.model_copy(update={"digests": {}})) is None


def test_a_rollout_keeps_what_it_does_not_name() -> None:
    spec: AppSpec = BEFORE.spec
    assert kept(BEFORE, spec, Rollout.model_validate({"cmd": "true"})) == BEFORE.digests
    assert kept(BEFORE, spec, Rollout.model_validate({"image": "busybox:v1"})) == {}


async def test_a_document_keeps_the_images_of_a_version_that_did_not_fail() -> None:
    for outcome, digests in (("SUCCEEDED", BEFORE.digests), ("CANCELLED", BEFORE.digests), ("FAILED", {})):
        tx: Any = Apps(outcome=outcome)
        assert await of_document(tx, app_of(WELL), BEFORE, BEFORE.spec) == digests


class Resolving:
    """A registry that answers, or does not."""

    def __init__(self, digest: str | None) -> None:
        self.digest = digest

    async def resolve(self, *_: Any) -> str:
        if self.digest is None:
            raise RegistryUnavailable("away")
        return self.digest


@pytest.mark.parametrize(
    ("body", "digest", "found"),
    [
        ({"cmd": "true"}, None, {}),
        ({"image": "busybox:v1"}, "sha256:9", {"web": "sha256:9"}),
        ({"image": "busybox:v1"}, None, None),
        ({"image": "busybox:v2"}, "sha256:9", None),
        ({"image": "busybox:v1", "cmd": "true"}, "sha256:9", None),
    ],
)
async def test_the_registry_is_asked_only_where_nothing_else_differs(
    body: dict[str, Any], digest: str | None, found: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def meant(*_: Any) -> App:
        return app_of(WELL)

    async def revision(*_: Any) -> Revision:
        return BEFORE

    monkeypatch.setattr("api.rollouts.app_meant", meant)
    settings = SimpleNamespace(mooring_registry="localhost:5000", registries=Registries.listed("localhost:5000", ""))
    apps = SimpleNamespace(apps=SimpleNamespace(revision=revision))
    services: Any = SimpleNamespace(records=apps, images=Resolving(digest), settings=settings)
    caller: Any = SimpleNamespace(actor=Actor(name="ann", admin=True))
    assert await named_again(services, caller, ("shop", "web", None), Rollout.model_validate(body)) == found


async def test_an_idempotency_key_of_what_changed_nothing_stands_for_what_brought_it() -> None:
    bound: list[str] = []

    class Operations:
        async def replayed(self, *_: Any) -> str | None:
            return bound[0] if bound else None

        async def bind_key(self, *given: Any) -> None:
            bound.append(given[-1])

        async def get(self, operation_id: str) -> dict[str, Any]:
            target = {"target_kind": "app", "target_name": "web", "target_id": "a"}
            return {"id": operation_id, "workflow_id": "wf", **target, "ask": {"notice": "Now there is no room."}}

    class Transaction:
        operations = Operations()

        async def __aenter__(self) -> "Transaction":
            return self

        async def __aexit__(self, *_: object) -> None:
            """Nothing to end."""

    async def prepare(_: Any) -> Prepared | Unchanged:
        return Unchanged(operation_id="op-1", words="Nothing differs.")

    request = SimpleNamespace(
        headers={"Idempotency-Key": "k"},
        query_params=SimpleNamespace(multi_items=list),
        method="POST",
        url=SimpleNamespace(path="/v2/applications/shop/web/rollout"),
    )
    caller: Any = SimpleNamespace(actor=Actor(name="ann", admin=True), request=request)
    services: Any = SimpleNamespace(records=SimpleNamespace(transaction=Transaction))
    one, two = [await submit(services, caller, AppUpgrade, {}, prepare) for _ in range(2)]
    target = Target(kind="app", name="web", id="a")
    assert one == Accepted(operation_id="op-1", workflow_id="wf", target=target, unchanged="Nothing differs.")
    assert two == one.model_copy(update={"unchanged": "", "notice": "Now there is no room."})
    response: Any = SimpleNamespace(headers={}, status_code=202)
    told = reply(response, one)
    assert (response.status_code, told["unchanged"], told["Message"]) == (200, True, "Nothing differs.")
