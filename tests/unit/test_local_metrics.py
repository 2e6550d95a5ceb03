"""The embedded platform: the parts for metrics and the simulated nodes: who waits for them, what they are told."""

import os
import re
import subprocess
from pathlib import Path

import pytest
import yaml

from deploy.local import later
from deploy.local.layout import Layout
from deploy.local.parts import metrics, simulated
from deploy.local.parts.access import Access
from deploy.local.platform import Platform
from deploy.local.steps import Steps


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    found = Layout(root=tmp_path, cache=tmp_path / "cache", run=tmp_path / "run")
    found.state.mkdir()
    return found


def _build(layout: Layout, part: str) -> None:
    (layout.cache / later.PARTS[part].key).mkdir(parents=True)


def _names(steps: list) -> set[str]:
    return {step.name for step in steps}


def test_nobody_waits_for_what_is_not_built_yet(layout):
    _build(layout, "metrics-store")
    steps = Steps(Platform(layout, {}))
    assert "Start metrics-store" in _names(steps.at_once())
    assert _names(steps.later()) == {"Fetch metrics-server", "Build metrics-server", "Start metrics-server", "The metrics API"}


def test_what_is_built_joins_at_once(layout):
    for part in later.PARTS:
        _build(layout, part)
    steps = Steps(Platform(layout, {}))
    assert {"Start metrics-store", "Start metrics-server", "The metrics API"} <= _names(steps.at_once())
    assert steps.later() == []


def test_a_user_s_cluster_has_no_store_unless_one_is_named(layout):
    assert "MOORING_METRICS_URL" not in Platform(layout, {"KUBECONFIG": "theirs"}).settings
    theirs = Platform(layout, {"KUBECONFIG": "theirs", "MOORING_METRICS_URL": "http://theirs:8428"})
    assert theirs.settings["MOORING_METRICS_URL"] == "http://theirs:8428"


def test_a_user_s_store_is_used_and_ours_not_run(layout):
    platform = Platform(layout, {"MOORING_METRICS_URL": "http://theirs:8428"})
    assert "metrics-store" not in platform.parts
    assert "metrics-server" in platform.parts


def test_what_goes_on_in_the_background_is_found_and_ended(layout):
    mine = {**os.environ, "MOORING_STATE": str(layout.state), "MOORING_PART": later.PART}
    subprocess.Popen(["sh", "-c", "sleep 60; true"], env=mine)
    assert later.running(layout)
    later.end(layout)
    assert not later.running(layout)


def _scraped(layout: Layout, job: str) -> dict:
    config = yaml.safe_load(yaml.safe_dump(metrics.scrape_config(Access(layout))))
    return next(each for each in config["scrape_configs"] if each["job_name"] == job)


def test_what_an_instance_reports_cannot_pass_for_another_s(layout):
    job = _scraped(layout, "instances")
    assert job["honor_labels"] is False
    assert job["follow_redirects"] is False
    assert job["sample_limit"] > 0
    targets = {rule.get("target_label"): rule["source_labels"] for rule in job["relabel_configs"]}
    assert targets["namespace"] == ["__meta_kubernetes_namespace"]
    assert {"app", "instance", "revision", "track"} <= targets.keys()


def test_what_is_of_no_project_is_not_kept(layout):
    first = _scraped(layout, "kubelet")["metric_relabel_configs"][0]
    assert (first["action"], first["source_labels"], first["regex"]) == ("keep", ["namespace"], ".+")


def test_nodes_are_simulated_only_where_they_are_asked_for(layout):
    assert "kwok" not in Platform(layout, {}).parts
    assert "The simulated nodes" not in _names(Steps(Platform(layout, {})).at_once())
    assert "kwok" in Platform(layout, {}, simulated_nodes=3).parts


def test_simulated_nodes_stay_until_they_are_taken_away(layout):
    layout.simulated_nodes.write_text("3")
    assert Platform(layout, {}).simulated_nodes == 3
    away = Platform(layout, {}, simulated_nodes=0)
    assert "kwok" not in away.parts
    assert "The simulated nodes" in _names(Steps(away).at_once())


def test_only_who_asks_lands_on_a_simulated_node():
    nodes = simulated.nodes(2)
    assert [node["metadata"]["name"] for node in nodes] == ["simulated-1", "simulated-2"]
    assert all(node["spec"]["taints"][0]["effect"] == "NoSchedule" for node in nodes)
    policy, bound = simulated.admission()
    assert bound["spec"]["policyName"] == policy["metadata"]["name"]


def test_the_stages_are_valid_yaml():
    assert {document["kind"] for document in yaml.safe_load_all(simulated.STAGES.read_text())} == {"KwokConfiguration", "Stage"}


@pytest.mark.parametrize(
    ("pod", "app"),
    [
        ("web-5df78b8dbd-k7k5t", "web"),
        ("web-r12-7698fd49c8-fpbc2", "web"),
        ("web-r2-2-7698fd49c8-fpbc2", "web"),
        ("shop-web-7698fd49c8-fpbc2", "shop-web"),
        ("db-0-0", "db"),
        ("db-12-0", "db"),
        ("migrate-r1-fpbc2", "migrate"),
        ("migrate-r2-fpbc2", "migrate"),
        ("by-hand", None),
    ],
)
def test_whose_a_pods_figures_are_is_read_off_its_name(layout, pod, app):
    rules = [r for r in _scraped(layout, "kubelet")["metric_relabel_configs"] if r.get("target_label") == "app"]
    found = {match[1] for rule in rules if (match := re.fullmatch(rule["regex"], pod))}
    assert found == ({app} if app else set())
