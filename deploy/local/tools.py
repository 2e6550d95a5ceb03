"""The Go programs of the platform: built once per version into a cache outside the tree.

Each is described by a Go module under tools/, so that versions and sums are pinned and everything comes from the
module proxy. The cache's key is that description, so another checkout with the same versions finds them built.
"""

import hashlib
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from deploy.local import command, wait
from deploy.local.failure import SetupError
from deploy.local.layout import Layout
from deploy.local.progress import WAITS
from deploy.local.turns import Turns

MODULES = Path(__file__).parent / "tools"
LDFLAGS = "-s -w"
# Without a version Kubernetes' components misbehave: they compare it with each other's.
KUBERNETES_LDFLAGS = (
    "-X k8s.io/component-base/version.gitVersion=v{major}.{minor}.{patch} "
    "-X k8s.io/component-base/version.gitMajor={major} "
    "-X k8s.io/component-base/version.gitMinor={minor}"
)

# Two builds at once would only take turns on the same cores; what is fetched meanwhile uses the network.
_builds, _fetches = Turns(1), Turns(2)
# A registry's proxy or the network may fail in the middle: so often is fetching tried, with pauses that double.
FETCH_TRIES = 6
FIRST_PAUSE = 2.0


@dataclass(frozen=True)
class Tool:
    """A module under tools/, and the programs built from it (program's name -> package)."""

    name: str
    module: str
    programs: Mapping[str, str] = field(default_factory=dict)

    @property
    def directory(self) -> Path:
        return MODULES / self.name

    @property
    def version(self) -> str:
        found = re.search(rf"^\s*(?:require )?{re.escape(self.module)} v(\S+)", (self.directory / "go.mod").read_text(), re.M)
        return found[1] if found else "own"

    @property
    def ldflags(self) -> str:
        if self.name != "kubernetes":
            return LDFLAGS
        major, minor, patch = self.version.split(".")
        return f"{LDFLAGS} {KUBERNETES_LDFLAGS.format(major=major, minor=minor, patch=patch)}"

    @property
    def key(self) -> str:
        sources = sorted(path for path in self.directory.iterdir() if path.suffix in (".mod", ".sum", ".go"))
        digest = hashlib.sha256(repr((self.ldflags, sorted(self.programs.items()))).encode())
        for path in sources:
            digest.update(path.read_bytes())
        return f"{self.name}-{self.version}-{digest.hexdigest()[:12]}"

    def path(self, layout: Layout, program: str) -> str:
        """Return where a program of this tool is, or will be once it is built."""
        assert program in self.programs
        return str(layout.cache / self.key / "bin" / program)

    def built(self, layout: Layout) -> bool:
        return (layout.cache / self.key).exists()


KUBERNETES = ("kube-apiserver", "kube-controller-manager", "kube-scheduler", "kubelet", "kube-proxy", "kubectl")
CONTAINERD = ("containerd", "containerd-shim-runc-v2", "ctr")

TEMPORAL = Tool(
    "temporal",
    "go.temporal.io/server",
    {"temporal-server": "go.temporal.io/server/cmd/server", "temporal-sql-tool": "go.temporal.io/server/cmd/tools/sql"},
)
TEMPORAL_UI = Tool(
    "temporal-ui",
    "github.com/temporalio/ui-server/v2",
    {"temporal-ui": "github.com/temporalio/ui-server/v2/cmd/server"},
)
ETCD = Tool("etcd", "go.etcd.io/etcd/server/v3", {"etcd": "go.etcd.io/etcd/server/v3"})
KUBE = Tool("kubernetes", "k8s.io/kubernetes", {name: f"k8s.io/kubernetes/cmd/{name}" for name in KUBERNETES})
RUNTIME = Tool(
    "containerd",
    "github.com/containerd/containerd/v2",
    {name: f"github.com/containerd/containerd/v2/cmd/{name}" for name in CONTAINERD},
)
COREDNS = Tool("coredns", "github.com/coredns/coredns", {"coredns": "mooring.local/tools/coredns"})
REGISTRY = Tool(
    "registry",
    "github.com/distribution/distribution/v3",
    {"registry": "github.com/distribution/distribution/v3/cmd/registry"},
)
PAUSE = Tool("pause", "", {"pause": "mooring.local/tools/pause"})
METRICS_SERVER = Tool(
    "metrics-server",
    "sigs.k8s.io/metrics-server",
    {"metrics-server": "sigs.k8s.io/metrics-server/cmd/metrics-server"},
)
VICTORIA_METRICS = Tool(
    "victoria-metrics",
    "github.com/VictoriaMetrics/VictoriaMetrics",
    {"victoria-metrics": "github.com/VictoriaMetrics/VictoriaMetrics/app/victoria-metrics"},
)
KWOK = Tool("kwok", "sigs.k8s.io/kwok", {"kwok": "sigs.k8s.io/kwok/cmd/kwok"})
# For `make bench`, which measures against it.
HELM = Tool("helm", "helm.sh/helm/v4", {"helm": "helm.sh/helm/v4/cmd/helm"})

