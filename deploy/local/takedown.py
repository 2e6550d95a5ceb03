"""Stopping the platform, and clearing away what an earlier life of it, or of another checkout's, left behind."""

import shutil
import socket
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from deploy.local import external, later, leftovers, network, processes
from deploy.local.failure import SetupError
from deploy.local.layout import Layout
from deploy.local.parts.runtime import BUNDLES, SOCKET
from deploy.local.platform import Platform

# Who stops together. First what acts by itself, so that nothing is started any more; then what that relied upon.
# Containers end between the two groups: nobody restarts them then, and containerd still tidies up after them.
STARTERS = ("kubelet", "kwok", "kube-proxy", "kube-controller-manager", "kube-scheduler", "coredns", "temporal-ui")
BEFORE_CONTAINERS = (("worker", "api"), STARTERS)
AFTER_CONTAINERS = (
    ("containerd", "dockerd", "registry", "temporal", "metrics-server", "metrics-store", "kube-apiserver"),
    ("etcd", "postgres"),
)

# What the containers get between being asked to end and being killed.
CONTAINER_GRACE = 3.0
PART_GRACE = 3.0

Say = Callable[[str], None]


def stop(platform: Platform, wipe: bool, say: Say) -> None:
    """Stop this checkout's platform; `wipe` also removes its data. Repeatable, what has stopped is left alone.

    Errors: SetupError where something stays mounted inside the data that are to be wiped.
    """
    layout = platform.layout
    later.end(layout)
    alive = platform.supervisor.owner() == layout.state
    if alive:
        say("Stopping Mooring, and what starts containers")
        _stop_parts(platform, BEFORE_CONTAINERS)
    if _owner_of_run(layout) in (layout.state, None):
        say("Ending the containers")
        _end_containers(layout)
        if alive:
            say("Stopping the other parts")
            _stop_parts(platform, AFTER_CONTAINERS)
            platform.supervisor.shut_down()
        _clear(layout, layout.state)
    if wipe:
        leftovers.unmount(layout.state)
        shutil.rmtree(layout.state)
        say("The platform is down and its data are gone.")
    else:
        say("The platform is down. Its data stay in .local")


def clear_the_way(platform: Platform, say: Say) -> None:
    """Make sure that nothing left over is in the way of bringing the platform up; repeatable.

    A platform whose supervisor answers is left alone. Of our own dead one the parts are ended, to be started under a
    supervisor again, while its containers go on; of another checkout's dead one, and after a reboot, nothing stays.
    Errors: SetupError where another checkout's platform is alive, or somebody else has one of our ports.
    """
    layout = platform.layout
    later.end(layout)
    alive = platform.supervisor.owner()
    if alive not in (None, layout.state):
        raise SetupError(f"The platform of {alive.parent} runs on this machine: stop it there with `make down` first")
    if alive is None:
        last = _owner_of_run(layout)
        if last not in (None, layout.state) or _rebooted(layout):
            say("Clearing away what an earlier platform left")
            _end_containers(layout)
            _clear(layout, last)
        processes.end([item.process for item in processes.owned() if not item.shim], PART_GRACE)
    layout.make()
    (layout.run / "owner").write_text(str(layout.state))
    (layout.run / "boot").write_text(_boot())
    if alive is None:
        _check_nobody_else(platform)


def _stop_parts(platform: Platform, groups: Iterable[Iterable[str]]) -> None:
    known = platform.supervisor.known()
    for group in groups:
        with ThreadPoolExecutor() as pool:
            list(pool.map(platform.supervisor.stop, known.intersection(group)))


def _end_containers(layout: Layout) -> None:
    """End every container of the platform that ran last, and the shims, which have nothing to keep any more."""
    ids = {bundle.name for bundle in layout.run.glob(BUNDLES)}
    processes.end(processes.in_containers(ids), CONTAINER_GRACE)
    processes.end([item.process for item in processes.owned() if item.shim], 1)


def _clear(layout: Layout, state: Path | None) -> None:
    """Remove what a platform that has stopped left behind: processes, what they made in the kernel, their sockets."""
    rest = [item.process for item in processes.owned() if item.state == state]
    processes.end([*processes.descendants(rest), *rest], PART_GRACE)
    if network.was_set_up(layout):
        leftovers.clear_kernel(*([state] if state else []), layout.run)
        SOCKET.unlink(missing_ok=True)
    for path in layout.run.iterdir():
        # The lock is held by this very process.
        if path.name != "lock":
            shutil.rmtree(path) if path.is_dir() else path.unlink()


def _check_nobody_else(platform: Platform) -> None:
    """Errors: SetupError where a foreign process has what a part of ours needs: a port, or containerd's socket."""
    listeners = processes.listeners()
    for part in platform.parts.values():
        for port in part.ports:
            if port in listeners:
                raise SetupError(
                    f"Port {port} is taken by process {listeners[port]}, and {part.name} needs it: stop that process, "
                    f"or set {external.setting_for(part.name)} to what you have"
                )
    if "containerd" in platform.parts and _answers(SOCKET):
        raise SetupError(
            f"Another containerd serves {SOCKET}, where the kubelet must find ours: stop it, or set KUBECONFIG to yours"
        )


def _answers(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX) as client:
        return client.connect_ex(str(path)) == 0


def _owner_of_run(layout: Layout) -> Path | None:
    """Return the state directory of the platform that was the last to come up on this machine."""
    path = layout.run / "owner"
    return Path(path.read_text()) if path.exists() else None


def _rebooted(layout: Layout) -> bool:
    """Tell whether the machine has booted since a platform last came up; /run is not emptied everywhere."""
    path = layout.run / "boot"
    return path.exists() and path.read_text() != _boot()


def _boot() -> str:
    path = Path("/proc/sys/kernel/random/boot_id")
    return path.read_text() if path.exists() else ""
