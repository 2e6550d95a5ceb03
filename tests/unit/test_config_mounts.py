"""Groups in an app: one projected volume per mountPath, who wins, and what is refused (manual, app接口: configMap, secret)."""

import json
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from api import errors
from model import config_mounts
from model.app_bodies import NewApp, spec_of
from model.app_replies import without_values
from model.apps import AppSpec, JobRun
from model.config_mounts import ConfigUse
from model.config_objects import by_hand, config_object, strays
from model.config_uses import Use, problems_of, uses_of_pod, uses_of_spec
from model.configs import ConfigKind, Entry, Group
from model.directories import group_rule
from model.errors import Invalid
from model.pod_templates import APP, APP_ID
from model.pods import JOB_NAME

MANUAL = json.loads((Path(__file__).parent.parent / "e2e" / "manual_create.json").read_text())
FILES = {"type": "Volume", "name": "special-config", "key": ["game-config", "game-config2.conf"], "mountPath": "/etc/config"}
VARIABLES = {"type": "Env", "name": "special-config2", "key": ["HELLO", "WORLD"]}


def spec(**fields: Any) -> AppSpec:
    return spec_of(NewApp.model_validate({"name": "demoapp", "imageRef": "nginx:1.7.9", **fields}))


def container(**fields: Any) -> Any:
    return spec(**fields).containers[0]


def file(*keys: str, name: str = "g", path: str = "/etc/config") -> ConfigUse:
    return ConfigUse(type="Volume", name=name, key=keys, mount_path=path)


def variable(*keys: str, name: str = "g") -> ConfigUse:
    return ConfigUse(type="Env", name=name, key=keys)


def test_the_manuals_example_is_one_volume_where_the_secret_wins() -> None:
    made = container(configMap=[FILES, VARIABLES], secret=[FILES, VARIABLES])
    (volume,) = config_mounts.volumes("demoapp", made.config_map, made.secret)
    items = [{"key": key, "path": key} for key in FILES["key"]]
    assert volume == {
        "name": "demoapp-config-0",
        "projected": {"sources": [{"secret": {"name": "special-config", "items": items}}]},
    }
    (mount,) = config_mounts.mounts("demoapp", made.config_map, made.secret)
    assert mount == {"name": "demoapp-config-0", "mountPath": "/etc/config", "readOnly": True}
    assert config_mounts.variables(made.config_map, made.secret, {"WORLD"}) == [
        {"name": "HELLO", "valueFrom": {"secretKeyRef": {"name": "special-config2", "key": "HELLO"}}}
    ]


def test_a_file_comes_from_the_configmap_where_the_secret_has_none() -> None:
    (volume,) = config_mounts.volumes("c", [file("a", "b")], [file("b", name="s")])
    assert volume["projected"]["sources"] == [
        {"configMap": {"name": "g", "items": [{"key": "a", "path": "a"}]}},
        {"secret": {"name": "s", "items": [{"key": "b", "path": "b"}]}},
    ]


def test_every_path_is_a_volume_of_its_own() -> None:
    config_map = [file("a"), file("a", path="/etc/other"), file("b", name="h")]
    volumes, mounts = config_mounts.volumes("c", config_map, []), config_mounts.mounts("c", config_map, [])
    assert [m["mountPath"] for m in mounts] == ["/etc/config", "/etc/other"]
    assert [v["name"] for v in volumes] == [m["name"] for m in mounts]
    assert "subPath" not in json.dumps(mounts)


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"configMap": [FILES], "dockerLogDir": "/etc/config"}, "configMap.0.mountPath"),
        ({"configMap": [FILES], "dockerDataDir": "/etc/config/data"}, "configMap.0.mountPath"),
        ({"configMap": [FILES, {**FILES, "mountPath": "/etc/config/more"}]}, "configMap.1.mountPath"),
        ({"configMap": [FILES], "secret": [{**FILES, "mountPath": "/etc/config/more"}]}, "secret.0.mountPath"),
        ({"configMap": [FILES, {**FILES, "name": "other"}]}, "configMap.1.key.0"),
        ({"secret": [VARIABLES, {**VARIABLES, "name": "other", "key": ["WORLD"]}]}, "secret.1.key.0"),
        ({"secret": [{**VARIABLES, "key": ["A", "A"]}]}, "secret.0.key.1"),
    ],
)
def test_what_cannot_be_mounted_is_refused_naming_the_field(fields: Any, field: str) -> None:
    with pytest.raises(Invalid) as refused:
        spec(**fields)
    assert refused.value.problems[0].field == field


