"""The embedded platform: what its parts are told, and how the supervisor learns of them."""

import configparser
import json
import os
import shlex
from pathlib import Path

import pytest
import yaml

from deploy.local import leftovers, supervision, tools
from deploy.local.layout import Layout
from deploy.local.part import Part
from deploy.local.parts import names
from deploy.local.parts.objects import documents
from deploy.local.parts.runtime import Runtime
from deploy.local.parts.temporal import Database, server_config
from deploy.local.platform import Platform

LAYOUT = Layout(root=Path("/srv/mooring"), cache=Path("/var/cache/mooring"), run=Path("/run/mooring"))


def read(text: str) -> configparser.RawConfigParser:
    parser = configparser.RawConfigParser(inline_comment_prefixes=(" ;",))
    parser.read_string(text)
    return parser


def part(**fields) -> Part:
    return Part(**{"name": "p", "command": ("true",), "ready": lambda: None, **fields})


def test_the_supervisor_gets_the_command_word_for_word():
    command = ("prog", "two words", 'quo"te', "100%")
    written = read(supervision.render(LAYOUT, [part(command=command)]))["program:p"]["command"]
    assert tuple(shlex.split(written.replace("%%", "%"))) == command


def test_every_process_says_whose_it_is():
    environment = read(supervision.render(LAYOUT, [part()]))["program:p"]["environment"]
    assert 'MOORING_STATE="/srv/mooring/.local"' in environment
    assert 'MOORING_PART="p"' in environment


def test_a_changed_configuration_file_changes_the_part():
    one, other = (supervision.render(LAYOUT, [part(config={Path("f"): text})]) for text in ("a", "b"))
    assert one != other


def test_all_parts_are_there_and_no_two_share_a_port(tmp_path):
    layout = Layout(root=tmp_path, cache=tmp_path, run=tmp_path)
    layout.state.mkdir()
    parts = Platform(layout, {}).parts
    assert {"postgres", "temporal", "etcd", "kubelet", "registry", "dockerd", "worker", "api"} <= set(parts)
    ports = [port for each in parts.values() for port in each.ports]
    assert len(ports) == len(set(ports))


@pytest.mark.skipif(os.geteuid() != 0, reason="only root mounts")
def test_the_kubelet_s_directory_is_mounted_once_however_often_the_platform_is_brought_up(tmp_path):
    """Another mount over it would hide the volumes of the pods that run: the kubelet could not end them any more."""
    layout = Layout(root=tmp_path / "checkout", cache=tmp_path, run=tmp_path / "run")
    for directory in (layout.logs, layout.run):
        directory.mkdir(parents=True)
    try:
        for _ in range(3):
            Platform(layout, {}).node.mount_root()
        assert leftovers.mounts_under(layout.run) == [str(layout.run / "kubelet")]
    finally:
        leftovers.unmount(layout.run)


def test_the_user_s_parts_are_not_run(tmp_path):
    layout = Layout(root=tmp_path, cache=tmp_path, run=tmp_path)
    layout.state.mkdir()
    platform = Platform(layout, {"KUBECONFIG": "theirs", "TEMPORAL_ADDRESS": "theirs:7233", "DOCKER_HOST": "theirs"})
    assert set(platform.parts) == {"postgres", "registry", "worker", "api"}
    assert platform.settings["KUBECONFIG"] == "theirs"
    assert "TEMPORAL_UI_URL" not in platform.settings


def test_tools_are_kept_by_version_and_content():
    assert tools.TEMPORAL.key.startswith("temporal-1.32.0-")
    assert "gitVersion=v1.37.2" in tools.KUBE.ldflags
    assert tools.KUBE.path(LAYOUT, "kubelet") == f"/var/cache/mooring/{tools.KUBE.key}/bin/kubelet"


def test_temporal_listens_on_loopback_only():
    config = server_config(Database("127.0.0.1", 5433, "t", "secret", "temporal"), "dynamic.yaml")
    assert all(service["rpc"]["bindOnLocalHost"] for service in config["services"].values())
    assert config["persistence"]["datastores"]["visibility"]["sql"]["databaseName"] == "temporal_visibility"


def test_containerd_s_files_can_be_read():
    files = Runtime(LAYOUT, "localhost:5000").part().config
    (network,) = (json.loads(text) for path, text in files.items() if path.suffix == ".conflist")
    assert network["plugins"][0]["ipam"]["ranges"] == [[{"subnet": "10.244.0.0/23"}]]
    assert any("localhost:5000" in str(path) for path in files)


def test_dns_asks_the_machine_s_resolver_only_where_there_is_one(tmp_path):
    resolv = tmp_path / "resolv.conf"
    assert names.forward(resolv) == ""
    resolv.write_text("search example\n")
    assert names.forward(resolv) == ""
    resolv.write_text("nameserver 192.0.2.1\n")
    assert names.forward(resolv) == f"    forward . {resolv}"


def test_a_part_on_the_host_is_reached_through_the_cluster():
    read = list(yaml.safe_load_all(documents(names.objects())))
    assert [document["kind"] for document in read] == ["ClusterRole", "ClusterRoleBinding", "Service", "EndpointSlice"]
    *_, service, endpoints = read
    assert endpoints["metadata"]["labels"]["kubernetes.io/service-name"] == service["metadata"]["name"]
    assert [port["targetPort"] for port in service["spec"]["ports"]] == [port["port"] for port in endpoints["ports"]]
