"""What is said of documents: of keys that are known and not carried out, of what says nothing, of BOMs, dollars and small times."""

import kubernetes.aio.client as models
import pytest

from model.apps import EnvVar
from model.blueprints import Blueprint
from model.errors import Forbidden, Invalid, Problem
from model.known_keys import COMPOSE, KUBERNETES
from model.scheduling import ExecAction, Probe, ReadinessProbe
from model.stack_documents import Kind, read_blueprint

WEB = """apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      containers:
      - name: web
        image: x
"""
SERVICE = """apiVersion: v1
kind: Service
metadata: {name: front}
spec:
  selector: {app: web}
  ports: [{port: 80}]
"""
ONE = "services:\n  a:\n    image: x\n"
SLIP = "is not a known key; correct its spelling"


def kubernetes(content: str, kept: bool = False) -> Blueprint:
    return read_blueprint(Kind.KUBERNETES, content, "dep", kept=kept)


def compose(content: str, kept: bool = False) -> Blueprint:
    return read_blueprint(Kind.COMPOSE, content, "dep", kept=kept)


def problems_of(kind: Kind, content: str) -> list[Problem]:
    with pytest.raises(Invalid) as refused:
        read_blueprint(kind, content, "dep")
    return refused.value.problems


def told(kind: Kind, content: str) -> str:
    """What a refusal says, "" where there is none."""
    try:
        read_blueprint(kind, content, "dep")
    except Invalid as refused:
        return str(refused.problems)
    return ""


def only(kind: Kind, content: str) -> Problem:
    (found,) = problems_of(kind, content)
    return found


def test_every_field_of_kubernetes_workloads_is_a_known_key() -> None:
    for model in (
        "Deployment",
        "StatefulSetSpec",
        "JobSpec",
        "PodSpec",
        "Container",
        "ObjectMeta",
        "ServiceSpec",
        "Probe",
        "Volume",
    ):
        assert set(getattr(models, f"V1{model}").attribute_map.values()) <= KUBERNETES
    assert {"depends_on", "develop", "cap_drop", "working_dir", "log_driver"} <= COMPOSE


@pytest.mark.parametrize("key", ["creationTimestamp", "resourceVersion", "generation", "uid", "managedFields", "finalizers"])
def test_a_key_of_kubernetes_is_not_called_a_slip_in_metadata(key: str) -> None:
    found = only(Kind.KUBERNETES, WEB.replace("{name: web}", f'{{name: web, {key}: "x"}}', 1))
    assert (found.line, found.field.split(".")[-1]) == (3, key)
    assert SLIP not in found.message
    assert "remove it" in found.message


@pytest.mark.parametrize("key", ["dnsPolicy", "enableServiceLinks", "shareProcessNamespace", "hostname", "schedulingGates"])
def test_a_key_of_kubernetes_is_not_called_a_slip_in_a_pod(key: str) -> None:
    for kind, content in (
        (Kind.KUBERNETES, f"{WEB}      {key}: x\n"),
        (Kind.POD, f"containers: [{{name: a, image: x}}]\n{key}: x\n"),
    ):
        found = only(kind, content)
        assert found.field.endswith(key)
        assert SLIP not in found.message
        assert "remove it" in found.message or "refused" in found.message


def test_each_key_of_a_language_is_known_and_a_slip_is_one() -> None:
    for key in KUBERNETES:
        for kind in (WEB + f"        {key}: x\n", WEB + f"      {key}: x\n"):
            assert SLIP not in told(Kind.KUBERNETES, kind), key
    for key in COMPOSE:
        for content in (f"{ONE}    {key}: x\n", f"a:\n  image: x\n  {key}: x\n"):
            assert SLIP not in told(Kind.COMPOSE, content), key
    assert only(Kind.KUBERNETES, WEB + "        imgae: x\n").message == SLIP
    assert only(Kind.COMPOSE, f"{ONE}    enviroment: x\n").message == SLIP
    assert only(Kind.COMPOSE, "a:\n  image: x\n  enviroment: x\n").message == SLIP


