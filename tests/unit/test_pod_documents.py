"""The pod language: what it means, and that whatever is wrong is told with its place."""

import contextlib
import json
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from model.apps import App, AppPhase, EnvVar, Mount, Port, Resources, Revision
from model.documents import LARGEST_DOCUMENT, MOST_PROBLEMS
from model.errors import Forbidden, Invalid, Problem, TooLarge
from model.layouts import first
from model.pod_documents import in_place_of, parse_pod
from model.pod_templates import pod_template

MANUAL = json.loads((Path(__file__).parents[1] / "data" / "podstack-create.json").read_text())["content"]
A = "containers:\n- name: a\n  image: x\n"


def problems_of(content: str) -> list[Problem]:
    with pytest.raises(Invalid) as refused:
        parse_pod(content)
    return refused.value.problems


def only(content: str) -> Problem:
    found = problems_of(content)
    assert len(found) == 1, found
    return found[0]


def manifest(content: str) -> dict:
    """The pod's spec in the cluster."""
    pod = parse_pod(content)
    now = datetime(2026, 1, 1, tzinfo=UTC)
    app = App(
        id="ab" * 32,
        project="shop",
        project_id="prj-1",
        name="pod666",
        type="Deployment",
        cluster="default",
        phase=AppPhase.LIVE,
        layout=first("Deployment", 1, 3),
        username="ann",
        created_at=now,
        created_by="ann",
    )
    digests = {c.name: "sha256:" + "1" * 64 for c in pod.spec.containers}
    revision = Revision(app_id=app.id, number=1, spec=pod.spec, digests=digests, created_at=now, created_by="ann", reason="")
    return pod_template(app, revision, "localhost:5000", app.layout.workloads[0])["spec"]


def test_the_manuals_document_means_what_the_manual_says():
    pod = parse_pod(MANUAL)
    mysql, game = pod.spec.containers
    assert (mysql.name, game.name, pod.replicas) == ("mysql", "2048app", 3)
    assert mysql.env == (
        EnvVar(name="POD_NAMESPACE", field_path="metadata.namespace"),
        EnvVar(name="MYSQL_ROOT_PASSWORD", value="hhh"),
    )
    assert mysql.ports[1] == Port(protocol="tcp", container_port=3306, name="db-port")
    assert mysql.resources == Resources(cpu_request="100m", mem_request="128Mi")
    assert mysql.mounts == (Mount(volume="rethinkdb-storage", path="/var/lib/mysql"),)
    assert (mysql.log_dir, mysql.data_dir, game.log_dir, game.data_dir) == ("/data1", "/data2", "/var/log", None)


def test_the_manuals_document_in_the_cluster():
    pod = manifest(MANUAL)
    mysql = pod["containers"][0]
    assert mysql["env"][0]["valueFrom"] == {"fieldRef": {"fieldPath": "metadata.namespace"}}
    assert mysql["resources"] == {"requests": {"cpu": "100m", "memory": "128Mi"}}
    assert mysql["ports"][0] == {"name": "admin-port", "containerPort": 8080, "protocol": "TCP"}
    assert {m["mountPath"] for m in mysql["volumeMounts"]} == {"/var/lib/mysql", "/data1", "/data2"}
    assert [v["name"] for v in pod["volumes"]] == ["rethinkdb-storage", "mysql-log", "mysql-data", "2048app-log"]


def test_variables_are_expanded_as_kubernetes_does_and_values_stay_as_written():
    env = manifest(A + "  env: [{name: A, value: 010}, {name: B, value: '$(A)/$$(A)'}, {name: C}]\n")["containers"][0]["env"]
    assert [e["value"] for e in env] == ["010", "$(A)/$$(A)", ""]


def test_a_request_below_its_limit():
    resources = "  resources: {requests: {cpu: 100m}, limits: {cpu: 1, memory: 64Mi}}\n"
    asked = manifest(A + resources)["containers"][0]["resources"]
    assert asked == {"requests": {"cpu": "100m", "memory": "64Mi"}, "limits": {"cpu": "1", "memory": "64Mi"}}


def test_a_probe_names_a_port():
    probe = "  ports: [{containerPort: 80, name: web}]\n  readinessProbe: {httpGet: {port: web}}\n"
    assert manifest(A + probe)["containers"][0]["readinessProbe"]["httpGet"]["port"] == 80


def test_an_update_says_the_pod_and_leaves_how_it_is_reached():
    before = parse_pod(A).spec.model_copy(update={"network_type": 2, "max_surge": 1})
    after = in_place_of(before, parse_pod(MANUAL))
    assert (after.network_type, after.max_surge, len(after.containers)) == (2, 1, 2)


def test_every_problem_is_told_with_its_place():
    found = problems_of(
        A + "  ports:\n  - hostPort: 80\n    containerPort: 80\n  imgae: y\nvolumes:\n- {name: v}\nreplicas: many\n"
    )
    assert [(p.line, p.column, p.field) for p in found] == [
        (5, 5, "containers[0].ports[0].hostPort"),
        (7, 3, "containers[0].imgae"),
        (9, 3, "volumes[0]"),
        (10, 1, "replicas"),
    ]