@pytest.mark.parametrize(
    "use",
    [
        {**FILES, "mountPath": "/"},
        {**FILES, "mountPath": "etc"},
        {**FILES, "mountPath": "/etc/con\nfig"},
        {**FILES, "mountPath": "/proc/x"},
        {**FILES, "key": []},
        {k: v for k, v in FILES.items() if k != "mountPath"},
        {**VARIABLES, "mountPath": "/etc"},
        {**VARIABLES, "type": "env"},
        {**VARIABLES, "optional": True},
    ],
)
def test_a_use_that_says_too_little_or_too_much_is_refused(use: Any) -> None:
    with pytest.raises(ValidationError):
        spec(configMap=[use])


def test_a_directory_for_logs_may_hold_configuration() -> None:
    made = container(configMap=[{**FILES, "mountPath": "/log/dir/etc"}], dockerLogDir="/log/dir")
    assert config_mounts.mounts("c", made.config_map, made.secret)[0]["mountPath"] == "/log/dir/etc"


TEXT, BINARY = Entry(value="v", size=1, text=True), Entry(value="v", size=1, text=False)


def test_every_missing_group_and_entry_is_named() -> None:
    asked = spec(
        configMap=[{**FILES, "name": "nope"}, {**VARIABLES, "key": ["HELLO", "x"]}], secret=[{**VARIABLES, "key": ["a-b", "BIN"]}]
    )
    groups = {
        (ConfigKind.CONFIGMAP, "nope"): None,
        (ConfigKind.CONFIGMAP, "special-config2"): {"HELLO": TEXT},
        (ConfigKind.SECRET, "special-config2"): {"a-b": TEXT, "BIN": BINARY},
    }
    found = {p.field: p.message for p in problems_of(asked, groups)}
    assert list(found) == ["configMap.0.name", "configMap.1.key.1", "secret.0.key.0", "secret.0.key.1"]
    assert "it has HELLO" in found["configMap.1.key.1"]
    assert "binary" in found["secret.0.key.1"]


def test_what_a_spec_uses_is_what_its_pod_shows() -> None:
    asked = spec(configMap=[FILES, {**VARIABLES, "key": ["HELLO"]}], secret=[{**VARIABLES, "key": ["WORLD"]}])
    made = asked.containers[0]
    body = {
        "name": "demoapp",
        "env": config_mounts.variables(made.config_map, made.secret, ()),
        "volumeMounts": config_mounts.mounts("demoapp", made.config_map, made.secret),
    }
    volumes = [*config_mounts.volumes("demoapp", made.config_map, made.secret), {"name": "tmp", "emptyDir": {}}]
    pod = {"metadata": {"labels": {APP: "demoapp", APP_ID: "id"}}, "spec": {"containers": [body], "volumes": volumes}}
    assert uses_of_pod(pod) == uses_of_spec("id", "demoapp", asked)
    assert Use(
        app_id="id",
        app_name="demoapp",
        kind=ConfigKind.CONFIGMAP,
        group="special-config",
        key="game-config",
        type="Volume",
        mount_path="/etc/config",
    ) in uses_of_pod(pod)