def test_a_key_at_the_wrong_place_is_told_so() -> None:
    assert (
        "no meaning at this place"
        in only(Kind.KUBERNETES, WEB.replace("spec:\n  sel", "spec:\n  containers: []\n  image: x\n  sel")).message
    )
    assert "no meaning at this place" in only(Kind.COMPOSE, f"{ONE}image: x\n").message


def test_what_says_nothing_is_passed_over() -> None:
    generated = WEB.replace("{name: web}", "{name: web, creationTimestamp: null, managedFields: [], ownerReferences: }", 1)
    generated = generated.replace("metadata: {labels", "metadata: {creationTimestamp: null, labels")
    generated += "        securityContext: {}\n      tolerations: []\n      securityContext: {}\n      dnsPolicy:\n"
    generated += "status: {}\n---\n" + SERVICE + "status: {loadBalancer: {}}\n"
    assert kubernetes(generated) == kubernetes(f"{WEB}---\n{SERVICE}")
    assert only(Kind.KUBERNETES, WEB + "status: {replicas: 1}\n").field == "Deployment.status"
    everyday = "version: '3.8'\nx-note: {a: 1}\nservices:\n  a:\n    image: x\n    x-owner: [me]\n    deploy: {x-what: $EVER}\n"
    assert compose(everyday) == compose(ONE)
    assert compose("x-note: {a: 1}\na: {image: x, x-owner: me}") == compose("a: {image: x}")


def test_what_is_nearly_the_platforms_own_key_is_not_passed_over() -> None:
    assert SLIP in only(Kind.COMPOSE, f"{ONE}    x-moring: {{rollout: {{batches: [1]}}}}\n").message
    assert SLIP in only(Kind.COMPOSE, f"{ONE}    x-mooring-rollout: {{batches: [1]}}\n").message
    assert SLIP in only(Kind.COMPOSE, "a: {image: x, x-Mooring: {}}\n").message


def test_a_list_is_its_documents() -> None:
    items = "".join("- " + document.replace("\n", "\n  ").rstrip(" ") for document in (WEB, SERVICE))
    assert kubernetes(f"apiVersion: v1\nkind: List\nmetadata: {{resourceVersion: ''}}\nitems:\n{items}") == kubernetes(
        f"{WEB}---\n{SERVICE}"
    )
    found = problems_of(Kind.KUBERNETES, f"kind: List\nitem: []\nitems:\n{items.replace('image: x', 'imgae: x')}")
    assert {(p.line, p.message) for p in found} == {(2, SLIP), (14, SLIP), (13, "is required")}


@pytest.mark.parametrize(("kind", "content"), [(Kind.COMPOSE, ONE), (Kind.COMPOSE, "a: {image: x}\n"), (Kind.KUBERNETES, WEB)])
def test_a_bom_is_read_before_a_document_and_told_inside_it(kind: Kind, content: str) -> None:
    assert read_blueprint(kind, f"\ufeff{content}", "dep") == read_blueprint(kind, content, "dep")
    found = only(kind, f"{content}\ufeff# more\n")
    assert (found.line, found.column) == (content.count("\n") + 1, 1)
    assert "byte order mark" in found.message


def test_files_put_together_are_told_where_the_second_begins_and_what_else_is_wrong() -> None:
    found = problems_of(Kind.KUBERNETES, f"{WEB}---\n\ufeff{SERVICE.replace('port: 80', 'prot: 80')}")
    assert [(p.line, p.column) for p in found if "byte order mark" in p.message] == [(13, 1)]
    assert {p.message for p in found if p.line == 18} == {SLIP, "is required"}


def test_a_control_character_is_told_with_its_place() -> None:
    found = only(Kind.COMPOSE, f"{ONE}    command: a\x07b\n")
    assert (found.line, found.column) == (4, 15)
    assert "U+0007" in found.message


