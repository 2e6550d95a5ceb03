"""What the user already has: settings that name a database, a cluster, … to be used instead of an embedded part."""

import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

# Setting -> the parts that are not started where the user sets it. What serves only such a part goes with it.
REPLACES: dict[str, tuple[str, ...]] = {
    "DATABASE_URL": ("postgres",),
    "TEMPORAL_ADDRESS": ("temporal", "temporal-ui"),
    "KUBECONFIG": (
        "etcd",
        "kube-apiserver",
        "kube-controller-manager",
        "kube-scheduler",
        "containerd",
        "kubelet",
        "kube-proxy",
        "coredns",
    ),
    "MOORING_REGISTRY": ("registry",),
    "DOCKER_HOST": ("dockerd",),
}

# These only refine the settings above or name our own address; they replace no part.
REFINES = ("TEMPORAL_NAMESPACE", "TEMPORAL_UI_URL", "MOORING_URL", "MOORING_TOKEN", "MOORING_SOURCE_ALLOW", "KUBECTL")


# Parts that need root on Linux; without it the user's own must be set.
NEED_ROOT = ("containerd", "kubelet", "kube-proxy", "dockerd")


def setting_for(part: str) -> str:
    """Return the setting that names something to be used instead of a part, or moves it."""
    return next((name for name, parts in REPLACES.items() if part in parts), "MOORING_URL")


@dataclass(frozen=True)
class External:
    """The user's own settings, and which parts they make unnecessary."""

    settings: Mapping[str, str]

    @property
    def replaced(self) -> frozenset[str]:
        return frozenset(part for name in self.settings for part in REPLACES.get(name, ()))

    def get(self, name: str, default: str) -> str:
        return self.settings.get(name, default)


def read_env(path: Path) -> dict[str, str]:
    """Return the settings of an env file written by us, or nothing where there is none yet."""
    if not path.exists():
        return {}
    words = (word for word in shlex.split(path.read_text(), comments=True) if word != "export")
    return dict(word.split("=", 1) for word in words)


def discover(environ: Mapping[str, str], state: Path, previous: Mapping[str, str]) -> External:
    """Tell the user's settings from those that came out of our own env file.

    A shell that sourced the env file carries MOORING_STATE of this checkout; there a value equal to the file's says
    nothing new, and counts as the user's only if it did so when the file was written.
    """
    sourced = environ.get("MOORING_STATE") == str(state)
    kept = set(previous.get("MOORING_EXTERNAL", "").split())
    found = {}
    for name in (*REPLACES, *REFINES):
        value = environ.get(name)
        if value and not (sourced and value == previous.get(name) and name not in kept):
            found[name] = value
    return External(found)
