"""What an app that declares a port gets so that no request is lost (faults 39), and how long a version is proved (faults 5)."""

from typing import Any

import pytest

from model.app_bodies import NewApp, spec_of
from model.apps import AppSpec, Revision
from model.change_bodies import Rollout, changed
from model.errors import Invalid
from model.layouts import Workload, first
from model.pod_documents import PodApp, in_place_of, parse_pod
from model.pod_templates import pod_template
from model.serving import (
    hint_of_default,
    left_behind,
    notices,
    proving_seconds,
    same_but_defaults,
    settle_seconds,
    with_defaults,
    without_defaults,
)
from model.stack_changes import Action, Standing, change
from model.stack_documents import Kind, read_blueprint
from tests.standing import NOW, app_of

WEB: dict[str, Any] = {"name": "web", "imageRef": "shop/web:1", "portMappings": [{"containerPort": 8080}]}
PROBE = {"tcpSocket": {"port": 8080}, "periodSeconds": 2, "timeoutSeconds": 2, "failureThreshold": 10}
KUBERNETES = """
apiVersion: apps/v1
kind: {}
metadata: {{name: web}}
spec:
  selector: {{matchLabels: {{app: web}}}}
  template:
    metadata: {{labels: {{app: web}}}}
    spec: {{containers: [{{name: web, image: x, ports: [{{containerPort: 8080}}]}}]}}
"""
POD = "containers:\n- {name: web, image: x, ports: [{containerPort: 8080}]}"
OFF = "readinessProbe: {none: true}, lifecycle: {preStop: {sleep: {seconds: 0}}}"
# In every language an app that listens on 8080, and the kind of its document.
DOCUMENTS = [
    (Kind.COMPOSE, "web: {image: x, ports: ['8080']}"),
    (Kind.COMPOSE, "web: {image: x, expose: ['8080']}"),
    (Kind.COMPOSE, "services: {web: {image: x, ports: ['8080']}}"),
    (Kind.POD, POD),
    (Kind.KUBERNETES, KUBERNETES.format("Deployment")),
    (Kind.KUBERNETES, KUBERNETES.format("StatefulSet")),
]


def spec(**fields: Any) -> AppSpec:
    return spec_of(NewApp.model_validate({**WEB, **fields}))


def rolled(before: AppSpec, **fields: Any) -> AppSpec:
    return changed(before, Rollout.model_validate(fields))


def container(made: AppSpec) -> dict[str, Any]:
    """The container as Kubernetes gets it."""
    digests = {c.name: f"sha256:{'1' * 64}" for c in made.containers}
    fields = {"app_id": "ab" * 32, "number": 1, "created_at": NOW, "created_by": "ann", "reason": ""}
    revision = Revision(spec=made, digests=digests, **fields)
    template = pod_template(app_of(first(made.type, 1, 1)), revision, "localhost:5000", Workload(track="", revision=1, replicas=1))
    found: dict[str, Any] = template["spec"]["containers"][0]
    return found


def member(kind: Kind, content: str) -> AppSpec:
    (found,) = read_blueprint(kind, content, "d").members
    return found.spec


@pytest.mark.parametrize("made", [spec(), spec(type="TApp"), *(member(*document) for document in DOCUMENTS)])
def test_an_app_with_a_port_is_asked_there_and_goes_on_for_a_moment_before_it_ends(made: AppSpec) -> None:
    found = container(made)
    assert found["readinessProbe"] == PROBE
    # A TApp's image is changed in the running pod, which stays in its Service: waiting before the end would help nobody.
    assert found.get("lifecycle") == (None if made.type == "TApp" else {"preStop": {"sleep": {"seconds": 5}}})


@pytest.mark.parametrize(
    "made",
    [
        spec(portMappings=[]),
        spec(cmd="sleep 10000"),  # the manual's own example
        spec(type="Job", portMappings=[]),
        spec(readinessProbe={"none": True}, lifecycle={"preStop": {"sleep": {"seconds": 0}}}),
        spec(readinessProbe={"none": True}, terminationGracePeriodSeconds=0),
        member(Kind.COMPOSE, f"web: {{image: x, ports: ['80'], x-mooring: {{{OFF}}}}}"),
        member(Kind.COMPOSE, "services: {web: {image: x, ports: ['80'], healthcheck: {test: [NONE]}, stop_grace_period: 1s}}"),
        member(Kind.POD, f"{POD[:-1]}, {OFF}}}"),
    ],
)
def test_what_serves_nobody_or_wants_nothing_gets_nothing(made: AppSpec) -> None:
    assert not {"readinessProbe", "lifecycle"} & container(made).keys()
    assert notices(made) == []


def test_what_is_said_is_kept() -> None:
    own = spec(readinessProbe={"httpGet": {"port": 8080}}, lifecycle={"preStop": {"sleep": {"seconds": 3}}})
    assert container(own)["readinessProbe"]["httpGet"]["port"] == 8080
    assert container(own)["lifecycle"]["preStop"]["sleep"]["seconds"] == 3
    assert "readinessProbe" not in container(spec(portMappings=[{"protocol": "udp", "containerPort": 53}]))


@pytest.mark.parametrize(("grace", "seconds"), [(0, 0), (1, 0), (2, 1), (3, 1), (8, 4), (10, 5), (3600, 5)])
def test_the_grace_period_leaves_the_program_its_own_time(grace: int, seconds: int) -> None:
    made = spec(terminationGracePeriodSeconds=grace)
    assert made.containers[0].pre_stop_sleep == seconds
    assert container(made).get("lifecycle") == ({"preStop": {"sleep": {"seconds": seconds}}} if seconds else None)
    with pytest.raises(Invalid, match="must sleep for less than terminationGracePeriodSeconds"):
        spec(terminationGracePeriodSeconds=grace, lifecycle={"preStop": {"sleep": {"seconds": max(grace, 1)}}})