@pytest.mark.parametrize(
    ("content", "line", "words"),
    [
        (A + "hostNetwork: true", 4, "reaches for the host"),
        (A + "hostPID: true", 4, "reaches for the host"),
        (A + "  securityContext: {privileged: true}", 4, "privileged reaches for the host"),
        (A + "  securityContext: {runAsNonRoot: true, capabilities: {add: [NET_ADMIN]}}", 4, "capabilities reaches for the host"),
        (A + "  securityContext: {runAsNonRoot: true, runAsUser: 1000}", 4, "write USER into the Dockerfile"),
        (A + "  securityContext: {allowPrivilegeEscalation: false, capabilities: {drop: [ALL]}}", 4, "not carried out yet"),
        (A + "  lifecycle: {postStart: {sleep: {seconds: 1}}, preStop: {sleep: {seconds: 1}}}", 4, "not carried out"),
        (A + "  lifecycle: {postStart: {exec: {command: [a]}}}", 4, "not carried out"),
        (A + "  lifecycle: {preStop: {exec: {command: [a]}}}", 4, "write preStop: {sleep"),
        (A + "  lifecycle: {}", 4, "is required"),
        (A + "  lifecycle: {preStop: {exec: {command: [a]}, sleep: {seconds: 1}}}", 4, "write preStop: {sleep"),
        (A + "  lifecycle: {preStop: {sleep: {seconds: 30}}}", 4, "less than terminationGracePeriodSeconds (30)"),
        (A + "serviceAccountName: x", 4, "no instance acts"),
        (A + "initContainers: [{name: b, image: x}]", 4, "not carried out"),
        (A + "kind: Pod", 4, "Kubernetes document"),
        (A + "  container_port: 1", 4, "not a known key"),
        (A + "  env: [{name: A, valueFrom: {secretKeyRef: {name: a, key: b}, fieldRef: {fieldPath: spec.nodeName}}}]", 4, "one of"),
        (A + "  env: [{name: A, valueFrom: {fieldRef: {fieldPath: spec.x}}}]", 4, "metadata.name"),
        (A + "  env: [{name: A}, {name: A}]", 4, "a second time"),
        (A + "  ports: [{containerPort: 80}, {containerPort: 80}]", 4, "one address"),
        (A + "  volumeMounts: [{name: v, mountPath: /x}]", 4, "no such entry"),
        (A + "  volumeMounts: [{name: v, mountPath: /a/../b}]\nvolumes: [{name: v, emptyDir: }]", 4, "absolute path"),
        (A + "  resources: {requests: {cpu: 2}, limits: {cpu: 1}}", 4, "more than the limit"),
        (A + "  livenessProbe: {tcpSocket: {port: 1}, successThreshold: 2}", 4, "must be 1"),
        (A + "annotation:\n- {containerName: zz, logPath: /x}", 5, "none of the containers: a"),
        (A + "replicas: 1001", 4, "at most 1000"),
        (A + "restartPolicy: Never", 4, "Always"),
        (A + "- name: a\n  image: y", 4, "a second time"),
        ("containers:\n- image: x", 2, "is required"),
        ("containers: []", 1, "must not be empty"),
        ("containers: &a [{name: a, image: x}]", 1, "anchor (&)"),
        (A + "  image: y", 4, "the first is on line 3"),
        ("- a", 1, ""),
        ("", None, "is empty"),
    ],
)
def test_what_is_refused_and_where(content, line, words):
    found = only(content)
    assert found.line == line
    assert words in found.message


@pytest.mark.parametrize("source", ["hostPath: {path: /}", "persistentVolumeClaim: {claimName: c}", "nfs: {server: s}"])
def test_a_volume_of_the_host_or_of_a_disk_is_refused(source):
    found = problems_of(A + f"volumes:\n- name: v\n  {source}\n")
    assert (6, f"volumes[0].{source.partition(':')[0]}") in [(p.line, p.field) for p in found]


def test_an_image_that_may_not_be_used_is_told_at_its_line():
    def refuse(image: str) -> None:
        raise Forbidden(f"The image {image!r} is not yours.")

    with pytest.raises(Invalid) as refused:
        parse_pod(A, refuse)
    assert (refused.value.problems[0].line, refused.value.problems[0].message) == (3, "The image 'x' is not yours")


def test_bombs_are_refused_before_anything_is_built_of_them():
    assert "alias" in only(A + "  args: [*b]").message
    many = "".join(f"- {{image: x, name: a{i}, k{i}: 1}}\n" for i in range(900))
    assert "at most 20" in problems_of("containers:\n" + many)[0].message
    assert len(problems_of(A + "".join(f"k{i}: 1\n" for i in range(900)))) == MOST_PROBLEMS
    with pytest.raises(TooLarge) as refused:
        parse_pod("containers:\n" + "- {image: x, name: a}\n" * 130_000)
    assert refused.value.problems[0].line == 1 + (LARGEST_DOCUMENT - 12) // 22 + 1


_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text() | st.sampled_from(["image", "name", "ports", "env"]), inner),
    max_leaves=20,
)


@settings(max_examples=300)
@given(
    st.text()
    | _VALUES.map(lambda v: json.dumps({"containers": v}))
    | _VALUES.map(lambda v: json.dumps({"containers": [{"name": "a", "image": "x", "env": v, "volumeMounts": v}]}))
)
def test_any_text_is_parsed_or_refused_as_invalid(content):
    with contextlib.suppress(Invalid):
        parse_pod(content)
