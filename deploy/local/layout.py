"""Where everything of one checkout's platform lies: its directories, its addresses, and nothing else."""

import os
import shutil
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from deploy.local.failure import SetupError

LOOPBACK = "127.0.0.1"

# The node's own address sits on a bridge without ports (not every kernel has dummy interfaces): it stays the same
# whatever network the machine is in, pods reach it, and nothing outside the machine does.
NODE_ADDRESS = "10.245.0.1"
NODE_INTERFACE = "mooring0"
NODE_NAME = "node-1"
POD_NETWORK = "10.244.0.0/16"
# What the controller manager gives to the first node to register: this one.
NODE_SUBNET = "10.244.0.0/23"
SERVICE_NETWORK = "10.96.0.0/16"
DNS_ADDRESS = "10.96.0.10"
BUILD_NETWORK = "10.246.0.0/24"
BUILD_GATEWAY = "10.246.0.1/24"
BUILD_BRIDGE = "mooring-build"
POD_BRIDGE = "mooring-pods"


class Port:
    """Every port the platform listens on, in one place so that two parts never ask for the same one."""

    POSTGRES = 5433
    TEMPORAL = 7233
    TEMPORAL_HTTP = 7243
    TEMPORAL_HISTORY = 7234
    TEMPORAL_MATCHING = 7235
    TEMPORAL_WORKER = 7239
    TEMPORAL_METRICS = 7900
    TEMPORAL_UI = 8233
    ETCD = 2379
    ETCD_PEER = 2380
    KUBE_APISERVER = 6443
    KUBE_CONTROLLER = 10257
    KUBE_SCHEDULER = 10259
    KUBELET = 10250
    KUBELET_HEALTH = 10248
    KUBE_PROXY_HEALTH = 10256
    KUBE_PROXY_METRICS = 10249
    COREDNS = 10053
    COREDNS_READY = 10054
    REGISTRY = 5000
    METRICS_SERVER = 4443
    METRICS_STORE = 8428
    KWOK = 10247


@dataclass(frozen=True)
class Layout:
    """The directories of one checkout's platform; everything that lasts is under `state`."""

    root: Path
    cache: Path
    run: Path

    @classmethod
    def of(cls, root: Path) -> "Layout":
        """Return the layout of the checkout at `root`; the sockets' directory is the machine's, hence shared.

        Sockets live under /run and not in the checkout because a socket's path is limited to 107 bytes.
        """
        cache_home = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
        runtime = Path("/run") if os.geteuid() == 0 else Path(os.environ.get("XDG_RUNTIME_DIR") or "/tmp")
        return cls(root=root.resolve(), cache=cache_home / "mooring", run=runtime / "mooring")

    @cached_property
    def state(self) -> Path:
        return self.root / ".local"

    @property
    def logs(self) -> Path:
        return self.state / "log"

    @property
    def config(self) -> Path:
        return self.state / "etc"

    @property
    def keys(self) -> Path:
        return self.state / "pki"

    @property
    def data(self) -> Path:
        return self.state / "data"

    @property
    def env_file(self) -> Path:
        return self.state / "env"

    @property
    def simulated_nodes(self) -> Path:
        return self.state / "simulated-nodes"

    @property
    def python(self) -> Path:
        return self.root / ".venv" / "bin" / "python"

    @property
    def supervisor_socket(self) -> Path:
        return self.run / "supervisor.sock"

    def make(self) -> None:
        """Create the directories; repeatable."""
        for directory in (self.state, self.logs, self.config, self.keys, self.data, self.run, self.cache):
            directory.mkdir(parents=True, exist_ok=True)
        self.keys.chmod(0o700)


def find(name: str) -> str | None:
    """Return the path of a program, looking in the system's directories before PATH; None where it is missing.

    Source: people keep wrappers of `docker` and `containerd` early in PATH; the platform means the packaged ones.
    """
    return shutil.which(name, path="/usr/sbin:/usr/bin:/sbin:/bin") or shutil.which(name)


def program(name: str) -> str:
    """Return the path of a program that must be there.

    Errors: SetupError naming the program where it is missing.
    """
    found = find(name)
    if not found:
        raise SetupError(f"The program {name} is missing")
    return found