def test_what_runs_to_its_end_says_so_in_spec_and_pod() -> None:
    asked = spec(configMap=[{**VARIABLES, "key": ["HELLO"]}])
    (use,) = uses_of_spec("id", "demoapp", asked.model_copy(update={"type": "Job", "job": JobRun()}))
    made = asked.containers[0]
    body = {"name": "demoapp", "env": config_mounts.variables(made.config_map, made.secret, ())}
    pod = {"metadata": {"labels": {APP: "demoapp", APP_ID: "id", JOB_NAME: "demoapp-r1"}}, "spec": {"containers": [body]}}
    assert uses_of_pod(pod) == {use}
    assert use.runs_to_end


def test_the_record_of_an_app_shows_no_values() -> None:
    body = {
        **MANUAL,
        "cmd": ["login", "CANARY"],
        "dockerEnv": [{"name": "A", "value": "CANARY"}],
        "livenessProbe": {"exec": {"command": ["x", "CANARY"]}},
        "readinessProbe": {"httpGet": {"port": 80, "httpHeaders": [{"name": "Authorization", "value": "CANARY"}]}},
    }
    shown = without_values(body)
    assert "CANARY" not in json.dumps(shown)
    assert shown["dockerEnv"] == [{"name": "A", "value": "…"}]
    assert shown["configMap" if "configMap" in shown else "name"] == body["configMap" if "configMap" in body else "name"]


def group(kind: ConfigKind) -> Group:
    return Group(
        id="cfg-1",
        project="p",
        project_id="prj-1",
        kind=kind,
        name="g",
        version=2,
        applied=1,
        created_at="2026-01-01T00:00:00Z",  # type: ignore[arg-type]
        created_by="admin",
    )


def test_objects_hold_text_and_bytes_where_kubernetes_wants_them() -> None:
    contents = {"a.txt": b"hello", "logo.png": b"\xff\xd8"}
    config_map = config_object(group(ConfigKind.CONFIGMAP), 2, contents)
    assert (config_map["data"], config_map["binaryData"]) == ({"a.txt": "hello"}, {"logo.png": "/9g="})
    secret = config_object(group(ConfigKind.SECRET), 2, contents)
    assert (secret["kind"], secret["type"], secret["data"]) == ("Secret", "Opaque", {"a.txt": "aGVsbG8=", "logo.png": "/9g="})


def test_what_was_done_by_hand_is_told_by_entry_and_taken_out() -> None:
    wanted = config_object(group(ConfigKind.CONFIGMAP), 2, {"a": b"1", "b": b"2", "c": b"3"})
    there = {**wanted, "data": {"a": "1", "b": "hacked"}, "binaryData": {"c": "Mw==", "more": "eA=="}}
    assert by_hand(there, wanted) == {"b": "changed", "c": "changed", "more": "added"}
    assert by_hand(None, wanted) == {"a": "removed", "b": "removed", "c": "removed"}
    assert by_hand(wanted, wanted) == {}
    assert strays(there, wanted) == {"binaryData": {"c": None, "more": None}}


@pytest.mark.parametrize(
    "path",
    ["/", "/etc", "/etc/", "/dev", "/dev/shm", "/proc", "/proc/sys", "/sys", "/etc/hosts", "/etc/hostname", "/etc/resolv.conf"],
)
@pytest.mark.parametrize("field", ["configMap", "secret"])
def test_a_group_where_the_runtime_must_write_is_refused(path: str, field: str) -> None:
    with pytest.raises(ValidationError) as refused:
        spec(**{field: [{"type": "Volume", "name": "g", "key": ["a"], "mountPath": path}]})
    (problem,) = errors.problems_of([{**e, "loc": ("body", *e["loc"])} for e in refused.value.errors()])
    assert problem.field == f"{field}.0.mountPath"


@pytest.mark.parametrize("path", ["/etc/app", "/etc/hosts.d", "/device", "/system", "/run", "/var"])
def test_a_group_elsewhere_is_mounted(path: str) -> None:
    assert spec(configMap=[{"type": "Volume", "name": "g", "key": ["a"], "mountPath": path}])
    assert group_rule(path) is None