# Of those whose modules are there the first is built: what more has to follow upon (images are made once the registry runs).
IN_ORDER = (
    REGISTRY,
    PAUSE,
    ETCD,
    KUBE,
    RUNTIME,
    COREDNS,
    TEMPORAL,
    TEMPORAL_UI,
    VICTORIA_METRICS,
    METRICS_SERVER,
    KWOK,
    HELM,
)


def fetch(tool: Tool, layout: Layout, say: Callable[[str], None]) -> None:
    """Fetch the modules that a tool is built from into Go's own cache, unless it is built; repeatable.

    Errors: SetupError where Go is missing, or where every try failed.
    """
    if tool.built(layout):
        return
    say(WAITS)
    with _fetches.turn(IN_ORDER.index(tool)):
        pause = FIRST_PAUSE
        for tries in range(1, FETCH_TRIES + 1):
            say(f"try {tries} of {FETCH_TRIES}" if tries > 1 else "from the module proxy")
            try:
                words = [_go(), "list", "-deps", "-f", "{{if .Module}}{{end}}", *tool.programs.values()]
                command.run(words, layout.logs / "build.log", _environment(), tool.directory)
                return
            except SetupError as failure:
                if tries == FETCH_TRIES:
                    raise SetupError(f"{tries} tries to fetch its modules failed: is the network there?\n{failure}") from failure
            wait.pause(pause)
            pause *= 2


def build(tool: Tool, layout: Layout, say: Callable[[str], None]) -> None:
    """Build a tool unless the cache has it; interrupted, it leaves nothing half and goes on where Go's cache stopped.

    Errors: SetupError where Go is missing or the build fails.
    """
    if tool.built(layout):
        return
    say(WAITS)
    with _builds.turn(IN_ORDER.index(tool)):
        if not tool.built(layout):
            _build(tool, layout, say)


def _build(tool: Tool, layout: Layout, say: Callable[[str], None]) -> None:
    count = 0

    def compiled(line: str) -> None:
        nonlocal count
        if not line.startswith("go: "):
            count += 1
        say(f"this once, it is kept · {count} packages compiled" if count else line)

    say("this once, it is kept")
    for left in layout.cache.glob(f".{tool.name}-*"):
        shutil.rmtree(left)
    with tempfile.TemporaryDirectory(prefix=f".{tool.name}-", dir=layout.cache) as draft:
        # -v names each package as it is compiled, which is the only progress Go tells.
        flags = ["-v", "-trimpath", "-ldflags", tool.ldflags, "-o", f"{draft}/bin/"]
        log = layout.logs / "build.log"
        (Path(draft) / "bin").mkdir()
        command.run([_go(), "build", *flags, *tool.programs.values()], log, _environment(), tool.directory, compiled)
        for name, package in tool.programs.items():
            _program_of(Path(draft) / "bin", package).rename(Path(draft) / "bin" / name)
        Path(draft).chmod(0o755)
        shutil.move(draft, layout.cache / tool.key)
        Path(draft).mkdir()


def _environment() -> dict[str, str]:
    return {**os.environ, "CGO_ENABLED": "0", "GOTOOLCHAIN": "local", "GOFLAGS": "", "GOWORK": "off"}


def _program_of(directory: Path, package: str) -> Path:
    """Go names a program after its package's last element, and after the one before it where that is a version."""
    *_, parent, last = package.split("/")
    return directory / (parent if re.fullmatch(r"v\d+", last) and (directory / parent).exists() else last)


def _go() -> str:
    go = shutil.which("go") or shutil.which("go", path="/usr/local/go/bin")
    if not go:
        raise SetupError("Go is needed to build the embedded platform: install Go 1.26.8 or newer and put it in PATH")
    needed = re.search(r"^go (\S+)", (TEMPORAL.directory / "go.mod").read_text(), re.M)
    have = subprocess.run([go, "env", "GOVERSION"], capture_output=True, text=True, env={**os.environ, "GOTOOLCHAIN": "local"})
    if needed and _numbers(have.stdout) < _numbers(needed[1]):
        raise SetupError(f"Go {needed[1]} or newer is needed, {go} is {have.stdout.strip()}")
    return go


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(number) for number in re.findall(r"\d+", version)[:3])