def test_anchors_hide_no_other_problem() -> None:
    content = """x-base: &base {image: x}
services:
  a:
    <<: *base
    imgae: y
    depends_on: [zz]
  b:
    image: b
    environment: &env {A: 1}
    volumes: [/a]
  c:
    image: c
    environment: *env
    depends_on: [a]
    ports: *ports
"""
    found = [(p.line, p.message) for p in problems_of(Kind.COMPOSE, content)]
    assert (1, "an anchor (&) is not supported; remove it, or quote a value (2 in all)") in found
    assert (4, "an alias (*) is not supported; write its content out, or quote a value (3 in all)") in found
    assert (5, SLIP) in found
    assert [line for line, _ in found] == [1, 4, 5, 10], "and what would be in the place of an alias is not missed"
    v1 = problems_of(Kind.COMPOSE, "a: &a {image: x, links: [b]}\nb: {<<: *a, imgae: y, replicas: 0}\n")
    assert [p.line for p in v1] == [1, 2, 2, 2]


@pytest.mark.parametrize("text", ["${X:-1}", "${X}", "$X", "a${X?why}b", "$", "5$ off", "a$-b"])
def test_a_variable_that_nobody_fills_in_is_refused(text: str) -> None:
    for content in (
        f"services: {{a: {{image: x, environment: {{A: '{text}'}}}}}}",
        f"a: {{image: x, environment: ['A={text}']}}",
        f"a: {{image: 'x:{text}'}}",
        f"services: {{a: {{image: x, command: [sh, '{text}']}}}}",
    ):
        found = only(Kind.COMPOSE, content)
        assert "$$" in found.message
        assert text not in found.message.replace("$$", "") or text == "$"


def test_two_dollars_are_one() -> None:
    for content in (
        "services: {a: {image: x, environment: {A: 'p$$w', B: '$$$${X}'}}}",
        "a: {image: x, environment: {A: 'p$$w', B: '$$$${X}'}}",
    ):
        (container,) = compose(content).members[0].spec.containers
        assert container.env == (EnvVar(name="A", value="p$w"), EnvVar(name="B", value="$${X}"))


def test_in_kubernetes_a_dollar_is_the_shells() -> None:
    (container,) = kubernetes(WEB + "        command: [sh, -c, 'echo ${X:-1} $$']\n").members[0].spec.containers
    assert container.command == ("sh", "-c", "echo ${X:-1} $$")


@pytest.mark.parametrize("field", ["interval", "timeout", "start_period"])
@pytest.mark.parametrize("time", ["100ms", "1.5s", "1s1ms", "10us"])
def test_a_time_below_a_second_is_refused_and_not_made_one(field: str, time: str) -> None:
    found = only(Kind.COMPOSE, f"{ONE}    healthcheck:\n      test: [CMD, a]\n      {field}: {time}\n")
    assert (found.line, found.field) == (6, f"services.a.healthcheck.{field}")
    assert "whole seconds" in found.message


def test_other_times_are_read_or_refused_and_never_fail_later() -> None:
    (member,) = compose(f"{ONE}    stop_grace_period: 1m0.5s500ms\n").members
    assert member.spec.termination_grace_period_seconds == 61
    assert "whole seconds" in only(Kind.COMPOSE, f"{ONE}    stop_grace_period: 500ms\n").message
    assert "at least 1s" in only(Kind.COMPOSE, f"{ONE}    healthcheck: {{test: a, interval: 0s}}\n").message
    assert "at most 3600s" in only(Kind.COMPOSE, f"{ONE}    healthcheck: {{test: a, interval: 2h}}\n").message
    assert "at most 3600s" in only(Kind.COMPOSE, f"{ONE}    healthcheck: {{test: a, start_period: 999999999h}}\n").message


def test_a_start_period_is_a_startup_window() -> None:
    health = "    healthcheck: {test: [CMD, a], interval: 10s, timeout: 2s, retries: 3, start_period: 20s}\n"
    (container,) = compose(ONE + health).members[0].spec.containers
    action = ExecAction(command=["a"])
    assert container.startup_probe == Probe(exec=action, period_seconds=5, timeout_seconds=2, failure_threshold=10)
    assert container.readiness_probe == ReadinessProbe(exec=action, period_seconds=10, timeout_seconds=2, failure_threshold=3)
    (container,) = compose(ONE + health.replace(", start_period: 20s", "")).members[0].spec.containers
    assert (container.startup_probe, container.readiness_probe) != (None, None)
    assert container.startup_probe is None


