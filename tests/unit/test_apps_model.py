"""The manual's create body, the rules of every field, and the objects made of a spec (golden files)."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from model.app_bodies import NewApp, spec_of, words
from model.apps import App, AppPhase, Revision, differences
from model.change_bodies import Rollout, changed
from model.errors import Invalid, NotImplementedYet
from model.images import parse
from model.layouts import Workload, first
from model.manifests import instance_service, service, workload_object
from model.pod_templates import SHAPE, TEMPLATE, pod_template
from model.serving import settle_seconds

GOLDEN = Path(__file__).parent / "golden"
DIGEST = "sha256:" + "1" * 64
OTHER = "sha256:" + "2" * 64
MAIN = Workload(track="", revision=1, replicas=2)
REGISTRY = "localhost:5000"
MANUAL = {
    "name": "demoapp",
    "imageRef": "nginx:1.7.9",
    "resources": {"cpu": "0.1", "mem": "256Mi", "disk": "1Gi", "gpu": "0"},
    "instanceNum": 2,
    "cmd": "sleep 10000",
    "dockerEnv": [{"name": "PATH1", "value": "/bin"}, {"name": "PATH2", "value": "/usr/bin"}],
    "portMappings": [{"protocol": "tcp", "containerPort": 8088}, {"protocol": "udp", "containerPort": 9999}],
    "dockerLogDir": "/log/dir",
    "dockerDataDir": "/data/dir",
    "networkType": 0,
    "userName": "Jack",
    "nodeLabels": {"key1": "value1", "key2": "value2"},
}
MORE = {
    "networkType": 2,
    "resources": {"cpu": 0.5, "gpu": 1},
    "cmd": ["sh", "-c", "echo $HOME; exec sleep 1"],
    "readinessProbe": {"httpGet": {"path": "/ready", "port": 8088}, "periodSeconds": 2},
    "livenessProbe": {"tcpSocket": {"port": 8088}},
    "startupProbe": {"exec": {"command": ["true"]}},
    "affinity": {
        "podAntiAffinity": {
            "requiredDuringSchedulingIgnoredDuringExecution": [
                {"labelSelector": {"matchLabels": {"mooring.io/app": "demoapp"}}, "topologyKey": "kubernetes.io/hostname"}
            ]
        }
    },
    "terminationGracePeriodSeconds": 5,
    "priorityClassName": "high",
    "maxSurge": 1,
    "maxUnavailable": "50%",
}


def app(**more):
    return App(
        id="ab" * 32,
        project="shop",
        project_id="prj-1",
        name="demoapp",
        type="Deployment",
        cluster="default",
        phase=AppPhase.LIVE,
        layout=first("Deployment", 1, 2),
        username="Jack",
        created_at=datetime(2026, 1, 1, tzinfo=UTC),
        created_by="admin",
        **more,
    )


def revision(body):
    spec = spec_of(NewApp.model_validate(body))
    digests = {c.name: DIGEST for c in spec.containers}
    return Revision(
        app_id="ab" * 32,
        number=1,
        spec=spec,
        digests=digests,
        created_at=datetime(2026, 1, 1, tzinfo=UTC),
        created_by="admin",
        reason="",
    )


@pytest.mark.parametrize(("name", "body"), [("manual", MANUAL), ("more", {**MANUAL, **MORE})])
def test_objects_are_as_the_golden_files(name, body):
    made = revision(body)
    objects = [workload_object(app(), made, REGISTRY, MAIN, settle_seconds(made.spec)), service(app(), [made.spec])]
    golden = GOLDEN / f"app_{name}.json"
    assert objects == json.loads(golden.read_text()), json.dumps(objects, indent=2)


def test_the_same_spec_gives_the_same_template_and_another_image_another():
    more = MAIN.model_copy(update={"replicas": 3})
    one, same = (pod_template(app(), revision(MANUAL), REGISTRY, workload) for workload in (MAIN, more))
    other = pod_template(app(), revision(MANUAL).model_copy(update={"digests": {"demoapp": OTHER}}), REGISTRY, MAIN)
    assert one == same
    assert other["metadata"]["labels"][TEMPLATE] != one["metadata"]["labels"][TEMPLATE]
    assert other["metadata"]["labels"][SHAPE] == one["metadata"]["labels"][SHAPE]


def test_what_is_more_than_another_image_changes_the_shape():
    one = pod_template(app(), revision(MANUAL), REGISTRY, MAIN)
    for other in (
        pod_template(app(), revision({**MANUAL, "cmd": "sleep 1"}), REGISTRY, MAIN),
        pod_template(app(), revision(MANUAL), REGISTRY, MAIN.model_copy(update={"restart": "rs-1"})),
    ):
        assert other["metadata"]["labels"][SHAPE] != one["metadata"]["labels"][SHAPE]


def test_instances_say_where_their_figures_are_read():
    asked = pod_template(app(), revision({**MANUAL, "metricsPort": 9090, "metricsPath": "/admin/metrics"}), REGISTRY, MAIN)
    assert asked["metadata"]["annotations"] == {"mooring.io/metrics-port": "9090", "mooring.io/metrics-path": "/admin/metrics"}
    restarted = MAIN.model_copy(update={"restart": "rs-1"})
    both = pod_template(app(), revision({**MANUAL, "metricsPort": 9090}), REGISTRY, restarted)["metadata"]["annotations"]
    assert both == {"mooring.io/metrics-port": "9090", "mooring.io/metrics-path": "/metrics", "mooring.io/restarted": "rs-1"}
    assert "annotations" not in pod_template(app(), revision(MANUAL), REGISTRY, MAIN)["metadata"]


def test_a_tapp_instance_is_as_the_golden_file():
    tapp = app().model_copy(update={"type": "TApp"})
    made = workload_object(tapp, revision({**MANUAL, "type": "TApp"}), REGISTRY, Workload(track="3", revision=1, replicas=1), 0)
    owner = {"metadata": {**made["metadata"], "uid": "uid-1"}}
    objects = [made, instance_service(tapp, owner)]
    assert objects == json.loads((GOLDEN / "tapp_instance.json").read_text()), json.dumps(objects, indent=2)


def test_a_spec_survives_being_stored():
    spec = spec_of(NewApp.model_validate({**MANUAL, **MORE}))
    assert type(spec).model_validate(spec.model_dump(mode="json", by_alias=True)) == spec


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"name": "Web"}, "name"),
        ({"name": "a" * 53}, "name"),
        ({"imageRef": ""}, "imageRef"),
        ({"instanceNum": -1}, "instanceNum"),
        ({"instanceNum": 1001}, "instanceNum"),
        ({"resources": {"cpu": "0"}}, "resources.cpu"),
        ({"resources": {"mem": "256m"}}, "resources.mem"),
        ({"resources": {"mem": "1Mi"}}, "resources.mem"),
        ({"resources": {"cpus": "1"}}, "resources.cpus"),
        ({"cmd": "sh -c 'open"}, "cmd"),
        ({"dockerEnv": [{"name": "1A", "value": ""}]}, "dockerEnv.0.name"),
        ({"dockerEnv": [{"name": "A", "value": ""}, {"name": "A", "value": "1"}]}, "dockerEnv"),
        ({"portMappings": [{"protocol": "icmp", "containerPort": 1}]}, "portMappings.0.protocol"),
        ({"portMappings": [{"containerPort": 70000}]}, "portMappings.0.containerPort"),
        ({"portMappings": [{"containerPort": 1}, {"protocol": "TCP", "containerPort": 1}]}, "portMappings"),
        ({"portMappings": [{"containerPort": 1, "hostPort": 1}]}, "portMappings.0.hostPort"),
        ({"dockerLogDir": "../x"}, "dockerLogDir"),
        ({"dockerDataDir": "/a/../b"}, "dockerDataDir"),
        ({"dockerDataDir": "/proc/x"}, "dockerDataDir"),
        ({"networkType": 4}, "networkType"),
        ({"nodeLabels": {"a b": "c"}}, "nodeLabels"),
        ({"nodeLabels": {"a": "c d"}}, "nodeLabels"),
        ({"restartPolicy": "Sometimes"}, "restartPolicy"),
        ({"maxSurge": "120%"}, "maxSurge"),
        ({"livenessProbe": {}}, "livenessProbe"),
        ({"livenessProbe": {"tcpSocket": {"port": 1}, "successThreshold": 2}}, "livenessProbe"),
        ({"readinessProbe": {"httpGet": {"port": 1, "host": "10.0.0.1"}}}, "readinessProbe.httpGet.host"),
        ({"type": "CronJob"}, "type"),
        ({"hostNetwork": True}, "hostNetwork"),
        ({"isAdmin": True}, "isAdmin"),
        ({"deadlineSeconds": 1}, "deadlineSeconds"),
        ({"metricsPort": 0}, "metricsPort"),
        ({"metricsPort": 9090, "metricsPath": "metrics"}, "metricsPath"),
        ({"metricsPort": 9090, "metricsPath": "//10.0.0.1/metrics"}, "metricsPath"),
        ({"metricsPort": 9090, "metricsPath": "/a@10.0.0.1"}, "metricsPath"),
    ],
)
def test_a_wrong_field_is_named(change, field):
    with pytest.raises(ValidationError) as refused:
        NewApp.model_validate({**MANUAL, **change})
    assert any(".".join(map(str, e["loc"])).startswith(field) for e in refused.value.errors())


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"volumes": "rbd1:/data"}, "volumes"),
        ({"internalVolumes": [{}]}, "internalVolumes"),
        ({"networkType": 1}, "networkType 1"),
        ({"networkType": 3}, "networkType 3"),
    ],
)
def test_what_is_not_built_yet_is_refused_not_ignored(change, word):
    with pytest.raises(NotImplementedYet, match=word):
        spec_of(NewApp.model_validate({**MANUAL, **change}))


def test_fields_not_built_yet_pass_when_they_are_empty():
    empty = {"volumes": "", "configMap": [], "secret": [], "internalVolumes": []}
    assert spec_of(NewApp.model_validate({**MANUAL, **empty})) == spec_of(NewApp.model_validate(MANUAL))


def test_a_path_without_a_port_to_read_is_refused():
    with pytest.raises(Invalid, match="metricsPath: means nothing without metricsPort"):
        spec_of(NewApp.model_validate({**MANUAL, "metricsPath": "/figures"}))


def test_nothing_could_be_replaced_is_refused():
    with pytest.raises(Invalid, match="maxSurge"):
        spec_of(NewApp.model_validate({**MANUAL, "maxSurge": 0, "maxUnavailable": "0%"}))


def test_a_rollout_changes_what_it_names_and_keeps_the_rest():
    before = spec_of(NewApp.model_validate(MANUAL))
    after = changed(before, Rollout.model_validate({"image": "nginx:1.8", "dockerLogDir": None, "maxSurge": 2}))
    assert [(d["field"], d["before"], d["after"]) for d in differences(before, after)] == [
        ("containers.demoapp.image", "nginx:1.7.9", "nginx:1.8"),
        ("containers.demoapp.log_dir", "/log/dir", None),
        ("max_surge", "25%", 2),
    ]


def test_a_rollout_of_an_unknown_container_is_refused():
    with pytest.raises(Invalid, match="container"):
        changed(spec_of(NewApp.model_validate(MANUAL)), Rollout(image="x", container="other"))


@pytest.mark.parametrize(
    ("written", "host", "repository", "reference", "owner"),
    [
        ("nginx", REGISTRY, "public/nginx", "latest", "public"),
        ("shop/api:v2", REGISTRY, "shop/api", "v2", "shop"),
        ("~bob/tool:1", REGISTRY, "user_bob/tool", "1", "~bob"),
        ("localhost:5000/user_bob/tool:1", REGISTRY, "user_bob/tool", "1", "~bob"),
        ("localhost:5000/busybox", REGISTRY, "public/busybox", "latest", "public"),
        ("docker.oa.com:8080/public/hello", "docker.oa.com:8080", "public/hello", "latest", "public"),
        (f"a/b@{DIGEST}", REGISTRY, "a/b", DIGEST, "a"),
    ],
)
def test_an_image_name_is_read(written, host, repository, reference, owner):
    ref = parse(written, REGISTRY)
    assert (ref.host, ref.repository, ref.reference, ref.owner) == (host, repository, reference, owner)


@pytest.mark.parametrize(
    "written", ["", "UPPER", "a//b", "a:b:c", "a@sha256:1", "-x/y", "a/b; rm", "a b", "x" * 300, "a/../b", "ho$t.com/a"]
)
def test_a_broken_image_name_is_refused(written):
    with pytest.raises(ValueError, match="must"):
        parse(written, REGISTRY)


def test_a_command_is_split_without_a_shell():
    assert words("echo $HOME `id` 'a b'") == ("echo", "$HOME", "`id`", "a b")
    assert words(["a b", ""]) == ("a b", "")
    assert words("") == ()


@pytest.mark.parametrize(("field", "value", "words"), [("imageRef", "nginx", "called image"), ("instanceNum", 3, "POST …/scale")])
def test_a_rollout_says_where_what_only_a_create_body_has_belongs(field: str, value: Any, words: str) -> None:
    with pytest.raises(ValidationError, match=words) as refused:
        Rollout.model_validate({field: value, "readinessProbe": {"tcpSocket": {"port": 80}}})
    assert field in str(refused.value)
