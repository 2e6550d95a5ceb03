"""Rollouts said in templates: one shape in every language, what is wrong of it told at its line, and the plan it makes."""

from typing import Any

import pytest

from model.errors import Invalid
from model.layouts import first
from model.stack_changes import Action, Standing, change
from model.stack_documents import Kind, read_blueprint

SAID = 'batches: [1, "50%"], pause: first, readySeconds: 3, gates: [{http: {port: 80}}], onFailure: rollback, maxUnavailable: 1'
V1 = "web:\n  image: x\n  replicas: 4\n  x-mooring:\n    rollout: {%s}\n"
MODERN = "services:\n  web:\n    image: x\n    scale: 4\n    x-mooring:\n      rollout: {%s}\n"
POD = "containers:\n- {name: c, image: x}\nreplicas: 4\nx-mooring:\n  rollout: {%s}\n"
KUBERNETES = """apiVersion: apps/v1
kind: %s
metadata:
  name: web
  annotations:
    mooring.io/rollout: %s
spec:
  replicas: 4
  selector: {matchLabels: {app: web}}
  template: {metadata: {labels: {app: web}}, spec: {containers: [{name: c, image: x}]}}
"""


def deployment(rollout: str, kind: str = "Deployment") -> str:
    return KUBERNETES % (kind, f"|\n      {{{rollout}}}")


LANGUAGES = [
    (Kind.COMPOSE, lambda said: V1 % said, 5),
    (Kind.COMPOSE, lambda said: MODERN % said, 6),
    (Kind.POD, lambda said: POD % said, 5),
    (Kind.KUBERNETES, deployment, 7),
    (Kind.KUBERNETES, lambda said: KUBERNETES % ("Deployment", "'{" + said.replace("'", "''") + "}'"), 6),
]


@pytest.mark.parametrize(("kind", "write", "line"), LANGUAGES)
def test_every_language_says_it_in_one_shape(kind: Kind, write: Any, line: int) -> None:
    (member,) = read_blueprint(kind, write(SAID), "d").members
    assert member.rollout is not None
    how = member.rollout.how
    assert how.batches == [1, "50%"]
    assert (how.pause, how.ready_seconds, how.on_failure, len(how.gates)) == ("first", 3, "rollback", 1)
    assert (member.spec.max_unavailable, member.spec.max_surge) == (1, "25%")


WRONG = [
    ("batches: [5]", "batches[0]", "more than the 4 instances"),
    ('batches: ["0%"]', "batches[0]", "percentage"),
    ("batches: [2, 1]", "batches[1]", "cumulative"),
    ("batches: [[a]]", "batches[0]", "StatefulSet only"),
    ("pause: each", "pause", "nothing to hold between"),
    ("pause: sometimes", "pause", "must be"),
    ("gates: [{http: {port: 80, path: /../x}}]", "gates[0].http.path", "absolute path"),
    ("gates: [{metric: {query: up, condition: good}}]", "gates[0].metric.condition", "comparison"),
    ("gates: [{}]", "gates[0]", "exactly one"),
    ("maxSurge: 0, maxUnavailable: 0%", "maxUnavailable", "nothing could be replaced"),
    ("batch: [1]", "batch", "not a known key"),
    ("batches: [1], batches: [2]", "batches", "given twice"),
    ("batches: &a [1]", "", "anchor"),
]


@pytest.mark.parametrize(("kind", "write", "line"), LANGUAGES)
@pytest.mark.parametrize(("said", "field", "rule"), WRONG)
def test_what_is_wrong_is_told_at_its_line(kind: Kind, write: Any, line: int, said: str, field: str, rule: str) -> None:
    with pytest.raises(Invalid) as refused:
        read_blueprint(kind, write(said), "d")
    found = [p for p in refused.value.problems if rule in p.message]
    assert found, refused.value.problems
    assert found[0].line == line
    assert found[0].field.endswith(field)


def test_a_block_tells_the_line_inside_it() -> None:
    block = "|\n      batches: [1]\n      gates:\n      - metric: {query: 'max(up', condition: '< 1'}\n      onFailure: stop"
    with pytest.raises(Invalid) as refused:
        read_blueprint(Kind.KUBERNETES, KUBERNETES % ("Deployment", block), "d")
    assert [(p.line, p.field) for p in refused.value.problems] == [
        (10, "Deployment/web.metadata.annotations.mooring.io/rollout.onFailure")
    ]
    (member,) = read_blueprint(Kind.KUBERNETES, KUBERNETES % ("Deployment", block.replace("stop", "keep")), "d").members
    assert member.rollout is not None
    (query,) = member.rollout.queries
    assert (query.query, query.line) == ("max(up", 9)