def test_what_was_accepted_before_is_read_as_it_was() -> None:
    """A stack that was deployed by an earlier release is drawn, upgraded and deleted."""
    content = f"{ONE}    environment: {{A: '${{X}}'}}\n    healthcheck: {{test: a, interval: 100ms}}\n"
    (container,) = compose(content, kept=True).members[0].spec.containers
    assert container.env == (EnvVar(name="A", value="${X}"),)
    assert container.readiness_probe is not None
    assert container.readiness_probe.period_seconds == 1
    mounted = "        volumeMounts: [{name: v, mountPath: /etc}]\n      volumes: [{name: v, configMap: {name: g}}]\n"
    assert kubernetes(WEB + mounted, kept=True).members
    assert "runtime" in only(Kind.KUBERNETES, WEB + mounted).message


ALL = """version: '3'
services:
  a:
    image: refused
    imgae: y
    depends_on: [zz]
  b:
    image: refused
    replicas: 2
    deploy: {replicas: many}
    links: [yy]
    depends_on: [c]
  c:
    image: [x]
    healthcheck: {test: a, interval: 1ms}
  d:
    image: x
    depends_on: {e: {condition: service_healthy}, c: {condition: service_healthy}}
    restart: "no"
    x-mooring: {rollout: {batches: [5]}}
  e:
    image: x
    depends_on: [d]
    ports: [80, 80]
"""


def refuse(image: str) -> None:
    if image == "refused":
        raise Forbidden("The image is not yours.")


def test_everything_that_is_wrong_is_told_in_one_pass() -> None:
    """Shapes, references, images, order and rollouts; mending what is told leaves nothing further."""
    with pytest.raises(Invalid) as refused:
        read_blueprint(Kind.COMPOSE, ALL, "dep", refuse)
    found = refused.value.problems
    assert sorted({p.line for p in found if p.line}) == [4, 5, 6, 8, 9, 10, 11, 14, 15, 18, 19, 20, 24]
    mended = ALL.replace("refused", "x").replace("    imgae: y\n", "").replace("[zz]", "[b]").replace("    replicas: 2\n", "")
    mended = (
        mended.replace("many", "2").replace("    links: [yy]\n", "").replace("[x]", "x").replace("1ms", "1s").replace("'3'", "'3'")
    )
    mended = mended.replace("e: {condition: service_healthy}, ", "").replace('    restart: "no"\n', "").replace("[5]", "[1]")
    read_blueprint(Kind.COMPOSE, mended.replace("[80, 80]", "[80]"), "dep", refuse)


def test_everything_that_is_wrong_with_several_documents_is_told_in_one_pass() -> None:
    wrong = WEB.replace("image: x", "image: refused\n        imgae: y\n        volumeMounts: [{name: zz, mountPath: /a}]")
    wrong = wrong.replace("{name: web}", "{name: web, annotations: {mooring.io/depends-on: nobody}}", 1)
    service = SERVICE.replace("selector: {app: web}", "selector: {app: zz}")
    secret = "apiVersion: v1\nkind: Secret\nmetadata: {name: keys}\ndata: {A: '!'}\n"
    with pytest.raises(Invalid) as refused:
        read_blueprint(Kind.KUBERNETES, "---\n".join([wrong, "kind: CronJob\n", service, secret]), "dep", refuse)
    assert sorted({p.line for p in refused.value.problems if p.line}) == [3, 11, 12, 13, 15, 27]


def test_what_lacks_something_only_because_that_is_wrong_is_not_told() -> None:
    content = WEB.replace(
        "name: web\n        image: x", "name: web\n        image: x\n        ports: [{containerPort: a, name: http}]"
    )
    found = only(Kind.KUBERNETES, f"{content}---\n{SERVICE.replace('port: 80', 'port: 80, targetPort: http')}")
    assert found.line == 12
    found = only(Kind.KUBERNETES, f"{WEB.replace('labels: {app: web}', 'labels: [app]')}---\n{SERVICE}")
    assert found.line == 7
