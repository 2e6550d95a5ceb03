"""What the user already has: settings that name a database, a cluster, … to be used instead of an embedded part."""

import hashlib
from collections.abc import Container, Mapping
from dataclasses import dataclass

# Setting -> the parts that are not started where the user sets it. What serves only such a part goes with it.
REPLACES: dict[str, tuple[str, ...]] = {
    "DATABASE_URL": ("postgres",),
    "TEMPORAL_ADDRESS": ("temporal", "temporal-ui"),
    "MOORING_METRICS_URL": ("metrics-store",),
    "KUBECONFIG": (
        "etcd",
        "kube-apiserver",
        "kube-controller-manager",
        "kube-scheduler",
        "containerd",
        "kubelet",
        "kube-proxy",
        "coredns",
        "metrics-server",
        "metrics-store",
        "kwok",
    ),
    "MOORING_REGISTRY": ("registry",),
    "DOCKER_HOST": ("dockerd",),
}

# These only refine the settings above or name our own address; they replace no part.
REFINES = (
    "TEMPORAL_NAMESPACE",
    "TEMPORAL_UI_URL",
    "MOORING_URL",
    "MOORING_TOKEN",
    "MOORING_SECRET_KEY",
    "MOORING_SOURCE_ALLOW",
    "KUBECTL",
)


# The env file's own variable, by which its settings are known again.
MARKS = "MOORING_MARKS"

# Settings whose embedded value is the usual one everywhere, hence no sign that it is ours.
USUAL = ("TEMPORAL_ADDRESS", "MOORING_REGISTRY")

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


def discover(environ: Mapping[str, str], embedded: Mapping[str, str], running: Container[str]) -> External:
    """Tell the user's settings from those that came out of an env file of ours.

    `embedded` is what ours would say, `running` the parts that run here by now. A shell that sourced such a file, be
    it an old one or another checkout's, carries the marks of what that file set. Without marks an address that anybody
    may have, such as Temporal's usual one, is ours only where that part is known to be.
    """
    marks = environ.get(MARKS, "").split()
    found = {}
    for name in (*REPLACES, *REFINES):
        value = environ.get(name, "")
        same = value == embedded.get(name) and (name not in USUAL or REPLACES[name][0] in running)
        if value and not same and mark(name, value) not in marks:
            found[name] = value
    return External(found)


def marks_of(settings: Mapping[str, str], external: External) -> str:
    """Return the marks of everything in these settings that is not the user's."""
    return " ".join(mark(name, value) for name, value in settings.items() if name not in external.settings)


def mark(name: str, value: str) -> str:
    """Return a few letters that stand for one setting with one value."""
    return hashlib.sha256(f"{name}={value}".encode()).hexdigest()[:10]
