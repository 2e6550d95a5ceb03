"""Which instances hold a variable as it was before: read off when their containers started, and told until they hold it."""

from datetime import UTC, datetime
from typing import Any

from cli.instance_report import why_not
from model.config_restarts import VariableRead, lines, lines_of_app, variables_read, words
from model.configs import ConfigKind

AT = datetime(2026, 1, 1, tzinfo=UTC)
STARTED = {"running": {"startedAt": "2026-01-01T00:00:00Z"}}


def pod(state: dict[str, Any] = STARTED, **metadata: Any) -> dict[str, Any]:
    env = [
        {"name": "LEVEL", "valueFrom": {"configMapKeyRef": {"name": "settings", "key": "LEVEL"}}},
        {"name": "PASSWORD", "valueFrom": {"secretKeyRef": {"name": "keys", "key": "db"}}},
        {"name": "OTHER", "value": "x"},
    ]
    return {
        "metadata": {"name": "web-1", "labels": {}, **metadata},
        "spec": {"containers": [{"name": "web", "image": "x", "env": env}]},
        "status": {"phase": "Running", "containerStatuses": [{"name": "web", "restartCount": 0, "state": state}]},
    }


def read(key: str, kind: ConfigKind = ConfigKind.CONFIGMAP, group: str = "settings") -> VariableRead:
    return VariableRead(kind=kind, group=group, key=key, at=AT)


def test_a_running_container_holds_what_it_read_at_its_start() -> None:
    assert variables_read(pod()) == {read("LEVEL"), read("db", ConfigKind.SECRET, "keys")}
    assert variables_read(pod({"waiting": {"reason": "ContainerCreating"}})) == set(), "it has read nothing yet"
    assert variables_read(pod(deletionTimestamp="2026-01-01T00:00:09Z")) == set(), "it goes"
    assert variables_read(pod(labels={"batch.kubernetes.io/job-name": "a"})) == set(), "the next run reads it"


def test_an_app_names_the_entries_and_who_holds_them_as_they_were() -> None:
    found = lines_of_app({"web-2": [read("LEVEL")], "web-1": [read("LEVEL"), read("A")]})
    assert found == [{"kind": "configmap", "name": "settings", "entries": ["A", "LEVEL"], "instances": ["web-1", "web-2"]}]
    assert words("/v2/applications/shop/web", found) == (
        "A, LEVEL of the ConfigMap settings changed after web-1, web-2 had read it: restart the app to have it everywhere: "
        "POST /v2/applications/shop/web/restart."
    )
    assert (lines_of_app({}), words("/v2/applications/shop/web", [])) == ([], "")
    many = lines_of_app({f"web-{number}": [read("A")] for number in range(7)})
    assert "web-4 and 2 more had read" in words("/x", many)


def test_an_instance_says_so_at_a_terminal() -> None:
    instance = {"reason": None, "message": "", "restartNeeded": lines([read("LEVEL"), read("A")])}
    assert why_not(instance) == "holds A, LEVEL of configmap settings as it was before; restart the app"
    assert why_not({"reason": "Running", "message": "", "restartNeeded": []}) == "Running"