@pytest.mark.parametrize("text", ["''", "'null'", "nonsense", "[1]", "|\n      a: [", "|\n      - &a [*a]"])
def test_what_is_no_rollout_is_refused_with_a_line(text: str) -> None:
    with pytest.raises(Invalid) as refused:
        read_blueprint(Kind.KUBERNETES, KUBERNETES % ("Deployment", text), "d")
    assert all(p.line in (6, 7, 8) for p in refused.value.problems)


def test_instances_of_a_stateful_set_are_named() -> None:
    (member,) = read_blueprint(Kind.KUBERNETES, deployment("batches: [[web-2], [0, '3']]", "StatefulSet"), "d").members
    now = standing(member.spec.model_copy(update={"type": "TApp", "max_unavailable": 3}), "TApp")
    planned = change(member, now, {})
    assert planned.gray is not None
    assert planned.gray.batches == (1, 3, 4)
    for wrong in ("[[web-4]]", "[[x-1]]", "[['01']]", "[[1], [1]]"):
        with pytest.raises(Invalid):
            read_blueprint(Kind.KUBERNETES, deployment(f"batches: {wrong}", "StatefulSet"), "d")
    with pytest.raises(Invalid, match="Deployment apps"):
        read_blueprint(Kind.KUBERNETES, deployment("maxSurge: 1", "StatefulSet"), "d")


def test_a_deployment_says_how_many_are_replaced_at_once_in_one_place() -> None:
    content = deployment("maxSurge: 2").replace("  replicas: 4\n", "  replicas: 4\n  strategy: {rollingUpdate: {maxSurge: 1}}\n")
    with pytest.raises(Invalid, match="strategy says already"):
        read_blueprint(Kind.KUBERNETES, content, "d")


def standing(spec: Any, type: Any = "Deployment", *, ran: bool = True) -> Standing:
    digests = {"web": "sha256:1"} if ran else {}
    return Standing(app="d-web", app_id="a" * 64, spec=spec, layout=first(type, 1, 4), digests=digests)


def test_the_plan_tells_the_batches_of_each_app() -> None:
    (member,) = read_blueprint(Kind.COMPOSE, V1 % SAID, "d").members
    older = member.spec.model_copy(update={"termination_grace_period_seconds": 7})
    planned = change(member, standing(older), {})
    assert planned.gray is not None
    shown = planned.gray.model_dump(by_alias=True)
    assert shown == {
        "batches": (1, 2, 4),
        "total": 4,
        "pause": "first",
        "readySeconds": 3,
        "gates": 1,
        "onFailure": "rollback",
    }
    assert change(member, standing(older), {}, at_once=True).gray is None, "a way back goes at once"
    grown = member.model_copy(update={"replicas": 8})
    found = change(grown, standing(older), {}).gray
    assert found is not None
    assert (found.batches, found.total) == ((1, 4, 8), 8)
    never_ran = change(member, standing(older, ran=False), {}).gray
    assert never_ran is not None
    assert never_ran.batches == (4,), "what never ran has no version to keep beside the new one"


def test_how_upgrades_go_is_no_difference_by_itself() -> None:
    (member,) = read_blueprint(Kind.COMPOSE, V1 % "batches: [1]", "d").members
    assert change(member, standing(member.spec), {}).action is Action.UNCHANGED


SERVICE = """apiVersion: v1
kind: Service
metadata: {name: s, annotations: {mooring.io/rollout: x}}
spec: {selector: {app: web}, ports: [{port: 1}]}
---
"""
RIGHT = deployment("batches: [1]")


@pytest.mark.parametrize(
    ("content", "line"),
    [
        (RIGHT.replace("mooring.io/rollout", "mooring.io/rolout"), 6),
        (RIGHT.replace("labels: {app: web}}", "labels: {app: web}, annotations: {mooring.io/rollout: x}}"), 11),
        (SERVICE + RIGHT, 3),
    ],
)
def test_an_annotation_that_would_be_ignored_is_told(content: str, line: int) -> None:
    with pytest.raises(Invalid, match="has no meaning here") as refused:
        read_blueprint(Kind.KUBERNETES, content, "d")
    assert [problem.line for problem in refused.value.problems] == [line]


def test_a_list_for_the_extension_is_told_in_the_documents_words() -> None:
    with pytest.raises(Invalid, match=r"web\.x-mooring must be a mapping"):
        read_blueprint(Kind.COMPOSE, "web: {image: x, x-mooring: [a]}\n", "d")
