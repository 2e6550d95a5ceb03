"""Why instances were ended, as the list, the app and its operation tell it: as certainly as the instance itself does."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

from api.afterwards import afterwards
from api.apps_shown import shown
from api.recent import Recent
from api.routes.instances import list_instances
from model.apps import App, Revision
from model.layouts import first
from model.pod_templates import APP, APP_ID, app_label
from model.pods import condition
from tests.standing import REVISIONS, app_of
from tests.unit.test_causes import changed

Object = dict[str, Any]
_APP: App = app_of(first("Deployment", 1, 1))
_LABELS = {APP: "web", APP_ID: app_label(_APP.id)}


def ago(seconds: float) -> str:
    return (datetime.now(UTC) - timedelta(seconds=seconds)).isoformat()


class Told:
    """A cluster with one app of one instance, which runs again for a moment after its end."""

    def __init__(self, name: str, exit_code: int, *, ready: bool = True) -> None:
        over = {"exitCode": exit_code, "reason": "Error", "startedAt": ago(9), "finishedAt": ago(5)}
        state, last = {"running": {"startedAt": ago(3)}}, {"terminated": over}
        case = changed(name, state=state, lastState=last, restartCount=2, ready=ready, started=True)
        (self.pod,) = case.pods
        self.pod["metadata"] |= {"labels": _LABELS}
        condition(self.pod, "Ready")["status"] = str(ready)
        counts = {"replicas": 1, "updatedReplicas": 1, "readyReplicas": int(ready), "availableReplicas": int(ready)}
        status = {**counts, "observedGeneration": 1}
        deployment = {"metadata": {"labels": _LABELS, "generation": 1}, "spec": {"replicas": 1}, "status": status}
        self._kinds: dict[str, Sequence[Object]] = {"Deployment": [deployment], "Pod": [self.pod], "Event": case.events}
        self.asked: list[str] = []

    async def list(self, kind: str, *_: str, **__: str) -> Object:
        self.asked.append(kind)
        return {"items": self._kinds.get(kind, [])}

    async def find(self, kind: str, *_: str) -> Object | None:
        well = {"metadata": {"name": "node-1"}, "status": {"conditions": [{"type": "Ready", "status": "True"}]}}
        return well if kind == "Node" else None

    async def logs(self, namespace: str, pod: str, container: str, *, tail: int, previous: bool) -> str:
        return "starting up\ncannot reach db" if previous else ""


class Known:
    """Records of the app, whose creation has succeeded; it stands for its own stores."""

    def __getattr__(self, store: str) -> "Known":
        return self

    async def find(self, *_: Any) -> App:
        return _APP

    async def by_id(self, _: str) -> App:
        return _APP

    async def newest_upgrade(self, _: App) -> None:
        """There was none."""

    async def revision(self, _: str, number: int) -> Revision:
        return REVISIONS[number]

    async def deployed_before(self, *_: Any, **__: Any) -> None:
        """There was none."""

    async def get(self, _: str) -> Any:
        return SimpleNamespace(id="prj-1")

    async def in_use(self, ids: Sequence[str]) -> dict[str, dict[int, Revision]]:
        return {app_id: {1: REVISIONS[1]} for app_id in ids}

    async def revisions(self, *_: Any) -> tuple[int, list[Revision]]:
        return 1, [REVISIONS[1]]

    async def newest_operations(self, project: str, ids: Sequence[str]) -> dict[str, Any]:
        return {_APP.id: {"id": "op-1", "kind": "app.create", "status": "SUCCEEDED"}}

    async def in_force(self, ids: Sequence[str]) -> dict[str, Any]:
        return {}

    async def outdated(self, *_: Any) -> set[Any]:
        return set()

    async def veil(self, *_: Any) -> Any:
        return lambda text: text.replace("db", "…")


def services(cluster: Told) -> Any:
    settings = SimpleNamespace(mooring_registry="localhost:5000")
    return SimpleNamespace(records=Known(), cluster=cluster, settings=settings, outcomes=Recent(2.0))


async def test_the_list_names_the_probe_that_ended_an_instance_which_runs_again() -> None:
    """It costs one request, and none where nothing was ended that a probe may have ended."""
    told = Told("liveness", 137)
    (line,) = (await list_instances(services(told), None, "shop", "web"))["instances"]  # type: ignore[arg-type]
    assert line["status"] == "RUNNING"
    assert "was restarted twice, last because its liveness probe failed (GET :8088/live)" in line["message"]
    assert told.asked.count("Event") == 1
    plain = Told("exit3", 3)
    await list_instances(services(plain), None, "shop", "web")  # type: ignore[arg-type]
    assert plain.asked.count("Event") == 0


async def test_the_app_names_the_probe_that_ends_it() -> None:
    (found,) = await shown(services(Told("liveness", 137)), "shop", [_APP])
    assert (found["Status"], found["reason"]) == ("FAILED", "ProbeFailing")
    assert "because its liveness probe failed (GET :8088/live)" in found["message"]


async def test_an_app_whose_readiness_probe_fails_says_so() -> None:
    told = Told("readiness", 1, ready=False)
    status = told.pod["status"]["containerStatuses"][0]
    status |= {"state": {"running": {"startedAt": "2026-11-23T10:51:37Z"}}, "lastState": {}, "restartCount": 0}
    (found,) = await shown(services(told), "shop", [_APP])
    assert (found["Status"], found["reason"]) == ("PENDING", "ProbeFailing")
    assert "readiness probe failed (GET :8088/healthz)" in found["message"]


async def test_what_became_of_an_app_after_its_creation_has_its_last_words_without_their_secrets() -> None:
    row = {"id": "op-1", "status": "SUCCEEDED", "target_kind": "app", "target_id": _APP.id, "ask": {"after": 1}}
    found = await afterwards(services(Told("exit3", 3)), {**row, "project": "shop", "target_name": "web"})  # type: ignore[arg-type]
    assert found is not None
    assert (found.status, found.reason) == ("FAILED", "CrashLoop")
    assert "exit code 3; its last words: 'cannot reach …'" in found.message