def test_defaults_are_told_with_how_to_say_otherwise() -> None:
    probe, end = notices(spec())
    assert "takes connections on port 8080" in probe
    assert '{"readinessProbe": {"none": true}} turns that off.' in probe
    assert "goes on serving for 5 s first" in end


def test_a_port_on_which_nothing_listens_is_told_with_both_ways_out() -> None:
    hint = hint_of_default({**container(spec())["readinessProbe"], "successThreshold": 1})
    assert hint is not None
    assert "port 8080" in hint
    assert '{"readinessProbe": {"none": true}}' in hint
    assert hint_of_default(container(spec(readinessProbe={"tcpSocket": {"port": 8080}}))["readinessProbe"]) is None


def test_defaults_follow_what_they_are_of() -> None:
    made = spec()
    assert container(rolled(made, portMappings=[{"containerPort": 9090}]))["readinessProbe"]["tcpSocket"] == {"port": 9090}
    assert container(rolled(made, terminationGracePeriodSeconds=4))["lifecycle"]["preStop"]["sleep"] == {"seconds": 2}
    assert "readinessProbe" not in container(rolled(made, portMappings=[]))
    assert rolled(spec(portMappings=[]), portMappings=WEB["portMappings"]) == made
    off = rolled(made, readinessProbe={"none": True})
    assert "readinessProbe" not in container(rolled(off, portMappings=[{"containerPort": 9090}]))
    assert rolled(off, readinessProbe=None) == made


def test_an_app_from_before_stays_as_it_is_until_it_says_so() -> None:
    old = without_defaults(spec())
    assert rolled(old) == old
    assert rolled(old, cmd="serve").containers[0].readiness_probe is None
    assert rolled(old, terminationGracePeriodSeconds=5).containers[0].pre_stop_sleep is None
    assert rolled(old, readinessProbe=None) == spec()


@pytest.mark.parametrize("document", DOCUMENTS)
def test_a_stack_from_before_is_not_rolled_by_the_same_document(document: tuple[Kind, str]) -> None:
    (found,) = read_blueprint(*document, "d").members
    old = without_defaults(found.spec)
    standing = Standing(app=found.app, app_id="ab" * 32, spec=old, layout=first(old.type, 1, found.replicas or 1))
    assert old != found.spec
    assert change(found, standing, {}).action is Action.UNCHANGED
    edited = found.model_copy(update={"spec": with_defaults(old.model_copy(update={"termination_grace_period_seconds": 9}))})
    assert change(edited, standing, {}).action is Action.UPDATE


def test_a_pod_from_before_is_not_rolled_by_the_same_document() -> None:
    pod: PodApp = parse_pod(POD)
    old = without_defaults(pod.spec)
    assert in_place_of(old, pod) == old
    assert in_place_of(old, parse_pod(POD + "\nterminationGracePeriodSeconds: 9")).containers[0].pre_stop_sleep == 4
    assert not same_but_defaults(old, parse_pod(POD.replace("8080", "9090")).spec)


@pytest.mark.parametrize(
    ("made", "settles", "proves"),
    [
        (spec(readinessProbe={"httpGet": {"port": 8080}}), 0, 0),
        (spec(), 0, 10),
        (spec(portMappings=[]), 2, 10),
        (spec(readinessProbe={"none": True}), 2, 10),
        (spec(minReadySeconds=1), 1, 1),
    ],
)
def test_a_version_is_proved_unless_it_has_a_probe_of_its_own(made: AppSpec, settles: int, proves: int) -> None:
    assert (settle_seconds(made), proving_seconds(made)) == (settles, proves)


@pytest.mark.parametrize("probe", [{}, {"readinessProbe": {"tcpSocket": {"port": 8080}}}])
def test_a_probe_that_says_no_more_than_the_port_moves_with_it(probe: dict[str, Any]) -> None:
    """`mooring up` wrote such a one: a rollout to another port waited for the port before, and failed."""
    before = spec(**probe)
    after = rolled(before, portMappings=[{"containerPort": 9090}])
    assert container(after)["readinessProbe"] == PROBE | {"tcpSocket": {"port": 9090}}
    assert left_behind(before, after) == []
    both = rolled(before, portMappings=[{"containerPort": 9090}, {"containerPort": 8080}])
    assert container(both)["readinessProbe"]["tcpSocket"]["port"] == (8080 if probe else 9090)


def test_a_probe_of_ones_own_on_a_port_that_is_gone_is_named() -> None:
    own = {"httpGet": {"port": 8080}}
    before = spec(readinessProbe=own, livenessProbe={"tcpSocket": {"port": 8080}, "periodSeconds": 1})
    after = rolled(before, portMappings=[{"containerPort": 9090}])
    assert container(after)["readinessProbe"]["httpGet"]["port"] == 8080
    readiness, liveness = left_behind(before, after)
    assert "readinessProbe of 'web' goes on asking port 8080" in readiness
    assert "livenessProbe" in liveness
    assert left_behind(before, rolled(before, image="shop/web:2")) == []
    elsewhere = spec(readinessProbe={"httpGet": {"port": 7}})  # a port that nobody declared is the person's to know
    assert left_behind(elsewhere, rolled(elsewhere, portMappings=[{"containerPort": 9090}])) == []
