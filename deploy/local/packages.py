"""Debian packages that the embedded parts need: installed once, without starting the services they bring."""

import os
import re
import shutil
import subprocess
from collections.abc import Callable, Container, Iterator
from contextlib import contextmanager
from pathlib import Path

from deploy.local import command
from deploy.local.failure import SetupError
from deploy.local.layout import Layout, find

# A program, or a file, that must be there -> the package that brings it.
FOR_NODE = {
    "runc": "runc",
    "/usr/lib/cni/bridge": "containernetworking-plugins",
    "iptables": "iptables",
    "nft": "nftables",
    "conntrack": "conntrack",
    "ip": "iproute2",
}
FOR_BUILDER = {"dockerd": "docker.io", "ip": "iproute2", "nft": "nftables", "iptables": "iptables"}
# The package's list of files tells it from the other, dynamically linked busybox.
FOR_IMAGES = {"/var/lib/dpkg/info/busybox-static.list": "busybox-static", "mmdebstrap": "mmdebstrap"}
# lighttpd is the Git server of the demo and the tests, which start it themselves.
FOR_ALL = {"git": "git", "lighttpd": "lighttpd"}
POLICY = Path("/usr/sbin/policy-rc.d")
# What a package starts at boot: not wanted where it was installed for its programs only.
SERVICES = {"docker.io": ("docker.socket", "docker.service", "containerd.service"), "lighttpd": ("lighttpd.service",)}


def wanted(parts: Container[str]) -> list[str]:
    """Return the packages that these parts need and the machine lacks."""
    needed = dict(FOR_ALL)
    for part, packages in (("kubelet", FOR_NODE), ("dockerd", FOR_BUILDER), ("registry", FOR_IMAGES)):
        needed |= packages if part in parts else {}
    return sorted({package for name, package in needed.items() if not _present(name)})


def _present(name: str) -> bool:
    return Path(name).exists() if name.startswith("/") else find(name) is not None


def install(names: list[str], layout: Layout, say: Callable[[str], None]) -> None:
    """Install packages; interrupted, dpkg goes on from where it stopped.

    Errors: SetupError where apt is missing, or fails.
    """
    if not names:
        return
    if not shutil.which("apt-get"):
        raise SetupError(f"These Debian packages are needed and there is no apt-get to install them: {' '.join(names)}")
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive", "LC_ALL": "C.UTF-8"}
    log = layout.logs / "packages.log"

    def tell(line: str) -> None:
        if re.match(r"(Get:|Unpacking|Setting up)", line):
            say(line[:70])

    say(" ".join(names))
    with _services_stay_off():
        command.run(["dpkg", "--configure", "-a"], log, environment, on_line=tell)
        command.run(["apt-get", "update"], log, environment, on_line=tell)
        flags = ["-y", "--no-install-recommends", "-o", "DPkg::Lock::Timeout=300"]
        command.run(["apt-get", "install", *flags, *names], log, environment, on_line=tell)
    services = [service for name in names for service in SERVICES.get(name, ())]
    if services and shutil.which("systemctl"):
        subprocess.run(["systemctl", "disable", "--now", *services], capture_output=True)


@contextmanager
def _services_stay_off() -> Iterator[None]:
    """Debian's own switch against starting services on installation; a policy that is there already stays."""
    ours = not POLICY.exists() or POLICY.read_text() == _policy()
    if ours:
        POLICY.write_text(_policy())
        POLICY.chmod(0o755)
    try:
        yield
    finally:
        if ours:
            POLICY.unlink(missing_ok=True)


def _policy() -> str:
    return "#!/bin/sh\n# Mooring installs packages, it does not start their services.\nexit 101\n"
