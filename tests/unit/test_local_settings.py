"""The embedded platform: whose a setting is, and what is written for shells."""

import subprocess

import pytest

from deploy.local import envfile, external
from deploy.local.parts.temporal import Database

EMBEDDED = {
    "DATABASE_URL": "postgresql://mooring:made-up@127.0.0.1:5433/mooring",
    "TEMPORAL_ADDRESS": "127.0.0.1:7233",
    "MOORING_URL": "http://127.0.0.1:8000",
}


def marked(settings: dict[str, str], own: external.External) -> dict[str, str]:
    return {**settings, external.MARKS: external.marks_of(settings, own)}


NOTHING = external.External({})


def test_without_settings_every_part_is_embedded():
    assert external.discover({}, EMBEDDED, ()).replaced == frozenset()


def test_a_user_s_cluster_replaces_the_cluster_and_what_only_serves_it():
    found = external.discover({"KUBECONFIG": "/home/ann/.kube/config"}, EMBEDDED, ())
    assert {"etcd", "kubelet", "containerd", "coredns"} <= found.replaced
    assert "postgres" not in found.replaced


def test_a_shell_that_sourced_the_env_file_says_nothing_new():
    assert external.discover(marked(EMBEDDED, NOTHING), EMBEDDED, ()).settings == {}


def test_nor_does_one_that_sourced_it_before_a_wipe_changed_the_passwords():
    old = {**EMBEDDED, "DATABASE_URL": "postgresql://mooring:older@127.0.0.1:5433/mooring"}
    assert external.discover(marked(old, NOTHING), EMBEDDED, ()).settings == {}


def test_the_user_s_own_setting_stays_the_user_s_through_the_env_file():
    theirs = external.External({"DATABASE_URL": "postgresql://ann@db/mooring"})
    shell = marked({**EMBEDDED, **theirs.settings}, theirs)
    assert external.discover(shell, EMBEDDED, ()).settings == theirs.settings


@pytest.mark.parametrize(("running", "replaced"), [((), True), (("temporal",), False)])
def test_temporal_s_usual_address_is_ours_only_where_ours_runs(running, replaced):
    found = external.discover({"TEMPORAL_ADDRESS": "127.0.0.1:7233"}, EMBEDDED, running)
    assert ("temporal" in found.replaced) is replaced


@pytest.mark.parametrize("value", ["plain", "with space", "it's", '$HOME "x" `y`', ""])
def test_the_env_file_gives_a_shell_the_very_value(value, tmp_path):
    path = tmp_path / "env"
    envfile.write(path, envfile.render({"NAME": value}))
    shown = subprocess.run(["sh", "-c", f'. {path}; printf %s "$NAME"'], capture_output=True, text=True, check=True)
    assert shown.stdout == value
    assert path.stat().st_mode & 0o777 == 0o600


def test_temporal_s_databases_go_beside_the_user_s_own():
    database = Database.beside("postgresql://ann:s%40fe@db.example:6543/shop?sslmode=require")
    assert database == Database("db.example", 6543, "ann", "s@fe", "shop_temporal", tls=True)
    assert database.visibility == "shop_temporal_visibility"
