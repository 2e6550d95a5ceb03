"""Kubernetes documents as a template: what has a meaning here means what it says, and the rest is refused with its line."""

import contextlib
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from model.blueprints import Answer, Blueprint, Link
from model.errors import Invalid, Problem, TooLarge
from model.stack_documents import Kind, read_blueprint

DB = """apiVersion: apps/v1
kind: StatefulSet
metadata: {name: db}
spec:
  replicas: 2
  selector: {matchLabels: {app: db}}
  template:
    metadata: {labels: {app: db}}
    spec:
      containers:
      - name: db
        image: postgres
        ports: [{containerPort: 5432, name: sql}]
"""
WEB = """apiVersion: apps/v1
kind: Deployment
metadata:
  name: web
  annotations: {mooring.io/depends-on: db}
spec:
  selector: {matchLabels: {app: web}}
  strategy: {rollingUpdate: {maxSurge: 1, maxUnavailable: 0}}
  template:
    metadata: {labels: {app: web, tier: front}}
    spec:
      containers: [{name: web, image: web, ports: [{containerPort: 8080}]}]
"""
STORE = """apiVersion: v1
kind: Service
metadata: {name: store}
spec:
  selector: {app: db}
  ports: [{port: 5432, targetPort: sql}]
"""


def read(*documents: str) -> Blueprint:
    return read_blueprint(Kind.KUBERNETES, "---\n".join(documents), "dep")


def problems_of(*documents: str) -> list[Problem]:
    with pytest.raises(Invalid) as refused:
        read(*documents)
    return refused.value.problems


def test_workloads_are_apps_and_services_the_names_they_are_reached_by() -> None:
    db, web = read(DB, WEB, STORE).members
    assert (db.app, db.spec.type, db.replicas) == ("dep-db", "TApp", 2)
    assert db.answers == (Answer(protocol="tcp", port=5432, target=5432),)
    assert (web.spec.type, web.replicas, web.spec.max_surge, web.spec.max_unavailable) == ("Deployment", 1, 1, 0)
    assert (web.after, web.links) == (("db",), (Link(member="db", alias="store"),))
    assert read(DB, WEB, STORE).levels() == {"db": 1, "web": 2}


def test_a_service_of_nodes_publishes_its_app() -> None:
    db, web = read(DB, WEB, STORE.replace("spec:\n", "spec:\n  type: NodePort\n", 1)).members
    assert (db.spec.network_type, web.spec.network_type) == (2, 0)


def test_an_empty_document_between_is_nothing() -> None:
    assert len(read(DB, "\n", WEB).members) == 2


@pytest.mark.parametrize("kind", ["CronJob", "DaemonSet", "Pod", "PersistentVolumeClaim"])
def test_other_kinds_are_refused_by_name(kind: str) -> None:
    (found,) = problems_of(DB, f"apiVersion: v1\nkind: {kind}\nmetadata: {{name: x}}\n")
    assert (found.line, found.column, found.field) == (16, 7, "kind")
    assert found.message.startswith(f"{kind} is not taken")


PLACE = "mooring.io/depends-on"
LAST = WEB.replace("maxSurge: 1", "maxSurge: 0").replace("mooring.io/depends-on: db", "example.com/x: y")


@pytest.mark.parametrize(
    ("documents", "line", "field", "words"),
    [
        ([DB.replace("      cont", "      hostPID: x\n      cont")], 10, "StatefulSet.spec.template.spec.hostPID", "host"),
        ([DB.replace("  replicas: 2", "  serviceName: db")], 5, "StatefulSet.spec.serviceName", "not carried out"),
        ([DB.replace("{name: db}", "{name: db, namespace: x}")], 3, "StatefulSet.metadata.namespace", "project"),
        ([DB.replace("matchLabels: {app: db", "matchLabels: {app: x")], 6, "StatefulSet/db.spec.selector.matchLabels", "labels of"),
        ([DB, STORE.replace("app: db", "app: x")], 19, "Service/store.spec.selector", "selects none"),
        ([DB, STORE.replace("targetPort: sql", "targetPort: zz")], 20, "Service/store.spec.ports[0].targetPort", "no port"),
        ([DB, STORE.replace("port: 5432", "port: 5432, nodePort: 30000")], 20, "Service.spec.ports[0].nodePort", "node"),
        ([DB, DB], 17, "StatefulSet/db.metadata.name", "a second time"),
        ([WEB], 5, f"Deployment/web.metadata.annotations.{PLACE}", "no such document"),
        ([WEB.replace("depends-on: db", "depends-on: web")], 5, f"Deployment/web.metadata.annotations.{PLACE}", "web → web"),
        ([LAST], 8, "Deployment/web.spec.strategy.rollingUpdate", "nothing"),
        ([STORE], 1, "content", "no Deployment"),
        (["- a\n"], 1, "kind", "must be one of"),
        ([""], None, "content", "no Deployment"),
        ([DB.replace("kind: StatefulSet", "kind: StatefulSet\nkind: Job")], 3, "StatefulSet.kind", "given twice"),
        ([DB.replace("apps/v1", "apps/v1beta1")], 1, "StatefulSet.apiVersion", "apps/v1"),
        (["# nothing\n", DB.replace("{app: db}", "&a {app: db}", 1)], 8, "content", "anchor"),
    ],
)
def test_what_is_refused_and_where(documents: list[str], line: int | None, field: str, words: str) -> None:
    found = problems_of(*documents)[0]
    assert (found.line, found.field) == (line, field)
    assert words in found.message


def test_too_much_is_refused_with_its_line() -> None:
    assert "too many" in problems_of(*[STORE] * 400)[0].message
    with pytest.raises(TooLarge) as refused:
        read(*[DB] * 10_000)
    assert refused.value.problems[0].line


_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text() | st.sampled_from(["metadata", "spec", "name", "ports"]), inner),
    max_leaves=15,
)


@settings(max_examples=300, deadline=None)
@given(st.sampled_from(["Deployment", "StatefulSet", "Service"]), _VALUES, _VALUES)
def test_anything_is_taken_or_refused_as_invalid(kind: str, metadata: object, spec: object) -> None:
    with contextlib.suppress(Invalid):
        read(json.dumps({"apiVersion": "v1", "kind": kind, "metadata": metadata, "spec": spec}))
